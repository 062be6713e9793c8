// The world: the ground, the paths of the seats, the view of the chosen seat, and whom the novice follows.
import { Replay, SEATS, WALL } from "./data.js";
import { chosen, replayOf, sourceOf } from "./scene.js";
import { drawing, make, redraw } from "./dom.js";
import { AROUND, css, disc, figure, ground, mix, polygon } from "./sprites.js";
/** @import { Art, Colour } from "./data.js" @import { Pen } from "./dom.js" @import { Scene } from "./scene.js" */
/** @typedef {{x: number, y: number, size: number}} Place in cells */

const TRAIL = 14; // states, as far back as trails go

/** Which cells a seat has in view, as `socialrl_envs.visibility` says; null if that is the whole grid.
 * @param {Replay} replay @param {Uint8Array} tiles @param {number[]} position @param {number} heading */
export function visible(replay, tiles, position, heading) {
  const [kind, size, occlusion] = replay.facts.view, { rows, columns } = replay;
  if (kind === "window" || kind === "grid") return null;
  const cells = []; // row by row of the view: row and column in the grid
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const half = Math.floor(size / 2), ahead = size - 1 - i, aside = j - half;
      const [down, right] = kind === "partial" ? [i - half, aside]
        : [[-ahead, aside], [aside, ahead], [ahead, -aside], [-aside, -ahead]][heading];
      cells.push([position[0] + down, position[1] + right]);
    }
  }
  const inside = cells.map(([r, c]) => r >= 0 && r < rows && c >= 0 && c < columns);
  const clear = cells.map(([r, c], i) => inside[i] && tiles[r * columns + c] !== WALL);
  const seen = occlusion ? lit(clear, size) : clear.map(() => true);
  const mask = new Uint8Array(rows * columns);
  cells.forEach(([r, c], i) => {
    if (inside[i] && seen[i]) mask[r * columns + c] = 1;
  });
  return mask;
}

/** Which cells of an egocentric view are seen past walls. @param {boolean[]} clear @param {number} size */
function lit(clear, size) {
  const half = Math.floor(size / 2), seen = clear.map(() => false);
  let reached = new Set([half]);
  for (let row = size - 1; row >= 0; row--) {
    const onwards = /** @type {Set<number>} */ (new Set());
    for (const step of [1, -1]) {
      let through = false;
      for (let column = half; column >= 0 && column < size; column += step) {
        const place = row * size + column;
        /** @type {boolean} */
        const here = through || reached.has(column);
        through = here && clear[place];
        seen[place] ||= here;
        if (through) onwards.add(column).add(column + step);
      }
    }
    reached = onwards;
  }
  return seen;
}

/** Where in its cell each present seat is drawn. @param {Replay} replay @param {number} episode @param {number} t */
export function places(replay, episode, t) {
  const together = /** @type {Map<number, number[]>} */ (new Map());
  const found = /** @type {Map<number, Place>} */ (new Map());
  for (let seat = 0; seat < replay.facts.agents.length; seat++) {
    if (!replay.isPresent(episode, t, seat)) continue;
    const [row, column] = replay.table("position").row(episode, t, seat), cell = row * replay.columns + column;
    together.set(cell, [...(together.get(cell) ?? []), seat]);
  }
  for (const [cell, seats] of together) {
    const row = Math.floor(cell / replay.columns), column = cell % replay.columns;
    seats.forEach((seat, i) => {
      const { x, y, size } = beside(i, seats.length);
      found.set(seat, { x: column + 0.5 + x, y: row + 0.5 + y, size });
    });
  }
  return found;
}
/** The place of the i-th of `count` figures in one cell. @param {number} i @param {number} count @returns {Place} */
function beside(i, count) {
  if (count === 1) return { x: 0, y: 0, size: 1 };
  if (count === 2) return { x: i ? 0.2 : -0.2, y: i ? 0.13 : -0.13, size: 0.68 };
  const columns = Math.ceil(Math.sqrt(count)), rows = Math.ceil(count / columns);
  return {
    x: ((i % columns) - (columns - 1) / 2) / columns,
    y: (Math.floor(i / columns) - (rows - 1) / 2) / columns,
    size: 1.04 / columns,
  };
}

