// The component: it shows a scene, and changes it by keys, buttons, pointers and time.
import { Replay, unpack, unpackJson } from "./data.js";
import { Decision, says } from "./decision.js";
import { Surface, button, make, say, within } from "./dom.js";
import { COMMANDS, advanced, at, ended, inEpisode, inReplay, keyName, makeScene, ofSeat, panes, replayOf, stepsOf } from "./scene.js";
import { css, mix } from "./sprites.js";
import { agentsTab, beliefTab, conceptsTab, occupancyTab, plotTab, predictionTab } from "./tabs.js";
import { drawTimeline, timelineHeight } from "./timeline.js";
import { Figures, World, places } from "./world.js";
/** @import { Settings, Theme } from "./data.js" @import { Scene } from "./scene.js" */

/** Drawings of buttons, 24 x 24, by the texts of their commands. @type {Record<string, string>} */
const ICONS = {
  "play, pause": "M7 4v16l13-8z", pause: "M6 4h4v16H6zM14 4h4v16h-4z", "first step": "M5 4h3v16H5zM20 4v16L9 12z",
  "last step": "M16 4h3v16h-3zM4 4v16l11-8z", "one step back": "M17 4v16L5 12z", "one step forward": "M7 4v16l12-8z",
  "choose replay and episode": "M4 5h16v3H4zM4 11h16v3H4zM4 17h16v3H4z", "compare with the next replay": "M3 4h8v16H3zM13 4h8v16h-8z",
  slower: "M5 10h14v4H5z", faster: "M5 10h5V5h4v5h5v4h-5v5h-4v-5H5z", loop: "M12 5V1L7 6l5 5V7a5 5 0 1 1-5 5H5a7 7 0 1 0 7-7z",
  "previous change of source": "M4 4h3v16H4zM9 12l5-6v4h6v4h-6v4z", "next change of source": "M17 4h3v16h-3zM15 12l-5-6v4H4v4h6v4z",
  "light, dark": "M12 3a9 9 0 1 0 0 18zM12 3v18",
  "this help": "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1-1.5 2.4h-2c0-2.500 1-3.300 2-3.900A1 1 0 1 0 11 9zM10 16h2v2h-2z",
  "close, quit": "M6 4l6 6 6-6 2 2-6 6 6 6-2 2-6-6-6 6-2-2 6-6-6-6z",
};
const [PLAY, CHOOSE, COMPARE, THEME, HELP, CLOSE] = [
  "play, pause", "choose replay and episode", "compare with the next replay", "light, dark", "this help", "close, quit",
];
const GLIDE = 0.6; // of a step's time, in which figures move to their next place
const FASTEST_GLIDE = 16; // steps per second
const STORE = "socialrl-theme";
const ENDS = ["the recording ends", "the task ended", "time ran out"];
/** What was stored, or null where storing is not allowed. @param {string|null} [value] to store */
function stored(value = null) {
  try {
    if (value !== null) localStorage.setItem(STORE, value);
    return localStorage.getItem(STORE);
  } catch {
    return null;
  }
}

