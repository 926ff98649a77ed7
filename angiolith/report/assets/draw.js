"use strict";
// Drawing in the viewer, voxel by voxel on the grid of the kind's label map, whatever images are shown.
// NiiVue 0.69 draws on the grid of the image that it shows. That one is thinned out here, and turned to the axes of the
// reference: its drawing would lie on another grid than the marks. So the voxels are kept here, and painted upon the
// panes at the places that NiiVue gives for their pixels.
(() => {
  const texts = window.angiolithTexts.drawing;
  const RADII_MM = [0.5, 0.75, 1, 1.5, 2, 3, 4, 6];
  const GROW_MM = 5; // as far from what was drawn
  const COUNTED = [204, 121, 167, 150]; // red, green, blue, strength
  const NOT_COUNTED = [86, 180, 233, 110];
  const HEADER_BYTES = 352;
  const CLOSE = 4; // zoom at which a mark of few millimetres can be drawn

  const times = (matrix, [x, y, z]) => matrix.slice(0, 3).map((row) => row[0] * x + row[1] * y + row[2] * z + row[3]);
  const product = (a, b) => a.map((row) => [0, 1, 2, 3].map((at) => row.reduce((sum, value, k) => sum + value * b[k][at], 0)));
  const inverse = (m) => {
    const [a, b, c] = m;
    const cross = (p, q) => [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
    const [bc, ca, ab] = [cross(b, c), cross(c, a), cross(a, b)];
    const size = a[0] * bc[0] + a[1] * bc[1] + a[2] * bc[2];
    const rows = [0, 1, 2].map((at) => [bc[at] / size, ca[at] / size, ab[at] / size]);
    return [...rows.map((row) => [...row, -(row[0] * a[3] + row[1] * b[3] + row[2] * c[3])]), [0, 0, 0, 1]];
  };

  // Voxels of a grid (shape, affine to its own millimetres, and from there to those of the reference).
  class Drawing {
    constructor({ shape, affine, to_reference: way }) {
      [this.shape, this.affine] = [shape, affine];
      this.world = product(way, affine);
      this.index = inverse(this.world);
      this.voxels = new Uint8Array(shape[0] * shape[1] * shape[2]);
      this.edges = [0, 1, 2].map((at) => Math.hypot(...affine.slice(0, 3).map((row) => row[at])));
      this.strokes = [];
      this.drawn = new Set(); // indices of the voxels that are set
    }

    at(i, j, k) { return i + this.shape[0] * (j + this.shape[1] * k); }
    holds(place) { return place.every((value, axis) => value >= 0 && value < this.shape[axis]); }
    place(at) { const [nx, ny] = this.shape; return [at % nx, Math.floor(at / nx) % ny, Math.floor(at / nx / ny)]; }
    get count() { return this.drawn.size; }
    get voxel_mm3() { return this.edges[0] * this.edges[1] * this.edges[2]; }

    begin() { this.strokes.push([]); }

    set(at, value) {
      if (this.voxels[at] === value) return;
      this.put(at, value);
      this.strokes.at(-1).push(at);
    }

    put(at, value) {
      this.voxels[at] = value;
      if (value) this.drawn.add(at); else this.drawn.delete(at);
    }

    undo() {
      for (const at of this.strokes.pop() ?? []) this.put(at, 1 - this.voxels[at]); // a stroke changes a voxel once
    }

    // All voxels whose centre lies within the radius of the point (mm of the reference): a ball, or with an axis the one
    // layer of voxels in the plane across it. The voxel at the point always belongs to it.
    brush(point, radius, axis, value) {
      const middle = times(this.index, point);
      const layer = axis === null ? Infinity : this.world[axis].slice(0, 3).reduce((sum, part) => sum + Math.abs(part), 0) / 2;
      const reach = this.index.slice(0, 3).map((row) => Math.hypot(...row.slice(0, 3)) * Math.max(radius, layer === Infinity ? 0 : layer));
      const [low, high] = [Math.floor, Math.ceil].map((round, end) => middle.map((at, of) =>
        Math.min(Math.max(round(at + (end ? 1 : -1) * reach[of]), 0), this.shape[of] - 1)));
      for (let k = low[2]; k <= high[2]; k++) for (let j = low[1]; j <= high[1]; j++) for (let i = low[0]; i <= high[0]; i++) {
        const away = times(this.world, [i, j, k]).map((at, of) => at - point[of]);
        const across = axis === null ? 0 : away[axis];
        if (across > -layer && across <= layer && Math.hypot(...away) ** 2 - across ** 2 <= radius ** 2) this.set(this.at(i, j, k), value);
      }
      const nearest = middle.map(Math.round);
      if (this.holds(nearest)) this.set(this.at(...nearest), value);
    }

    line(from, to, radius, axis, value) {
      const steps = Math.max(1, Math.ceil(Math.hypot(...to.map((at, of) => at - from[of])) / Math.max(radius / 2, 0.2)));
      for (let step = 1; step <= steps; step++) this.brush(from.map((at, of) => at + ((to[of] - at) * step) / steps), radius, axis, value);
    }

    // From the drawn voxels to those that touch them and hold `dense`, GROW_MM at most.
    grow(dense) {
      this.begin();
      const queue = [...this.drawn].filter((at) => dense[at]).map((at) => [at, at]);
      for (let next = 0; next < queue.length; next++) {
        const [[i, j, k], seed] = [this.place(queue[next][0]), queue[next][1]];
        const from = this.place(seed);
        for (let c = -1; c <= 1; c++) for (let b = -1; b <= 1; b++) for (let a = -1; a <= 1; a++) {
          const place = [i + a, j + b, k + c];
          if (!this.holds(place)) continue;
          const at = this.at(...place);
          if (this.voxels[at] || !dense[at] || Math.hypot(...place.map((value, of) => (value - from[of]) * this.edges[of])) > GROW_MM) continue;
          this.set(at, 1);
          queue.push([at, seed]);
        }
      }
      return this.strokes.at(-1).length;
    }

    // The voxels as a NIfTI file on the label map's grid, gzip.
    async file() {
      const head = new DataView(new ArrayBuffer(HEADER_BYTES));
      const short = (at, ...values) => values.forEach((value, n) => head.setInt16(at + 2 * n, value, true));
      const float = (at, ...values) => values.forEach((value, n) => head.setFloat32(at + 4 * n, value, true));
      head.setInt32(0, 348, true);
      short(40, 3, ...this.shape, 1, 1, 1, 1);
      short(70, 2, 8); // unsigned, of 8 bits
      float(76, 1, ...this.edges);
      float(108, HEADER_BYTES, 1, 0); // where the voxels begin, and their scale
      head.setUint8(123, 2); // mm
      short(252, 0, 1); // no quaternion; the matrix, to the scanner's millimetres
      this.affine.slice(0, 3).forEach((row, at) => float(280 + 16 * at, ...row));
      [..."n+1"].forEach((letter, at) => head.setUint8(344 + at, letter.charCodeAt(0)));
      const packed = new Blob([head.buffer, this.voxels]).stream().pipeThrough(new CompressionStream("gzip"));
      return new Response(packed).blob();
    }
  }

  // What is drawn, upon a pane: painted whenever NiiVue paints, and the pointer's strokes where drawing is on.
  class Sheet {
    constructor(pane, board) {
      Object.assign(this, { pane, board });
      this.canvas = Object.assign(document.createElement("canvas"), { className: "sheet" });
      pane.canvas.after(this.canvas);
      const drawn = pane.nv.drawScene.bind(pane.nv);
      pane.nv.drawScene = (...given) => { const done = drawn(...given); this.paint(); return done; };
      let last = null;
      const stop = (event) => { event.stopImmediatePropagation(); event.preventDefault(); };
      const on = (name, act) => pane.canvas.addEventListener(name, act, { capture: true });
      on("pointerdown", (event) => {
        const place = board.drawing && event.button === 0 && !event.shiftKey && this.placeOf(event);
        if (!place) return;
        stop(event);
        pane.canvas.setPointerCapture(event.pointerId);
        board.drawing.begin();
        last = place;
        board.touch(place.point, place.point, place.axis);
      });
      on("pointermove", (event) => {
        if (!last) return;
        stop(event);
        const place = this.placeOf(event);
        if (!place || place.tile !== last.tile) return;
        board.touch(last.point, place.point, place.axis);
        last = place;
      });
      for (const name of ["pointerup", "pointercancel"]) on(name, (event) => { if (last) { stop(event); last = null; board.tell(); } });
      for (const name of ["mousedown", "mousemove", "mouseup"]) on(name, (event) => { if (board.drawing && (last || (name === "mousedown" && event.button === 0 && !event.shiftKey))) stop(event); });
    }

    // The point of the patient under the pointer, the plane's axis, and which plane.
    placeOf(event) {
      const { nv, canvas } = this.pane;
      const box = canvas.getBoundingClientRect();
      const pixel = [event.clientX - box.left, event.clientY - box.top].map((value) => value * nv.uiData.dpr);
      const tile = nv.screenSlices.findIndex(({ leftTopWidthHeight: [left, top, width, height], axCorSag }) => axCorSag <= 2
        && pixel[0] >= left && pixel[0] < left + width && pixel[1] >= top && pixel[1] < top + height);
      if (tile < 0) return null;
      const [x, y, z] = nv.screenXY2mm(...pixel, tile);
      return Number.isFinite(x) ? { point: [x, y, z], axis: 2 - nv.screenSlices[tile].axCorSag, tile } : null;
    }

    paint() {
      const { canvas, pane: { nv, canvas: under }, board: { drawing, dense } } = this;
      if (canvas.width !== under.width || canvas.height !== under.height) [canvas.width, canvas.height] = [under.width, under.height];
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, canvas.width, canvas.height);
      if (!drawing?.count) return;
      for (const [tile, { leftTopWidthHeight, axCorSag }] of nv.screenSlices.entries()) {
        if (axCorSag > 2) continue;
        const [left, top, width, height] = leftTopWidthHeight.map(Math.round);
        if (width < 2 || height < 2) continue;
        const [o, x, y] = [[0.5, 0.5], [1.5, 0.5], [0.5, 1.5]].map(([right, down]) =>
          times(drawing.index, Array.from(nv.screenXY2mm(left + right, top + down, tile)).slice(0, 3)));
        if (!o.every(Number.isFinite)) continue;
        const [dx, dy] = [x, y].map((end) => end.map((value, axis) => value - o[axis]));
        const image = pen.createImageData(width, height);
        for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) {
          const i = Math.round(o[0] + column * dx[0] + row * dy[0]);
          const j = Math.round(o[1] + column * dx[1] + row * dy[1]);
          const k = Math.round(o[2] + column * dx[2] + row * dy[2]);
          if (i < 0 || j < 0 || k < 0 || i >= drawing.shape[0] || j >= drawing.shape[1] || k >= drawing.shape[2]) continue;
          const at = drawing.at(i, j, k);
          if (drawing.voxels[at]) image.data.set(!dense || dense[at] ? COUNTED : NOT_COUNTED, 4 * (row * width + column));
        }
        pen.putImageData(image, left, top);
      }
    }
  }

  // The buttons of drawing below a viewer. `done(blob, n_counted)` is called with the file when the reader is done.
  class Board {
    constructor(viewer) {
      this.viewer = viewer;
      this.box = Object.assign(document.createElement("div"), { className: "controls drawing", hidden: true });
      this.box.setAttribute("role", "group");
      this.box.setAttribute("aria-label", texts.title);
      this.what = document.createElement("strong");
      this.said = document.createElement("span");
      this.said.setAttribute("role", "status");
      const select = (text, options, chosen) => {
        const list = document.createElement("select");
        for (const [value, name] of options) list.add(new Option(name, value, false, value === chosen));
        const label = document.createElement("label");
        label.append(`${text} `, list);
        this.box.append(label);
        list.addEventListener("change", () => list.blur());
        return list;
      };
      const button = (text, act) => {
        const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
        made.addEventListener("click", act);
        this.box.append(made);
        return made;
      };
      this.box.append(this.what);
      this.radius = select(texts.radius, RADII_MM.map((value) => [value, `${value} mm`]), 1);
      this.form = select(texts.form, [["disc", texts.disc], ["ball", texts.ball]], "disc");
      this.eraser = button(texts.erase, () => this.erase());
      this.eraser.setAttribute("aria-pressed", "false");
      button(texts.undo, () => this.undo());
      this.grower = button(texts.grow, () => this.grow());
      button(texts.done, () => this.finish());
      button(texts.cancel, () => this.stop());
      this.box.append(this.said);
      viewer.beside.before(this.box); // above the panes: in sight while drawing
      this.sheets = viewer.panes.map((pane) => new Sheet(pane, this));
    }

    // Begin on the grid of a layer; start: indices of the voxels that it begins with.
    start(what, grid, start, dense, done) {
      this.drawing = new Drawing(grid);
      Object.assign(this, { dense, done });
      this.drawing.begin();
      for (const place of start) if (this.drawing.holds(place)) this.drawing.set(this.drawing.at(...place), 1);
      this.drawing.strokes = [];
      this.what.textContent = what;
      this.grower.hidden = !dense;
      this.box.hidden = false;
      this.viewer.closer(CLOSE);
      this.viewer.crosshair(false);
      this.eraser.setAttribute("aria-pressed", "false");
      this.tell();
    }

    stop() {
      Object.assign(this, { drawing: null, dense: null });
      this.box.hidden = true;
      this.viewer.crosshair(true);
      this.paint();
    }

    get erasing() { return this.eraser.getAttribute("aria-pressed") === "true"; }
    get counted() {
      const { drawing, dense } = this;
      return dense ? [...drawing.drawn].filter((at) => dense[at]).length : drawing.count;
    }

    erase() { this.eraser.setAttribute("aria-pressed", String(!this.erasing)); }
    undo() { this.drawing.undo(); this.tell(); }
    size(step) { this.radius.selectedIndex = Math.min(Math.max(this.radius.selectedIndex + step, 0), RADII_MM.length - 1); }
    paint() { for (const sheet of this.sheets) sheet.paint(); }

    touch(from, to, axis) {
      this.drawing.line(from, to, Number(this.radius.value), this.form.value === "ball" ? null : axis, this.erasing ? 0 : 1);
      this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.paint(); });
    }

    grow() { if (this.dense) { const grown = this.drawing.grow(this.dense); this.tell(grown ? "" : texts.nothing_grows); } }

    tell(more = "") {
      const [n, counted] = [this.drawing.count, this.counted];
      const put = (text) => Object.entries({ n, counted, mm3: (counted * this.drawing.voxel_mm3).toFixed(1) }).reduce((told, [name, value]) => told.replace(`{${name}}`, value), text);
      this.said.textContent = [more, put(this.dense ? texts.state_dense : texts.state)].filter(Boolean).join(" ");
      this.paint();
    }

    async finish() {
      if (!this.counted) { this.tell(texts.empty); return; }
      const file = await this.drawing.file();
      const { done } = this;
      this.stop();
      done(file);
    }

    key(name) {
      if (!this.drawing) return false;
      const act = { e: () => this.erase(), z: () => this.undo(), "[": () => this.size(-1), "]": () => this.size(1), g: () => this.grow(),
        b: () => { this.form.selectedIndex = 1 - this.form.selectedIndex; }, Enter: () => this.finish(), Escape: () => this.stop() }[name];
      act?.();
      return Boolean(act);
    }
  }

  window.angiolithDrawing = { Board, Drawing };
})();
