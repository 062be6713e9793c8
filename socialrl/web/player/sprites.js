// Pictures of one cell, as `socialrl_envs.sprites`, `ground` and `tokens` draw them, at any size. A test compares.
/** @import { Art, Colour, Palette } from "./data.js" @import { Pen } from "./dom.js" */
// Coordinates are in cells, with (0, 0) in the middle; x grows to the right and y downwards.

const WHITE = /** @type {Colour} */ ([255, 255, 255]), BLACK = /** @type {Colour} */ ([0, 0, 0]);
const TINY = 10; // pixels: in smaller cells faces, letters and marks would only blur the colour
const [UP, RIGHT, DOWN, LEFT] = [1, 2, 4, 8];
/** Up, right, down, left, and the diagonals, as (row, column). */
export const AROUND = [[-1, 0], [0, 1], [1, 0], [0, -1], [-1, 1], [1, 1], [1, -1], [-1, -1]];
/** @param {Colour} colour @param {number} [alpha] */
export const css = (colour, alpha = 1) => `rgb(${colour[0]} ${colour[1]} ${colour[2]} / ${alpha})`;
/** `share` of b in a. @param {Colour} a @param {Colour} b @param {number} share @returns {Colour} */
export const mix = (a, b, share) => /** @type {Colour} */ (a.map((p, i) => Math.round(p + (b[i] - p) * share)));
/** The perceived brightness: 0 black, 1 white. @param {Colour} colour */
export const luminance = (colour) => (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255;
/** An ink that can be read on a colour. @param {Colour} colour @param {number} [limit] @returns {Colour} */
const inkOn = (colour, limit = 0.62) => (luminance(colour) > limit ? [38, 34, 30] : WHITE);

// Shapes are filled if they are given a style; else they are the pen's path.
/** @param {Pen} pen @param {number} x @param {number} y @param {number} radius @param {string} [style] */
export function disc(pen, x, y, radius, style) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  if (style) fill(pen, style);
}
/** @param {Pen} pen @param {number} x @param {number} y @param {number} w half @param {number} h half @param {number} r @param {string} [style] */
function box(pen, x, y, w, h, r, style) {
  pen.beginPath();
  pen.roundRect(x - w, y - h, 2 * w, 2 * h, r);
  if (style) fill(pen, style);
}
/** @param {Pen} pen @param {string|CanvasGradient} style @param {number} x @param {number} y @param {number} w @param {number} h */
export function rect(pen, style, x, y, w, h) {
  pen.fillStyle = style;
  pen.fillRect(x, y, w, h);
}
/** @param {Pen} pen @param {number[][]} points @param {string} [style] */
export function polygon(pen, points, style) {
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.closePath();
  if (style) fill(pen, style);
}
/** @param {Pen} pen @param {string|CanvasGradient} style */
function fill(pen, style) {
  pen.fillStyle = style;
  pen.fill();
}

/** @param {Pen} pen @param {string} style @param {number} width @param {number[]} line x, y, x, y, ... */
function stroke(pen, style, width, line) {
  pen.strokeStyle = style;
  pen.lineWidth = width;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  for (let i = 0; i < line.length; i += 2) pen.lineTo(line[i], line[i + 1]);
  pen.stroke();
}
/** Outlines the path. @param {Pen} pen @param {string} style @param {number} width */
const outline = (pen, style, width) => Object.assign(pen, { strokeStyle: style, lineWidth: width }).stroke();
/** @param {Pen} pen @param {number} radius @param {string} style @param {number} width */
function ring(pen, radius, style, width) {
  disc(pen, 0, 0, radius);
  outline(pen, style, width);
}
/** A shape with a blurred edge: several times, smaller each time. @param {Pen} pen @param {(grown: number) => void} shape
 * @param {number} alpha @param {number} soft width of the edge */
