"use strict";
// The review of the pictures: one at a time, marked by key, kept in the browser, saved and loaded as TSV.
(() => {
  const texts = window.angiolithTexts.review;
  const { pictures: names, alternatives } = window.angiolithTexts;
  const COLUMNS = ["subject", "session", "picture", "verdict", "reviewer", "note"];
  const VERDICTS = ["pass", "doubtful", "fail"];
  const place = `angiolith-review:${location.pathname.replace(/[^/]*$/, "")}`;
  const all = window.angiolithReview.pictures.map(([subject, session, picture]) => {
    const who = picture === "change" ? `sub-${subject}` : `sub-${subject}_ses-${session}`; // of both visits, or of one
    return { subject, session, picture, key: `${subject}/${session}/${picture}`,
      source: `pictures/${who}_desc-${picture}_qc.png`, alt: alternatives[picture].replace("{who}", who) };
  });
  const known = new Map(all.map((item) => [item.key, item]));
  const get = (id) => document.getElementById(id);
  const say = (text) => { get("message").textContent = text; };
  const clean = (text) => text.replace(/[\t\r\n]+/g, " ").trim();

  const kept = () => { try { return JSON.parse(localStorage.getItem(place)); } catch { return null; } };
  const marks = new Map(Object.entries(kept() ?? window.angiolithReview.marks).filter(([key]) => known.has(key)));
  const keep = () => { try { localStorage.setItem(place, JSON.stringify(Object.fromEntries(marks))); } catch { /* private window: until the page is left */ } };

  let shown = all;
  let at = 0;
  const current = () => shown[at];

  const choose = () => {
    const which = get("which").value;
    shown = all.filter((item) => !which || (which === "open" ? !marks.has(item.key) : item.picture === which));
    at = Math.min(at, Math.max(shown.length - 1, 0));
  };

  const draw = () => {
    const item = current();
    const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, [...marks.values()].filter((mark) => mark.verdict === verdict).length]));
    get("progress").textContent = Object.entries({ marked: marks.size, all: all.length, ...counts })
      .reduce((text, [name, value]) => text.replace(`{${name}}`, value), texts.progress);
    get("picture").hidden = !item;
    if (!item) { get("which-picture").textContent = texts.nothing; return; }
    get("which-picture").textContent = `sub-${item.subject} ses-${item.session}: ${names[item.picture]} (${texts.position.replace("{at}", at + 1).replace("{all}", shown.length)})`;
    if (get("picture").getAttribute("src") !== item.source) Object.assign(get("picture"), { src: item.source, alt: item.alt });
    const mark = marks.get(item.key);
    for (const button of document.querySelectorAll("[data-verdict]"))
      button.setAttribute("aria-pressed", String(mark?.verdict === button.dataset.verdict));
    if (document.activeElement !== get("note")) get("note").value = mark?.note ?? "";
    if (shown[at + 1]) new Image().src = shown[at + 1].source; // the next one is there when its turn comes
  };

  const go = (step) => { at = Math.max(0, Math.min(shown.length - 1, at + step)); get("note").blur(); say(""); draw(); };
  const mark = (verdict) => {
    const item = current();
    if (!item) return;
    marks.set(item.key, { verdict, reviewer: clean(get("reviewer").value), note: clean(get("note").value) });
    keep();
    draw();
  };
  const clear = () => { if (current()) { marks.delete(current().key); get("note").value = ""; keep(); draw(); } };
  const nextOpen = () => {
    const ahead = [...shown.slice(at + 1), ...shown.slice(0, at + 1)].find((item) => !marks.has(item.key));
    if (ahead) { at = shown.indexOf(ahead); draw(); }
  };

  const asTable = () => [COLUMNS.join("\t"), ...all.filter((item) => marks.has(item.key)).map((item) => {
    const { verdict, reviewer, note } = marks.get(item.key);
    return [item.subject, item.session, item.picture, verdict, reviewer || "n/a", note || "n/a"].join("\t");
  })].join("\n") + "\n";

  const load = (text) => {
    const [head, ...rows] = text.replace(/^\uFEFF/, "").split(/\r?\n/).filter((line) => line).map((line) => line.split("\t"));
    if (!head || COLUMNS.some((name) => !head.includes(name))) return say(texts.wrong_columns.replace("{columns}", COLUMNS.join(", ")));
    const read = new Map();
    for (const [number, row] of rows.entries()) {
      const cells = Object.fromEntries(head.map((name, column) => [name, row[column] === "n/a" ? "" : row[column] ?? ""]));
      const key = `${cells.subject}/${cells.session}/${cells.picture}`;
      const problem = !known.has(key) ? texts.unknown_row : !VERDICTS.includes(cells.verdict) ? texts.unknown_verdict : null;
      if (problem) return say(texts.refused.replace("{row}", number + 2).replace("{problem}",
        Object.entries(cells).reduce((said, [name, value]) => said.replace(`{${name}}`, value), problem)));
      read.set(key, { verdict: cells.verdict, reviewer: cells.reviewer, note: cells.note });
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
  get("save").addEventListener("click", () => { window.angiolithSave(asTable(), "review.tsv"); say(texts.saved.replace("{count}", marks.size)); });
  get("load").addEventListener("change", async () => { const [file] = get("load").files; if (file) load(await file.text()); get("load").value = ""; });

  const KEYS = { 1: () => mark("pass"), p: () => mark("pass"), 2: () => mark("doubtful"), d: () => mark("doubtful"),
    3: () => mark("fail"), f: () => mark("fail"), n: () => get("note").focus(), u: nextOpen,
    ArrowLeft: () => go(-1), ArrowRight: () => go(1), Backspace: clear };
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
