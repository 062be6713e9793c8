// The timeline: per novice a ribbon in the colour of whom it follows at every step, presence, rewards.
import { Replay } from "./data.js";
import { Surface } from "./dom.js";
import { panes, replayOf, stepsOf } from "./scene.js";
import { css, luminance, rect } from "./sprites.js";
/** @import { Theme } from "./data.js" @import { Pen } from "./dom.js" @import { Scene } from "./scene.js" */
const [RIBBON, MARGIN, GAP, PRESENCE, TICKS, AXIS, TOP, MOST] = [24, 5, 4, 6, 30, 20, 4, 6];
/** The height of a ribbon; that of many is smaller. @param {Replay} replay */
const ribbonHeight = (replay) => Math.max(5, Math.min(RIBBON, 130 / replay.facts.novices.length));
/** Seats whose presence is shown. @param {Replay} replay */
const coplayers = (replay) => replay.facts.agents.map((_, i) => i).filter((i) => !replay.facts.novices.includes(i)).slice(0, MOST);
/** The height that it would like, in lengths of the window. @param {Scene} s */
export function timelineHeight(s) {
  const rows = panes(s).map((pane) => {
    const replay = replayOf(pane), each = ribbonHeight(replay) + MARGIN + GAP;
    return replay.facts.novices.length * each + PRESENCE * coplayers(replay).length + TICKS;
  });
  return TOP + AXIS + rows.reduce((a, b) => a + b, 0);
}
/** The first step of a pixel column and the one after its last. @param {number} x @param {number} width @param {number} steps */
export function columnOf(x, width, steps) {
  const first = Math.floor((x * steps) / width);
  return [first, Math.max(first + 1, Math.floor(((x + 1) * steps) / width))];
}
/** [value, first step, step after the last] of each stretch of one value. @param {(t: number) => number} value @param {number} steps */
export function stretches(value, steps) {
  const found = [];
  for (let t = 0, from = 0; t < steps; t++) {
    if (t + 1 === steps || value(t + 1) !== value(t)) {
      found.push([value(t), from, t + 1]);
      from = t + 1;
    }
  }
  return found;
}

/** Draws all of the timeline but its cursor. @param {Surface} surface @param {Pen} pen @param {Scene} s @param {Theme} theme */
export function drawTimeline(surface, pen, s, theme) {
  const u = surface.unit, span = stepsOf(s);
  let y = TOP * u;
  for (const pane of panes(s)) {
    const replay = replayOf(pane), { episode } = pane, steps = replay.steps(episode);
    const width = (steps / span) * surface.width, high = ribbonHeight(replay) * u;
    replay.facts.novices.forEach((_, m) => {
      ribbon(surface, pen, replay, episode, m, y, width, high, theme);
      band(pen, (t) => 0.06 + 0.7 * (replay.table("strength").at(episode, t, m) / 255), steps, css(theme.ink), y + high, width, MARGIN * u);
      y += high + (MARGIN + GAP) * u;
    });
    for (const seat of coplayers(replay)) {
      pen.fillStyle = css(replay.facts.colours[seat]);
      for (const [there, a, b] of stretches((t) => Number(replay.isPresent(episode, t, seat)), steps)) {
        if (there) pen.fillRect((a / steps) * width, y, Math.max(1, ((b - a) / steps) * width), (PRESENCE - 3) * u);
      }
      y += PRESENCE * u;
    }
    rewards(pen, replay, pane, y, width, TICKS * u, theme, u);
    y += TICKS * u;
  }
  axis(surface, pen, span, theme);
}

/** @param {Surface} surface @param {Pen} pen @param {Replay} replay @param {number} episode @param {number} m @param {number} y
 * @param {number} width @param {number} high @param {Theme} theme */