function shadow(pen, shape, alpha, soft) {
  const layers = 5;
  for (let i = 0; i < layers; i++) {
    shape(soft * (0.5 - (i + 0.5) / layers));
    fill(pen, css(BLACK, alpha / layers));
  }
}

/** Lightens the path from the top (> 0) and darkens it to the bottom (< 0). @param {Pen} pen @param {number} top @param {number} bottom */
function shade(pen, top, bottom) {
  const gradient = pen.createLinearGradient(0, -0.35, 0, 0.35);
  gradient.addColorStop(0, css(WHITE, top));
  gradient.addColorStop(top / (top - bottom), css(WHITE, 0));
  gradient.addColorStop(top / (top - bottom), css(BLACK, 0));
  gradient.addColorStop(1, css(BLACK, -bottom));
  fill(pen, gradient);
}
/** A digit or a letter. @param {Pen} pen @param {Art} art @param {string} char @param {number} x @param {number} y
 * @param {number} height @param {number} width of its strokes @param {Colour} ink */
function glyph(pen, art, char, x, y, height, width, ink) {
  const unit = height / 6, words = Object.hasOwn(art.glyphs, char) ? art.glyphs[char].split(" ") : [];
  for (const word of words) {
    stroke(pen, css(ink), width, Array.from(word, (c, i) => (i % 2 ? y + (Number(c) - 3) * unit : x + (Number(c) - 2) * unit)));
  }
}
/** The mark of a coin or a goal: triangle, square, ring or plus. @param {Pen} pen @param {number} kind @param {number} r @param {string} style */
function mark(pen, kind, r, style) {
  if (kind === 0) return polygon(pen, [[0, -r], [r * 0.9, r * 0.62], [-r * 0.9, r * 0.62]], style);
  if (kind === 1) return box(pen, 0, 0, r * 0.72, r * 0.72, r * 0.15, style);
  if (kind === 2) return ring(pen, r * 0.66, style, r * 0.4);
  pen.beginPath();
  pen.rect(-r * 0.88, -r * 0.27, r * 1.76, r * 0.54);
  pen.rect(-r * 0.27, -r * 0.88, r * 0.54, r * 1.76);
  return fill(pen, style);
}
/** @param {Pen} pen @param {Art} art @param {number} kind @param {boolean} tiny */
export function coin(pen, art, kind, tiny) {
  const colour = art.coins[kind], r = 0.3;
  shadow(pen, (grown) => disc(pen, 0, 0.045, r + grown), 0.22, 0.09);
  disc(pen, 0, 0, r, css(mix(colour, BLACK, 0.28)));
  disc(pen, 0, 0, r - 0.035, css(colour));
  shade(pen, 0.22, -0.14);
  if (tiny) return;
  ring(pen, r - 0.065, css(WHITE, 0.35), 0.016);
  mark(pen, kind, 0.155, css(kind === 3 ? mix(colour, BLACK, 0.55) : WHITE, 0.92));
}