/** Draws worlds; it keeps what is the same in many frames. */
export class World {
  /** @param {Art} art */
  constructor(art) {
    this.art = art;
    this.kept = /** @type {Map<string, HTMLCanvasElement>} */ (new Map());
  }
  /** What was drawn before under this name, or is drawn now. @param {string} name @param {number} width @param {number} height
   * @param {(pen: Pen) => void} draw */
  keep(name, width, height, draw) {
    const kept = this.kept.get(name) ?? drawing(width, height, draw);
    if (this.kept.size > 400) this.kept.clear();
    this.kept.set(name, kept);
    return kept;
  }
  /** Draws all of a state but its figures. @param {Pen} pen @param {Scene} s @param {number} cell pixels */
  draw(pen, s, cell) {
    const replay = replayOf(s), which = replay.table("ground").at(s.episode, s.t);
    const name = ["ground", s.which, which, cell, s.theme].join();
    const size = /** @type {const} */ ([replay.columns * cell, replay.rows * cell]);
    pen.drawImage(this.keep(name, ...size, (p) => this.ground(p, replay, which, cell, s.theme)), 0, 0);
    const mask = this.mask(s);
    if (mask) this.fog(pen, replay, mask, cell, s.theme, chosen(s));
    this.trails(pen, s, cell);
    if (s.t < replay.steps(s.episode)) this.follow(pen, s, cell);
  }
  /** The cells in view of the chosen seat; null if nothing is hidden. @param {Scene} s */
  mask(s) {
    const replay = replayOf(s), seat = chosen(s);
    if (!s.view || !replay.isPresent(s.episode, s.t, seat)) return null;
    const tiles = /** @type {Uint8Array} */ (replay.table("grounds").row(replay.table("ground").at(s.episode, s.t), 0));
    const position = Array.from(replay.table("position").row(s.episode, s.t, seat));
    const mask = visible(replay, tiles, position, replay.table("heading").at(s.episode, s.t, seat));
    return mask && tiles.some((tile, i) => tile !== WALL && !mask[i]) ? mask : null;
  }
  /** @param {Pen} pen @param {Replay} replay @param {number} which @param {number} cell @param {string} theme */
  ground(pen, replay, which, cell, theme) {
    const [tiles, notes, kinds] = [0, 1, 2].map((i) => replay.table("grounds").row(which, i));
    const { rows, columns } = replay;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const i = r * columns + c, tile = tiles[i], wet = tile === 2 || tile === 3;
        let around = 0;
        AROUND.slice(0, 4).forEach(([dr, dc], bit) => {
          const [row, column] = [r + dr, c + dc];
          const beyond = row < 0 || row >= rows || column < 0 || column >= columns;
          const next = beyond ? -1 : tiles[row * columns + column];
          if (beyond || (wet ? next === 2 || next === 3 : next === WALL)) around |= 1 << bit;
        });
        const name = ["tile", tile, around, kinds[i], notes[i], cell, theme].join();
        const tileOf = this.keep(name, cell, cell, (p) => {
          p.setTransform(cell, 0, 0, cell, cell / 2, cell / 2);
          ground(p, this.art, theme, tile, around, kinds[i], notes[i], cell);
        });
        pen.drawImage(tileOf, c * cell, r * cell);
      }
    }
  }
  /** Dims what is not in view, and outlines what is. @param {Pen} pen @param {Replay} replay @param {Uint8Array} mask
   * @param {number} cell @param {string} theme @param {number} seat */
  fog(pen, replay, mask, cell, theme, seat) {
    const { rows, columns } = replay, width = Math.max(1, Math.floor(cell / 14));
    pen.fillStyle = css(this.art.palettes[theme].fog, 0.55);
    for (let i = 0; i < mask.length; i++) if (!mask[i]) pen.fillRect((i % columns) * cell, Math.floor(i / columns) * cell, cell, cell);
    pen.fillStyle = css(replay.facts.colours[seat]);
    for (let i = 0; i < mask.length; i++) {
      if (!mask[i]) continue;
      const r = Math.floor(i / columns), c = i % columns;
      AROUND.forEach(([dr, dc]) => {
        const [row, column] = [r + dr, c + dc];
        if (row >= 0 && row < rows && column >= 0 && column < columns && mask[row * columns + column]) return;
        const x = c * cell + (dc > 0 ? cell - width : 0), y = r * cell + (dr > 0 ? cell - width : 0);
        pen.fillRect(x, y, dc ? width : cell, dr ? width : cell);
      });
    }
  }
  /** Dots along the paths of the last states, fainter with age. @param {Pen} pen @param {Scene} s @param {number} cell */
  trails(pen, s, cell) {
    const replay = replayOf(s), seats = replay.facts.agents.length, first = Math.max(0, s.t - TRAIL);
    const position = replay.table("position"), count = s.t - first + 1;
    for (let seat = 0; seat < seats; seat++) {
      const aside = (seat - (seats - 1) / 2) * Math.min(0.1, 0.5 / seats);
      for (let i = 0; i < count - 1; i++) {
        const t = first + i;
        if (!replay.isPresent(s.episode, t, seat) || !replay.isPresent(s.episode, t + 1, seat)) continue;
        const [r0, c0] = position.row(s.episode, t, seat), [r1, c1] = position.row(s.episode, t + 1, seat);
        if (r0 === r1 && c0 === c1) continue;
        const age = (count - 1 - i) / (TRAIL + 1);
        const style = css(replay.facts.colours[seat], 0.9 * (1 - age) ** 1.2), radius = Math.max(1, cell * 0.075 * (1.15 - age));
        for (const share of [0, 1 / 3, 2 / 3]) {
          disc(pen, (c0 + (c1 - c0) * share + 0.5 + aside) * cell, (r0 + (r1 - r0) * share + 0.5 + aside) * cell, radius, style);
        }
      }
    }
  }
  /** A curved arrow to the agent that is followed. @param {Pen} pen @param {Scene} s @param {number} cell */
  follow(pen, s, cell) {
    const replay = replayOf(s), spots = places(replay, s.episode, s.t);
    const novice = replay.facts.novices[s.novice], followed = replay.seatOf(sourceOf(s), s.novice);
    const [a, b] = [spots.get(novice), spots.get(followed)];
    if (followed === novice || !a || !b) return;
    const colour = replay.facts.colours[followed];
    const casing = s.theme === "light" ? "#fff" : css(mix(colour, [255, 255, 255], 0.85));
    arrow(pen, a, b, cell, css(mix(colour, [0, 0, 0], 0.1)), casing);
  }
}

