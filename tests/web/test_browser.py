"""The page in a real browser, where there is one (CHROMIUM names it): quick, quiet, alone, of any width."""

import dataclasses
import json

import numpy as np
import pytest
from jaxtyping import UInt8

from socialrl.record.replay import Replay
from socialrl.scene import Scene
from socialrl.scene.commands import COMMANDS
from socialrl.viewer.panels import decision
from socialrl.web.page import page
from socialrl_envs.picture import Picture
from socialrl_envs.render import draw
from socialrl_envs.tiles import COIN, DOOR, GOAL, KEY, LITTER, OBJECT
from socialrl_envs.visibility import ViewSpec
from tests.record.synthetic import make_policy_replay, make_replay
from tests.report import browser
from tests.web.full import full_replay
from tests.web.test_player import WINDOW_ONLY

BROWSER = browser.find()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
READY = """new Promise(done => { const shown = () => setTimeout(() => done(performance.now()), 0);
  const look = () => document.querySelector('.srl-total, .srl-root > .srl-none')?.textContent
    ? requestAnimationFrame(shown) : setTimeout(look, 5); look(); })"""
SECOND = """new Promise(done => { let frames = 0; const began = performance.now();
  const next = now => { frames++; if (now - began < 1000) requestAnimationFrame(next); else done(frames); };
  requestAnimationFrame(next); })"""
SLIDER = "document.querySelector('[role=slider]')"
FRAME = "new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))"
WIDER = """[...document.querySelectorAll('body *')].filter(one => {
  for (let box = one.parentElement; box; box = box.parentElement)
    if (['auto', 'hidden'].includes(getComputedStyle(box).overflowX)) return false;
  return true;
}).filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"""
PALE = """(() => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const parts = text => { const [r, g, b, a] = numbers(text); return [r, g, b, a ?? 1]; };
  const light = ([r, g, b]) => [r, g, b].map(x => x / 255)
    .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = one => { for (; one; one = one.parentElement) {
    const colour = parts(getComputedStyle(one).backgroundColor); if (colour[3] > 0.9) return colour; }
    return [255, 255, 255, 1]; };
  const worded = one => [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll('.srl *')].filter(one => worded(one)
    && one.checkVisibility({visibilityProperty: true})).map(one => {
    const [a, b] = [light(paper(one)), light(parts(getComputedStyle(one).color))].sort((x, y) => y - x);
    return [one.className, one.textContent.slice(0, 20), (a + 0.05) / (b + 0.05)];
  }).filter(([, , contrast]) => contrast < 4.5);
})()"""
NAMELESS = """[...document.querySelectorAll('button, section, [role], canvas:not([aria-hidden])')]
  .filter(one => one.checkVisibility() && !one.closest('[aria-hidden=true]') && !one.textContent.trim())
  .filter(one => !one.getAttribute('aria-label')).map(one => one.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    assert BROWSER is not None
    with browser.tab(BROWSER, tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture(scope="module")
def replays():
    odd = make_replay((1, 2), preferences=None)  # it records next to nothing, and nobody is there
    odd.values[:], odd.present[:] = np.nan, False
    return full_replay((40, 25)), make_policy_replay((15,)), make_replay((9, 30), seed=3, novices=2), odd


@pytest.fixture(scope="module")
def file(tmp_path_factory, replays):
    path = tmp_path_factory.mktemp("page") / "replay.html"
    path.write_text(page(Scene(replays=replays, names=("a", "b", "c", "d"))), encoding="utf-8")
    return path


def shown(tab, path, width=1280, height=800):
    """Opens a page, and returns after how many milliseconds it can be used."""
    tab.open(path, width, height)
    return tab.ask(READY)


def press(tab, *keys):
    for key in keys:
        shift = "true" if key.startswith("shift+") else "false"
        event = f"{{key: {json.dumps(key.removeprefix('shift+'))}, shiftKey: {shift}, bubbles: true}}"
        tab.ask(f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {event}))")
    tab.ask(FRAME)


def text(tab, selector):
    return tab.ask(f"document.querySelector({json.dumps(selector)}).textContent")


def test_it_is_quick_quiet_and_alone(tab, file):
    assert shown(tab, file) < 4000  # on a machine that does nothing else less than 500
    for key in "..rx,ddddvtlnpsaccceehh]]].gddddd.rxn.vg":
        press(tab, key)
    press(tab, " ", " ", "End", "Home", "Escape", "shift+ArrowRight")
    asked = [event["request"]["url"] for method, event in tab.events if method == "Network.requestWillBeSent"]
    assert asked == [file.resolve().as_uri()]
    said = [event for method, event in tab.events if method in ("Runtime.consoleAPICalled", "Log.entryAdded",
            "Runtime.exceptionThrown")]  # fmt: skip
    assert said == []


def test_playing_takes_a_few_milliseconds_per_frame(tab, file):
    """The time of the main thread, as frames that are not drawn in time may be the machine's fault."""
    shown(tab, file)
    tab.call("Performance.enable", timeDomain="threadTicks")
    press(tab, "ArrowUp", "ArrowUp", " ")

    def spent():
        metrics = {one["name"]: one["value"] for one in tab.call("Performance.getMetrics")["metrics"]}
        return metrics["TaskDuration"]

    before = spent()
    frames = tab.ask(SECOND)
    assert (spent() - before) / frames < 1 / 60
    assert tab.ask(f"{SLIDER}.getAttribute('aria-valuenow')") > "0"
    press(tab, " ")


