// The tabs: agents, plots over the episode, predictions of the next view, and where the novice will be.
import { LEVELS, Replay, TOO_LARGE, WALL } from "./data.js";
import { icon } from "./decision.js";
import { Surface, make, redraw, say, within } from "./dom.js";
import { chosen, replayOf, sourceOf } from "./scene.js";
import { coin, css, mix, rect } from "./sprites.js";
import { columnOf } from "./timeline.js";
/** @import { Art, Colour, Settings, Theme } from "./data.js" @import { Scene } from "./scene.js" */
/** @typedef {{title: string, element: HTMLElement, surfaces: Surface[], update: (s: Scene) => void}} Tab */
/** @typedef {{lines: (i: number, t: number) => number, count: number, steps: number, colours: Colour[], unit: string}} Lines */

/** Every seat: its colour, how often it is followed in this episode, its preferences; a click shows its view.
 * @param {Settings} settings @param {(seat: number) => void} choose @returns {Tab} */
export function agentsTab(settings, choose) {
  const list = make("ul", "srl-agents"), title = make("p", "srl-quiet", "Agents, and the share of steps on which each is followed");
  const element = within(make("div"), title, list), { art } = settings;
  let built = "", counted = "";
  let rows = /** @type {{name: HTMLButtonElement, image: HTMLCanvasElement, bar: HTMLElement, share: HTMLElement, row: HTMLElement}[]} */ ([]);
  /** @param {Replay} replay */
  const build = (replay) => {
    rows = replay.facts.agents.map((agent, seat) => {
      const image = make("canvas", "srl-icon", "", { "aria-hidden": "true" }), share = make("span", "srl-share srl-quiet");
      const name = make("button", "srl-name", agent, { type: "button" }), bar = within(make("div", "srl-bar"), make("div"));
      name.addEventListener("click", () => choose(seat));
      bar.style.setProperty("--part", css(replay.facts.colours[seat]));
      return { name, image, bar, share, row: within(make("li"), image, name, preferences(art, replay, seat), bar, share) };
    });
    list.replaceChildren(...rows.map((one) => one.row));
  };
  return {
    title: "Agents", element, surfaces: [],
    update(s) {
      const replay = replayOf(s), card = art.themes[s.theme].card;
      if (built !== String(s.which)) build(replay);
      built = String(s.which);
      const key = [s.which, s.episode, s.novice].join();
      if (key !== counted) {
        const parts = replay.seatShares(s.episode, s.novice);
        rows.forEach(({ bar, share, row }, seat) => {
          const part = parts.get(seat) ?? 0;
          row.classList.toggle("srl-alone", !parts.has(seat));
          bar.style.setProperty("--share", `${100 * part}%`);
          say(share, `${Math.round(100 * part)}%`);
        });
      }
      counted = key;
      rows.forEach(({ name, image, row }, seat) => {
        const here = replay.isPresent(s.episode, s.t, seat), colour = replay.facts.colours[seat];
        icon(image, art, here ? colour : mix(colour, card, 0.6), seat);
        say(name, replay.facts.agents[seat] + (here ? "" : ", away"));
        name.setAttribute("aria-pressed", String(seat === chosen(s)));
        row.classList.toggle("srl-away", !here);
      });
    },
  };
}

/** A seat's preference for each cumulant. @param {Art} art @param {Replay} replay @param {number} seat */
function preferences(art, replay, seat) {
  const element = make("span", "srl-wants"), { cumulants, preferences: all } = replay.facts;
  if (!all) return element;
  cumulants.slice(0, 6).forEach((cumulant, i) => {
    const worth = all[seat][i], kind = art.coin_names.indexOf(cumulant), value = Number(worth.toPrecision(2));
    const item = make("span", worth > 0 ? "srl-good" : worth < 0 ? "srl-bad" : "srl-quiet", "", { title: cumulant });
    if (kind >= 0) {
      const image = make("canvas", "srl-coin", "", { role: "img", "aria-label": cumulant });
      redraw(image, cumulant, 64, 80, (pen) => coin(pen, art, kind, false));
      item.append(image);
    } else item.append(make("span", "srl-quiet", `${cumulant} `));
    item.append(worth > 0 ? `+${value}` : `${value}`);
    element.append(item);
  });
  return element;
}
/** Draws lines over an episode with a marker at the step. @param {Surface} surface @param {string} key @param {Lines} lines
 * @param {number} t @param {Theme} theme */
