// The state of the page and the keys that change it: the same as in socialrl/scene, which a test compares.
import { Replay } from "./data.js";

/** See `socialrl.scene.Scene`. @typedef {{replays: Replay[], speeds: number[], which: number, episode: number, t: number,
 * novice: number, seat: number|null, view: boolean, playing: boolean, speed: number, loop: boolean, help: boolean,
 * picker: boolean, tab: number, beside: number|null, theme: "light"|"dark"}} Scene */

/** @param {Replay[]} replays @param {number[]} speeds @param {Partial<Scene>} changes @returns {Scene} */
export function makeScene(replays, speeds, changes = {}) {
  return {
    replays, speeds, which: 0, episode: 0, t: 0, novice: 0, seat: null, view: true, playing: false, speed: 4,
    loop: false, help: false, picker: false, tab: 0, beside: null, theme: "light", ...changes,
  };
}
/** The replay shown. @param {Scene} s */
export const replayOf = (s) => s.replays[s.which];
/** The scenes side by side, at the same step; a shorter episode stays at its end. @param {Scene} s @returns {Scene[]} */
export function panes(s) {
  const own = { ...s, beside: null, t: Math.min(s.t, replayOf(s).steps(s.episode)) };
  if (s.beside === null) return [own];
  const other = s.replays[s.beside], episode = Math.min(s.episode, other.episodes - 1);
  const seat = s.seat !== null && s.seat < other.facts.agents.length ? s.seat : null;
  const novice = Math.min(s.novice, other.facts.novices.length - 1);
  return [own, { ...own, which: s.beside, episode, t: Math.min(s.t, other.steps(episode)), novice, seat }];
}
/** The steps of the episode, or of the longer of two. @param {Scene} s */
export const stepsOf = (s) => Math.max(...panes(s).map((pane) => replayOf(pane).steps(pane.episode)));
/** @param {Scene} s */
export const ended = (s) => s.t >= stepsOf(s);
/** The seat whose view is marked. @param {Scene} s */
export const chosen = (s) => s.seat ?? replayOf(s).facts.novices[s.novice];
/** The source followed in step t, or in the last. @param {Scene} s */
export const sourceOf = (s) => replayOf(s).sourceAt(s.episode, s.t, s.novice);
/** @param {Scene} s @param {number} t @returns {Scene} */
export const at = (s, t) => ({ ...s, t: Math.min(Math.max(t, 0), stepsOf(s)) });
/** @param {Scene} s @param {number} episode @returns {Scene} */
export const inEpisode = (s, episode) => episode < 0 || episode >= replayOf(s).episodes ? s : { ...s, episode, t: 0 };
/** @param {Scene} s @param {number} which @returns {Scene} */
export function inReplay(s, which) {
  if (which < 0 || which >= s.replays.length) return s;
  const episode = Math.min(s.episode, s.replays[which].episodes - 1);
  return { ...s, which, episode, t: 0, novice: 0, seat: null, beside: which === s.beside ? null : s.beside };
}
/** @param {Scene} s @param {number} seat @returns {Scene} */
export function ofSeat(s, seat) {
  const novice = replayOf(s).facts.novices.indexOf(seat);
  return { ...s, seat, novice: novice < 0 ? s.novice : novice };
}
/** The scene one step later; at the end it stops, or starts again. @param {Scene} s @returns {Scene} */
export const advanced = (s) => (!ended(s) ? at(s, s.t + 1) : s.loop ? at(s, 0) : { ...s, playing: false });
/** The scene with the next other replay beside it, or none after the last. @param {Scene} s @returns {Scene} */
function compared(s) {
  const others = s.replays.map((_, i) => i).filter((i) => i !== s.which);
  const next = s.beside === null ? 0 : others.indexOf(s.beside) + 1;
  return next < others.length ? { ...s, beside: others[next] } : at({ ...s, beside: null }, s.t);
}
/** The next replay with the same key, at the same step. @param {Scene} s @param {(r: Replay) => string} key */
function like(s, key) {
  const order = s.replays.map((_, i) => (s.which + 1 + i) % s.replays.length).slice(0, -1); // without the one shown
  const which = order.find((i) => key(s.replays[i]) === key(replayOf(s)));
  return which === undefined ? s : at(inReplay(s, which), s.t);
}
/** @param {Scene} s @param {number} by @param {(t: number) => boolean} marked of states after the first */
function jump(s, by, marked) {
  const last = replayOf(s).steps(s.episode);
  for (let t = by > 0 ? s.t + 1 : Math.min(s.t - 1, last); t > 0 && t <= last; t += by) if (marked(t)) return at(s, t);
  return at(s, by > 0 ? stepsOf(s) : 0);
}
/** To a state in which another source is followed than before. @param {Scene} s @param {number} by */
function change(s, by) {
  const replay = replayOf(s), last = replay.steps(s.episode);
  return jump(s, by, (t) => t < last && replay.sourceAt(s.episode, t, s.novice) !== replay.sourceAt(s.episode, t - 1, s.novice));
}
/** To a state after a reward of this sign. @param {Scene} s @param {number} by @param {number} sign */
function paid(s, by, sign) {
  const replay = replayOf(s), reward = replay.table("reward"), seat = replay.facts.novices[s.novice];
  return jump(s, by, (t) => sign * reward.at(s.episode, t - 1, seat) > 0);
}
/** @param {Scene} s @param {number} by */
function faster(s, by) {
  const index = Math.max(0, s.speeds.indexOf(s.speed)) + by;
  return { ...s, speed: s.speeds[Math.min(Math.max(index, 0), s.speeds.length - 1)] };
}
/** @param {Scene} s @param {number} by */
function nextSeat(s, by) {
  const replay = replayOf(s), seats = replay.facts.agents.length, t = Math.min(s.t, replay.steps(s.episode));
  const order = Array.from({ length: seats }, (_, i) => (((chosen(s) + by * (i + 1)) % seats) + seats) % seats);
  return ofSeat(s, order.find((seat) => replay.isPresent(s.episode, t, seat)) ?? order[0]);
}
/** @param {Scene} s */
function play(s) {
  const after = { ...s, playing: !s.playing };
  return after.playing && ended(after) ? at(after, 0) : after;
}