/** A goal; kind 0 is the plain look. @param {Pen} pen @param {Art} art @param {number} kind @param {boolean} tiny */
function goal(pen, art, kind, tiny) {
  shadow(pen, (grown) => box(pen, 0, 0.03, 0.34 + grown, 0.34 + grown, 0.1), 0.2, 0.08);
  box(pen, 0, 0, 0.34, 0.34, 0.1, css(kind ? art.plates[kind - 1] : art.plain));
  shade(pen, 0.16, -0.1);
  if (tiny) return;
  if (kind) return mark(pen, (kind - 1) % 4, 0.2, css(WHITE));
  ring(pen, 0.185, css(WHITE), 0.064);
  disc(pen, 0, 0, 0.08, css(WHITE));
}
/** A small yellow note. @param {Pen} pen @param {Art} art @param {string} text @param {boolean} tiny */
function note(pen, art, text, tiny) {
  shadow(pen, (grown) => box(pen, 0.3, 0.315, 0.185 + grown, 0.185 + grown, 0.05), 0.3, 0.05);
  box(pen, 0.3, 0.3, 0.185, 0.185, 0.05, css([255, 226, 122]));
  if (tiny) return;
  if (text !== "~") return glyph(pen, art, text, 0.3, 0.3, 0.27, 0.06, [60, 48, 16]);
  for (const dy of [-0.06, 0.05]) wave(pen, 0.3, 0.3 + dy, 0.13, 0.03, 40, css([30, 90, 170]));
}
/** @param {Pen} pen @param {number} x @param {number} y @param {number} half @param {number} height @param {number} turns @param {string} style */
function wave(pen, x, y, half, height, turns, style) {
  const line = Array.from({ length: 25 }, (_, i) => ((i - 12) / 12) * half);
  stroke(pen, style, 0.042, line.flatMap((dx) => [x + dx, y + height * Math.sin(dx * turns)]));
}
/** @param {Pen} pen */
function litter(pen) {
  const paper = [[-0.24, -0.12], [-0.08, -0.26], [0.1, -0.2], [0.14, -0.02], [0.0, 0.12], [-0.2, 0.08]];
  shadow(pen, () => polygon(pen, paper.map(([x, y]) => [x, y + 0.04])), 0.25, 0.08);
  polygon(pen, paper, css([233, 229, 219]));
  const folds = [[-0.2, -0.06, 0.02, -0.1], [0.02, -0.1, 0.09, -0.18], [0.02, -0.1, -0.02, 0.07]];
  for (const fold of folds) stroke(pen, css([171, 165, 152]), 0.025, fold);
  pen.rotate(0.455);
  box(pen, 0.2, 0.06, 0.17, 0.085, 0.03, css([122, 134, 148]));
  shade(pen, 0.25, -0.15);
}
/** @param {Pen} pen */
function key(pen) {
  const gold = /** @type {Colour} */ ([226, 178, 40]);
  for (const [style, grown] of /** @type {[string, number][]} */ ([[css(mix(gold, BLACK, 0.5)), 0.05], [css(gold), 0]])) {
    disc(pen, -0.17, 0, 0.12);
    outline(pen, style, 0.09 + grown);
    stroke(pen, style, 0.09 + grown, [-0.03, 0, 0.33, 0]);
    stroke(pen, style, 0.09 + grown, [0.3, 0, 0.3, 0.14]);
    stroke(pen, style, 0.08 + grown, [0.17, 0, 0.17, 0.11]);
  }
}
/** @param {Pen} pen @param {boolean} tiny */
function door(pen, tiny) {
  const wood = /** @type {Colour} */ ([150, 98, 58]), gold = css([226, 178, 40]);
  box(pen, 0, 0, 0.44, 0.47, 0.05, css(mix(wood, BLACK, 0.5)));
  box(pen, 0, 0.03, 0.34, 0.44, 0.03, css(wood));
  shade(pen, 0.12, -0.1);
  if (tiny) return;
  for (const x of [-0.115, 0.115]) stroke(pen, css(BLACK, 0.25), 0.016, [x, -0.4, x, 0.46]);
  disc(pen, 0.2, 0.02, 0.06, gold);
  stroke(pen, gold, 0.05, [0.2, 0.06, 0.2, 0.14]);
}

