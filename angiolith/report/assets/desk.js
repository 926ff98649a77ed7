"use strict";
// Pictures to be judged, or marks to be decided on: one at a time, by key, kept in the browser, saved and loaded as TSV.
// A page has the elements of what it offers: a list, filters, a select of arteries, tiles instead of a whole picture.
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
      columns: ["subject", "session", "mark", "decision", "artery", "reader", "date", "note", "kind", "role", "file", "seconds"],
      choices: ["keep", "reject", "move", "redraw", "add"],
      keys: { keep: ["1", "k"], reject: ["2", "r"] },
      item: ([subject, session, of, mark, row, flagged, title, said]) => {
        const who = `sub-${subject}_ses-${session}`;
        return { subject, session, of, thing: mark, group: flagged ? "flagged" : "", title: `${texts.kinds[of]} ${title}`, row, said,
          source: `pictures/${who}_desc-${given.montages[of]}_qc.png`, alt: montage.replace("{who}", who) };
      },
    },
  };
  const LONGEST_S = 300; // a reader who was away did not look at the mark
  const OPTIONAL = ["kind", "role", "seconds", "file"];
  const ADDED = "add:"; // begins the name of a mark that the reader drew; its file follows
  const kind = KINDS[given.kind];
  const { columns: COLUMNS, choices: VERDICTS } = kind;
  const place = `${kind.place}:${location.pathname.replace(/[^/]*$/, "")}`;
  const keyOf = ({ subject, session, of, thing }) => [subject, session, ...(of ? [of] : []), thing].join("/");
  const all = given.items.map(kind.item).map((item) => ({ ...item, key: keyOf(item) }));
  // Marks that readers added are an adjudicator's alone: the next reader does not see them.
  const adjudicated = (given.added ?? []).map(kind.item).map((item) => ({ ...item, row: null, source: "", key: keyOf(item), drawn: true }));
  const known = new Map(all.map((item) => [item.key, item]));
  const get = (id) => document.getElementById(id);
  const say = (text) => { get("message").textContent = text; };
  const clean = (text) => text.replace(/[\t\r\n]+/g, " ").trim();

  const kept = () => { try { return JSON.parse(localStorage.getItem(place)); } catch { return null; } };
  // A mark that the reader drew, which the workflow has not seen: an item of its own, behind those of the workflow.
  const sessions = new Set([...all.map((item) => `${item.subject}/${item.session}`), ...Object.keys(given.volumes ?? {})]);
  const isAdded = (key) => key.split("/")[3]?.startsWith(ADDED) && sessions.has(key.split("/", 2).join("/"));
  const put = (key) => {
    if (known.has(key)) return;
    const [subject, session, of, thing] = key.split("/");
    const item = { subject, session, of, thing, key, added: true, group: "", row: null, source: "", title: `${texts.kinds[of]} ${thing.slice(ADDED.length)}` };
    all.push(item);
    known.set(key, item);
  };
  const marks = new Map(Object.entries(kept() ?? given.marks).filter(([key]) => known.has(key) || isAdded(key)));
  for (const key of marks.keys()) if (isAdded(key)) put(key);
  const keep = () => { try { localStorage.setItem(place, JSON.stringify(Object.fromEntries(marks))); } catch { /* private window: until the page is left */ } };

  const decided = (item) => Boolean(marks.get(item.key)?.verdict); // a note alone is no decision

  const others = new Map(); // what the readers said whom an adjudicator settles: key -> decisions
  const differ = (item) => item.drawn || new Set((others.get(item.key) ?? []).map((one) => (one.verdict === "move" ? `move ${one.artery}` : one.verdict))).size > 1;

  let shown = all;
  let at = 0;
  let since = Date.now(); // when the reader came to the current one
  const current = () => shown[at];

  const choose = () => {
    const before = current();
    const [which, of, who] = ["which", "kinds", "who"].map((id) => get(id)?.value.trim() ?? "");
    shown = all.filter((item) => (!which || (which === "open" ? !decided(item) : which === "differ" ? differ(item) : item.group === which))
      && (!of || item.of === of) && (!who || `sub-${item.subject} ses-${item.session}`.includes(who)));
    at = Math.max(0, shown.indexOf(before));
    if (get("list")) get("list").dataset.of = "";
  };

  // The list has the marks of the session at hand: a cohort's would be thousands.
  const list = () => {
    const [whole, item] = [get("list"), current()];
    const who = item ? `${item.subject}/${item.session}` : "none";
    if (whole.dataset.of !== who) {
      whole.dataset.of = who;
      whole.replaceChildren(...shown.filter((one) => `${one.subject}/${one.session}` === who).map((one) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: one.title });
        button.dataset.key = one.key;
        button.addEventListener("click", () => { if (window.angiolithDesk?.busy()) return; noted(); at = shown.indexOf(one); come(); });
        const entry = document.createElement("li");
        entry.append(button);
        return entry;
      }));
    }
    const mine = item ? shown.filter((one) => `${one.subject}/${one.session}` === who) : [];
    const seconds = all.filter((one) => `${one.subject}/${one.session}` === who).reduce((sum, one) => sum + (Number(marks.get(one.key)?.seconds) || 0), 0);
    get("list-of").textContent = !item ? "" : Object.entries({ who: `sub-${item.subject} ses-${item.session}`, decided: mine.filter(decided).length,
      all: mine.length, time: `${Math.floor(seconds / 60)} min ${seconds % 60} s` }).reduce((told, [name, value]) => told.replace(`{${name}}`, value), texts.of_session);
    for (const button of whole.querySelectorAll("button")) {
      const one = known.get(button.dataset.key);
      const state = marks.get(one.key)?.verdict || (one.group === "flagged" ? "waits" : "open");
      button.dataset.state = state;
      button.setAttribute("aria-label", `${one.title}: ${texts.states[state]}`);
      if (one === item) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
      if (one === item) button.scrollIntoView({ block: "nearest" });
    }
  };

  // Pictures of all marks are decoded once and kept: to decode and scale one at every step is slow.
  const PICTURES_KEPT = 2; // that of the mark, and that of the next one
  const pictures = new Map(); // source -> the picture's bitmap; null where there is none
  const pictureOf = (source) => {
    const decoded = pictures.get(source) ?? (async () => {
      const picture = Object.assign(new Image(), { src: source });
      try { await picture.decode(); return await createImageBitmap(picture); } catch { return null; }
    })();
    pictures.delete(source); // the latest stands last
    pictures.set(source, decoded);
    if (pictures.size > PICTURES_KEPT) pictures.delete(pictures.keys().next().value);
    return decoded;
  };

  // A mark's own row of the picture of all marks, panel by panel: above without, below with its outline.
  const tiles = async (item) => {
    get("tiles").setAttribute("aria-label", item.alt);
    const picture = item.row === null ? null : await pictureOf(item.source);
    if (item !== current()) return; // the reader went on
    const [page, at_row] = [Math.floor(item.row / given.per_page), item.row % given.per_page];
    const [top, size] = [page * given.page_px + given.head_px + at_row * given.row_px, given.panel_px];
    for (const [number, tile] of [...get("tiles").children].entries()) {
      const left = given.text_px + number * (size + given.gap_px); // what is held of it is not shown
      const pen = tile.getContext("2d", { willReadFrequently: true }); // without: a long picture is sent to the GPU whole
      pen.clearRect(0, 0, size, size);
      if (picture) pen.drawImage(picture, left, top, size, size, 0, 0, size, size);
    }
    get("tiles").dataset.of = item.key;
    const next = shown.slice(at + 1).find((one) => one.source && one.source !== item.source);
    if (next) pictureOf(next.source);
  };

  const draw = () => {
    const item = current();
    const made = [...marks.values()].filter((mark) => mark.verdict);
    const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, made.filter((mark) => mark.verdict === verdict).length]));
    get("progress").textContent = Object.entries({ marked: made.length, all: all.length, ...counts })
      .reduce((text, [name, value]) => text.replace(`{${name}}`, value), texts.progress);
    if (get("bar")) Object.assign(get("bar"), { max: Math.max(all.length, 1), value: made.length });
    const view = get("tiles") ?? get("picture");
    view.hidden = !item;
    if (get("list")) list();
    if (!item) { get("which-picture").textContent = texts.nothing; return; }
    get("which-picture").textContent = `sub-${item.subject} ses-${item.session}: ${item.title} (${texts.position.replace("{at}", at + 1).replace("{all}", shown.length)})`;
    if (get("tiles")) tiles(item);
    else if (view.getAttribute("src") !== item.source) Object.assign(view, { src: item.source, alt: item.alt });
    if (get("said")) get("said").textContent = [
      ...(item.added ? [texts.said_added] : []),
      ...(item.said ? [texts.said.replace("{said}", item.said)] : []),
      ...(others.get(item.key) ?? []).map((one) => texts.by_reader.replace("{reader}", one.reviewer)
        .replace("{verdict}", [texts.states[one.verdict], one.artery, one.note && `(${one.note})`].filter(Boolean).join(" "))),
    ].join(" · ");
    for (const part of document.querySelectorAll("[data-criteria]")) part.hidden = part.dataset.criteria !== item.of;
    const mark = marks.get(item.key);
    if (get("artery")) {
      get("artery").value = mark?.artery ?? "";
      get("of-artery").hidden = item.added || !given.of_arteries.includes(item.of);
    }
    for (const button of document.querySelectorAll("[data-verdict]"))
      button.setAttribute("aria-pressed", String(mark?.verdict === button.dataset.verdict));
    if (document.activeElement !== get("note")) get("note").value = mark?.note ?? "";
    const next = shown[at + 1];
    if (!get("tiles") && next && next.source !== item.source) new Image().src = next.source; // is there when its turn comes
  };

  const come = () => { since = Date.now(); get("note").blur(); say(""); draw(); desk.moved?.(current()); };
  const go = (step) => { if (desk.busy()) return; noted(); at = Math.max(0, Math.min(shown.length - 1, at + step)); come(); };
  const unsigned = () => {
    if (!kind.signed || clean(get("reviewer").value)) return false;
    say(texts.sign);
    get("reviewer").focus();
    return true;
  };
  const today = () => { const now = new Date(); return new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 10); };
  const decided_as = (item, verdict, artery, file, note) => {
    const seconds = (Number(marks.get(item.key)?.seconds) || 0) + Math.min(Math.round((Date.now() - since) / 1000), LONGEST_S);
    since = Date.now();
    marks.set(item.key, { verdict, artery, date: today(), reviewer: clean(get("reviewer").value), note,
      role: others.size ? "adjudicator" : "", seconds: String(seconds), file });
    keep();
    draw();
  };
  const mark = (verdict, artery = "", file = "") => {
    const item = current();
    if (!item || item.added || desk.busy() || unsigned()) return;
    say("");
    decided_as(item, verdict, artery, file, clean(get("note").value));
    if (get("onward")?.checked) nextOpen();
  };
  // A note is kept from the moment that it is written, decided or not.
  const noted = () => {
    const [item, note] = [current(), clean(get("note").value)];
    const old = item && marks.get(item.key);
    if (!item || (old?.note ?? "") === note) return;
    if (note || old?.verdict) marks.set(item.key, { ...old, note }); else marks.delete(item.key);
    keep();
  };
  const clear = () => {
    const item = current();
    if (!item || desk.busy()) return;
    marks.delete(item.key);
    if (item.added) { all.splice(all.indexOf(item), 1); known.delete(item.key); choose(); }
    get("note").value = "";
    keep();
    draw();
  };
  const nextOpen = () => {
    if (desk.busy()) return;
    const ahead = [...shown.slice(at + 1), ...shown.slice(0, at + 1)].find((item) => !decided(item));
    if (ahead) { at = shown.indexOf(ahead); come(); } else say(texts.all_done ?? "");
  };

  const asTable = () => [COLUMNS.join("\t"), ...all.filter(decided).map((item) => {
    const mark = marks.get(item.key);
    const cells = { ...mark, subject: item.subject, session: item.session, kind: item.of, [kind.thing]: item.added ? "" : item.thing, [kind.choice]: mark.verdict, [kind.who]: mark.reviewer };
    return COLUMNS.map((name) => cells[name] || "n/a").join("\t");
  })].join("\n") + "\n";

  // The decisions of a saved table by key; null, with what is wrong said, where it does not fit.
  const parsed = (text) => {
    const wrong = (problem) => { say(problem); return null; };
    const [head, ...rows] = text.replace(/^\uFEFF/, "").split(/\r?\n/).filter((line) => line).map((line) => line.split("\t"));
    if (!head || COLUMNS.some((name) => !OPTIONAL.includes(name) && !head.includes(name))) return wrong(texts.wrong_columns.replace("{columns}", COLUMNS.join(", ")));
    const read = new Map();
    for (const [number, row] of rows.entries()) {
      const cells = Object.fromEntries(head.map((name, column) => [name, row[column] === "n/a" ? "" : row[column] ?? ""]));
      const of = kind.signed ? cells.kind || "calcification" : "";
      const key = keyOf({ subject: cells.subject, session: cells.session, of, thing: cells[kind.choice] === "add" ? `${ADDED}${cells.file}` : cells[kind.thing] });
      const problem = !known.has(key) && !isAdded(key) && !adjudicated.some((item) => item.key === key) ? texts.unknown_row : !VERDICTS.includes(cells[kind.choice]) ? texts.unknown_verdict : null;
      if (problem) return wrong(texts.refused.replace("{row}", number + 2).replace("{problem}",
        Object.entries(cells).reduce((said, [name, value]) => said.replace(`{${name}}`, value), problem)));
      const { artery, date, note, role, seconds, file } = cells;
      read.set(key, { verdict: cells[kind.choice], reviewer: cells[kind.who], artery, date, note, role, seconds, file });
    }
    return read;
  };

  const load = (text) => {
    const read = parsed(text);
    if (!read) return;
    for (const [key, value] of read) { if (isAdded(key)) put(key); marks.set(key, value); }
    keep();
    if (get("list")) choose();
    draw();
    say(texts.loaded.replace("{count}", read.size));
  };

  for (const button of document.querySelectorAll("[data-verdict]")) button.addEventListener("click", () => mark(button.dataset.verdict));
  get("others")?.addEventListener("change", async () => {
    const tables = (await Promise.all([...get("others").files].map((file) => file.text()))).map(parsed);
    get("others").value = "";
    if (tables.includes(null)) return;
    const names = new Set(tables.flatMap((table) => [...table.values()].map((one) => one.reviewer)));
    if (names.size < 2) { say(texts.settle_one); return; }
    others.clear();
    for (const item of adjudicated) if (!known.has(item.key)) { all.push(item); known.set(item.key, item); }
    for (const table of tables) for (const [key, one] of table) if (!isAdded(key)) others.set(key, [...(others.get(key) ?? []), one]);
    get("which").querySelector("[value=differ]").hidden = false;
    get("which").value = "differ";
    choose();
    come();
    say(Object.entries({ readers: [...names].join(", "), both: [...others.values()].filter((said) => said.length > 1).length, differ: all.filter(differ).length })
      .reduce((told, [name, value]) => told.replace(`{${name}}`, value), texts.settle));
  });
  get("previous").addEventListener("click", () => go(-1));
  get("next").addEventListener("click", () => go(1));
  get("clear").addEventListener("click", clear);
  for (const id of ["which", "kinds"]) get(id)?.addEventListener("change", () => { choose(); come(); get(id).blur(); });
  get("who")?.addEventListener("input", () => { choose(); draw(); });
  get("note").addEventListener("input", noted);
  get("reviewer").addEventListener("change", () => { try { localStorage.setItem(`${place}:reviewer`, get("reviewer").value); } catch { /* as above */ } });
  get("artery")?.addEventListener("change", () => { const to = get("artery").value; get("artery").blur(); if (to) mark("move", to); });
  get("save").addEventListener("click", () => { if (unsigned()) return; window.angiolithSave(asTable(), kind.file); say(texts.saved.replace("{count}", all.filter(decided).length)); });
  get("load").addEventListener("change", async () => { const [file] = get("load").files; if (file) load(await file.text()); get("load").value = ""; });

  // What the viewer of the page of marks asks for, and what it says: whether a drawing is open, and that a mark came.
  const desk = window.angiolithDesk = {
    given, texts, say, current, mark, unsigned, busy: () => false, reader: () => clean(get("reviewer").value),
    arteryOf: (item) => marks.get(item.key)?.artery ?? "",
    free: (name) => { for (let n = 1; ; n++) if (!all.some((item) => item.thing === `${ADDED}${name(n)}`)) return name(n); },
    add: (who, of, file, artery) => {
      const key = `${who}/${of}/${ADDED}${file}`;
      put(key);
      decided_as(known.get(key), "add", artery, file, "");
      choose();
      draw();
    },
  };

  const outline = () => get("tiles")?.classList.toggle("plain");
  get("outline")?.addEventListener("click", outline);
  const KEYS = { j: () => go(1), o: outline, v: () => get("view")?.click(), d: () => get("redraw")?.click(), a: () => get("add")?.click(), n: () => get("note").focus(), u: nextOpen, ArrowLeft: () => go(-1), ArrowRight: () => go(1), Backspace: clear };
  for (const [verdict, keys] of Object.entries(kind.keys)) for (const key of keys) KEYS[key] = () => mark(verdict);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (typing && (event.key === "Enter" || event.key === "Escape")) { event.target.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (desk.key?.(event.key.length === 1 ? event.key.toLowerCase() : event.key)) { event.preventDefault(); return; }
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action) { event.preventDefault(); action(); }
  });

  try { get("reviewer").value = localStorage.getItem(`${place}:reviewer`) ?? ""; } catch { /* as above */ }
  const asked = decodeURIComponent(location.hash.slice(1));
  at = Math.max(0, all.findIndex((item) => item.key === asked || (asked && item.key.startsWith(`${asked}/`))));
  get("review").hidden = false;
  if (get("tiles")) choose();
  draw();
})();