/** The functions behind the commands of `socialrl.scene.commands`, by their texts. @type {Record<string, (s: Scene) => Scene>} */
export const COMMANDS = {
  "play, pause": play,
  "one step forward": (s) => at(s, s.t + 1),
  "one step back": (s) => at(s, s.t - 1),
  "ten steps forward": (s) => at(s, s.t + 10),
  "ten steps back": (s) => at(s, s.t - 10),
  "next change of source": (s) => change(s, 1),
  "previous change of source": (s) => change(s, -1),
  "next reward": (s) => paid(s, 1, 1),
  "previous reward": (s) => paid(s, -1, 1),
  "next negative reward": (s) => paid(s, 1, -1),
  "previous negative reward": (s) => paid(s, -1, -1),
  "first step": (s) => at(s, 0),
  "last step": (s) => at(s, stepsOf(s)),
  faster: (s) => faster(s, 1),
  slower: (s) => faster(s, -1),
  "next episode": (s) => inEpisode(s, s.episode + 1),
  "previous episode": (s) => inEpisode(s, s.episode - 1),
  "next replay": (s) => inReplay(s, s.which + 1),
  "previous replay": (s) => inReplay(s, s.which - 1),
  "next seed of this arm": (s) => like(s, (r) => JSON.stringify([r.facts.experiment, r.facts.arm])),
  "next arm with this seed": (s) => like(s, (r) => JSON.stringify([r.facts.experiment, r.facts.seed])),
  "compare with the next replay": compared,
  "choose replay and episode": (s) => ({ ...s, picker: !s.picker, help: false }),
  "next tab": (s) => ({ ...s, tab: s.tab + 1 }),
  "previous tab": (s) => ({ ...s, tab: s.tab - 1 }),
  "view of the next seat": (s) => nextSeat(s, 1),
  "view of the previous seat": (s) => nextSeat(s, -1),
  "mark the view of the seat": (s) => ({ ...s, view: !s.view }),
  loop: (s) => ({ ...s, loop: !s.loop }),
  "light, dark": (s) => ({ ...s, theme: s.theme === "light" ? "dark" : "light" }),
  "this help": (s) => ({ ...s, help: !s.help, picker: false }),
  "close, quit": (s) => ({ ...s, help: false, picker: false }),
};

/** The key of an event as `socialrl.scene.commands` names it. @param {{key: string, shiftKey: boolean}} event */
export function keyName(event) {
  const shift = event.shiftKey && (event.key.length > 1 || /[a-z]/i.test(event.key)); // else it is part of the sign
  const name = event.key === " " ? "space" : event.key.replace(/^Arrow/, "").replace(/^Page/, "page ").toLowerCase();
  return (shift ? "shift+" : "") + name;
}