function ribbon(surface, pen, replay, episode, m, y, width, high, theme) {
  const steps = replay.steps(episode), { colours, novices } = replay.facts;
  const strength = (/** @type {number} */ t) => 0.15 + 0.85 * (replay.table("strength").at(episode, t, m) / 255);
  if (replay.hasInfluence(episode, m)) return band(pen, strength, steps, css(colours[novices[m]]), y, width, high);
  const source = (/** @type {number} */ t) => replay.sourceAt(episode, t, m);
  if (steps > width) return shares(pen, replay, source, steps, m, y, Math.floor(width), high);
  for (const [value, a, b] of stretches(source, steps)) {
    const colour = replay.colourOf(value, m), left = (a / steps) * width, right = (b / steps) * width;
    rect(pen, css(colour), left, y, right - left, high);
    if (a && right - left > 2) rect(pen, css(theme.card), left, y, surface.unit, high);
    if (right - left < 18 * surface.unit || high < 14 * surface.unit) continue;
    const ink = luminance(colour) > 0.62 ? "rgb(38 34 30)" : "#fff";
    surface.write(pen, replay.markOf(value, m), (left + right) / 2, y + high / 2, 14, ink, "center", "700");
  }
}
/** Colours stacked by their share where a pixel holds several steps. @param {Pen} pen @param {Replay} replay
 * @param {(t: number) => number} source @param {number} steps @param {number} m @param {number} y @param {number} width @param {number} high */
function shares(pen, replay, source, steps, m, y, width, high) {
  const styles = replay.facts.sources.map((_, i) => css(replay.colourOf(i, m)));
  for (let x = 0; x < width; x++) {
    const [a, b] = columnOf(x, width, steps), counts = styles.map(() => 0);
    for (let t = a; t < b; t++) counts[source(t)]++;
    let top = y;
    counts.forEach((count, i) => {
      if (!count) return;
      rect(pen, styles[i], x, top, 1, (high * count) / (b - a) + 0.5);
      top += (high * count) / (b - a);
    });
  }
}
/** Columns in one colour, as strong as the mean of their steps, 0..1. @param {Pen} pen @param {(t: number) => number} strength
 * @param {number} steps @param {string} style @param {number} y @param {number} width @param {number} high */
function band(pen, strength, steps, style, y, width, high) {
  pen.fillStyle = style;
  const count = Math.min(steps, Math.max(1, Math.floor(width)));
  for (let x = 0; x < count; x++) {
    const [a, b] = columnOf(x, count, steps);
    let total = 0;
    for (let t = a; t < b; t++) total += strength(t);
    pen.globalAlpha = Math.min(1, total / (b - a));
    pen.fillRect((x / count) * width, y, width / count + 0.3, high);
  }
  pen.globalAlpha = 1;
}
/** Bars up for positive and down for negative rewards. @param {Pen} pen @param {Replay} replay @param {Scene} pane @param {number} y
 * @param {number} width @param {number} high @param {Theme} theme @param {number} u */
function rewards(pen, replay, pane, y, width, high, theme, u) {
  const steps = replay.steps(pane.episode), seat = replay.facts.novices[pane.novice], half = high / 2 - u;
  const reward = Array.from({ length: steps }, (_, t) => replay.table("reward").at(pane.episode, t, seat));
  const largest = reward.reduce((most, r) => Math.max(most, Math.abs(r)), 0);
  rect(pen, css(theme.line), 0, y + high / 2, width, Math.max(1, u));
  const bar = Math.min(Math.max(2, (width / steps) * 0.5), 8 * u);
  reward.forEach((r, t) => {
    if (!r) return;
    const length = Math.max(2, (half * Math.abs(r)) / largest), x = ((t + 0.5) / steps) * width - bar / 2;
    rect(pen, css(r > 0 ? theme.reward : theme.penalty), x, r > 0 ? y + high / 2 - length : y + high / 2 + u, bar, length);
  });
}
/** Ticks with round numbers. @param {Surface} surface @param {Pen} pen @param {number} steps @param {Theme} theme */
function axis(surface, pen, steps, theme) {
  const u = surface.unit, wanted = Math.max(1, (steps * 90 * u) / surface.width), power = 10 ** Math.floor(Math.log10(wanted));
  const distance = [1, 2, 5, 10].map((f) => f * power).find((d) => d >= wanted) ?? 10 * power;
  const y = surface.height - AXIS * u;
  for (let step = 0; step < steps; step += distance) {
    const x = ((step + 0.5) / steps) * surface.width;
    rect(pen, css(theme.line), x, y, Math.max(1, u), 4 * u);
    surface.write(pen, step.toLocaleString("en"), Math.max(x, 4 * u), y + 12 * u, 12, css(theme.quiet), step ? "center" : "left");
  }
}