function drawLines(surface, key, lines, t, theme) {
  surface.show(`${key},${t},${theme.name}`, (pen) => {
    surface.under(pen, `${key},${theme.name}`, (own) => stillLines(surface, own, lines, theme));
    const x = ((Math.min(t, lines.steps - 1) + 0.5) / lines.steps) * surface.width;
    rect(pen, css(theme.accent), x, 0, Math.max(1, 1.5 * surface.unit), surface.height);
  });
}

/** @param {Surface} surface @param {CanvasRenderingContext2D} pen @param {Lines} lines @param {Theme} theme */
function stillLines(surface, pen, lines, theme) {
  const { width, height, unit } = surface, { steps, count } = lines;
  let low = 0, high = 0;
  for (let i = 0; i < count; i++) {
    for (let t = 0; t < steps; t++) {
      const value = lines.lines(i, t);
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (high <= low) high = low + 1;
  const top = Math.min(16 * unit, height / 4), yOf = (/** @type {number} */ v) => top + ((height - top - 3) * (high - v)) / (high - low);
  rect(pen, css(theme.line), 0, yOf(0), width, Math.max(1, unit));
  pen.lineWidth = 2 * unit;
  pen.lineJoin = "round";
  const columns = Math.min(steps, width);
  for (let i = 0; i < count; i++) {
    pen.strokeStyle = css(lines.colours[i]);
    pen.beginPath();
    let joined = false; // whether the last column has a point
    for (let x = 0; x < columns; x++) {
      const [a, b] = columnOf(x, columns, steps);
      let [least, most] = [Infinity, -Infinity];
      for (let t = a; t < b; t++) [least, most] = [Math.min(least, lines.lines(i, t)), Math.max(most, lines.lines(i, t))];
      const known = Number.isFinite(least + most), at = ((x + 0.5) / columns) * width;
      if (known) pen[joined ? "lineTo" : "moveTo"](at, yOf(least));
      if (known && most > least) pen.lineTo(at, yOf(most));
      joined = known;
    }
    pen.stroke();
  }
  const words = (/** @type {number} */ value) => `${Number(value.toPrecision(3))} ${lines.unit}`.trim();
  surface.write(pen, words(high), 2, 7 * unit, 12, css(theme.quiet));
  surface.write(pen, words(low), 2, height - 8 * unit, 12, css(theme.quiet));
}
/** Names with dots in their colours. @param {string[]} names @param {Colour[]} colours */
function dotted(names, colours) {
  return names.map((name, i) => {
    const dot = make("i");
    dot.style.background = css(colours[i]);
    return within(make("li"), dot, make("span", "", name));
  });
}

/** A plot that is described in `socialrl.scene.plots`. @param {Settings} settings @param {number} number @param {string} title @returns {Tab} */
export function plotTab(settings, number, title) {
  const surface = new Surface(`${title} over the episode`), about = make("p", "srl-quiet"), side = make("ul", "srl-lines");
  const line = within(make("div", "srl-beside"), surface.canvas, side), element = within(make("div", "srl-plot"), about, line);
  let built = "";
  let values = /** @type {HTMLElement[]} */ ([]);
  return {
    title, element, surfaces: [surface],
    update(s) {
      const replay = replayOf(s), plot = replay.facts.plots[number], text = plot?.novices[Math.min(s.novice, plot.novices.length - 1)];
      const gone = !text || text.missing !== undefined || !replay.has(plot.array);
      line.hidden = gone;
      if (gone) return say(about, text?.missing ?? `This plot is ${TOO_LARGE}`);
      const table = replay.table(plot.array), m = Math.min(s.novice, table.shape[1] - 1), steps = replay.steps(s.episode);
      const now = s.t - Number(text.after), single = text.names.length === 1;
      const read = (/** @type {number} */ i, /** @type {number} */ t) => table.at(s.episode, m, i, t);
      const show = (/** @type {number} */ i) => (now < 0 ? 0 : now >= steps ? NaN : read(i, now));
      say(about, text.title + (single && Number.isFinite(show(0)) ? `: ${show(0).toFixed(3)} ${text.unit} now` : ""));
      if (built !== String(s.which)) {
        values = text.names.map(() => make("b"));
        side.replaceChildren(...dotted(text.names, text.colours));
        for (const [i, value] of values.entries()) side.children[i].append(value);
        built = String(s.which);
      }
      side.hidden = single;
      for (const [i, value] of values.entries()) say(value, Number.isFinite(show(i)) ? String(Number(show(i).toPrecision(4))) : "-");
      const lines = { lines: read, count: text.names.length, steps, colours: text.colours, unit: text.unit };
      drawLines(surface, [s.which, s.episode, m].join(), lines, s.t, settings.art.themes[s.theme]);
      return undefined;
    },
  };
}
/** Shows small pixels large. @param {HTMLCanvasElement} canvas @param {number} width @param {number} height
 * @param {(i: number) => Colour} colour of every pixel */
function pixels(canvas, width, height, colour) {
  const pen = canvas.getContext("2d");
  if (!pen) return;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = pen.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...colour(i), 255], 4 * i);
  pen.putImageData(image, 0, 0);
}
/** A canvas with its caption. @param {string} label */
function captioned(label) {
  const text = make("figcaption", "srl-quiet", label), canvas = make("canvas", "srl-pixels", "", { role: "img", "aria-label": label });
  return { figure: within(make("figure"), text, canvas), text, canvas };
}
/** The predicted and the actual next view, and their difference over the episode. @param {Settings} settings @returns {Tab} */
export function predictionTab(settings) {
  const missing = make("p", "srl-quiet"), legend = make("ul", "srl-legend"), caption = make("figcaption", "srl-quiet"), { art } = settings;
  const parts = [captioned("predicted"), captioned("actual")], surface = new Surface("Error of the prediction over the episode");
  const plot = within(make("figure", "srl-grow"), caption, surface.canvas);
  const line = within(make("div", "srl-beside"), parts[0].figure, parts[1].figure, plot), element = within(make("div"), missing, line, legend);
  const bright = art.channels.filter((colour) => Math.max(...colour) > 100);
  let built = "", pure = false; // whether the channels are red, green and blue
  const colourOf = (/** @type {number} */ i) => /** @type {Colour} */ (pure ? [0, 1, 2].map((c) => (c === i ? 255 : 0))
    : i ? bright[(i + 3) % bright.length] : [130, 134, 142]);
  return {
    title: "Prediction", element, surfaces: [surface],
    update(s) {
      const replay = replayOf(s), gone = !replay.has("prediction");
      line.hidden = legend.hidden = gone;
      missing.hidden = !gone;
      if (gone) return say(missing, absent(replay, "prediction", "predictions", "This replay holds no predictions of the next view"));
      const t = Math.min(s.t, replay.steps(s.episode) - 1), channels = replay.facts.channels.length;
      pure = replay.facts.channels.join() === art.rgb.join();
      ["prediction", "observed"].forEach((name, i) => {
        const table = replay.table(name), view = table.row(s.episode, t, s.novice), [, , , height, width] = table.shape;
        pixels(parts[i].canvas, width, height, (p) => {
          const sum = [0, 0, 0];
          for (let c = 0; c < channels; c++) for (let k = 0; k < 3; k++) sum[k] += (view[p * channels + c] / (LEVELS - 1)) * colourOf(c)[k];
          return /** @type {Colour} */ (sum.map((x) => Math.min(255, x)));
        });
      });
      if (built !== String(s.which)) {
        const names = replay.facts.channels.map((name) => name.replaceAll("_", " "));
        legend.replaceChildren(...dotted(names, names.map((_, i) => colourOf(i))));
        built = String(s.which);
      }
      const read = (/** @type {number} */ _, /** @type {number} */ step) => replay.table("error").at(s.episode, step, s.novice);
      say(caption, `mean error ${read(0, t).toFixed(3)}`);
      const theme = art.themes[s.theme], lines = { lines: read, count: 1, steps: replay.steps(s.episode), colours: [theme.penalty], unit: "" };
      drawLines(surface, [s.which, s.episode, s.novice].join(), lines, s.t, theme);
      return undefined;
    },
  };
}
/** Why an array is not there. @param {Replay} replay @param {string} array @param {string} word @param {string} text */
const absent = (replay, array, word, text) =>
  replay.facts.recorded.includes(array) && replay.facts.left_out.includes(word) ? `This is ${TOO_LARGE}` : text;

