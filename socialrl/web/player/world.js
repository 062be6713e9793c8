// The world: the ground, the paths of the seats, the view of the chosen seat, and whom the novice follows.
import { Replay, WALL } from "./data.js";
import { chosen, replayOf, sourceOf } from "./scene.js";
import { AROUND, SEATS, css, figure, ground, mix, sheet } from "./sprites.js";

/** @typedef {import("./data.js").Colour} Colour */
/** @typedef {import("./data.js").Art} Art */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {CanvasRenderingContext2D} Pen */
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
    /** @type {Set<number>} */
    const onwards = new Set();
    for (const step of [1, -1]) {
      let through = false;
      for (let column = half; column >= 0 && column < size; column += step) {
        const here = through || reached.has(column), place = row * size + column;
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
  /** @type {Map<number, number[]>} */
  const together = new Map();
  /** @type {Map<number, Place>} */
  const found = new Map();
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
    /** @type {Map<string, HTMLCanvasElement|null>} */
    this.kept = new Map();
  }

  /** What was drawn before under this name, or is drawn now. @param {string} name @param {number} width @param {number} height
   * @param {(pen: Pen) => void} draw */
  keep(name, width, height, draw) {
    if (!this.kept.has(name)) {
      if (this.kept.size > 400) this.kept.clear();
      const made = sheet(width, height);
      if (made) draw(made.pen);
      this.kept.set(name, made && made.canvas);
    }
    return this.kept.get(name) ?? null;
  }

  /**
   * Draws a state; `share` of the way from the state before is done.
   * @param {Pen} pen @param {Scene} s @param {number} cell pixels @param {number} [share]
   */
  draw(pen, s, cell, share = 1) {
    const replay = replayOf(s), which = replay.table("ground").at(s.episode, s.t), seat = chosen(s);
    const tiles = /** @type {Uint8Array} */ (replay.table("grounds").row(which, 0));
    const name = ["ground", s.which, which, cell, s.theme].join();
    const still = this.keep(name, replay.columns * cell, replay.rows * cell, (p) => this.ground(p, replay, which, cell, s.theme));
    if (still) pen.drawImage(still, 0, 0);
    const mask = this.mask(replay, s, tiles, seat);
    if (mask) this.fog(pen, replay, mask, cell, s.theme, seat);
    this.trails(pen, s, cell);
    const spots = this.moving(replay, s, share);
    for (const [one, place] of spots) this.seat(pen, s, one, place, cell, mask, seat);
    if (s.t < replay.steps(s.episode)) this.follow(pen, s, spots, cell);
  }

  /** The cells in view of the chosen seat; null if nothing is hidden. @param {Replay} replay @param {Scene} s
   * @param {Uint8Array} tiles @param {number} seat */
  mask(replay, s, tiles, seat) {
    if (!s.view || !replay.isPresent(s.episode, s.t, seat)) return null;
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
        if (tileOf) pen.drawImage(tileOf, c * cell, r * cell);
      }
    }
  }

  /** Dims what is not in view, and outlines what is. @param {Pen} pen @param {Replay} replay @param {Uint8Array} mask
   * @param {number} cell @param {string} theme @param {number} seat */
  fog(pen, replay, mask, cell, theme, seat) {
    const { rows, columns } = replay, width = Math.max(1, Math.floor(cell / 14));
    pen.fillStyle = css(this.art.palettes[theme].fog, 0.55);
    for (let i = 0; i < mask.length; i++) {
      if (!mask[i]) pen.fillRect((i % columns) * cell, Math.floor(i / columns) * cell, cell, cell);
    }
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
        pen.fillStyle = css(replay.facts.colours[seat], 0.9 * (1 - age) ** 1.2);
        for (const share of [0, 1 / 3, 2 / 3]) {
          pen.beginPath();
          pen.arc((c0 + (c1 - c0) * share + 0.5 + aside) * cell, (r0 + (r1 - r0) * share + 0.5 + aside) * cell,
            Math.max(1, cell * 0.075 * (1.15 - age)), 0, 7);
          pen.fill();
        }
      }
    }
  }

  /** The places of the seats on the way from the state before. @param {Replay} replay @param {Scene} s @param {number} share */
  moving(replay, s, share) {
    const now = places(replay, s.episode, s.t);
    if (share >= 1 || s.t === 0) return now;
    const before = places(replay, s.episode, s.t - 1), eased = share * share * (3 - 2 * share);
    for (const [seat, to] of now) {
      const from = before.get(seat);
      if (!from || Math.abs(from.x - to.x) + Math.abs(from.y - to.y) > 1.7) continue; // it was put elsewhere
      now.set(seat, {
        x: from.x + (to.x - from.x) * eased, y: from.y + (to.y - from.y) * eased, size: from.size + (to.size - from.size) * eased,
      });
    }
    return now;
  }

  /** @param {Pen} pen @param {Scene} s @param {number} seat @param {Place} place @param {number} cell
   * @param {Uint8Array|null} mask @param {number} marked */
  seat(pen, s, seat, place, cell, mask, marked) {
    const replay = replayOf(s), size = Math.max(1, Math.round(place.size * cell));
    const heading = replay.facts.turning ? replay.table("heading").at(s.episode, s.t, seat) : null;
    const name = ["seat", s.which, seat, size, heading, seat === marked].join();
    const image = this.keep(name, size * 1.4, size * 1.4, (p) => {
      p.setTransform(size, 0, 0, size, p.canvas.width / 2, p.canvas.height / 2);
      figure(p, this.art, replay.facts.colours[seat], SEATS[seat % SEATS.length], size, heading, seat === marked);
    });
    if (!image) return;
    const [row, column] = replay.table("position").row(s.episode, s.t, seat);
    pen.globalAlpha = mask && !mask[row * replay.columns + column] ? 0.4 : 1;
    pen.drawImage(image, place.x * cell - image.width / 2, place.y * cell - image.height / 2);
    pen.globalAlpha = 1;
  }

  /** A curved arrow to the agent that is followed. @param {Pen} pen @param {Scene} s @param {Map<number, Place>} spots @param {number} cell */
  follow(pen, s, spots, cell) {
    const replay = replayOf(s), novice = replay.facts.novices[s.novice], followed = replay.seatOf(sourceOf(s), s.novice);
    const [a, b] = [spots.get(novice), spots.get(followed)];
    if (followed === novice || !a || !b) return;
    const points = curve(a, b, cell), colour = replay.facts.colours[followed];
    const casing = s.theme === "light" ? "#fff" : css(mix(colour, [255, 255, 255], 0.85));
    const width = Math.max(1.5, cell * 0.085);
    arrow(pen, points, width + Math.max(1, cell * 0.045), casing, Math.max(0.5, cell * 0.0225));
    arrow(pen, points, width, css(mix(colour, [0, 0, 0], 0.1)), 0);
  }
}

