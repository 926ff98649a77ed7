"use strict";
// Tables that sort, copy and download; the filter of the list of sessions; the copy button of the methods.
(() => {
  const texts = window.angiolithTexts.tables;

  const words = (cell) => cell.innerText.replace(/\s+/g, " ").trim();
  const number = (text) => {
    const found = text.replace(/−/g, "-").match(/^[<>+]?\s*(-?\d+(\.\d+)?(e-?\d+)?)/i);
    return found ? Number(found[1]) : NaN;
  };
  const order = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return Number.isNaN(x) ? a.localeCompare(b) : x - y || a.localeCompare(b);
  };

  const sortBy = (table, head) => {
    const falling = head.getAttribute("aria-sort") === "ascending";
    const at = [...head.parentNode.children].indexOf(head);
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [words(row.cells[at]), row]);
    const empty = (text) => text === "" || text === "–";
    rows.sort(([a], [b]) => empty(a) - empty(b) || (falling ? order(b, a) : order(a, b)));
    body.append(...rows.map(([, row]) => row));
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    table.classList.add("sorted");
  };

  const asText = (table) => [...table.rows].filter((row) => row.parentNode.tagName !== "TFOOT" && !row.hidden && !row.classList.contains("axis"))
    .map((row) => [...row.cells].map(words).join("\t")).join("\n") + "\n";

  const copy = async (text, button, again) => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = texts.copied;
    setTimeout(() => { button.textContent = again; }, 1500);
  };

  window.angiolithSave = (text, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const button = (text, action) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    made.addEventListener("click", () => action(made));
    return made;
  };

  for (const table of document.querySelectorAll("table[data-name]")) {
    const tools = document.createElement("div");
    tools.className = "tools screen";
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", texts.tools.replace("{name}", table.caption?.textContent ?? table.dataset.name));
    tools.append(button(texts.copy, (own) => copy(asText(table), own, texts.copy)),
      button(texts.download, () => window.angiolithSave(asText(table), `${table.dataset.name}.tsv`)));
    table.before(tools);
    if (!table.classList.contains("sortable")) continue;
    for (const head of table.tHead.rows[0].cells) {
      const sorter = button("", () => sortBy(table, head));
      sorter.className = "sorter";
      sorter.title = texts.sort;
      sorter.append(...head.childNodes);
      head.append(sorter);
    }
  }

  const prose = document.querySelector(".prose[data-copy]");
  if (prose) prose.before(button(prose.dataset.copy, (own) => copy(prose.innerText, own, prose.dataset.copy)));

  const filter = document.getElementById("filter");
  if (filter) filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const row of document.querySelectorAll("table.index tbody tr")) {
      const reasons = [...row.querySelectorAll("[title]")].map((chip) => chip.title);
      row.hidden = ![row.textContent, ...reasons].join(" ").toLowerCase().includes(wanted);
    }
  });

  window.addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
})();
