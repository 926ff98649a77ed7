"use strict";
// The viewer on the page of marks: it follows the mark at hand, and a mark is drawn anew or added in it.
(() => {
  const desk = window.angiolithDesk;
  const { given, texts, say } = desk;
  const { Viewer, layerOf } = window.angiolithViewer;
  const { Board } = window.angiolithDrawing;
  const get = (id) => document.getElementById(id);
  const section = get("viewer");
  if (!section) return;
  let viewer = null;
  let board = null;
  let opened = Promise.resolve();
  for (const who of Object.keys(given.volumes)) get("session").add(new Option(`sub-${who.replace("/", " ses-")}`, who));

  const sessionOf = (item) => `${item.subject}/${item.session}`;
  const numberOf = (item) => Number(item.thing.split("-")[0]);

  // One after the other: what is asked for last is what is shown at the end.
  const show = (who, of = "") => {
    opened = opened.then(async () => {
      if (viewer?.who === who) return;
      viewer?.close();
      section.hidden = false;
      viewer = Object.assign(new Viewer(section, `sub-${who.replace("/", "_ses-")}`, given.volumes[who], true), { who });
      section.angiolith = viewer;
      section.append(viewer.status);
      get("session").value = who;
      await viewer.open(layerOf(of));
      board = viewer.panes ? new Board(viewer) : null;
    });
    return opened;
  };
  const see = (item) => {
    if (!item || !given.volumes[sessionOf(item)]) return opened;
    show(sessionOf(item), item.of);
    opened = opened.then(async () => { if (board && item === desk.current() && !item.added) await viewer.jump(layerOf(item.of), numberOf(item)); });
    return opened;
  };

  const isDrawn = (of) => given.drawn.includes(of) || (say(texts.not_drawn[of] ?? texts.no_grid), false);
  // On the grid of a kind in the session that the viewer shows; label: of the mark that it begins with, or null.
  const draw = async (of, label, what, done) => {
    if (desk.unsigned() || !isDrawn(of)) return;
    await opened;
    if (!board) return;
    const found = await viewer.grid(layerOf(of), label);
    if (!found) { say(texts.no_grid); return; }
    say("");
    board.start(what, found.grid, found.start, found.dense, done);
    viewer.panes[0].canvas.focus({ preventScroll: true });
    board.box.scrollIntoView({ block: "start" });
  };
  const nameOf = (who, of, part) => {
    const letters = (text) => text.replace(/[^A-Za-z0-9]/g, "");
    return `sub-${who.replace("/", "_ses-")}_desc-${letters(of)}${part}${letters(desk.reader())}_mask.nii.gz`;
  };

  const redraw = async () => {
    const item = desk.current();
    if (!item || item.row === null || drawing()) return;
    await see(item);
    await draw(item.of, numberOf(item), item.title, (blob) => {
      const file = nameOf(sessionOf(item), item.of, numberOf(item));
      window.angiolithSave(blob, file);
      desk.mark("redraw", desk.arteryOf(item), file);
      say(texts.drawn_saved.replace("{file}", file));
    });
  };
  const add = async () => {
    if (drawing()) return;
    const [who, of] = [viewer?.who ?? get("session").value, get("new-kind").value];
    const artery = given.of_arteries.includes(of) ? get("new-artery").value : "";
    if (given.of_arteries.includes(of) && !artery) { say(texts.artery_first); get("new-artery").focus(); return; }
    await show(who, of);
    await draw(of, null, `${texts.kinds[of]} ${artery}`.trim(), (blob) => {
      const file = desk.free((n) => nameOf(who, of, `add${n}`));
      window.angiolithSave(blob, file);
      desk.add(who, of, file, artery);
      say(texts.drawn_saved.replace("{file}", file));
    });
  };
  const drawing = () => Boolean(board?.drawing);

  Object.assign(desk, {
    busy: () => { if (drawing()) say(texts.finish_drawing); return drawing(); },
    moved: (item) => {
      if (item && given.of_arteries.includes(item.of)) get("new-artery").value = "";
      if (item && given.drawn.includes(item.of)) get("new-kind").value = item.of;
      kinds();
      if (viewer && !section.hidden) see(item);
      else if (item) get("session").value = sessionOf(item);
    },
    key: (name) => drawing() && board.key(name),
  });
  const kinds = () => { get("of-new-artery").hidden = !given.of_arteries.includes(get("new-kind").value); };
  get("new-kind").addEventListener("change", () => { kinds(); get("new-kind").blur(); });
  get("session").addEventListener("change", () => { get("session").blur(); if (!desk.busy()) show(get("session").value); });
  get("new-artery").addEventListener("change", () => get("new-artery").blur());
  get("view").addEventListener("click", () => see(desk.current()).then(() => section.scrollIntoView({ block: "nearest" })));
  get("redraw").addEventListener("click", redraw);
  get("add").addEventListener("click", add);
  desk.moved(desk.current());
})();
