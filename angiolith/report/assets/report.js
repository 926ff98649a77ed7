"use strict";
// Tables that sort, copy, download and tell where a number comes from; the filter of the list of sessions; the copy button of the methods.
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

  // A table is handed over as the files have it, not as the page prints it: all digits, footnotes in a column.
  const exports = JSON.parse(document.getElementById("exports")?.textContent ?? "{}");
  const lines = ({ header, rows }) => [header, ...rows];
  const asText = (given) => lines(given).map((cells) => cells.join("\t")).join("\n") + "\n";
  const asHtml = (given) => {
    const table = document.createElement("table");
    for (const [at, cells] of lines(given).entries()) {
      const row = table.insertRow();
      for (const cell of cells) row.append(Object.assign(document.createElement(at ? "td" : "th"), { textContent: cell }));
    }
    return table.outerHTML;
  };

  // Text and, where there is some, HTML: a text processor pastes it as a table. The event serves pages from disk, too.
  const copy = (text, button, again, html) => {
    const put = (event) => {
      event.preventDefault();
      event.clipboardData.setData("text/plain", text);
      if (html) event.clipboardData.setData("text/html", html);
    };
    document.addEventListener("copy", put, { once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", put);
    button.textContent = texts.copied;
    setTimeout(() => { button.textContent = again; }, 1500);
  };

  window.angiolithSave = (content, name) => { // text of a table, or a file
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: "text/tab-separated-values" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const button = (text, action) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    made.addEventListener("click", () => action(made));
    return made;
  };

  // Where a number comes from: the address of its cell, its own or its row's and its column's.
  const addressOf = (cell) => {
    const table = cell.closest("table");
    const column = table.tHead?.rows[0].cells[cell.cellIndex]?.dataset.column?.replaceAll(":", "\\:");
    const row = cell.parentNode.dataset.row;
    if (cell.classList.contains("again")) return ""; // shown in a row above
    return words(cell) && (cell.dataset.cell ?? (row && column ? `${row}:${column}` : ""));
  };
  // For a shell: an apostrophe outside of the quotes.
  const quoted = (text) => `'${text.replaceAll("'", "'\"'\"'")}'`;

  const showTrace = (table, cell) => {
    const line = `angiolith trace ${quoted(document.body.dataset.output)} ${quoted(addressOf(cell))}`;
    const told = Object.assign(document.createElement("p"), { className: "traced screen" });
    told.setAttribute("role", "status");
    told.append(texts.traced, document.createElement("br"), Object.assign(document.createElement("code"), { textContent: line }), " ",
      button(texts.copy, (own) => copy(line, own, texts.copy)));
    table.parentNode.querySelector(".traced")?.remove();
    table.after(told);
  };

  const trace = (table, own) => {
    const on = own.getAttribute("aria-pressed") !== "true";
    own.setAttribute("aria-pressed", String(on));
    table.parentNode.querySelector(".traced")?.remove();
    for (const made of table.querySelectorAll(".tracer")) made.replaceWith(...made.childNodes);
    if (!on) return;
    for (const cell of [...table.tBodies].flatMap((body) => [...body.rows]).flatMap((row) => [...row.cells])) {
      if (!addressOf(cell)) continue;
      const tracer = button("", () => showTrace(table, cell));
      tracer.className = "tracer";
      tracer.append(...cell.childNodes);
      cell.append(tracer);
    }
  };

  for (const table of document.querySelectorAll("table[data-name]")) {
    const given = exports[table.dataset.name];
    const tools = document.createElement("div");
    tools.className = "tools screen";
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", texts.tools.replace("{name}", table.caption?.textContent ?? table.dataset.name));
    if (given) tools.append(button(texts.copy, (own) => copy(asText(given), own, texts.copy, asHtml(given))),
      button(texts.download, () => window.angiolithSave(asText(given), `${table.dataset.name}.tsv`)));
    table.before(tools);
    if (table.querySelector("[data-row], [data-cell]")) {
      const tracing = button(texts.trace, (own) => trace(table, own));
      tracing.setAttribute("aria-pressed", "false");
      tracing.title = texts.trace_hint;
      tools.append(tracing);
    }
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

  window.addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details.montage")) part.open = true; });
})();
