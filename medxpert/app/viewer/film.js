// One film: levels unpacked from a PNG, greys by window, colours of a heat map.

const KEPT_FILMS = 6;
const INFERNO = [
  [0, 0, 4], [27, 12, 65], [74, 12, 107], [120, 28, 109], [165, 44, 96],
  [207, 68, 70], [237, 105, 37], [251, 155, 6], [247, 209, 61], [252, 255, 164],
];

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/** Colours of 0..255, evenly between the anchors. */
const HEAT_COLOURS = Array.from({ length: 256 }, (_, index) => {
  const place = (index / 255) * (INFERNO.length - 1);
  const before = Math.min(Math.floor(place), INFERNO.length - 2);
  return INFERNO[before].map((from, channel) => Math.round(from + (place - before) * (INFERNO[before + 1][channel] - from)));
});

/** One pixel as the four bytes of an ImageData. */
const packed = (red, green, blue, alpha) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;

async function pixelsOf(blob) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(new Blob([blob], { type: "image/png" }), options);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

/** Levels of a grey PNG; of a deep one, whose high bytes stand above its low bytes. */
function levelsOf(rgba, deep) {
  const levels = new Uint16Array(rgba.length / (deep ? 8 : 4));
  const below = deep ? rgba.length / 2 : 0;
  for (let index = 0, at = 0; index < levels.length; index += 1, at += 4) {
    levels[index] = deep ? (rgba[at] << 8) | rgba[below + at] : rgba[at];
  }
  return levels;
}

const unpacked = new Map();

/** Unpack a PNG once; the last few are kept, so that coming back to a screen shows no gap. */
async function kept(id, unpack) {
  if (!unpacked.has(id)) {
    unpacked.set(id, unpack());
    if (unpacked.size > KEPT_FILMS) unpacked.delete(unpacked.keys().next().value);
  }
  try {
    return await unpacked.get(id);
  } catch (error) {
    unpacked.delete(id);
    throw error;
  }
}

class Film {
  constructor(told, levels) {
    this.told = told;
    this.width = told.width;
    this.height = told.height;
    this.levels = levels;
    this.canvas = new OffscreenCanvas(this.width, this.height);
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(this.width, this.height);
    this.greys = new Uint32Array(this.image.data.buffer);
    this.rendered = "";
  }

  static async open(told, blob) {
    const { id } = told.png;
    return new Film(told, await kept(id, async () => levelsOf(await pixelsOf(blob), told.num_levels > 256)));
  }

  get step() {
    return (this.told.hi - this.told.lo) / (this.told.num_levels - 1);
  }

  /** The film's own window is 0 (shown black) to 1 (shown white): what windows of several films are linked by. */
  fraction(value) {
    const { black, white, inverted } = this.told;
    const place = (value - black) / (white - black);
    return inverted ? 1 - place : place;
  }

  /** Width and centre of a window in the film's values. */
  measured(view) {
    const { black, white, inverted } = this.told;
    const centre = inverted ? 1 - view.centre : view.centre;
    return { width: view.width * (white - black), centre: black + centre * (white - black) };
  }

  /** The least and greatest fraction that a level has. */
  get reach() {
    const ends = [this.fraction(this.told.lo), this.fraction(this.told.hi), 0, 1];
    return { least: Math.min(...ends), most: Math.max(...ends) };
  }

  value(x, y) {
    return this.told.lo + this.step * this.levels[y * this.width + x];
  }

  grey(level, view) {
    const place = (this.fraction(this.told.lo + this.step * level) - view.centre) / view.width;
    const grey = this.told.sigmoid ? 1 / (1 + Math.exp(-4 * place)) : clamp(place + 0.5, 0, 1);
    return Math.round(255 * (view.invert ? 1 - grey : grey));
  }

  /** Return a canvas with the film as its window shows it; nothing is computed twice. */
  render(view) {
    const wanted = `${view.centre} ${view.width} ${view.invert}`;
    if (wanted === this.rendered) return this.canvas;
    const table = new Uint32Array(this.told.num_levels);
    for (let level = 0; level < table.length; level += 1) {
      const grey = this.grey(level, view);
      table[level] = packed(grey, grey, grey, 255);
    }
    const { levels, greys } = this;
    for (let index = 0; index < levels.length; index += 1) greys[index] = table[levels[index]];
    this.context.putImageData(this.image, 0, 0);
    this.rendered = wanted;
    return this.canvas;
  }
}

class Heat {
  constructor(width, height, values) {
    this.values = values;
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d");
    this.rendered = -1;
  }

  static async open(blob) {
    const view = new DataView(blob.buffer, blob.byteOffset);
    // width and height stand at fixed places of every PNG
    const heat = new Heat(view.getUint32(16), view.getUint32(20), null);
    heat.values = levelsOf(await pixelsOf(blob), false);
    return heat;
  }

  /** What it is at a place in 0..1 of the picture. */
  value({ x, y }) {
    const { width, height } = this.canvas;
    return this.values[Math.floor(y * height) * width + Math.floor(x * width)] / 255;
  }

  /** Return a canvas with colours from the threshold (0..1) on, transparent below it. */
  render(threshold) {
    if (threshold === this.rendered) return this.canvas;
    const image = this.context.createImageData(this.canvas.width, this.canvas.height);
    const table = HEAT_COLOURS.map(([red, green, blue], value) => {
      // the edge is two steps soft, so that it does not flicker
      const alpha = Math.round(255 * clamp((value - 255 * threshold) / 2 + 0.5, 0, 1));
      return packed(red, green, blue, alpha);
    });
    const colours = new Uint32Array(image.data.buffer);
    this.values.forEach((value, index) => (colours[index] = table[value]));
    this.context.putImageData(image, 0, 0);
    this.rendered = threshold;
    return this.canvas;
  }
}