/** One of the replays side by side: a board and a decision. */
class Pane {
  surface = new Surface("The world");
  end = make("div", "srl-end");
  none = make("p", "srl-none srl-quiet", "This browser draws no pictures. Decisions, returns and agents are in words.");
  /** @param {Player} player @param {number} number */
  constructor(player, number) {
    const { art } = player.settings, card = make("section", "srl-card srl-world", "", { "aria-label": number ? "Second world" : "World" });
    this.none.hidden = this.surface.pen !== null;
    this.decision = new Decision(art);
    this.figures = new Figures(art);
    this.world = new World(art);
    this.card = within(card, this.surface.canvas, this.figures.element, this.end, this.none);
    this.element = within(make("div", "srl-pane"), this.card, this.decision.element);
    this.surface.canvas.addEventListener("click", (event) => this.click(player, number, event));
  }
  /** The pixels of a cell, and where the board begins. @param {Replay} replay */
  board(replay) {
    const { width, height } = this.surface, cell = Math.max(1, Math.floor(Math.min(width / replay.columns, height / replay.rows)));
    return { cell, left: Math.floor((width - cell * replay.columns) / 2), top: Math.floor((height - cell * replay.rows) / 2) };
  }
  /** @param {Scene} s @param {number} glide milliseconds that figures take to their places */
  draw(s, glide) {
    const replay = replayOf(s), { cell, left, top } = this.board(replay), { surface } = this;
    const key = [s.which, s.episode, s.t, s.novice, s.seat, s.view, s.theme].join();
    surface.show(key, (pen) => {
      pen.save();
      pen.translate(left, top);
      pen.beginPath();
      pen.rect(0, 0, cell * replay.columns, cell * replay.rows);
      pen.clip();
      this.world.draw(pen, s, cell);
      pen.restore();
      const { element } = this.figures, { canvas } = surface;
      element.style.left = `${canvas.offsetLeft + left / surface.ratio}px`;
      element.style.top = `${canvas.offsetTop + top / surface.ratio}px`;
      this.figures.show(s, this.world.mask(s), cell, surface.ratio, glide);
    });
  }
  /** @param {Scene} s */
  update(s) {
    const replay = replayOf(s), steps = replay.steps(s.episode);
    this.card.style.setProperty("--board", `${replay.columns} / ${replay.rows}`);
    this.decision.update(s);
    this.end.hidden = s.t < steps;
    if (s.t >= steps) say(this.end, `end of the episode: ${ENDS[replay.table("ended").at(s.episode, steps - 1)]}`);
  }
  /** Shows the view of the seat whose figure was clicked. @param {Player} player @param {number} number @param {MouseEvent} event */
  click(player, number, event) {
    const s = panes(player.scene)[number], replay = replayOf(s), { cell, left, top } = this.board(replay);
    const box = this.surface.canvas.getBoundingClientRect(), ratio = this.surface.width / box.width;
    const [x, y] = [((event.clientX - box.left) * ratio - left) / cell, ((event.clientY - box.top) * ratio - top) / cell];
    const hit = [...places(replay, s.episode, s.t)].find(([, place]) => Math.hypot(x - place.x, y - place.y) <= 0.5 * place.size);
    if (hit) player.show(ofSeat(player.scene, Math.min(hit[0], replayOf(player.scene).facts.agents.length - 1)));
  }
}

/** The whole component in an element. */
export class Player {
  ending = new AbortController();
  body = make("div", "srl-body");
  head = make("header", "srl-head");
  about = make("div", "srl-about");
  where = make("div", "srl-where");
  said = make("div", "srl-hidden", "", { "aria-live": "polite" });
  dialog = make("dialog", "srl-dialog");
  tabCard = make("section", "srl-card srl-tabs", "", { "aria-label": "Audit" });
  speed = make("output", "srl-speed");
  total = make("div", "srl-total");
  line = make("div", "srl-timeline", "", { role: "slider", tabindex: "0", "aria-label": "Step", "aria-valuemin": "0" });
  ribbons = new Surface("");
  cursor = make("div", "srl-cursor");
  pill = make("div", "srl-pill");
  due = 0; // when the next step is
  gliding = false; // whether the last step was played, not jumped to
  waiting = false; // for a frame
  stale = false; // whether sizes have changed
  drawn = /** @type {Scene|null} */ (null);
  /** @param {HTMLElement} root @param {Settings} settings @param {Replay[]} replays
   * @param {{page?: boolean}} [options] page: whether it has the page to itself */
  constructor(root, settings, replays, options = {}) {
    this.root = root;
    this.settings = settings;
    this.page = options.page ?? false;
    const dark = globalThis.matchMedia?.("(prefers-color-scheme: dark)"), told = this.page ? stored() : null;
    const theme = told === "dark" || told === "light" ? told : dark?.matches ? "dark" : "light";
    this.scene = makeScene(replays, settings.speeds, { which: settings.which, episode: settings.episode, t: settings.t, theme });
    this.commands = settings.commands.filter(([, , text]) => Object.hasOwn(COMMANDS, text)); // the window may have more
    this.keys = new Map(this.commands.flatMap(([keys, , text]) => keys.map((key) => [key, text])));
    this.still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");
    this.title = make(this.page ? "h1" : "div", "srl-title");
    this.panes = [new Pane(this, 0), new Pane(this, 1)];
    this.tabs = this.makeTabs(replays);
    this.tabButtons = this.tabs.map((tab, i) => {
      const one = make("button", "srl-tab", tab.title, { type: "button", role: "tab" });
      one.addEventListener("click", () => this.show({ ...this.scene, tab: i }));
      return one;
    });
    this.surfaces = [...this.panes.map((pane) => pane.surface), this.ribbons, ...this.tabs.flatMap((tab) => tab.surfaces)];
    this.watch = new ResizeObserver(() => {
      this.stale = true;
      this.wait();
    });
    this.build(replays);
    this.listen(dark ?? null);
    this.update();
    this.measure();
  }
  /** @param {Replay[]} replays */
  makeTabs(replays) {
    const { settings } = this, plots = replays.map((replay) => replay.facts.plots).find((all) => all.length) ?? [];
    const agents = agentsTab(settings, (seat) => this.show(ofSeat(this.scene, seat)));
    const drawn = [predictionTab(settings), occupancyTab(settings), beliefTab(settings)];
    if (replays.some((replay) => replay.facts.concepts.length)) drawn.push(conceptsTab());
    return [agents, ...plots.map((plot, i) => plotTab(settings, i, plot.tab)), ...drawn];
  }
  /** @param {Replay[]} replays */
  build(replays) {
    const tools = [CHOOSE, COMPARE, THEME, HELP].filter((name) => name !== COMPARE || replays.length > 1);
    within(this.head, this.title, this.about, this.where, within(make("div", "srl-tools"), ...tools.map((name) => this.tool(name))));
    this.body.append(this.head, ...this.panes.map((pane) => pane.element), this.buildTabs(), this.buildFoot(), this.said);
    this.root.replaceChildren(this.body, this.dialog);
    this.root.classList.add("srl");
    this.root.classList.toggle("srl-page", this.page);
  }
  /** A button for a command. @param {string} name */
  tool(name) {
    const label = this.settings.commands.find(([, , text]) => text === name)?.[1];
    const made = button(`${name} (${label})`, ICONS[name], () => this.command(name));
    made.dataset.command = name;
    return made;
  }