/** Where the novice predicts to be, beside the cells that it visits. @param {Settings} settings @returns {Tab} */
export function occupancyTab(settings) {
  const parts = [captioned("predicted"), captioned(`visited, discounted by ${settings.discount} per step`)], note = make("p", "srl-quiet");
  const element = within(make("div"), within(make("div", "srl-beside"), parts[0].figure, parts[1].figure), note), { art } = settings;
  return {
    title: "Occupancy", element, surfaces: [],
    update(s) {
      const replay = replayOf(s), { facts } = replay, steps = replay.steps(s.episode), t = Math.min(s.t, steps - 1);
      const source = s.t < steps ? sourceOf(s) : 0, theme = art.themes[s.theme], known = replay.has("occupancy");
      say(parts[0].text, source ? `predicted, acting as ${facts.sources[source]}` : "predicted");
      parts[0].canvas.hidden = !known;
      note.hidden = known;
      const why = facts.sources.length === 1 ? "not recorded, no successor features" : "not recorded in this replay";
      say(note, absent(replay, "occupancy", "occupancy", `Predicted: ${why}`));
      const tiles = replay.table("grounds").row(replay.table("ground").at(s.episode, Math.min(s.t, steps)), 0);
      /** @param {HTMLCanvasElement} canvas @param {(i: number) => number} heat @param {Colour} colour */
      const show = (canvas, heat, colour) => pixels(canvas, replay.columns, replay.rows,
        (i) => (tiles[i] === WALL ? theme.line : mix(theme.page, colour, Math.sqrt(heat(i)))));
      if (known) {
        const predicted = replay.table("occupancy").row(s.episode, t, s.novice);
        show(parts[0].canvas, (i) => predicted[i] / (LEVELS - 1), replay.colourOf(source, s.novice));
      }
      const visited = visits(replay, s, settings);
      show(parts[1].canvas, (i) => visited[i], facts.colours[facts.novices[s.novice]]);
    },
  };
}
/** What the novice believes of each cell: what it remembers, where others were, and where another is going.
 * @param {Settings} settings @returns {Tab} */
