// One stage: a film drawn on black, moved by pointers, with what is written over it.

const FRESH = Object.freeze({ zoom: 1, x: 0.5, y: 0.5, centre: 0.5, width: 1, invert: false });
const MOST_ZOOM_PX = 40;
const SMOOTH_BELOW_PX = 4;
const LEAST_WIDTH = 0.005;

function shortened(value) {
  return Number.isInteger(value) || Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(4).replace(/\.?0+$/, "");
}

function made(tag, name, parent) {
  const element = document.createElement(tag);
  element.className = name;
  parent.append(element);
  return element;
}

class Stage {
  constructor(parent, hooks) {
    this.hooks = hooks;
    this.view = { ...FRESH };
    this.film = null;
    this.heat = null;
    this.cursor = null;
    this.pointers = new Map();
    this.ratio = 1;
    this.element = made("div", "stage", parent);
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "application");
    this.canvas = made("canvas", "", this.element);
    this.context = this.canvas.getContext("2d");
    for (const place of ["label", "setting", "reading", "fault"]) this[place] = made("div", `note ${place}`, this.element);
    this.legend = this.#legend();
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.element);
    this.#listen();
  }

  #legend() {
    const legend = made("div", "legend", this.element);
    legend.hidden = true;
    const stops = HEAT_COLOURS.filter((_, index) => index % 15 === 0).map((colour) => `rgb(${colour})`);
    this.legendName = made("span", "name", legend);
    made("span", "", legend).textContent = "0";
    const scale = made("div", "scale", legend);
    scale.style.background = `linear-gradient(to right, ${stops.join(",")})`;
    this.cut = made("div", "cut", scale);
    made("span", "", legend).textContent = "1";
    return legend;
  }

  show(told, film, heat) {
    this.told = told;
    this.film = film;
    this.heat = heat;
    this.label.textContent = told.label;
    this.fault.textContent = "";
    this.painted = "";
    const name = told.label || "radiograph";
    this.element.setAttribute("aria-label", `Radiograph: ${name}. Press ? for keys.`);
    this.resize();
  }

  close() {
    this.watcher.disconnect();
    this.element.remove();
  }

  fail(message) {
    this.film = null;
    this.canvas.width = this.canvas.height = 1;
    this.fault.textContent = message;
  }

  draw() {
    paint(this, this.hooks.ui);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.element;
    const width = Math.max(1, Math.round(clientWidth * ratio));
    const height = Math.max(1, Math.round(clientHeight * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.ratio = ratio;
    // at once: a canvas whose size has changed is empty until it is drawn
    this.draw();
  }

  /** Device pixels per film pixel where the whole film fits. */
  get fit() {
    return Math.min(this.canvas.width / this.film.width, this.canvas.height / this.film.height);
  }

  /** The zoom at which a pixel of the source is one of the device. */
  get actual() {
    return this.told.full_width / this.film.width / this.fit;
  }

  get box() {
    const scale = this.fit * this.view.zoom;
    const [width, height] = [this.film.width * scale, this.film.height * scale];
    const place = (length, whole, middle) =>
      length <= whole ? (whole - length) / 2 : clamp(whole / 2 - middle * length, whole - length, 0);
    const left = place(width, this.canvas.width, this.view.x);
    return { scale, width, height, left, top: place(height, this.canvas.height, this.view.y) };
  }

  /** Keep the film on the stage. */
  settle() {
    const { width, height, left, top } = this.box;
    this.view.x = (this.canvas.width / 2 - left) / width;
    this.view.y = (this.canvas.height / 2 - top) / height;
  }

  /** Zoom by a factor about a point in device pixels from the stage's corner. */
  zoom(factor, at = { x: this.canvas.width / 2, y: this.canvas.height / 2 }) {
    const before = this.box;
    const [x, y] = [(at.x - before.left) / before.width, (at.y - before.top) / before.height];
    const most = Math.max(MOST_ZOOM_PX / this.fit, this.actual);
    this.view.zoom = clamp(this.view.zoom * factor, Math.min(1, this.actual), most);
    const after = this.box;
    this.view.x = x - (at.x - this.canvas.width / 2) / after.width;
    this.view.y = y - (at.y - this.canvas.height / 2) / after.height;
    this.settle();
  }

  pan(x, y) {
    const { width, height } = this.box;
    this.view.x -= x / width;
    this.view.y -= y / height;
    this.settle();
  }

  /** Widen by a factor and move the centre by a share of the width. */
  rewindow(factor, shift) {
    const { least, most } = this.film.reach;
    this.view.width = clamp(this.view.width * factor, LEAST_WIDTH, 2 * (most - least));
    this.view.centre = clamp(this.view.centre + shift * Math.max(this.view.width, 0.1), least, most);
  }

  #at(event) {
    const area = this.element.getBoundingClientRect();
    return { x: (event.clientX - area.left) * this.ratio, y: (event.clientY - area.top) * this.ratio };
  }

  #listen() {
    const on = (kind, act) => this.element.addEventListener(kind, act, { passive: false });
    on("contextmenu", (event) => event.preventDefault());
    on("pointerdown", (event) => this.#press(event));
    on("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) on(kind, (event) => this.pointers.delete(event.pointerId));
    on("pointerleave", () => this.hooks.point(this, null));
    on("dblclick", () => this.film && this.hooks.act("fit", this));
    on("wheel", (event) => this.#wheel(event));
    on("focus", () => this.hooks.choose(this));
  }

  #press(event) {
    if (!this.film) return;
    this.element.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    this.hooks.choose(this);
    event.preventDefault();
    this.pointers.set(event.pointerId, { ...this.#at(event), button: event.button });
  }

  #move(event) {
    if (!this.film) return;
    const [before, now] = [this.pointers.get(event.pointerId), this.#at(event)];
    this.#point(now);
    if (!before) return;
    if (this.pointers.size === 2) this.#pinch(event.pointerId, before, now);
    else this.#drag(event, before, now);
    this.pointers.set(event.pointerId, { ...now, button: before.button });
    this.hooks.changed(this);
  }

  #drag(event, before, now) {
    const [x, y] = [now.x - before.x, now.y - before.y];
    const tool = { 1: "pan", 2: "window" }[before.button] || (event.shiftKey ? "pan" : this.hooks.ui.tool);
    if (tool === "pan") this.pan(x, y);
    else if (tool === "zoom") this.zoom(Math.exp(-y / (200 * this.ratio)));
    else this.rewindow(Math.exp(x / (260 * this.ratio)), y / (420 * this.ratio));
  }

  #pinch(moved, before, now) {
    const [, other] = [...this.pointers].find(([id]) => id !== moved);
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    const apart = (one) => Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1);
    this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.zoom(apart(now) / apart(before), middle);
  }

  #wheel(event) {
    // a page that is scrolled past the viewer goes on
    const leaving = event.deltaY > 0 && this.view.zoom <= 1.001 && !event.ctrlKey;
    if (!this.film || leaving) return;
    event.preventDefault();
    this.hooks.choose(this);
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-clamp(event.deltaY * lines, -120, 120) / 400), this.#at(event));
    if (event.deltaY > 0 && this.view.zoom < 1.03) this.view.zoom = Math.min(this.view.zoom, 1);
    this.hooks.changed(this);
  }

  #point(at) {
    const { left, top, width, height } = this.box;
    const place = { x: (at.x - left) / width, y: (at.y - top) / height };
    const inside = place.x >= 0 && place.x < 1 && place.y >= 0 && place.y < 1;
    this.hooks.point(this, inside ? place : null);
  }
}