/** The figures: small pictures above the world, which the browser moves by itself. */
export class Figures {
  element = make("div", "srl-figures", "", { "aria-hidden": "true" });
  all = /** @type {{canvas: HTMLCanvasElement, x: number, y: number}[]} */ ([]);
  /** @param {Art} art */
  constructor(art) {
    this.art = art;
  }
  /** Puts the seats of a state in their places. @param {Scene} s @param {Uint8Array|null} mask @param {number} cell pixels
   * @param {number} ratio pixels per length of the page @param {number} glide milliseconds that they take */
  show(s, mask, cell, ratio, glide) {
    const replay = replayOf(s), spots = places(replay, s.episode, s.t), { agents } = replay.facts;
    while (this.all.length < agents.length) this.all.push({ canvas: this.element.appendChild(make("canvas")), x: NaN, y: NaN });
    this.all.forEach((one, seat) => {
      const place = spots.get(seat), { canvas } = one;
      canvas.hidden = !place;
      if (!place) return;
      this.draw(canvas, s, seat, Math.max(1, Math.round(place.size * cell)), ratio);
      const far = Math.abs(one.x - place.x) + Math.abs(one.y - place.y) <= 1.7 ? glide : 0; // else it was put elsewhere
      [one.x, one.y] = [place.x, place.y];
      canvas.style.transitionDuration = `${far}ms`;
      canvas.style.transform = `translate(${(place.x * cell - canvas.width / 2) / ratio}px, ${(place.y * cell - canvas.height / 2) / ratio}px)`;
      const [row, column] = replay.table("position").row(s.episode, s.t, seat);
      canvas.style.opacity = mask && !mask[row * replay.columns + column] ? "0.4" : "1";
    });
  }
  /** @param {HTMLCanvasElement} canvas @param {Scene} s @param {number} seat @param {number} size pixels @param {number} ratio */
  draw(canvas, s, seat, size, ratio) {
    const replay = replayOf(s), { facts } = replay, heading = facts.turning ? replay.table("heading").at(s.episode, s.t, seat) : null;
    const marked = seat === chosen(s), letter = SEATS[seat % SEATS.length];
    redraw(canvas, [s.which, size, heading, marked, ratio].join(), Math.ceil(size * 1.4), size, (pen) => {
      canvas.style.width = canvas.style.height = `${canvas.width / ratio}px`;
      figure(pen, this.art, facts.colours[seat], letter, size, heading, marked);
    });
  }
}