  buildTabs() {
    const bar = within(make("div", "srl-tablist", "", { role: "tablist" }), ...this.tabButtons);
    const panel = make("div", "srl-tabpanel", "", { role: "tabpanel", tabindex: "0", "aria-label": "Tab" });
    bar.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      this.command(by > 0 ? "next tab" : "previous tab");
      this.tabButtons[this.tab].focus();
    });
    return within(this.tabCard, bar, within(panel, ...this.tabs.map((tab) => tab.element)));
  }

  buildFoot() {
    const names = ["first step", "previous change of source", "one step back", PLAY, "one step forward", "next change of source", "last step"];
    const steps = within(make("div", "srl-tools"), ...names.map((name) => this.tool(name)));
    const pace = within(make("div", "srl-tools"), this.tool("slower"), this.speed, this.tool("faster"), this.tool("loop"));
    within(this.line, this.ribbons.canvas, this.cursor, this.pill);
    const row = within(make("div", "srl-controls"), steps, pace, this.total);
    return within(make("section", "srl-card srl-foot", "", { "aria-label": "Timeline" }), row, this.line);
  }
  get tab() {
    return ((this.scene.tab % this.tabs.length) + this.tabs.length) % this.tabs.length;
  }
  /** @param {MediaQueryList|null} dark */
  listen(dark) {
    const { signal } = this.ending, scrub = (/** @type {PointerEvent} */ event) => {
      if (event.type === "pointerdown") this.line.setPointerCapture(event.pointerId);
      if (!this.line.hasPointerCapture(event.pointerId)) return;
      const box = this.line.getBoundingClientRect(), steps = stepsOf(this.scene), share = (event.clientX - box.left) / box.width;
      this.show(at(this.scene, share >= 1 ? steps : Math.floor(share * steps)));
    };
    this.line.addEventListener("pointerdown", scrub);
    this.line.addEventListener("pointermove", scrub);
    let turned = 0;
    const wheel = (/** @type {WheelEvent} */ event) => {
      if (event.ctrlKey || !this.page || document.documentElement.scrollHeight > innerHeight + 1) return;
      event.preventDefault();
      turned += Math.abs(event.deltaY) >= 50 ? Math.sign(event.deltaY) * 50 : event.deltaY;
      const by = Math.trunc(turned / 50);
      turned -= by * 50;
      if (by) this.show(at(this.scene, this.scene.t + by));
    };
    for (const element of [this.line, ...this.panes.map((pane) => pane.card)]) element.addEventListener("wheel", wheel, { passive: false });
    const keys = /** @type {HTMLElement} */ (this.page ? document.body : this.root);
    keys.addEventListener("keydown", (event) => this.press(event), { signal });
    this.dialog.addEventListener("close", () => {
      if (!this.dialog.open) this.show(COMMANDS[CLOSE](this.scene));
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    dark?.addEventListener("change", (event) => {
      if (!this.page || stored() === null) this.show({ ...this.scene, theme: event.matches ? "dark" : "light" });
    }, { signal });
    for (const surface of this.surfaces) this.watch.observe(surface.canvas);
    globalThis.addEventListener?.("resize", () => this.measure(), { signal });
  }
  /** Takes it off the page. */
  destroy() {
    this.ending.abort();
    this.watch.disconnect();
    this.scene = { ...this.scene, playing: false };
    this.root.replaceChildren();
  }
  /** @param {KeyboardEvent} event */
  press(event) {
    const target = /** @type {HTMLElement} */ (event.target), key = keyName(event), name = this.keys.get(key);
    if (!name || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || key.endsWith("tab")) return;
    if (key === "space" && target.closest("button")) return; // it presses the button
    if ((this.scene.help || this.scene.picker) && ![HELP, CHOOSE, CLOSE].includes(name)) return;
    event.preventDefault();
    if (!this.page) event.stopPropagation();
    this.command(name);
  }
  /** @param {string} name its text in `socialrl.scene.commands` */
  command(name) {
    this.show(COMMANDS[name](this.scene));
    if (name === THEME && this.page) stored(this.scene.theme);
  }
  /** Shows another scene. @param {Scene} scene */
  show(scene) {
    if (scene.playing && !this.scene.playing) this.due = performance.now() + 1000 / scene.speed;
    this.gliding = false;
    this.scene = scene;
    this.wait();
  }
  /** Asks for the next frame. */
  wait() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => this.frame(now));
  }
  /** One frame: the steps that are due, and what has changed. @param {number} now milliseconds */
  frame(now) {
    this.waiting = false;
    if (this.stale) this.measure();
    if (this.scene.playing) this.tick(now);
    if (this.drawn !== this.scene) this.update();
    const gliding = this.gliding && this.scene.speed <= FASTEST_GLIDE && !this.still?.matches;
    for (const [i, pane] of panes(this.scene).entries()) this.panes[i].draw(pane, gliding ? (GLIDE * 1000) / this.scene.speed : 0);
    if (this.scene.playing) this.wait();
  }
  /** Plays the steps that are due; after a long delay it goes on from now. @param {number} now */
  tick(now) {
    const pause = 1000 / this.scene.speed;
    if (now - this.due > Math.max(250, 2 * pause)) this.due = now;
    while (this.scene.playing && this.due <= now) {
      this.scene = advanced(this.scene);
      this.gliding = true;
      this.due += pause;
    }
  }
  /** Takes the sizes of all boxes. */
  measure() {
    this.stale = false;
    for (const surface of this.surfaces) surface.measure();
    this.drawn = null;
    this.wait();
  }
  /** Brings all but the boards to the scene. */
  update() {
    const { scene: s, drawn } = this, replay = replayOf(s), theme = this.settings.art.themes[s.theme];
    this.drawn = s;
    if (drawn?.theme !== s.theme) this.colour(theme);
    const layout = s.beside === null ? "one" : "two";
    if (this.body.dataset.panes !== layout || drawn?.which !== s.which || drawn?.beside !== s.beside) {
      this.body.dataset.panes = layout;
      this.panes[1].element.hidden = s.beside === null;
      this.tabCard.hidden = s.beside !== null;
      this.line.style.setProperty("--high", String(timelineHeight(s)));
      this.stale = true;
      this.wait();
    }
    this.words(s, replay);
    for (const [i, pane] of panes(s).entries()) this.panes[i].update(pane);
    this.tabs.forEach((tab, i) => {
      tab.element.hidden = i !== this.tab;
      this.tabButtons[i].setAttribute("aria-selected", String(i === this.tab));
      this.tabButtons[i].tabIndex = i === this.tab ? 0 : -1;
    });
    if (drawn && drawn.tab !== s.tab) {
      this.stale = true;
      this.tabButtons[this.tab].scrollIntoView?.({ block: "nearest", inline: "nearest" });
    }
    if (s.beside === null) this.tabs[this.tab].update(s);
    const key = [s.which, s.episode, s.novice, s.beside, s.theme].join();
    this.ribbons.show(key, (pen) => drawTimeline(this.ribbons, pen, s, theme));
    this.moveCursor(s);
    if (drawn?.help !== s.help || drawn?.picker !== s.picker) this.overlay(s);
  }
  /** @param {Scene} s @param {Replay} replay */
  words(s, replay) {
    const { facts } = replay, other = s.beside === null ? null : s.replays[s.beside].facts;
    const title = `${facts.experiment} · ${facts.arm}`;
    say(this.title, other ? `${title}, seed ${facts.seed} | ${other.arm}, seed ${other.seed}` : title);
    if (this.page) document.title = `${facts.experiment} · ${facts.arm}: replay`;
    say(this.about, other ? "" : `seed ${facts.seed} · after ${facts.step.toLocaleString("en")} steps`);
    const episode = `episode ${s.episode + 1} of ${replay.episodes}`;
    say(this.where, s.replays.length > 1 ? `replay ${s.which + 1} of ${s.replays.length} · ${episode}` : episode);
    say(this.speed, `${s.speed} steps/s`);
    const t = Math.min(s.t, replay.steps(s.episode)), seat = facts.novices[s.novice], total = replay.returnAt(s.episode, t, seat);
    const last = t ? replay.table("reward").at(s.episode, t - 1, seat) : 0;
    const change = make("b", last > 0 ? "srl-good" : "srl-bad", last ? ` ${last > 0 ? "+" : ""}${Number(last.toPrecision(4))}` : "");
    this.total.replaceChildren(`return so far ${Number(total.toPrecision(4))}`, change);
    for (const one of this.root.querySelectorAll("[data-command]")) {
      const name = /** @type {HTMLElement} */ (one).dataset.command;
      const on = { loop: s.loop, [COMPARE]: s.beside !== null, [CHOOSE]: s.picker, [HELP]: s.help }[String(name)];
      if (on !== undefined) one.setAttribute("aria-pressed", String(on));
      if (name !== PLAY) continue;
      one.setAttribute("aria-label", s.playing ? "pause (space)" : "play (space)");
      one.querySelector("path")?.setAttribute("d", s.playing ? ICONS.pause : ICONS[PLAY]);
    }
    const now = this.inWords(s, replay);
    this.line.setAttribute("aria-valuemax", String(stepsOf(s)));
    this.line.setAttribute("aria-valuenow", String(s.t));
    this.line.setAttribute("aria-valuetext", now);
    if (s.playing) return; // who listens hears where it stops
    say(this.said, now);
    for (const [i, pane] of panes(s).entries()) this.panes[i].surface.canvas.setAttribute("aria-label", this.inWords(pane, replayOf(pane)));
  }
  /** What is shown, in a sentence. @param {Scene} s @param {Replay} replay */
  inWords(s, replay) {
    const { facts } = replay, steps = replay.steps(s.episode), seat = facts.novices[s.novice];
    if (s.t >= steps) return `End, after ${steps} steps.`;
    const action = facts.actions[replay.table("action").at(s.episode, s.t, seat)];
    return `Step ${s.t} of ${steps}: ${facts.agents[seat]} ${says({ ...s, beside: null })}, action ${action}.`;
  }
  /** Hands the colours to the style sheet. @param {Theme} theme */
  colour(theme) {
    this.root.dataset.theme = theme.name;
    for (const [name, value] of Object.entries(theme)) {
      if (typeof value === "string") continue;
      this.root.style.setProperty(`--srl-${name}`, css(value));
      this.root.style.setProperty(`--srl-${name}-ink`, css(mix(value, theme.ink, 0.28))); // for words in this colour
    }
    if (this.page) document.body.style.background = css(theme.page);
  }
  /** @param {Scene} s */
  moveCursor(s) {
    const steps = stepsOf(s), over = ended(s), left = over ? 100 : (100 * s.t) / steps;
    this.cursor.style.left = `${left}%`;
    this.cursor.style.width = over ? "0" : `${100 / steps}%`;
    this.pill.style.left = `clamp(3.2em, ${over ? 100 : left + 50 / steps}%, 100% - 3.2em)`;
    say(this.pill, over ? `end, ${s.t.toLocaleString("en")} steps` : `step ${s.t.toLocaleString("en")}`);
  }
  /** Opens or closes the help and the lists. @param {Scene} s */
  overlay(s) {
    const close = button("close (esc)", ICONS[CLOSE], () => this.dialog.close());
    const title = within(make("div", "srl-line"), make("h2", "", s.help ? "Keys" : "Replays"), close);
    if (s.help) this.dialog.replaceChildren(title, this.helpTable());
    else if (s.picker) this.dialog.replaceChildren(title, ...this.lists(s));
    else if (this.dialog.open) this.dialog.close();
    if ((s.help || s.picker) && !this.dialog.open) this.dialog.showModal();
  }
  helpTable() {
    const rows = this.commands.map(([, label, text]) => within(make("div"), make("dt", "", label), make("dd", "", text)));
    const list = within(make("dl", "srl-keys"), ...rows);
    const more = "Drag the timeline, or turn the wheel for single steps; click a figure or a name for its view.";
    return within(make("div"), list, make("p", "srl-quiet", more));
  }
  /** The lists of replays and episodes. @param {Scene} s */
  lists(s) {
    const replay = replayOf(s), seat = replay.facts.novices[s.novice];
    /** @param {string} title @param {string[][]} rows text and note @param {number} here @param {(i: number) => Scene} go */
    const list = (title, rows, here, go) => {
      const items = rows.map(([text, note], i) => {
        const one = make("button", "", text, { type: "button", "aria-current": String(i === here) });
        one.addEventListener("click", () => this.show(go(i)));
        return within(make("li"), within(one, make("span", "srl-quiet", note)));
      });
      return within(make("div", "srl-list"), make("h3", "", title), within(make("ul"), ...items));
    };
    const both = make("div", "srl-lists"), many = s.replays.length > 1;
    const replays = s.replays.map(({ facts, episodes }) => [`${facts.arm}, seed ${facts.seed}`, `${episodes} episodes`]);
    const episodes = Array.from({ length: replay.episodes }, (_, e) => {
      const steps = replay.steps(e), total = replay.returnAt(e, steps, seat);
      return [`episode ${e + 1}`, `${steps.toLocaleString("en")} steps, return ${Number(total.toPrecision(4))}`];
    });
    if (many) both.append(list("Replays", replays, s.which, (i) => ({ ...inReplay(this.scene, i), picker: false })));
    both.append(list("Episodes", episodes, s.episode, (i) => ({ ...inEpisode(this.scene, i), picker: false })));
    const left = this.settings.left_out;
    const note = left.length ? `Left out of this page, which would be too large: ${left.join(", ")}` : "";
    return [both, make("p", "srl-quiet", note)];
  }
}
/** Reads packed settings and replays and shows them. @param {HTMLElement} root @param {string} settings @param {string[]} packed
 * @param {{page?: boolean}} [options] */
