"use strict";
// Pictures to be judged, or marks to be decided on: one at a time, by key, kept in the browser, saved and loaded as TSV.
(() => {
  const texts = window.angiolithTexts.desk;
  const { pictures: names, alternatives, montage } = window.angiolithTexts;
  const given = window.angiolithReview;
  const KINDS = {
    pictures: {
      place: "angiolith-review", file: "review.tsv", thing: "picture", choice: "verdict", who: "reviewer",
      columns: ["subject", "session", "picture", "verdict", "reviewer", "note"], choices: ["pass", "doubtful", "fail"],
      keys: { pass: ["1", "p"], doubtful: ["2", "d"], fail: ["3", "f"] },
      item: ([subject, session, picture]) => {
        const who = picture === "change" ? `sub-${subject}` : `sub-${subject}_ses-${session}`; // of both visits, or of one
        return { subject, session, thing: picture, group: picture, title: names[picture],
          source: `pictures/${who}_desc-${picture}_qc.png`, alt: alternatives[picture]?.replace("{who}", who) };
      },
    },
    marks: {
      place: "angiolith-marks", file: "marks.tsv", thing: "mark", choice: "decision", who: "reader", signed: true,
      columns: ["subject", "session", "mark", "decision", "artery", "reader", "date", "note", "kind"], choices: ["keep", "reject", "move"],
      keys: { keep: ["1", "k"], reject: ["2", "r"] },
      item: ([subject, session, of, mark, row, flagged, title]) => {
        const who = `sub-${subject}_ses-${session}`;
        return { subject, session, of, thing: mark, group: flagged ? "flagged" : "", title: `${texts.kinds[of]} ${title}`, row,
          source: `pictures/${who}_desc-${given.montages[of]}_qc.png`, alt: montage.replace("{who}", who) };
      },
    },
  };
  const kind = KINDS[given.kind];
  const { columns: COLUMNS, choices: VERDICTS } = kind;
  const place = `${kind.place}:${location.pathname.replace(/[^/]*$/, "")}`;
  const keyOf = ({ subject, session, of, thing }) => [subject, session, ...(of ? [of] : []), thing].join("/");
  const all = given.items.map(kind.item).map((item) => ({ ...item, key: keyOf(item) }));
  const known = new Map(all.map((item) => [item.key, item]));
  const get = (id) => document.getElementById(id);
  const say = (text) => { get("message").textContent = text; };
  const clean = (text) => text.replace(/[\t\r\n]+/g, " ").trim();

  const kept = () => { try { return JSON.parse(localStorage.getItem(place)); } catch { return null; } };
  const marks = new Map(Object.entries(kept() ?? given.marks).filter(([key]) => known.has(key)));
  const keep = () => { try { localStorage.setItem(place, JSON.stringify(Object.fromEntries(marks))); } catch { /* private window: until the page is left */ } };

  let shown = all;
  let at = 0;
  const current = () => shown[at];

  const choose = () => {
    const which = get("which").value;
    shown = all.filter((item) => !which || (which === "open" ? !marks.has(item.key) : item.group === which));
    at = Math.min(at, Math.max(shown.length - 1, 0));
  };

  const draw = () => {
    const item = current();
    const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, [...marks.values()].filter((mark) => mark.verdict === verdict).length]));
    get("progress").textContent = Object.entries({ marked: marks.size, all: all.length, ...counts })
      .reduce((text, [name, value]) => text.replace(`{${name}}`, value), texts.progress);
    get("picture").hidden = !item;
    if (!item) { get("which-picture").textContent = texts.nothing; return; }
    get("which-picture").textContent = `sub-${item.subject} ses-${item.session}: ${item.title} (${texts.position.replace("{at}", at + 1).replace("{all}", shown.length)})`;
    if (get("picture").getAttribute("src") !== item.source) Object.assign(get("picture"), { src: item.source, alt: item.alt });
    if (item.row !== undefined) { // the mark's own row of the picture of all marks
      get("frame").style.height = `${given.row_px}px`;
      get("picture").style.marginTop = `${-(given.head_px + item.row * given.row_px)}px`;
      get("picture").style.marginLeft = `${-given.text_px}px`; // what is held of it is not shown
    }
    const mark = marks.get(item.key);
    if (get("artery")) Object.assign(get("artery"), { value: mark?.artery ?? "", disabled: item.of !== "calcification" });
    for (const button of document.querySelectorAll("[data-verdict]"))
      button.setAttribute("aria-pressed", String(mark?.verdict === button.dataset.verdict));
    if (document.activeElement !== get("note")) get("note").value = mark?.note ?? "";
    if (shown[at + 1]) new Image().src = shown[at + 1].source; // the next one is there when its turn comes
  };

  const go = (step) => { at = Math.max(0, Math.min(shown.length - 1, at + step)); get("note").blur(); say(""); draw(); };
  const unsigned = () => {
    if (!kind.signed || clean(get("reviewer").value)) return false;
    say(texts.sign);
    get("reviewer").focus();
    return true;
  };
  const today = () => { const now = new Date(); return new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 10); };
  const mark = (verdict, artery = "") => {
    const item = current();
    if (!item || unsigned()) return;
    say("");
    marks.set(item.key, { verdict, artery, date: today(), reviewer: clean(get("reviewer").value), note: clean(get("note").value) });
    keep();
    draw();
  };
  const clear = () => { if (current()) { marks.delete(current().key); get("note").value = ""; keep(); draw(); } };
  const nextOpen = () => {
    const ahead = [...shown.slice(at + 1), ...shown.slice(0, at + 1)].find((item) => !marks.has(item.key));
    if (ahead) { at = shown.indexOf(ahead); draw(); }
  };

  const asTable = () => [COLUMNS.join("\t"), ...all.filter((item) => marks.has(item.key)).map((item) => {
    const mark = marks.get(item.key);
    const cells = { ...mark, subject: item.subject, session: item.session, kind: item.of, [kind.thing]: item.thing, [kind.choice]: mark.verdict, [kind.who]: mark.reviewer };
    return COLUMNS.map((name) => cells[name] || "n/a").join("\t");
  })].join("\n") + "\n";

  const load = (text) => {
    const [head, ...rows] = text.replace(/^\uFEFF/, "").split(/\r?\n/).filter((line) => line).map((line) => line.split("\t"));
    if (!head || COLUMNS.some((name) => name !== "kind" && !head.includes(name))) return say(texts.wrong_columns.replace("{columns}", COLUMNS.join(", ")));
    const read = new Map();
    for (const [number, row] of rows.entries()) {
      const cells = Object.fromEntries(head.map((name, column) => [name, row[column] === "n/a" ? "" : row[column] ?? ""]));
      const of = kind.signed ? cells.kind || "calcification" : "";
      const key = keyOf({ subject: cells.subject, session: cells.session, of, thing: cells[kind.thing] });
      const problem = !known.has(key) ? texts.unknown_row : !VERDICTS.includes(cells[kind.choice]) ? texts.unknown_verdict : null;
      if (problem) return say(texts.refused.replace("{row}", number + 2).replace("{problem}",
        Object.entries(cells).reduce((said, [name, value]) => said.replace(`{${name}}`, value), problem)));
      const { artery, date, note } = cells;
      read.set(key, { verdict: cells[kind.choice], reviewer: cells[kind.who], artery, date, note });
    }
    for (const [key, value] of read) marks.set(key, value);
    keep();
    draw();
    say(texts.loaded.replace("{count}", read.size));
  };

  for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => mark(button.dataset.verdict));
  get("previous").addEventListener("click", () => go(-1));
  get("next").addEventListener("click", () => go(1));
  get("clear").addEventListener("click", clear);
  get("which").addEventListener("change", () => { choose(); draw(); get("which").blur(); });
  get("note").addEventListener("change", () => { const old = marks.get(current()?.key); if (old) { marks.set(current().key, { ...old, note: clean(get("note").value) }); keep(); } });
  get("reviewer").addEventListener("change", () => { try { localStorage.setItem(`${place}:reviewer`, get("reviewer").value); } catch { /* as above */ } });
  get("artery")?.addEventListener("change", () => { const to = get("artery").value; get("artery").blur(); if (to) mark("move", to); });
  get("save").addEventListener("click", () => { if (unsigned()) return; window.angiolithSave(asTable(), kind.file); say(texts.saved.replace("{count}", marks.size)); });
  get("load").addEventListener("change", async () => { const [file] = get("load").files; if (file) load(await file.text()); get("load").value = ""; });

  const KEYS = { n: () => get("note").focus(), u: nextOpen, ArrowLeft: () => go(-1), ArrowRight: () => go(1), Backspace: clear };
  for (const [verdict, keys] of Object.entries(kind.keys)) for (const key of keys) KEYS[key] = () => mark(verdict);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (typing && (event.key === "Enter" || event.key === "Escape")) { event.target.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action) { event.preventDefault(); action(); }
  });

  try { get("reviewer").value = localStorage.getItem(`${place}:reviewer`) ?? ""; } catch { /* as above */ }
  const asked = decodeURIComponent(location.hash.slice(1));
  at = Math.max(0, all.findIndex((item) => item.key === asked));
  get("review").hidden = false;
  draw();
})();
