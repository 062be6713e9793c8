// The page of a seat: it says which keys are pressed, and shows what the server sends. All text from the server is
// set as text, never as markup.
// @ts-check

/** @typedef {{name: string, letter: string, colour: string}} Seat */
/** @typedef {{type: "lobby", world: string, rules: string[], seats: (Seat & {free: boolean})[]}} Lobby */
/** @typedef {{type: "seated", key: string, you: Seat, keys: Record<string, number>,
 *   moves: {key: string, does: string}[], rate: number | null}} Seated */
/** @typedef {{type: "scene", image: string, words: string, time: number, horizon: number, episode: number,
 *   score: number, best: number | null, reward: number, present: boolean, ended: string | null, chosen: boolean,
 *   waits: string, worth: {name: string, value: number}[], others: (Seat & {about: string})[], people: number,
 *   wanting: {next: string[], end: string[]}, fog: boolean, marked: [number, number] | null}} Scene */

const REPLACED = 4001, FULL = 4003, OVER = 4004;  // codes with which the server closes for good
const PATIENCE = [0.3, 0.6, 1, 2, 4];  // seconds before each attempt to come back; the last one is repeated
const SIGNS = { up: "↑", right: "→", down: "↓", left: "←", space: "space" };

/** @param {string} id @returns {HTMLElement} */
const at = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id @param {string} text */
const write = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };
/** @param {string} tag @param {string} [text] @param {string} [className] */
const make = (tag, text = "", className = "") =>
  Object.assign(document.createElement(tag), { textContent: text, className });
/** @param {number} value */
const signed = (value) => (value > 0 ? "+" : "") + String(+value.toPrecision(4));

const state = {
  socket: /** @type {WebSocket | null} */ (null),
  attempts: 0,
  seat: "",  // where this browser sits, or sat before the connection was lost
  seated: /** @type {Seated | null} */ (null),
  scene: /** @type {Scene | null} */ (null),
  keys: /** @type {Record<string, string>} */ ({}),  // by seat, where the browser keeps nothing
  fog: true,
  theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
  returning: false,  // whether the seat of before was just asked for again
  lobby: /** @type {Lobby | null} */ (null),
  ending: false,  // whether the end was asked for once, and has to be confirmed
  down: /** @type {Set<number>} */ (new Set()),
};

/** The key of a seat from before a reload. @param {string} seat */
function recall(seat) {
  try { return sessionStorage.getItem(location.pathname + seat) || state.keys[seat] || ""; }
  catch { return state.keys[seat] || ""; }
}

/** @param {string} seat @param {string} key */
function remember(seat, key) {
  state.keys[seat] = key;
  try {
    sessionStorage.setItem(location.pathname + seat, key);
    sessionStorage.setItem(location.pathname, seat);
  } catch { /* the browser keeps nothing: a reload then needs the seat to become free */ }
}

function forget() {
  state.keys = {};
  try { sessionStorage.clear(); } catch { /* nothing was kept */ }
}

function lastSeat() {
  try { return sessionStorage.getItem(location.pathname) || state.seat; } catch { return state.seat; }
}

/** @param {Record<string, unknown>} message */
function say(message) {
  if (state.socket?.readyState === WebSocket.OPEN) state.socket.send(JSON.stringify(message));
}

function connect() {
  const socket = new WebSocket(`ws://${location.host}${location.pathname}socket`);
  state.socket = socket;
  socket.onopen = () => {
    state.attempts = 0;
    write("line", "");
    say({ type: "look", fog: state.fog, theme: state.theme });
    const seat = lastSeat();
    state.returning = Boolean(seat);
    if (seat) say({ type: "sit", seat, key: recall(seat) });
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "lobby") showLobby(message);
    else if (message.type === "seated") sit(message);
    else if (message.type === "scene") show(message);
    else if (message.type === "error") complain(message.line);
  };
  socket.onclose = (event) => {
    state.down.clear();
    if ([REPLACED, FULL, OVER].includes(event.code)) {
      write("line", event.reason);
      return;
    }
    write("line", event.reason || "The connection is lost; trying to come back …");
    setTimeout(connect, 1000 * PATIENCE[Math.min(state.attempts++, PATIENCE.length - 1)]);
  };
}

/** Shows a line of the server; where it refuses the seat of before, the lobby as well. @param {string} line */
function complain(line) {
  write("line", line);
  if (!state.returning) return;
  state.returning = false;
  state.seated = null;
  state.seat = "";
  forget();
  if (state.lobby) showLobby(state.lobby);
}

/** @param {Seat} seat */
function figure(seat) {
  const found = make("b", seat.letter, "figure");
  found.style.setProperty("--colour", seat.colour);
  return found;
}

/** @param {Lobby} lobby */
function showLobby(lobby) {
  state.lobby = lobby;
  for (const id of ["rules", "rulesHere"])
    at(id).replaceChildren(...lobby.rules.map((paragraph) => make("p", paragraph)));
  if (state.seated || state.returning) return;
  document.title = `${lobby.world} · socialrl`;
  at("lobby").hidden = false;
  at("game").hidden = true;
  write("title", lobby.world);
  write("hint", lobby.seats.some((seat) => seat.free) ? "Take a seat." : "All seats are taken.");
  at("seats").replaceChildren(...lobby.seats.map((seat) => {
    const button = /** @type {HTMLButtonElement} */ (document.createElement("button"));
    button.append(figure(seat), make("span", seat.free ? seat.name : `${seat.name}, taken`));
    button.disabled = !seat.free && !recall(seat.name);
    button.onclick = () => {
      state.seat = seat.name;
      say({ type: "sit", seat: seat.name, key: recall(seat.name) });
    };
    return button;
  }));
}