/** A general object. @param {Pen} pen @param {Art} art @param {number} kind @param {boolean} tiny */
function token(pen, art, kind, tiny) {
  const colour = art.tokens[kind], number = kind % 5;
  /** @param {number} g how much larger */
  const shape = (g) => {
    if (number === 0) box(pen, 0, 0, 0.31 + g, 0.31 + g, 0.04);
    else if (number === 1) polygon(pen, [[0, -0.42 - g], [0.42 + g, 0], [0, 0.42 + g], [-0.42 - g, 0]]);
    else if (number === 2) polygon(pen, [[0, -0.4 - 1.9 * g], [0.43 + 1.5 * g, 0.34 + g], [-0.43 - 1.5 * g, 0.34 + g]]);
    else if (number === 3) {
      const [a, b, c] = [0.2 + 0.6 * g, 0.35 + g, 0.4 + 1.1 * g];
      polygon(pen, [[-a, -b], [a, -b], [c, 0], [a, b], [-a, b], [-c, 0]]);
    } else {
      pen.beginPath();
      pen.roundRect(-0.37 - g, -0.19 - g, 0.74 + 2 * g, 0.38 + 2 * g, 0.05);
      pen.roundRect(-0.19 - g, -0.37 - g, 0.38 + 2 * g, 0.74 + 2 * g, 0.05);
    }
  };
  shadow(pen, (grown) => shape(0.01 + grown), 0.2, 0.1);
  shape(0);
  fill(pen, css(mix(colour, BLACK, 0.35)));
  shape(-0.035);
  fill(pen, css(colour));
  const letter = art.objects[kind].toUpperCase();
  if (!tiny) glyph(pen, art, letter, 0, number === 2 ? 0.06 : 0, 0.25, 0.055, inkOn(colour, 0.55));
}
/** The sign for a tile that has no sprite. @param {Pen} pen */
function strange(pen) {
  const style = css([150, 110, 190]);
  box(pen, 0, 0, 0.27, 0.27, 0.06);
  outline(pen, style, 0.04);
  stroke(pen, style, 0.05, [-0.13, -0.13, 0.13, 0.13]);
  stroke(pen, style, 0.05, [-0.13, 0.13, 0.13, -0.13]);
}
/** A whole cell, rounded where nothing of its kind is on either side of a corner.
 * @param {Pen} pen @param {number} mask @param {number} r @param {string} style */
function joined(pen, mask, r, style) {
  const corners = [[UP, LEFT], [UP, RIGHT], [DOWN, RIGHT], [DOWN, LEFT]].map(([a, b]) => (mask & (a | b) ? 0 : r));
  pen.beginPath();
  pen.roundRect(-0.5, -0.5, 1, 1, corners);
  fill(pen, style);
}

/** @param {Pen} pen @param {Palette} palette @param {number} shadows @param {number} size pixels of a cell */
function floor(pen, palette, shadows, size) {
  const thick = Math.max(0.018, 0.5 / size);
  rect(pen, css(palette.line), -0.5, -0.5, 1, 1);
  box(pen, 0, 0, 0.5 - thick, 0.5 - thick, 0.03, css(palette.floor));
  const falls = /** @type {[number, number[], number][]} */ ([[UP, [0, -0.5, 0, -0.36], 0.114], [LEFT, [-0.5, 0, -0.42, 0], 0.064]]);
  for (const [bit, [x0, y0, x1, y1], alpha] of falls) {
    if (!(shadows & bit)) continue;
    const gradient = pen.createLinearGradient(x0, y0, x1, y1);
    gradient.addColorStop(0, css(BLACK, alpha));
    gradient.addColorStop(1, css(BLACK, 0));
    rect(pen, gradient, -0.5, -0.5, 1, 1);
  }
}
/** @param {Pen} pen @param {Palette} palette @param {number} mask */
function wall(pen, palette, mask) {
  joined(pen, mask, 0.2, css(palette.front));
  if (!(mask & DOWN)) pen.translate(0, -0.17);
  joined(pen, mask, 0.2, css(palette.wall));
}
/** @param {Pen} pen @param {Palette} palette @param {number} mask */
function water(pen, palette, mask) {
  joined(pen, mask, 0.28, css(palette.water));
  if (!(mask & UP)) {
    pen.save();
    pen.clip();
    rect(pen, css(BLACK, 0.12), -0.5, -0.5, 1, 0.08);
    pen.restore();
  }
  for (const [x, y] of [[-0.14, -0.14], [0.14, 0.2]]) wave(pen, x, y, 0.2, 0.045, 22, css(palette.wave));
}
/** @param {Pen} pen @param {Palette} palette */
function bridge(pen, palette) {
  for (let i = 0; i < 4; i++) {
    const y = -0.375 + i * 0.25;
    box(pen, 0, y, 0.46, 0.105, 0.03, css(mix(palette.plank, BLACK, 0.06 * (i % 2))));
    stroke(pen, css(BLACK, 0.15), 0.03, [-0.42, y + 0.085, 0.42, y + 0.085]);
    for (const x of [-0.37, 0.37]) disc(pen, x, y, 0.025, css(mix(palette.plank, BLACK, 0.5)));
  }
}

