// What the tests ask of a page; added to every page before its own scripts.
window.checks = {
  shown: (element) => element.getClientRects().length > 0,
  broken: () => [...document.images].filter((image) => image.id !== "picture" && image.complete && !image.naturalWidth).length,
  lost: () => [...document.querySelectorAll("main table, main img, main svg")]
    .filter((element) => !checks.shown(element) && !element.closest("details")).length,
  panes: () => document.querySelector("section.viewer").angiolith.panes,
  crosshairs: () => checks.panes().map(({ nv }) => [...nv.frac2mm(nv.scene.crosshairPos)].slice(0, 3)),
  window: () => { const [base] = checks.panes()[0].nv.volumes; return [base.cal_min, base.cal_max]; },
  nameless: () => [...document.querySelectorAll("button, input, select, a[href], svg[role=img], img")]
    .filter((element) => checks.shown(element) && !(element.innerText || element.getAttribute("aria-label") || element.alt
      || element.querySelector("img")?.alt || element.closest("label")?.innerText)).map((element) => element.outerHTML.slice(0, 80)),
  // Text whose contrast to its ground is under 4.5 to 1 (WCAG 2.1, 1.4.3).
  faint: () => {
    const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
    const linear = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, at) => sum + weight * linear(rgb[at] / 255), 0);
    const ground = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = parse(getComputedStyle(at).backgroundColor);
        if (colour.length === 3 || colour[3] > 0.99) return colour;
      }
      return [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll("body *:not(script, option, .again)")) {
      const written = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
      if (!written || !checks.shown(element)) continue;
      const style = getComputedStyle(element);
      const colour = element.namespaceURI.includes("svg") ? style.fill : style.color;
      const [low, high] = [light(parse(colour)), light(ground(element))].sort((a, b) => a - b);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < 4.5) found.push(`${element.tagName} ${element.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return found;
  },
};
