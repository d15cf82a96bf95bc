// Buttons, sliders and keys: each names one of the viewer's actions.

const PRESETS = {
  default: { centre: 0.5, width: 1 },
  lungs: { centre: 0.32, width: 0.6 },
  soft: { centre: 0.58, width: 0.45 },
  bone: { centre: 0.75, width: 0.5 },
};

const KEYS = {
  "+": "in", "=": "in", "-": "out", f: "fit", 0: "fit", o: "actual", i: "invert", r: "reset",
  w: "window", p: "pan", z: "zoom", 1: "default", 2: "lungs", 3: "soft", 4: "bone",
  "[": "narrower", "]": "wider", ",": "lower", ".": "higher",
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
  h: "heat", m: "marker", l: "link", s: "full", "?": "help",
};

const SHIFTED = { ArrowLeft: "narrower", ArrowRight: "wider", ArrowUp: "lower", ArrowDown: "higher" };

/** What an action does to the view of a stage. */
const MOVES = {
  in: (stage) => stage.zoom(1.25),
  out: (stage) => stage.zoom(0.8),
  fit: (stage) => Object.assign(stage.view, { zoom: 1, x: 0.5, y: 0.5 }),
  actual: (stage) => stage.zoom(stage.actual / stage.view.zoom),
  invert: (stage) => Object.assign(stage.view, { invert: !stage.view.invert }),
  reset: (stage) => Object.assign(stage.view, FRESH),
  narrower: (stage) => stage.rewindow(0.9, 0),
  wider: (stage) => stage.rewindow(1 / 0.9, 0),
  lower: (stage) => stage.rewindow(1, -0.05),
  higher: (stage) => stage.rewindow(1, 0.05),
  left: (stage) => stage.pan(0.1 * stage.canvas.width, 0),
  right: (stage) => stage.pan(-0.1 * stage.canvas.width, 0),
  up: (stage) => stage.pan(0, 0.1 * stage.canvas.height),
  down: (stage) => stage.pan(0, -0.1 * stage.canvas.height),
};
for (const [name, preset] of Object.entries(PRESETS)) MOVES[name] = (stage) => Object.assign(stage.view, preset);

const TOOLS = ["window", "pan", "zoom"];
const SWITCHES = ["heat", "marker", "link"];

/** Sliders run over 0..1 of these; widths are spaced by their ratios. */
const SLIDERS = {
  width: {
    get: ({ view, film }) => Math.log(view.width / LEAST_WIDTH) / Math.log(widest(film) / LEAST_WIDTH),
    set: ({ view, film }, place) => (view.width = LEAST_WIDTH * (widest(film) / LEAST_WIDTH) ** place),
    text: ({ view, film }) => shortened(film.measured(view).width),
  },
  centre: {
    get: ({ view, film }) => (view.centre - film.reach.least) / (film.reach.most - film.reach.least),
    set: ({ view, film }, place) => (view.centre = film.reach.least + place * (film.reach.most - film.reach.least)),
    text: ({ view, film }) => shortened(film.measured(view).centre),
  },
  opacity: { get: (_, ui) => ui.opacity, set: (_, place, ui) => (ui.opacity = place), text: (_, ui) => percent(ui.opacity) },
  threshold: {
    get: (_, ui) => ui.threshold,
    set: (_, place, ui) => (ui.threshold = place),
    text: (_, ui) => ui.threshold.toFixed(2),
  },
};

const percent = (share) => `${Math.round(100 * share)} %`;
const widest = (film) => 2 * (film.reach.most - film.reach.least);

class Controls {
  constructor(root, viewer) {
    this.root = root;
    this.viewer = viewer;
    this.preset = root.querySelector("select");
    this.help = root.querySelector(".help");
    this.status = root.querySelector(".status");
    root.querySelector(".bar").addEventListener("click", (event) => this.#click(event));
    root.querySelector(".help button").addEventListener("click", () => this.toggleHelp(false));
    root.querySelector(".sliders").addEventListener("input", (event) => this.#slide(event));
    root.addEventListener("keydown", (event) => this.#key(event));
    this.preset.addEventListener("change", () => viewer.act(this.preset.value));
  }

  #click(event) {
    const button = event.target.closest("[data-act]");
    if (button) this.viewer.act(button.dataset.act);
  }

  #slide({ target }) {
    const { active, ui } = this.viewer;
    if (!active || !active.film) return;
    SLIDERS[target.name].set(active, Number(target.value) / 1000, ui);
    this.viewer.changed(active);
  }

  #key(event) {
    if (event.key === "Escape" && !this.help.hidden) return this.#taken(event, () => this.toggleHelp(false));
    const typed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = event.shiftKey && SHIFTED[event.key] ? SHIFTED[event.key] : KEYS[typed];
    const moving = typed.startsWith("Arrow") && event.target.matches("input, select");
    if (!act || moving || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
    this.#taken(event, () => this.viewer.act(act));
    this.#say();
  }

  /** The page has keys of its own, such as r. */
  #taken(event, act) {
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  #say() {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      const { active } = this.viewer;
      this.status.textContent = active && active.film ? setting(active) : "";
    }, 400);
  }

  toggleHelp(wanted = this.help.hidden) {
    this.help.hidden = !wanted;
    if (wanted) this.help.querySelector("button").focus();
    else if (this.viewer.active) this.viewer.active.element.focus({ preventScroll: true });
  }

  /** Show in buttons and sliders what holds for the active stage. */
  update() {
    const { active, stages, ui } = this.viewer;
    if (!active || !active.film) return;
    for (const tool of TOOLS) this.#press(tool, ui.tool === tool);
    for (const name of SWITCHES) this.#press(name, ui[name]);
    this.#press("invert", active.view.invert);
    this.#offer("heat", stages.some((stage) => stage.heat));
    this.#offer("marker", stages.some((stage) => stage.told && stage.told.marker));
    this.#offer("link", stages.length > 1);
    const near = ({ centre, width }) => Math.abs(centre - active.view.centre) + Math.abs(width - active.view.width) < 1e-6;
    this.preset.value = Object.keys(PRESETS).find((name) => near(PRESETS[name])) || "own";
    for (const [name, slider] of Object.entries(SLIDERS)) this.#set(name, slider, active, ui);
  }

  #press(act, on) {
    this.root.querySelector(`[data-act=${act}]`).setAttribute("aria-pressed", on);
  }

  #offer(name, there) {
    for (const element of this.root.querySelectorAll(`[data-for=${name}]`)) element.hidden = !there;
  }

  #set(name, slider, active, ui) {
    const input = this.root.querySelector(`input[name=${name}]`);
    const text = slider.text(active, ui);
    input.value = Math.round(1000 * slider.get(active, ui));
    input.setAttribute("aria-valuetext", text);
    input.nextElementSibling.textContent = text;
  }
}