/** A curved arrow with a casing, from the rim of one figure to that of another. @param {Pen} pen @param {Place} from
 * @param {Place} to @param {number} cell @param {string} style @param {string} casing */
function arrow(pen, from, to, cell, style, casing) {
  const a = [from.x * cell, from.y * cell], b = [to.x * cell, to.y * cell], width = Math.max(1.5, cell * 0.085);
  const along = [b[0] - a[0], b[1] - a[1]], length = Math.max(Math.hypot(...along), 1e-6);
  const side = along[0] < 0 || (along[0] === 0 && along[1] > 0) ? -1 : 1; // it bends upwards
  const bend = (side * Math.max(0.16 * length, 1.1 * cell - 0.3 * length)) / length;
  const control = [(a[0] + b[0]) / 2 + along[1] * bend, (a[1] + b[1]) / 2 - along[0] * bend];
  /** A point on the way from an end to the control point. @param {number[]} end @param {number} distance */
  const towards = (end, distance) => {
    const d = [control[0] - end[0], control[1] - end[1]], share = distance / Math.max(Math.hypot(...d), 1e-6);
    return [end[0] + d[0] * share, end[1] + d[1] * share];
  };
  const start = towards(a, 0.41 * from.size * cell), tip = towards(b, 0.43 * to.size * cell), head = Math.min(width * 3.2, 0.5 * length);
  for (const [colour, rim] of /** @type {[string, number][]} */ ([[casing, Math.max(0.5, cell * 0.0225)], [style, 0]])) {
    const base = towards(tip, head + rim), point = towards(tip, -1.8 * rim), half = (head * 0.55 + 1.6 * rim) / (head + 2.8 * rim);
    const across = [(base[1] - point[1]) * half, (point[0] - base[0]) * half];
    pen.strokeStyle = colour;
    pen.lineWidth = width + 2 * rim;
    pen.beginPath();
    pen.moveTo(start[0], start[1]);
    pen.quadraticCurveTo(control[0], control[1], towards(tip, head * 0.7)[0], towards(tip, head * 0.7)[1]);
    pen.stroke();
    polygon(pen, [point, [base[0] - across[0], base[1] - across[1]], [base[0] + across[0], base[1] + across[1]]], colour);
  }
}
