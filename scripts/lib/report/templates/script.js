"use strict";
(() => {
  const filter = document.getElementById("filter");
  const sessions = [...document.querySelectorAll("details.session")];
  if (!filter) return;
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const session of sessions) {
      const row = document.querySelector(`tr[data-session="${session.id}"]`);
      const reasons = [...row.querySelectorAll("[title]")].map((chip) => chip.title);
      const text = [session.id, row.textContent, ...reasons].join(" ").toLowerCase();
      row.hidden = session.hidden = !text.includes(wanted);
    }
  });
  const openAll = () => sessions.forEach((session) => { session.open = true; });
  document.getElementById("unfold").addEventListener("click", openAll);
  window.addEventListener("beforeprint", openAll);
  for (const figure of document.querySelectorAll(".pictures figure")) {
    const resize = () => figure.classList.toggle("large");
    figure.addEventListener("click", resize);
    figure.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === "Escape") resize(); });
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#sub-"]');
    if (link) document.getElementById(link.hash.slice(1)).open = true;
  });
})();