export async function start(root, settings, packed, options = {}) {
  try {
    const told = /** @type {Settings} */ (await unpackJson(settings));
    return new Player(root, told, await Promise.all(packed.map(unpack)), options);
  } catch (error) {
    console.error(error);
    const old = typeof DecompressionStream === "undefined";
    const why = old ? "This browser is too old to show the replay." : "This replay cannot be shown: the page is damaged.";
    root.replaceChildren(make("p", "srl-none", why));
    return null;
  }
}
/** Shows all replays of the page. A place has the class `srl-replay` and holds the packed settings and replays. */
export function startAll() {
  for (const place of document.querySelectorAll(".srl-replay")) {
    const texts = Array.from(place.querySelectorAll("script[type='text/plain']"), (one) => one.textContent ?? "");
    const root = place.querySelector(".srl-root");
    if (texts.length > 1 && root) start(/** @type {HTMLElement} */ (root), texts[0], texts.slice(1), { page: place.classList.contains("srl-whole") });
  }
}
/** Shows a table of facts. @param {{title?: string, text?: string, rows?: string[][]}} facts */
function factsTable({ title = "", text = "", rows = [] }) {
  const lines = rows.map((cells, i) => within(make("tr"), ...cells.map((cell, c) => make(i && c ? "td" : "th", "", cell))));
  return within(make("div", "srl-facts"), make("b", "", title), make("p", "", text), within(make("table"), ...lines));
}
/** What a notebook calls. @param {{model: {get: (name: string) => any}, el: HTMLElement}} given */
export function renderWidget({ model, el }) {
  const root = make("div"), facts = model.get("facts");
  root.dataset.lmSuppressShortcuts = "true"; // Jupyter's keys are not meant while the player has the focus
  if (facts?.rows) el.append(factsTable(facts));
  el.append(root);
  const started = start(root, model.get("settings"), model.get("packed"));
  return () => started.then((player) => player?.destroy());
}
