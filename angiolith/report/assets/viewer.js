"use strict";
// The interactive viewer of a subject page: two linked panes, volumes loaded when they are asked for.
// A page opened from disk may not read files, but may add a script: each volume is a call of angiolithVolume.
(() => {
  const texts = window.angiolithTexts.viewer;
  const COLOURS = [[213, 94, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [230, 159, 0], [0, 114, 178], [204, 121, 167]];
  const PLAIN = { arteries: 1, wmh: 0, calcium: 0 };
  const DOUBLE_PX = 150; // a drag so far doubles a window's width, or moves its level by half of it
  const ZOOM_STEP = 1.2;
  const FLICKER_MS = 600; // under two changes a second
  const CROSSHAIR_MM = 1.2;
  const SAME_MM = 0.001; // two panes at one point of the patient
  const volumes = new Map();

  const script = (source) => new Promise((resolve, reject) => {
    const tag = Object.assign(document.createElement("script"), { src: source, onload: resolve });
    tag.onerror = () => { tag.remove(); reject(new Error(source)); };
    document.head.append(tag);
  });

  window.angiolithVolume = (key, layers) => volumes.set(key, layers);
  const loading = new Map();
  const volume = (key) => {
    if (!loading.has(key)) loading.set(key, script(`volumes/${key}.js`).then(() => volumes.get(key) ?? []));
    return loading.get(key);
  };

  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const image = (layer, options) => window.niivue.NVImage.new(bytes(layer.data).buffer, `${layer.name}.nii.gz`, ...[
    options.colormap ?? "gray", options.opacity ?? 1, null, options.low ?? NaN, options.high ?? NaN, true]);

  const colormap = (layer) => {
    const labels = Object.keys(layer.labels).map(Number).sort((a, b) => a - b);
    const colour = (at) => COLOURS[(layer.name in PLAIN ? PLAIN[layer.name] : at) % COLOURS.length];
    const channel = (which) => [0, ...labels.map((_, at) => colour(at)[which])];
    return { R: channel(0), G: channel(1), B: channel(2), A: [0, ...labels.map(() => 255)], I: [0, ...labels],
      labels: ["", ...labels.map((label) => layer.labels[label])] };
  };

  const element = (tag, given = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), given);
    made.append(...children);
    return made;
  };

  class Pane {
    constructor(viewer, column) {
      this.viewer = viewer;
      this.columns = element("select");
      for (const name of viewer.columns) this.columns.add(new Option(texts.images[name] ?? name, name, false, name === column));
      this.windows = element("select");
      [this.low, this.high] = [0, 1].map(() => element("input", { type: "number", step: "any" }));
      this.canvas = element("canvas", { tabIndex: 0 });
      this.canvas.setAttribute("role", "img");
      for (const event of ["wheel", "pointerdown"]) // niivue hands a pane's place on only while it has the focus
        this.canvas.addEventListener(event, () => this.canvas.focus({ preventScroll: true }), { capture: true, passive: true });
      const labelled = (text, control) => element("label", {}, `${text} `, control);
      const bar = element("div", { className: "controls" }, labelled(texts.image, this.columns), labelled(texts.window, this.windows),
        labelled(texts.low, this.low), labelled(texts.high, this.high));
      this.box = element("div", { className: "pane" }, bar, element("div", { className: "canvas" }, this.canvas));
      this.columns.addEventListener("change", () => viewer.refresh());
      this.windows.addEventListener("change", () => this.setWindow(...JSON.parse(this.windows.value)));
      for (const input of [this.low, this.high])
        input.addEventListener("change", () => this.setWindow(Number(this.low.value), Number(this.high.value)));
    }

    async start() {
      this.nv = new window.niivue.Niivue({ logLevel: "error", dragAndDropEnabled: false, isRadiologicalConvention: true,
        isOrientationTextVisible: true, multiplanarShowRender: 0, backColor: [0, 0, 0, 1], crosshairWidth: CROSSHAIR_MM,
        crosshairWidthUnit: "mm",
        crosshairColor: [0.94, 0.89, 0.26, 1], loadingText: "", isColorbar: false, show3Dcrosshair: false, isResizeCanvas: true,
        isSliceMM: true, dragMode: 0, viewModeHotKey: "", clipPlaneHotKey: "", cycleClipPlaneHotKey: "" }); // planes of the patient, not of the voxels
      this.shareExtents();
      await this.nv.attachToCanvas(this.canvas, false);
      this.nv.onLocationChange = (place) => this.viewer.say(this, place);
      this.dragWindow();
    }

    // NiiVue 0.69 fits each pane to its own image. Both panes fit what all images shown cover, so that a millimetre has
    // as many pixels in each. NiiVue makes this object anew whenever layers are drawn.
    shareExtents() {
      let held = this.nv.volumeObject3D;
      const { viewer } = this;
      Object.defineProperty(this.nv, "volumeObject3D", { configurable: true, get: () => held, set: (made) => {
        if (made && viewer.extents) for (const [end, name] of ["extentsMin", "extentsMax"].entries())
          made[name] = viewer.extents[end].slice();
        held = made;
      } });
    }

    // As in PACS: the right button (or Shift) drags the window, sideways its width, up and down its level.
    dragWindow() {
      let from = null;
      this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
      this.canvas.addEventListener("pointerdown", (event) => {
        const [base] = this.nv.volumes;
        if (!base || !(event.button === 2 || (event.button === 0 && event.shiftKey))) return;
        event.stopImmediatePropagation();
        this.canvas.setPointerCapture(event.pointerId);
        from = { x: event.clientX, y: event.clientY, low: base.cal_min, high: base.cal_max };
      }, { capture: true });
      this.canvas.addEventListener("pointermove", (event) => {
        if (!from) return;
        event.stopImmediatePropagation();
        const width = from.high - from.low;
        const wide = Math.max(width * 2 ** ((event.clientX - from.x) / DOUBLE_PX), width / 1000);
        const level = (from.low + from.high) / 2 + width * (from.y - event.clientY) / (2 * DOUBLE_PX);
        this.wanted = [level - wide / 2, level + wide / 2];
        this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.setWindow(...this.wanted); });
      }, { capture: true });
      for (const name of ["pointerup", "pointercancel"])
        this.canvas.addEventListener(name, (event) => { if (from) event.stopImmediatePropagation(); from = null; }, { capture: true });
      for (const name of ["mousedown", "mousemove"]) // NiiVue listens to these
        this.canvas.addEventListener(name, (event) => { if (from) event.stopImmediatePropagation(); }, { capture: true });
    }

    setWindow(low, high) {
      const base = this.nv.volumes[0];
      if (!base || !(high > low)) return;
      [base.cal_min, base.cal_max] = [low, high];
      this.nv.updateGLVolume();
      this.tellWindow();
    }

    // Boxes and list always say the window that is shown.
    tellWindow() {
      const [base] = this.nv.volumes;
      if (!base) return;
      const window = [base.cal_min, base.cal_max].map((value) => Number(value.toPrecision(4)));
      [this.low.value, this.high.value] = window;
      this.windows.selectedIndex = [...this.windows.options].findIndex((option) => option.value === JSON.stringify(window));
    }

    async show(overlays) {
      const column = this.columns.value;
      const before = column === this.shown ? this.nv.volumes[0] : undefined; // the window is kept, and the place of the slices
      this.shown = column;
      const [grey] = await volume(this.viewer.key(column));
      this.canvas.setAttribute("aria-label", `${texts.images[column] ?? column}`);
      // Set together and drawn once: niivue's addVolume would draw all layers again for each of them.
      this.nv.volumes = [];
      if (!grey) {
        this.nv.updateGLVolume();
        return this.viewer.note(texts.unusable.replace("{image}", texts.images[column] ?? column));
      }
      const shown = [await image(grey, { low: before?.cal_min ?? grey.window[0], high: before?.cal_max ?? grey.window[1] })];
      for (const [layer, options] of overlays) {
        const added = await image(layer, options);
        if (layer.labels) added.setColormapLabel(colormap(layer));
        shown.push(added);
      }
      const pan = [...this.nv.scene.pan2Dxyzmm];
      this.nv.overlayOutlineWidth = this.viewer.outline.checked ? 1 : 0;
      this.nv.volumes = shown;
      this.viewer.fit(this, shown[0]);
      this.nv.setVolume(shown[0], 0);
      this.nv.scene.pan2Dxyzmm = pan;
      this.windows.replaceChildren(...[[texts.as_pictures, ...grey.window], ...(texts.windows[column] ?? [])]
        .map(([name, low, high]) => new Option(`${name} (${low} … ${high}${grey.unit ? ` ${grey.unit}` : ""})`, JSON.stringify([low, high]))));
      this.tellWindow();
    }
  }

  // blind: marks as the tool found them, by number, whatever readers decided.
  class Viewer {
    constructor(section, session, columns, blind = false) {
      Object.assign(this, { section, session, columns, blind });
      this.layers = Object.entries(texts.layers).filter(([, layer]) => layer.on.some((name) => this.columns.includes(name)));
      this.status = element("p", { className: "status" });
      this.status.setAttribute("role", "status");
      this.place = element("p", { className: "place" });
    }

    key(column) { return `${this.session}_${column}`; }
    note(text) { this.status.textContent = text; }

    // name: of the layer that is asked for first.
    async open(name) {
      this.note(texts.loading);
      if (!document.createElement("canvas").getContext("webgl2")) return this.note(texts.no_webgl);
      if (!window.niivue) await script("assets/niivue.umd.js");
      const [first, second] = [this.columns[0], this.columns.find((name) => name === "FLAIR") ?? this.columns[1]];
      this.panes = [first, second].filter(Boolean).map((column) => new Pane(this, column));
      this.checks = this.layers.map(([name, layer]) => {
        const box = element("input", { type: "checkbox", value: name, checked: layer.shown });
        box.addEventListener("change", () => this.refresh());
        return [box, element("label", {}, box, ` ${layer.name}`)];
      });
      this.opacity = element("input", { type: "range", min: 0.1, max: 1, step: 0.1, value: 0.6 });
      this.opacity.addEventListener("change", () => this.refresh());
      this.slices = element("select");
      for (const [at, name] of texts.slices.entries()) this.slices.add(new Option(name, [3, 0, 1, 2][at]));
      this.slices.addEventListener("change", () => this.panes.forEach((pane) => pane.nv.setSliceType(Number(this.slices.value))));
      const tick = (text, checked, act) => {
        const box = element("input", { type: "checkbox", checked });
        box.addEventListener("change", act);
        return [box, element("label", {}, box, ` ${text}`)];
      };
      const [outline, outlineLabel] = tick(texts.outline, false, () => this.refresh());
      const [cross, crossLabel] = tick(texts.crosshair, true, () => this.crosshair(true));
      [this.outline, this.cross] = [outline, cross];
      this.flick = element("button", { type: "button", textContent: texts.flicker, hidden: this.panes.length < 2 });
      this.flick.setAttribute("aria-pressed", "false");
      this.flick.addEventListener("click", () => this.flicker());
      const bar = element("div", { className: "controls" }, ...this.checks.map(([, label]) => label),
        element("label", {}, `${texts.opacity} `, this.opacity), outlineLabel, crossLabel, element("label", {}, `${texts.view} `, this.slices), this.flick);
      const keys = element("dl", { className: "keys" }, ...texts.key_map.map(([key, what]) => element("div", {},
        element("dt", {}, ...key.split(" ").map((one) => element("kbd", { textContent: one }))), element("dd", { textContent: what }))));
      this.beside = element("div", { className: "panes" }, ...this.panes.map((pane) => pane.box));
      this.beside.addEventListener("keydown", (event) => this.key_down(event));
      this.section.append(bar, this.beside, this.place, element("p", { className: "note" }, texts.keys),
        element("details", {}, element("summary", { textContent: texts.keys_title }), keys));
      for (const pane of this.panes) await pane.start();
      if (this.panes.length > 1) this.panes.forEach((pane, at) => pane.nv.broadcastTo([this.panes[1 - at].nv], { "2d": true, "3d": false }));
      this.panes.forEach((pane) => pane.nv.setSliceType(3));
      this.choose(name);
      await this.refresh();
    }

    // The image of a layer in the first pane, and the layer upon it: [its box, its column], or nothing.
    choose(name) {
      const column = texts.layers[name]?.on.find((one) => this.columns.includes(one));
      const [box] = this.checks.find(([one]) => one.value === name) ?? [];
      if (!column || !box) return null;
      this.panes[0].columns.value = column;
      const [, second] = this.panes;
      if (second?.columns.value === column) second.columns.value = this.columns.find((one) => one !== column && one !== "ct") ?? column;
      box.checked = true;
      return column;
    }

    async layer(name, column) {
      const [found, held] = (await volume(this.key(column)).then((layers) => [`${name}_found`, name].map((one) => layers.find((layer) => layer.name === one))));
      if (!this.blind || !held?.labels) return held;
      const { labels, ...rest } = found ?? held;
      return { ...rest, name, labels: Object.fromEntries(Object.keys(labels).map((number) => [number, number])) };
    }

    // A label map's grid, the places of a label's voxels on it, and which of its voxels may count (null: all).
    async grid(name, label) {
      const column = texts.layers[name]?.on.find((one) => this.columns.includes(one));
      const layer = column && await this.layer(name, column);
      if (!layer?.grid) return null;
      const { Drawing } = window.angiolithDrawing;
      const whole = new Drawing(layer.grid);
      const places = async (of, wanted) => {
        const { img, hdr } = await image(of, {});
        const [nx, ny] = hdr.dims.slice(1, 3);
        const first = whole.index.slice(0, 3).map((row) => Math.round([0, 1, 2].reduce((sum, axis) => sum + row[axis] * hdr.affine[axis][3], row[3])));
        const found = [];
        img.forEach((value, at) => { if (wanted(value)) found.push([at % nx + first[0], (Math.floor(at / nx) % ny) + first[1], Math.floor(at / nx / ny) + first[2]]); });
        return found;
      };
      const limit = (await volume(this.key(column))).find((one) => one.name === `${name}_dense`);
      let dense = null;
      if (limit) {
        dense = new Uint8Array(whole.voxels.length);
        for (const place of await places(limit, (value) => value > 0)) dense[whole.at(...place)] = 1;
      }
      return { grid: layer.grid, dense, start: label === null ? [] : await places(layer, (value) => value === label) };
    }

    close() {
      clearInterval(this.timer);
      for (const { nv } of this.panes ?? []) nv.gl.getExtension("WEBGL_lose_context")?.loseContext(); // a browser has few
      this.section.replaceChildren();
    }

    async overlays() {
      const chosen = [];
      for (const [box] of this.checks) {
        const { on, from } = texts.layers[box.value];
        const column = on.find((name) => this.columns.includes(name));
        if (!box.checked) continue;
        const layer = await this.layer(from ?? box.value, column);
        if (!layer) { box.disabled = true; box.checked = false; continue; }
        const opacity = Number(this.opacity.value);
        chosen.push([layer, from ? { opacity, colormap: "hot", low: texts.layers[box.value].low, high: texts.layers[box.value].high } : { opacity }]);
      }
      return chosen;
    }

    async refresh() {
      this.note(texts.loading);
      this.section.dataset.ready = "";
      try {
        const overlays = await this.overlays();
        this.note("");
        for (const pane of this.panes) await pane.show(overlays);
        for (const { nv } of this.panes) if (nv.volumes.length) nv.updateGLVolume(); // all know what all cover
        this.meet();
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        this.section.dataset.ready = "yes";
      } catch (problem) {
        this.note(texts.not_loaded.replace("{file}", problem.message));
      }
    }

    // Where the crosshair is, the value of each pane's image there, and the labels that are not empty.
    say(pane, place) {
      const [base, ...labels] = place.values;
      if (!base) return;
      const named = (one) => one.name.replace(".nii.gz", "");
      const image = named(base);
      pane.said = `${texts.images[image] ?? image} ${Math.round(base.value)}`;
      this.at = Array.from(place.mm).slice(0, 3);
      for (const { nv } of this.panes.filter((one) => one !== pane && one.nv.volumes.length)) {
        const away = Math.max(...this.at.map((value, axis) => Math.abs(value - nv.frac2mm(nv.scene.crosshairPos)[axis])));
        if (away > SAME_MM) nv.scene.crosshairPos = nv.mm2frac(this.at); // drawn when niivue hands the place on
      }
      const found = labels.filter((one) => one.value > 0 && named(one) in texts.layers).map((one) => texts.layers[named(one)].name);
      const parts = [...new Set([...this.panes.map((one) => one.said).filter(Boolean), ...found])];
      this.place.textContent = `${texts.place} ${this.at.map((value) => value.toFixed(1)).join(", ")} mm: ${parts.join(", ")}`;
    }

    // To the middle of a mark: its image in the first pane, its label shown, the crosshair on it.
    async jump(name, label) {
      const column = this.choose(name);
      if (!column) return;
      const held = () => this.panes[0].nv.volumes.find((one) => one.name === `${name}.nii.gz`);
      if (this.panes[0].shown !== column || !held()) await this.refresh();
      const layer = held();
      const [nx, ny] = layer ? layer.hdr.dims.slice(1, 3) : [];
      const places = [];
      layer?.img.forEach((value, at) => { if (value === label) places.push([at % nx, Math.floor(at / nx) % ny, Math.floor(at / nx / ny)]); });
      if (!places.length) return this.note(texts.no_mark.replace("{mark}", label));
      const middle = [0, 1, 2].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
      const away = (place) => place.reduce((sum, value, axis) => sum + ((value - middle[axis]) * layer.hdr.pixDims[axis + 1]) ** 2, 0);
      const at = places.reduce((best, place) => (away(place) < away(best) ? place : best)); // a mark may be bent about its middle
      this.at = layer.hdr.affine.slice(0, 3).map((row) => row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3]);
      this.meet();
    }

    // What all images that are shown cover, in mm of the patient; the panes are drawn anew where it grew or shrank.
    fit(pane, image) {
      const ends = [...Array(8).keys()].map((corner) => [0, 1, 2].map((axis) => ((corner >> axis) & 1 ? image.hdr.dims[axis + 1] : 0) - 0.5));
      const corners = ends.map((end) => image.hdr.affine.slice(0, 3).map((row) => row[0] * end[0] + row[1] * end[1] + row[2] * end[2] + row[3]));
      pane.covers = [Math.min, Math.max].map((extreme) => [0, 1, 2].map((axis) => extreme(...corners.map((corner) => corner[axis]))));
      const all = this.panes.filter((one) => one.covers).map((one) => one.covers);
      this.extents = [0, 1].map((end) => [0, 1, 2].map((axis) => Math[end ? "max" : "min"](...all.map((one) => one[end][axis]))));
    }

    // Both images in turn at the first pane's place: plane, crosshair and zoom are the same.
    flicker() {
      const on = !this.timer;
      clearInterval(this.timer);
      this.timer = on ? setInterval(() => this.panes.forEach(({ box }) => box.classList.toggle("behind")), FLICKER_MS) : undefined;
      this.beside.classList.toggle("flicker", on);
      this.panes.forEach(({ box }, at) => box.classList.toggle("behind", on && at > 0));
      this.flick.setAttribute("aria-pressed", String(on));
    }

    // Larger or smaller about the crosshair, in all panes; 0: the whole image.
    zoom(factor) {
      const { nv } = this.panes.find((pane) => pane.nv.volumes.length) ?? {};
      if (!nv) return;
      const [x, y, z, before] = nv.scene.pan2Dxyzmm;
      const after = factor ? Math.min(Math.max(before * factor, 1), 20) : 1;
      const place = after === 1 ? [0, 0, 0, 1] : [x, y, z].map((pan, axis) => pan + (before - after) * this.at[axis]).concat(after);
      for (const pane of this.panes) { pane.nv.scene.pan2Dxyzmm = [...place]; pane.nv.drawScene(); }
    }

    // The crosshair as its box says, or off while a mark is drawn beneath it.
    crosshair(on) { for (const { nv } of this.panes) nv.setCrosshairWidth(on && this.cross.checked ? CROSSHAIR_MM : 0); }

    // At this zoom at least, about the crosshair.
    closer(zoom) {
      const before = this.panes.find((pane) => pane.nv.volumes.length)?.nv.scene.pan2Dxyzmm[3] ?? zoom;
      if (before < zoom) this.zoom(zoom / before);
    }

    key_down(event) {
      if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
      const act = {
        v: () => { this.slices.selectedIndex = (this.slices.selectedIndex + 1) % this.slices.options.length; this.slices.dispatchEvent(new Event("change")); },
        "+": () => this.zoom(ZOOM_STEP), "=": () => this.zoom(ZOOM_STEP), "-": () => this.zoom(1 / ZOOM_STEP), 0: () => this.zoom(0),
        x: () => this.cross.click(), o: () => this.outline.click(), f: () => { if (!this.flick.hidden) this.flicker(); },
      }[event.key.toLowerCase()];
      if (act) { event.preventDefault(); event.stopPropagation(); act(); }
    }

    // All panes at one place of the patient: that of the crosshair, at first the middle of the first pane's image.
    meet() {
      const [first] = this.panes.filter((pane) => pane.nv.volumes.length);
      if (!first) return;
      this.at ??= Array.from(first.nv.frac2mm(first.nv.scene.crosshairPos)).slice(0, 3);
      for (const { nv } of this.panes.filter((pane) => pane.nv.volumes.length)) {
        nv.scene.crosshairPos = nv.mm2frac(this.at);
        nv.createOnLocationChange();
        nv.drawScene();
      }
    }
  }

  const layerOf = (kind) => [kind, `${kind}s`, kind.split("_")[0]].find((name) => name in texts.layers);
  window.angiolithViewer = { Viewer, layerOf };

  for (const section of document.querySelectorAll("section.viewer[data-session]")) {
    const button = element("button", { type: "button", textContent: texts.open });
    const viewer = new Viewer(section, section.dataset.session, section.dataset.volumes.split(" "));
    const open = async (name) => { button.remove(); await viewer.open(name); };
    button.addEventListener("click", () => open());
    section.append(button, viewer.status);
    section.angiolith = viewer;
    const [, session, kind, label] = decodeURIComponent(location.hash).match(/^#view\/([^/]+)\/([^/]+)\/(\d+)$/) ?? [];
    if (session !== section.dataset.session) continue;
    section.scrollIntoView();
    open(layerOf(kind)).then(() => viewer.jump(layerOf(kind), Number(label)));
  }
})();