@pytest.mark.parametrize(
    ("width", "height"), [(390, 844), (844, 390), (768, 1024), (1280, 800), (3840, 2160)]
)
def test_nothing_sticks_out_at_any_size(tab, file, width, height):
    shown(tab, file, width, height)
    for keys in ((), ("d", "d", "d"), ("c",)):
        press(tab, *keys)
        assert tab.ask(WIDER) == []
        assert tab.ask("document.documentElement.scrollWidth") <= width
        board = tab.ask("(c => [c.width, c.height])(document.querySelector('.srl-world canvas'))")
        assert min(board) >= 120


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_and_everything_has_a_name(tab, file, scheme):
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    shown(tab, file)
    tab.ask("localStorage.clear()")
    shown(tab, file)
    assert tab.ask("document.querySelector('.srl').dataset.theme") == scheme
    for keys in ((), ("d",), ("d", "d"), ("d", "h"), ("h", "e")):
        press(tab, *keys)
        assert tab.ask(PALE) == []
        assert tab.ask(NAMELESS) == [], keys
    tab.call("Emulation.setEmulatedMedia", features=[])


def test_the_decision_is_that_of_the_window(tab, file, replays):
    shown(tab, file)
    for key in ("Home", ".", "ArrowRight", "."):
        press(tab, key)
        t = int(tab.ask(f"{SLIDER}.getAttribute('aria-valuenow')"))
        replay = replays[0]
        source, action = int(replay.source[0, t, 0]), int(replay.action[0, t, 0])
        said = "acts by its own values" if source == 0 else f"follows {replay.sources[source]}"
        away = "" if replay.present[0, t, replay.seat_of(source)] else " (away)"
        assert text(tab, ".srl-said") == said + away
        values = replay.values[0, t, 0]
        assert text(tab, ".srl-words .srl-quiet") == decision._reason(
            replay.sources, values, source, action, "reward"
        )
        taken = text(tab, ".srl-taken").split("\n")
        assert taken == [f"{values[source, action]:z.2f}", f"±{replay.spread[0, t, 0, source, action]:.2f}"]
        assert tab.ask("document.querySelectorAll('.srl-values td[aria-current]').length") == 1


def test_tabs_timeline_and_lists_answer_keys_pointers_and_touch(tab, file):
    shown(tab, file)
    tab.ask("document.querySelectorAll('[role=tab]')[1].click()")
    tab.ask(FRAME)
    assert text(tab, "[role=tab][aria-selected=true]") == "Returns"
    box = tab.ask(f"(r => [r.x, r.y, r.width])({SLIDER}.getBoundingClientRect())")
    for kind, share in (("mousePressed", 0.26), ("mouseMoved", 0.51), ("mouseReleased", 0.51)):
        place = {"x": box[0] + share * box[2], "y": box[1] + 9}
        tab.call("Input.dispatchMouseEvent", type=kind, **place, button="left", buttons=1, clickCount=1)
    tab.ask(FRAME)
    assert text(tab, ".srl-pill") == "step 20"
    points = [{"x": box[0] + 0.76 * box[2], "y": box[1] + 9}]
    tab.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=points)
    tab.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    tab.ask(FRAME)
    assert text(tab, ".srl-pill") == "step 30"
    press(tab, "e")
    tab.ask("document.querySelectorAll('.srl-list')[0].querySelectorAll('button')[2].click()")
    tab.ask(FRAME)
    assert text(tab, ".srl-where") == "replay 3 of 4 · episode 1 of 2"
    assert not tab.ask("document.querySelector('dialog').open")
    press(tab, "h")
    known = [command for command in COMMANDS if command.text not in WINDOW_ONLY]
    assert tab.ask("document.querySelectorAll('.srl-keys dt').length") == len(known)
    press(tab, "h", "c")
    assert tab.ask("[...document.querySelectorAll('.srl-world')].filter(w => w.offsetParent).length") == 2