/** One cell of the ground, drawn around (0, 0). @param {Pen} pen @param {Art} art @param {string} theme @param {number} tile
 * @param {number} around bits of the neighbours that are walls (water, for water and bridges) @param {number} kind
 * @param {number} noted @param {number} size */
export function ground(pen, art, theme, tile, around, kind, noted, size) {
  const palette = art.palettes[theme], tiny = size < TINY;
  const [isWall, wet] = [tile === 1, tile === 2 || tile === 3];
  floor(pen, palette, isWall || wet ? 0 : around, size);
  pen.save();
  if (isWall) wall(pen, palette, around);
  else if (wet) water(pen, palette, around);
  if (tile === 3) bridge(pen, palette);
  if (tile > 3 && kind !== 255) thing(pen, art, tile, kind, tiny);
  pen.restore();
  if (noted) note(pen, art, String.fromCharCode(noted), tiny);
}
/** @param {Pen} pen @param {Art} art @param {number} tile @param {number} kind @param {boolean} tiny */
function thing(pen, art, tile, kind, tiny) {
  if (tile === 4) return litter(pen);
  if (tile === 30) return key(pen);
  if (tile === 31) return door(pen, tiny);
  if (tile >= 10 && tile < 19) return goal(pen, art, kind <= 9 ? kind : 0, tiny);
  if (tile >= 20 && tile < 20 + art.coins.length) return coin(pen, art, tile - 20, tiny);
  if (tile >= 40 && tile < 40 + art.tokens.length) return token(pen, art, tile - 40, tiny);
  return strange(pen);
}

const POINTERS = [[0, -1], [1, 0], [0, 1], [-1, 0]]; // x, y of each heading

/** A round figure with a letter, and a pointer if it has a heading. @param {Pen} pen @param {Art} art @param {Colour} colour
 * @param {string} letter @param {number} size pixels of a cell @param {number|null} heading @param {boolean} [marked] */
export function figure(pen, art, colour, letter, size, heading = null, marked = false) {
  const tiny = size < TINY, r = tiny && heading === null ? 0.42 : 0.36, rim = css(mix(colour, BLACK, 0.3));
  shadow(pen, (grown) => disc(pen, 0, 0.05, r + 0.02 + grown), 0.3, 0.1);
  if (marked) disc(pen, 0, 0, r + 0.12, css(mix(colour, WHITE, 0.35), 0.55));
  if (heading !== null) {
    const [px, py] = POINTERS[heading], [near, far, side] = [0.28, 0.5, 0.21];
    polygon(pen, [[px * near + py * side, py * near - px * side], [px * far, py * far], [px * near - py * side, py * near + px * side]]);
    pen.lineJoin = "round";
    outline(pen, css(WHITE), 0.07);
    fill(pen, rim);
  }
  disc(pen, 0, 0, r + 0.035, css(WHITE));
  disc(pen, 0, 0, r, rim);
  disc(pen, 0, -0.012, r - 0.022, css(colour));
  shade(pen, 0.16, -0.12);
  if (tiny) return;
  for (const side of [-1, 1]) box(pen, side * 0.1, -0.13, 0.036, 0.062, 0.036, css(inkOn(colour)));
  glyph(pen, art, letter, 0, 0.115, 0.21, 0.05, inkOn(colour));
}
