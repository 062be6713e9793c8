// Reads packed replays, see ../data.py. Whatever stands in one is data, and shown as text or drawn.

/** @typedef {Uint8Array|Int8Array|Uint16Array|Int32Array|Float32Array} Numbers */
/** @typedef {[number, number, number]} Colour red, green, blue: 0..255 */
/** @typedef {{missing?: string, title: string, names: string[], colours: Colour[], unit: string, after: boolean}} PlotText */
/** @typedef {{tab: string, array: string, novices: PlotText[]}} PlotTab */
/** What a replay says of itself. @typedef {{name: string, experiment: string, arm: string, seed: number, step: number,
 * agents: string[], novices: number[], sources: string[], source_seats: (number|null)[], actions: string[],
 * cumulants: string[], channels: string[], preferences: number[][]|null, value_unit: "reward"|"logit"|null,
 * turning: boolean, view: [string, number, boolean], colours: Colour[], source_colours: (Colour|null)[], source_marks: string[],
 * recorded: string[], left_out: string[], concepts: {name: string, meaning: string, values: string[]}[],
 * plots: PlotTab[], arrays: [string, string, number[]][]}} Facts */
/** What the page shows first, its keys (keys, label, text), and the colours of pictures.
 * @typedef {{which: number, episode: number, t: number, speeds: number[], discount: number, ahead: number,
 * left_out: string[], commands: [string[], string, string][], art: Art}} Settings */
/** @typedef {{name: string} & Record<"page"|"card"|"line"|"ink"|"quiet"|"accent"|"reward"|"penalty", Colour>} Theme */
/** @typedef {Record<"floor"|"line"|"wall"|"front"|"water"|"wave"|"plank"|"fog", Colour>} Palette */
/** The colours and letters of pictures. @typedef {{themes: Record<string, Theme>, palettes: Record<string, Palette>,
 * glyphs: Record<string, string>, coins: Colour[], coin_names: string[], plates: Colour[], plain: Colour,
 * tokens: Colour[], objects: string, channels: Colour[], rgb: string[]}} Art */

const ITEMS = /** @type {const} */ ({ u1: Uint8Array, i1: Int8Array, u2: Uint16Array, i4: Int32Array, f4: Float32Array });
export const LEVELS = 16; // of grey in pictures of views and of occupancy
export const TOO_LARGE = "left out of this page, which would be too large";
export const WALL = 1;
export const SEATS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/** The bytes of a base64 text. @param {string} text */
function fromBase64(text) {
  const letters = atob(text.trim());
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}
/** The bytes that gzip compressed. @param {Uint8Array<ArrayBuffer>} bytes */
async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
/** JSON that was packed as gzip and base64. @param {string} text @returns {Promise<any>} */
export const unpackJson = async (text) => JSON.parse(new TextDecoder().decode(await inflate(fromBase64(text))));

/** A packed replay. @param {string} text base64 */
export async function unpack(text) {
  const raw = await inflate(fromBase64(text));
  const size = new DataView(raw.buffer).getUint32(0, true);
  const facts = /** @type {Facts} */ (JSON.parse(new TextDecoder().decode(raw.subarray(4, 4 + size))));
  const tables = /** @type {Map<string, Table>} */ (new Map());
  let at = 4 + size;
  for (const [name, kind, shape] of facts.arrays) {
    const Item = ITEMS[/** @type {keyof typeof ITEMS} */ (kind)];
    const count = shape.reduce((a, b) => a * b, 1), width = Item.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array(count * width);
    for (let plane = 0; plane < width; plane++) {
      for (let i = 0, from = at + plane * count; i < count; i++) bytes[i * width + plane] = raw[from + i];
    }
    tables.set(name, new Table(new Item(bytes.buffer), shape));
    at += count * width;
  }
  return new Replay(facts, tables);
}

/** An array with axes. */
export class Table {
  /** @param {Numbers} data @param {number[]} shape */
  constructor(data, shape) {
    this.data = data;
    this.shape = shape;
    this.strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  }
  /** One number. @param {...number} index one per axis */
  at = (...index) => this.data[this.place(index)];
  /** All numbers behind the first axes. @param {...number} index */
  row(...index) {
    const from = this.place(index);
    return this.data.subarray(from, from + this.strides[index.length - 1]);
  }
  /** @param {number[]} index */
  place(index) {
    let place = 0;
    for (let axis = 0; axis < index.length; axis++) place += index[axis] * this.strides[axis];
    return place;
  }
}

/** Recorded episodes and the decision of every step. Axes are those of `socialrl.record.replay.Replay`. */
export class Replay {
  /** @param {Facts} facts @param {Map<string, Table>} tables */
  constructor(facts, tables) {
    this.facts = facts;
    this.tables = tables;
    this.episodes = this.table("length").data.length;
    this.rows = this.table("grounds").shape[2];
    this.columns = this.table("grounds").shape[3];
  }
  has = (/** @type {string} */ name) => this.tables.has(name);
  /** @param {string} name */
  table(name) {
    const found = this.tables.get(name);
    if (!found) throw new Error(`no array ${name}`);
    return found;
  }
  /** The steps of an episode, which has one state more. @param {number} episode */
  steps = (episode) => this.table("length").at(episode);
  /** The seat behind a source; for the first that of the novice. @param {number} source @param {number} novice */
  seatOf = (source, novice) => this.facts.source_seats[source] ?? this.facts.novices[novice];
  /** The colour of a source; for the first that of the novice. @param {number} source @param {number} novice */
  colourOf = (source, novice) => this.facts.source_colours[source] ?? this.facts.colours[this.facts.novices[novice]];
  /** The sign of a source; for the first the letter of the novice. @param {number} source @param {number} novice */
  markOf = (source, novice) => this.facts.source_marks[source] || SEATS[this.facts.novices[novice] % SEATS.length];
  /** The source followed in a step. @param {number} episode @param {number} t @param {number} novice */
  sourceAt = (episode, t, novice) => this.table("source").at(episode, Math.min(t, this.steps(episode) - 1), novice);
  /** The share of steps on which each seat is followed, of those that a source is about. @param {number} episode @param {number} novice */
  seatShares(episode, novice) {
    const counts = this.facts.sources.map(() => 0), steps = this.steps(episode), shares = /** @type {Map<number, number>} */ (new Map());
    for (let t = 0; t < steps; t++) counts[this.sourceAt(episode, t, novice)] += 1 / steps;
    counts.forEach((share, source) => {
      const seat = this.seatOf(source, novice); // of a source about no seat, the novice's
      if (!source || this.facts.source_seats[source] !== null) shares.set(seat, (shares.get(seat) ?? 0) + share);
    });
    return shares;
  }
  /** The sum of a seat's rewards before state t. @param {number} episode @param {number} t @param {number} seat */
  returnAt(episode, t, seat) {
    let total = 0;
    for (let i = 0; i < t; i++) total += this.table("reward").at(episode, i, seat);
    return total;
  }
  /** Whether a seat is on the grid. @param {number} episode @param {number} t @param {number} seat */
  isPresent = (episode, t, seat) => this.table("present").at(episode, t, seat) > 0;
  /** Whether a novice has no other source, but an influence of the others. @param {number} episode @param {number} novice */
  hasInfluence(episode, novice) {
    const steps = Array.from({ length: this.steps(episode) }, (_, t) => this.table("influence").at(episode, t, novice));
    return this.facts.sources.length === 1 && steps.some(Number.isFinite);
  }
}