/** @param {Seated} seated */
function sit(seated) {
  state.seated = seated;
  state.returning = false;
  state.seat = seated.you.name;
  remember(seated.you.name, seated.key);
  write("line", "");
  at("lobby").hidden = true;
  at("game").hidden = false;
  document.title = `${seated.you.name} · socialrl`;
  write("you", seated.you.name);
  write("figure", seated.you.letter);
  at("game").style.setProperty("--colour", seated.you.colour);
  at("moves").replaceChildren(...seated.moves.map((move, action) => {
    const button = make("button");
    button.append(make("kbd", SIGNS[/** @type {keyof SIGNS} */ (move.key)] || move.key), move.does);
    button.onpointerdown = () => press(action);
    for (const up of ["pointerup", "pointerleave", "pointercancel"])
      button.addEventListener(up, () => release(action));
    button.onkeydown = (event) => {
      if ((event.key === "Enter" || event.key === " ") && !event.repeat) { press(action); release(action); }
    };
    return button;
  }));
}

/** @param {Scene} scene */
function show(scene) {
  state.scene = scene;
  const picture = /** @type {HTMLImageElement} */ (at("picture"));
  picture.src = `data:image/png;base64,${scene.image}`;
  picture.alt = scene.words;
  write("words", scene.words);
  write("score", String(+scene.score.toPrecision(4)));
  write("reward", scene.reward ? signed(scene.reward) : "");
  at("reward").className = scene.reward < 0 ? "bad" : "";
  /** @type {HTMLProgressElement} */ (at("progress")).value = scene.time / scene.horizon;
  write("time", `step ${scene.time} of ${scene.horizon}`);
  write("episode", `episode ${scene.episode}` + (scene.best === null ? "" : ` · best before ${signed(scene.best)}`));
  const pill = scene.waits || (scene.ended ? `${scene.ended}: ${signed(scene.score)} · n next episode`
    : scene.present ? "" : "you are not on the grid now; any move lets time pass");
  write("pill", pill);
  at("worth").replaceChildren(...scene.worth.map((one) => make("li", `${one.name} ${signed(one.value)}`)));
  at("othersCard").hidden = !scene.others.length;
  at("others").replaceChildren(...scene.others.map((other) => {
    const item = make("li"), text = make("p", other.name);
    text.append(document.createElement("br"), make("small", other.about));
    item.append(figure(other), text);
    return item;
  }));
  showCommands(scene);
}

/** @param {Scene} scene */
function showCommands(scene) {
  const asked = (/** @type {string[]} */ who) => (who.length ? `, asked by ${who.join(", ")}` : "");
  /** @type {[string, string][]} */
  const marks = !scene.marked ? [] : [
    ["g", `good: what the agent just did (${scene.marked[0]})`],
    ["b", `bad: what the agent just did (${scene.marked[1]})`],
  ];
  /** @type {[string, string][]} */
  const rows = [
    ...marks,
    ["n", `next episode${asked(scene.wanting.next)}`],
    ["f", scene.fog ? "show the whole grid" : "show only your view"],
    ["t", "light, dark"],
    ["l", "leave this seat"],
    ["esc", state.ending ? "press again to end the game" : `end the game${asked(scene.wanting.end)}`],
  ];
  const box = at("commands");
  while (box.childElementCount < rows.length) {
    const [key] = rows[box.childElementCount], button = make("button");
    button.append(make("kbd", key), make("span"));
    button.onclick = () => command(key);
    box.append(button);
  }
  rows.forEach(([, text], row) => {
    const span = /** @type {HTMLElement} */ (box.children[row].lastElementChild);
    if (span.textContent !== text) span.textContent = text;
  });
}

/** Follows a command. @param {string} key @returns {boolean} whether it is one */
function command(key) {
  const ending = key === "esc" || key === "Escape";
  if (key === "n" || key === "Enter") say({ type: "next" });
  else if (key === "f") look({ fog: !state.fog });
  else if (key === "t") look({ theme: state.theme === "dark" ? "light" : "dark" });
  else if (key === "l") leave();
  else if ((key === "g" || key === "b") && state.scene?.marked) say({ type: "mark", good: key === "g" });
  else if (ending && state.ending) say({ type: "end" });
  else if (!ending) return false;
  state.ending = ending && !state.ending;
  if (state.scene) showCommands(state.scene);
  return true;
}

/** Gives the seat up; the lobby follows. */
function leave() {
  say({ type: "leave" });
  state.seated = null;
  state.seat = "";
  forget();
}

/** @param {{fog?: boolean, theme?: string}} change */
function look(change) {
  Object.assign(state, change);
  document.documentElement.dataset.theme = state.theme;
  say({ type: "look", fog: state.fog, theme: state.theme });
}

/** @param {number} action */
function press(action) {
  if (!state.down.has(action)) say({ type: "press", action });
  state.down.add(action);
}

/** @param {number} action */
function release(action) {
  if (state.down.delete(action)) say({ type: "release", action });
}

/** @param {KeyboardEvent} event @returns {number | undefined} the action of a key */
function actionOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return state.seated?.keys[key];
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || at("game").hidden) {
    if (event.repeat && !at("game").hidden && actionOf(event) !== undefined) event.preventDefault();
    return;
  }
  const onButton = event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter");
  const action = actionOf(event);
  if (onButton) return;
  if (action !== undefined) {
    event.preventDefault();
    state.ending = false;
    press(action);
  } else if (command(event.key)) event.preventDefault();
});
addEventListener("keyup", (event) => {
  const action = actionOf(event);
  if (action !== undefined) release(action);
});
addEventListener("blur", () => [...state.down].forEach(release));

document.documentElement.dataset.theme = state.theme;
connect();
