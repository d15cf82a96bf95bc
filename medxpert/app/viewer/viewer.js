// The viewer: stages side by side, what they share, and what is remembered while Streamlit draws anew.

const SETTINGS = Object.freeze({ tool: "window", link: true, heat: true, marker: true, opacity: 0.5, threshold: 0.4 });
const REMEMBERED = 32;

/** Key of a viewer -> what its user has set; one page holds one module. */
const memory = new Map();

/** What makes a film the same film: its pixels and their meaning, not what is laid over it. */
function identity({ label, heat, heat_label, marker, png, ...picture }) {
  return JSON.stringify([png.id, picture]);
}

class Viewer {
  constructor(parent) {
    this.root = parent.querySelector(".viewer");
    this.stages = [];
    this.active = null;
    this.ui = { ...SETTINGS };
    this.shown = "";
    this.turn = 0;
    this.controls = new Controls(this.root, this);
  }

  async update(told, blobs) {
    const wanted = JSON.stringify(told);
    if (wanted === this.shown) return;
    this.shown = wanted;
    this.key = told.key;
    this.root.style.setProperty("--height", `${told.height}px`);
    const turn = (this.turn += 1);
    const found = await Promise.all(told.films.map((film, index) => this.#open(film, index, blobs)));
    if (turn === this.turn) this.#show(told, found);
  }

  async #open(told, index, blobs) {
    const cut = ({ start, length }) => blobs.subarray(start, start + length);
    const before = this.stages[index];
    const same = before && before.film && identity(before.told) === identity(told);
    try {
      const film = same ? before.film : await Film.open(told, cut(told.png));
      return { told, film, heat: told.heat ? await Heat.open(cut(told.heat)) : null };
    } catch (error) {
      return { told, fault: `The browser could not open this picture (${error.name}).` };
    }
  }

  #show({ films }, found) {
    const remembered = this.stages.length ? null : memory.get(this.key);
    if (remembered) this.ui = remembered.ui;
    const known = remembered ? remembered.films : this.#films();
    while (this.stages.length > films.length) this.stages.pop().close();
    while (this.stages.length < films.length) this.stages.push(new Stage(this.root.querySelector(".stages"), this));
    if (!this.stages.includes(this.active)) this.active = this.stages[0] || null;
    const same = films.map((film, index) => index < known.length && known[index].identity === identity(film));
    const shared = this.ui.link ? known[same.indexOf(true)] : null;
    found.forEach(({ told, film, heat, fault }, index) => {
      const before = same[index] ? known[index] : shared;
      this.stages[index].view = { ...(before ? before.view : FRESH) };
      if (fault) this.stages[index].fail(fault);
      else this.stages[index].show(told, film, heat);
    });
    this.draw();
  }

  #films() {
    return this.stages.map(({ film, told, view }) => ({ identity: film ? identity(told) : "", view }));
  }

  #remember() {
    memory.delete(this.key);
    memory.set(this.key, { films: this.#films(), ui: this.ui });
    if (memory.size > REMEMBERED) memory.delete(memory.keys().next().value);
  }

  choose(stage) {
    this.root.classList.toggle("several", this.stages.length > 1 && !this.ui.link);
    if (this.active === stage) return;
    this.active = stage;
    this.draw();
  }

  /** A stage has moved: the linked ones follow. */
  changed(stage) {
    if (this.ui.link) for (const other of this.stages) if (other !== stage) other.view = { ...stage.view };
    this.draw();
  }

  point(stage, place) {
    stage.cursor = place;
    for (const other of this.stages) {
      if (other !== stage) other.cursor = place && this.ui.link ? { ...place, elsewhere: true } : null;
    }
    this.draw();
  }

  act(name, stage = this.active) {
    if (name === "help") return this.controls.toggleHelp();
    if (name === "full") return this.#full();
    if (TOOLS.includes(name) && !MOVES[name]) this.ui.tool = name;
    else if (SWITCHES.includes(name)) this.#toggle(name);
    else if (stage && stage.film) MOVES[name](stage);
    if (stage) this.changed(stage);
    this.choose(stage);
  }

  #toggle(name) {
    this.ui[name] = !this.ui[name];
    if (!this.ui.link) for (const stage of this.stages) if (stage.cursor && stage.cursor.elsewhere) stage.cursor = null;
  }

  #full() {
    if (this.root.getRootNode().fullscreenElement) document.exitFullscreen();
    else if (this.root.requestFullscreen) this.root.requestFullscreen();
  }

  /** Draw once before the browser shows the next picture, however often it is asked for. */
  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      for (const stage of this.stages) {
        stage.element.classList.toggle("active", stage === this.active);
        stage.draw();
      }
      this.controls.update();
      this.#remember();
    });
  }

  close() {
    this.turn += 1;
    cancelAnimationFrame(this.drawing);
    for (const stage of this.stages) stage.watcher.disconnect();
  }
}

const viewers = new WeakMap();

export default function ({ data, parentElement }) {
  if (!viewers.has(parentElement)) viewers.set(parentElement, new Viewer(parentElement));
  const viewer = viewers.get(parentElement);
  if (data) {
    const length = new DataView(data.buffer, data.byteOffset).getUint32(0);
    const told = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
    viewer.update(told, data.subarray(4 + length));
  }
  return () => {
    viewer.close();
    viewers.delete(parentElement);
  };
}