export function beliefTab(settings) {
  const parts = ["seen, paid, lost by", "others were", "another is going"].map(captioned), note = make("p", "srl-quiet"), { art } = settings;
  const line = within(make("div", "srl-beside"), ...parts.map((one) => one.figure)), element = within(make("div"), line, note);
  return {
    title: "Belief", element, surfaces: [],
    update(s) {
      const replay = replayOf(s), known = replay.has("belief"), theme = art.themes[s.theme];
      line.hidden = !known;
      note.hidden = known;
      if (!known) return say(note, absent(replay, "belief", "belief", "This replay holds no belief"));
      const t = Math.min(s.t, replay.steps(s.episode) - 1), cells = replay.rows * replay.columns;
      const planes = replay.table("belief").row(s.episode, t, s.novice);
      const value = (/** @type {number} */ plane, /** @type {number} */ i) => planes[plane * cells + i] / (LEVELS - 1);
      const { facts } = replay, own = facts.colours[facts.novices[s.novice]];
      const [row, column] = replay.table("position").row(s.episode, t, facts.novices[s.novice]), here = row * replay.columns + column;
      /** @param {number} i @returns {Colour} */
      const ground = (i) => {
        const seen = value(0, i);
        return seen < 0.25 ? theme.page : seen < 0.75 ? mix(theme.page, theme.line, 0.45) : mix(theme.line, theme.quiet, 0.45);
      };
      const remembered = (/** @type {number} */ i) => (value(1, i) < 0.25 ? ground(i) : value(1, i) > 0.75 ? theme.reward : theme.penalty);
      const heats = [remembered, ...[2, 3].map((plane) => (/** @type {number} */ i) => mix(ground(i), art.channels[5], Math.sqrt(value(plane, i))))];
      for (const [k, { canvas }] of parts.entries()) pixels(canvas, replay.columns, replay.rows, (i) => (i === here ? own : heats[k](i)));
      return undefined;
    },
  };
}
/** What the novice reads, and nothing else, against the truth. @returns {Tab} */
export function conceptsTab() {
  const note = make("p", "srl-quiet"), list = make("tbody"), element = within(make("div"), note, within(make("table", "srl-concepts"), list));
  let built = "";
  let cells = /** @type {HTMLTableCellElement[][]} */ ([]);
  return {
    title: "Concepts", element, surfaces: [],
    update(s) {
      const replay = replayOf(s), known = replay.has("concept_truth"), { concepts } = replay.facts;
      list.hidden = !known;
      if (!known) return say(note, absent(replay, "concept_read", "concepts", "This novice reads no concepts"));
      if (built !== String(s.which)) {
        cells = concepts.map(() => [make("td"), make("td")]);
        const heads = concepts.map(({ name, meaning }) => make("th", "", name.replaceAll("_", " "), { scope: "row", title: meaning }));
        list.replaceChildren(...heads.map((head, i) => within(make("tr"), head, ...cells[i])));
        built = String(s.which);
      }
      const t = Math.min(s.t, replay.steps(s.episode) - 1), rows = ["concept_taken", "concept_sure", "concept_truth"];
      const [taken, sure, truth] = rows.map((name) => replay.table(name).row(s.episode, t, s.novice));
      const told = concepts.map(({ values }, i) => truth[i] < values.length), right = told.map((means, i) => means && taken[i] === truth[i]);
      concepts.forEach(({ values }, i) => {
        say(cells[i][0], `${values[taken[i]]} ${Math.round((100 * sure[i]) / 255)}%`);
        say(cells[i][1], !told[i] ? "means nothing now" : right[i] ? "" : `in truth ${values[truth[i]]}`);
        cells[i][0].className = !told[i] ? "srl-quiet" : right[i] ? "srl-good" : "srl-bad";
      });
      const count = (/** @type {boolean[]} */ which) => which.filter(Boolean).length;
      return say(note, `What the novice reads: ${count(right)} of ${count(told)} concepts as they are`);
    },
  };
}
/** How often the novice is in each cell in the coming steps, discounted; the largest entry is 1.
 * @param {Replay} replay @param {Scene} s @param {Settings} settings */
function visits(replay, s, settings) {
  const seat = replay.facts.novices[s.novice], found = new Float64Array(replay.rows * replay.columns);
  const last = Math.min(replay.steps(s.episode), s.t + settings.ahead);
  for (let t = s.t; t <= last; t++) {
    const [row, column] = replay.table("position").row(s.episode, t, seat);
    if (replay.isPresent(s.episode, t, seat)) found[row * replay.columns + column] += settings.discount ** (t - s.t);
  }
  const most = found.reduce((a, b) => Math.max(a, b), 1e-9);
  return found.map((x) => x / most);
}