/** Points of an arc from the rim of one figure to that of another. @param {Place} from @param {Place} to @param {number} cell */
function curve(from, to, cell) {
  const a = [from.x * cell, from.y * cell], b = [to.x * cell, to.y * cell];
  const along = [b[0] - a[0], b[1] - a[1]], length = Math.hypot(...along);
  let normal = [along[1] / Math.max(length, 1e-6), -along[0] / Math.max(length, 1e-6)];
  if (normal[1] > 0 || (normal[1] === 0 && normal[0] < 0)) normal = normal.map((x) => -x);
  const bend = Math.max(0.16 * length, 1.1 * cell - 0.3 * length);
  const control = [0, 1].map((i) => (a[i] + b[i]) / 2 + normal[i] * bend);
  /** @param {number[]} end @param {number} radius */
  const rim = (end, radius) => {
    const d = [control[0] - end[0], control[1] - end[1]], far = Math.max(Math.hypot(...d), 1e-6);
    return [end[0] + (d[0] / far) * radius, end[1] + (d[1] / far) * radius];
  };
  const [start, end] = [rim(a, 0.41 * from.size * cell), rim(b, 0.41 * to.size * cell * 1.06)];
  return Array.from({ length: 32 }, (_, i) => {
    const t = i / 31;
    return [0, 1].map((k) => (1 - t) ** 2 * start[k] + 2 * t * (1 - t) * control[k] + t ** 2 * end[k]);
  });
}

/** An arrow along points with its head at the last. @param {Pen} pen @param {number[][]} points @param {number} width
 * @param {string} style @param {number} rim */
function arrow(pen, points, width, style, rim) {
  let length = 0;
  for (let i = 1; i < points.length; i++) length += Math.hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
  const tip = points[points.length - 1], head = Math.min((width - 2 * rim) * 3.2, 0.5 * length);
  const shaft = points.filter(([x, y]) => Math.hypot(x - tip[0], y - tip[1]) >= head * 0.7);
  const last = shaft[shaft.length - 1] ?? points[0];
  pen.strokeStyle = pen.fillStyle = style;
  pen.lineWidth = width;
  pen.lineCap = "butt";
  pen.lineJoin = "round";
  pen.beginPath();
  for (const [x, y] of shaft) pen.lineTo(x, y);
  pen.stroke();
  const far = Math.max(Math.hypot(tip[0] - last[0], tip[1] - last[1]), 1e-6);
  const [ux, uy] = [(tip[0] - last[0]) / far, (tip[1] - last[1]) / far], half = head * 0.55 + 1.6 * rim;
  const [bx, by] = [tip[0] - ux * (head + rim), tip[1] - uy * (head + rim)];
  pen.beginPath();
  pen.moveTo(tip[0] + ux * 1.8 * rim, tip[1] + uy * 1.8 * rim);
  pen.lineTo(bx - uy * half, by + ux * half);
  pen.lineTo(bx + uy * half, by - ux * half);
  pen.fill();
}
