// The decision of a step: whom the novice follows, and the value of each action to it by each source.
import { Replay, SEATS, TOO_LARGE } from "./data.js";
import { make, redraw, say, within } from "./dom.js";
import { replayOf, sourceOf } from "./scene.js";
import { css, figure, mix } from "./sprites.js";
/** @import { Art, Colour } from "./data.js" @import { Scene } from "./scene.js" */
const ARROWS = new Map(Object.entries({ up: "↑", right: "→", down: "↓", left: "←", forward: "↑", stay: "•", noop: "•", wait: "•" }));
/** A sign for an action, or its name. @param {string} name */
export const sign = (name) => ARROWS.get(name) ?? name;
/** Black or white, whichever can be read better on a colour. @param {Colour} colour */
export function readable(colour) {
  const [r, g, b] = colour.map((x) => x / 255).map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

/** Draws an agent as an icon. @param {HTMLCanvasElement} canvas @param {Art} art @param {Colour} colour
 * @param {number|string} seat its letter, or the seat that has one */
export function icon(canvas, art, colour, seat) {
  const letter = typeof seat === "string" ? seat : SEATS[seat % SEATS.length];
  redraw(canvas, [colour, letter].join(), 96, 96, (pen) => figure(pen, art, colour, letter, 96));
}
/** The values of a step, or the probabilities of a policy with these logits; [source][action], NaN where there is none.
 * @param {Replay} replay @param {number} episode @param {number} t @param {number} m @returns {number[][]|null} */
export function valuesOf(replay, episode, t, m) {
  if (!replay.has("values")) return null;
  const rows = replay.facts.sources.map((_, s) => Array.from(replay.table("values").row(episode, t, m, s)));
  return replay.facts.value_unit === "logit" ? chances(rows) : rows;
}
/** Probabilities of all pairs of a source and an action together. @param {number[][]} logits */
function chances(logits) {
  const known = logits.flat().filter((x) => !Number.isNaN(x)), high = Math.max(...known);
  const total = known.reduce((sum, x) => sum + Math.exp(x - high), 0);
  return logits.map((row) => row.map((x) => Math.exp(x - high) / Math.max(total, 1e-30)));
}

const percent = (/** @type {number} */ x) => `${Math.round(100 * x)}%`;
/** A number without a sign for zero. @param {number} value @param {number} digits */
export function fixed(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}
/** What a novice does that follows this source, in words. @param {string} source */
function inWords(source) {
  const [way, ...rest] = source.split(" "), whom = rest.join(" ");
  if (!whom) return `follows ${source}`;
  return way === "following" ? `follows ${whom}` : `follows ${whom} by ${way}`;
}
/** What the novice does, in words. @param {Scene} s */
export function says(s) {
  const replay = replayOf(s), source = sourceOf(s), { sources } = replay.facts;
  if (source === 0) return sources.length > 1 ? "acts by its own values" : "acts by its own policy";
  return `${inWords(sources[source])}${replay.isPresent(s.episode, s.t, replay.seatOf(source, s.novice)) ? "" : " (away)"}`;
}
/** The value of the action taken beside the best of the other sources. @param {Scene} s @param {number[][]|null} values @param {number} action */
export function reason(s, values, action) {
  const { sources, value_unit: unit } = replayOf(s).facts, source = sourceOf(s), mine = values ? values[source][action] : NaN;
  if (!values || Number.isNaN(mine) || unit === null) return "";
  if (unit === "logit") return `with probability ${percent(mine)}`;
  let best = -Infinity, other = -1;
  for (const [i, row] of values.entries()) for (const value of row) if (i !== source && value > best) [best, other] = [value, i];
  if (other < 0) return `value ${fixed(mine, 2)}`;
  const name = other === 0 ? "by its own values" : `as ${sources[other]}`;
  return `value ${fixed(mine, 2)}, ${Math.abs(mine - best).toFixed(2)} ${mine >= best ? "more" : "less"} than ${name}`;
}
/** What the numbers of the table are. @param {Replay} replay @param {string} novice */
export function meaning(replay, novice) {
  const unit = replay.facts.value_unit, several = replay.facts.sources.length > 1 ? ", by source" : "";
  if (unit === "logit") return `Probability of each action in the policy of ${novice}${several}`;
  const what = unit === "reward" ? "Value of each action" : "Value or logit of each action";
  return `${what} to ${novice}${several}`;
}

/** The card of a decision. */
export class Decision {
  title = make("div", "srl-quiet");
  icon = make("canvas", "srl-icon", "", { "aria-hidden": "true" });
  said = make("div", "srl-said");
  why = make("div", "srl-quiet");
  action = make("div", "srl-action", "", { role: "img" });
  table = make("table", "srl-values");
  notes = make("div", "srl-quiet srl-notes");
  built = "";
  cells = /** @type {HTMLTableCellElement[][]} */ ([]);
  heads = /** @type {HTMLTableCellElement[]} */ ([]);
  rows = /** @type {HTMLTableRowElement[]} */ ([]);
  /** @param {Art} art */
  constructor(art) {
    this.art = art;
    const line = within(make("div", "srl-line"), this.icon, within(make("div", "srl-words"), this.said, this.why), this.action);
    const card = make("section", "srl-card srl-decision", "", { "aria-label": "Decision" });
    this.element = within(card, this.title, line, within(make("div", "srl-wide"), this.table), this.notes);
  }
  /** Shows the decision of a scene. @param {Scene} s */
  update(s) {
    const replay = replayOf(s), { facts } = replay, over = s.t >= replay.steps(s.episode);
    const novice = facts.agents[facts.novices[s.novice]];
    say(this.title, `Decision of ${novice}`);
    this.element.classList.toggle("srl-over", over);
    if (over) {
      say(this.said, "No decision: the episode has ended");
      say(this.why, "");
      say(this.action, "");
      return;
    }
    const values = valuesOf(replay, s.episode, s.t, s.novice), action = replay.table("action").at(s.episode, s.t, facts.novices[s.novice]);
    const source = sourceOf(s);
    icon(this.icon, this.art, replay.colourOf(source, s.novice), replay.markOf(source, s.novice)[0]);
    say(this.said, says(s));
    say(this.why, reason(s, values, action));
    say(this.action, sign(facts.actions[action]));
    this.action.setAttribute("aria-label", `action: ${facts.actions[action]}`);
    const known = values?.some((row) => row.some((x) => !Number.isNaN(x)));
    const missing = facts.left_out.includes("values") ? `The values are ${TOO_LARGE}` : "This learner records no values";
    const influence = replay.table("influence").at(s.episode, s.t, s.novice);
    const more = Number.isFinite(influence) ? `\nInfluence of the others on this action: ${influence.toFixed(3)} nats` : "";
    say(this.notes, (known ? meaning(replay, novice) : missing) + more);
    this.table.hidden = !known;
    if (values && known) this.fill(s, values, action);
  }
  /** Makes the cells of the table. @param {Replay} replay @param {number} m */
  build(replay, m) {
    const { actions, sources, agents, novices } = replay.facts;
    const caption = make("caption", "srl-hidden", meaning(replay, agents[novices[m]]));
    this.heads = actions.map((name) => make("th", "", sign(name), { scope: "col", title: name, "aria-label": name }));
    const head = within(make("tr"), make("td"), ...this.heads);
    this.rows = sources.map((name, i) => {
      const image = make("canvas", "srl-small", "", { "aria-hidden": "true" });
      icon(image, this.art, replay.colourOf(i, m), replay.markOf(i, m)[0]);
      return within(make("tr"), within(make("th", "", "", { scope: "row", title: name }), image, make("span", "", name)));
    });
    this.cells = this.rows.map((row) => actions.map(() => row.appendChild(make("td"))));
    this.table.replaceChildren(caption, within(make("thead"), head), within(make("tbody"), ...this.rows));
    this.table.style.setProperty("--actions", String(actions.length));
  }
  /** Writes the values. @param {Scene} s @param {number[][]} values @param {number} action */
  fill(s, values, action) {
    const replay = replayOf(s), source = sourceOf(s), theme = this.art.themes[s.theme], { facts } = replay;
    const built = [s.which, s.novice].join();
    if (built !== this.built) this.build(replay, s.novice);
    this.built = built;
    const all = values.flat().filter((x) => !Number.isNaN(x)), low = Math.min(...all), high = Math.max(...all);
    const digits = Math.max(Math.abs(low), Math.abs(high)) < 100 ? 2 : 0;
    for (const [a, head] of this.heads.entries()) head.classList.toggle("srl-here", a === action);
    values.forEach((row, i) => {
      const colour = replay.colourOf(i, s.novice), best = row.reduce((b, x, a) => (x > (row[b] ?? -Infinity) ? a : b), -1);
      const spread = replay.has("spread") ? replay.table("spread").row(s.episode, s.t, s.novice, i) : null;
      this.rows[i].classList.toggle("srl-here", i === source);
      row.forEach((value, a) => {
        const cell = this.cells[i][a], unknown = Number.isNaN(value);
        const strength = unknown ? 0 : 0.07 + 0.78 * (high > low ? (value - low) / (high - low) : 1);
        const tint = mix(theme.card, colour, strength), about = spread && !Number.isNaN(spread[a]) ? `\n±${spread[a].toFixed(digits)}` : "";
        say(cell, unknown ? "-" : facts.value_unit === "logit" ? percent(value) : fixed(value, digits) + about);
        cell.style.background = css(tint);
        cell.style.color = readable(tint);
        cell.classList.toggle("srl-best", a === best);
        cell.classList.toggle("srl-taken", i === source && a === action);
        if (i === source && a === action) cell.setAttribute("aria-current", "true");
        else cell.removeAttribute("aria-current");
      });
    });
  }
}