def gallery() -> Replay:
    """A replay of one state with every tile, kind and note."""
    replay = make_replay((1,))
    things = [
        LITTER,
        KEY,
        DOOR,
        *range(COIN, COIN + 4),
        *range(OBJECT, OBJECT + 10),
        GOAL,
        GOAL + 4,
        2,
        3,
        2,
        99,
    ]
    tiles = replay.tiles[0, 0].copy()
    tiles[1:10, 1:10] = 0
    tiles[1:8:2, 1:10].flat[: len(things)] = things
    notes, kinds = np.zeros_like(tiles), np.zeros_like(tiles)
    notes[8, 1:6] = [ord(char) for char in "17AZ~"]
    kinds[9, 1:10] = range(1, 10)
    tiles[9, 1:10] = GOAL
    every = {"tiles": tiles, "notes": notes, "kinds": kinds}
    stacked = {name: np.broadcast_to(array, (1, 2, *array.shape)).copy() for name, array in every.items()}
    return dataclasses.replace(
        replay, **stacked, present=np.zeros_like(replay.present), view=ViewSpec(kind="grid", size=11)
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_are_those_of_the_window(tab, tmp_path, theme):
    """Tile by tile, but for the edges, which are smoothed in another way; then with figures."""
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    replay = gallery()
    path = tmp_path / "page.html"
    path.write_text(page(Scene(replays=(replay,), names=("a",))), encoding="utf-8")
    shown(tab, path)
    tab.ask("localStorage.clear()")
    shown(tab, path)
    picture = replay.picture(0, 0)
    apart = tile_errors(board(tab), picture, theme)
    assert apart.max() < 9, np.argwhere(apart >= 9)
    assert apart.mean() < 2
    tab.call("Emulation.setEmulatedMedia", features=[])


def board(tab) -> UInt8[np.ndarray, "h w 4"]:
    """The pixels of the world, as they are on the canvas, without the margin around it."""
    width, height, data = tab.ask("""(c => { const cell = Math.floor(Math.min(c.width, c.height) / 11);
      const [x, y] = [Math.floor((c.width - cell * 11) / 2), Math.floor((c.height - cell * 11) / 2)];
      return [cell * 11, cell * 11, [...c.getContext('2d').getImageData(x, y, cell * 11, cell * 11).data]];
    })(document.querySelector('.srl-world canvas'))""")
    return np.array(data, np.uint8).reshape(height, width, 4)


def tile_errors(image: UInt8[np.ndarray, "h w 4"], picture: Picture, theme: str) -> np.ndarray:
    """The mean difference per tile, 0..255, of a page's picture and Python's."""
    cell = len(image) // 11
    expected = draw(picture, cell, theme).astype(float)
    apart = np.abs(image[..., :3].astype(float) - expected).mean(axis=2)
    return apart.reshape(11, cell, 11, cell).mean(axis=(1, 3))


def test_hostile_texts_are_shown_as_texts(tab, tmp_path):
    evil = "</script><img src=x onerror='window.evil=1'>\"{{7*7}}"
    replay = make_replay((4,), experiment=evil, arm=evil, world={"name": evil})
    lists = ("agents", "sources", "actions", "cumulants", "channels")
    names = {name: tuple(f"{evil}{i}" for i in range(len(vars(replay)[name]))) for name in lists}
    replay = dataclasses.replace(replay, **names)
    path = tmp_path / "page.html"
    path.write_text(page(Scene(replays=(replay,), names=(evil,))), encoding="utf-8")
    shown(tab, path)
    press(tab, "d", "d", "d", "e")
    assert text(tab, ".srl-title") == f"{evil} · {evil}"
    assert tab.ask("document.title") == f"{evil} · {evil}: replay"
    assert tab.ask("document.images.length") == 0
    assert tab.ask("typeof window.evil") == "undefined"
    assert tab.ask(WIDER) == []
    blocked = "try { document.body.innerHTML = '<b>'; 'set' } catch (error) { error.name }"
    assert tab.ask(blocked) == "TypeError"  # by the policy of the page


def test_without_storage_canvas_or_sound_data_it_stays_calm(tab, file, tmp_path):
    """Storage denied, no canvas, and a page that was cut."""
    poison = """Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } });
      HTMLCanvasElement.prototype.getContext = () => null;"""
    made = tab.call("Page.addScriptToEvaluateOnNewDocument", source=poison)
    shown(tab, file)
    press(tab, "t", ".", "d", "d", "d", "d", " ", " ")
    assert "novice_0" in text(tab, "[aria-live]")
    assert "draws no pictures" in text(tab, ".srl-none")
    assert [event for method, event in tab.events if method == "Runtime.exceptionThrown"] == []
    tab.call("Page.removeScriptToEvaluateOnNewDocument", identifier=made["identifier"])
    whole = file.read_text(encoding="utf-8")
    start = whole.index('<script type="text/plain">') + 26
    (tmp_path / "cut.html").write_text(whole[: start + 400] + whole[start + 900 :], encoding="utf-8")
    shown(tab, tmp_path / "cut.html")
    assert "cannot be shown" in text(tab, ".srl-none")


def test_a_crowd_of_40_over_4000_steps_can_be_used(tab, tmp_path):
    path = tmp_path / "crowd.html"
    path.write_text(page(Scene(replays=(full_replay((4000,), 40),), names=("a",))), encoding="utf-8")
    assert path.stat().st_size < 8_000_000
    assert shown(tab, path) < 15_000
    press(tab, "End", "d", "Home", ".", ".")
    assert text(tab, ".srl-pill") == "step 14"
    assert tab.ask("document.querySelectorAll('.srl-values tbody tr').length") == 40
    assert tab.ask("document.documentElement.scrollWidth") <= 1280
