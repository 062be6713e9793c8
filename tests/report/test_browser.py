"""The page in a real browser, where there is one (CHROMIUM names it): quiet, alone, whole, of the window's
width, printable.
"""

import json
import re

import pytest

from socialrl.report import write_report
from tests.report import browser
from tests.report.fake_run import full_run, write_replay
from tests.report.test_social import lines_of

BROWSER = browser.find()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
# What sticks out of the window, but for what scrolls within its own box.
WIDER = """[...document.querySelectorAll('body *')].filter(one => {
  for (let box = one.parentElement; box; box = box.parentElement)
    if (['auto', 'hidden'].includes(getComputedStyle(box).overflowX)) return false;
  return true;
}).filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"""
UNSEEN = """[...document.querySelectorAll('svg, img')].filter(one => !one.closest('.srl')).filter(one =>
  one.getBoundingClientRect().width < 8 || one.getBoundingClientRect().height < 8 || one.naturalWidth === 0)
  .map(one => one.outerHTML.slice(0, 80))"""
PALE = """(() => {
  const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(x => x / 255)
    .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  return ['p', 'td', 'thead th', 'figcaption', '.note', '.interval', '.meta', 'a', 'summary'].map(name => {
    const [a, b] = [paper, light(getComputedStyle(document.querySelector(name)).color)].sort((x, y) => y - x);
    return [name, (a + 0.05) / (b + 0.05)]; }).filter(([, contrast]) => contrast < 4.5);
})()"""

LOADED = """new Promise(done => { const look = () => document.querySelector('.srl-total')?.textContent
  ? done() : setTimeout(look, 5); look(); })"""
FRAME = "new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with every section: claims, maps of both kinds, episodes, the social protocol, transfer, long
    names.
    """
    long = "an_arm_whose_name_goes_on_and_on_for_as_long_as_a_file_name_may"
    folder = full_run(tmp_path_factory.mktemp("runs") / "001", arms=("dqn", "psiphi", long), points=7)
    config = json.loads((folder / "config.json").read_text())
    config["experiment"]["claims"] = [
        {"text": "psiphi is above dqn", "source": "somebody 2021", "arm": "psiphi", "over": "dqn"}
    ]
    (folder / "config.json").write_text(json.dumps(config))
    with (folder / "metrics.jsonl").open("a") as file:
        for arm, height in (("dqn", 1.0), ("psiphi", 4.0), (long, 2.0)):
            file.writelines(json.dumps(one) + "\n" for one in lines_of(arm, (3 * height, 2 * height, height)))
    write_replay(folder / "replays" / "psiphi-seed0.npz", steps=12)
    write_replay(folder / "replays" / f"{long}-seed0.npz", steps=12, novices=2, nats=0.5)
    return write_report(folder)


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    assert BROWSER is not None
    with browser.tab(BROWSER, tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_sticks_out_and_every_picture_is_seen(page, tab, width):
    tab.open(page, width)
    tab.ask(OPEN_ALL)
    tab.ask(LOADED)
    assert tab.ask(WIDER) == []
    assert tab.ask("document.documentElement.scrollWidth") <= width
    assert tab.ask(UNSEEN) == []


def test_the_page_says_nothing_and_asks_for_nothing(page, tab):
    tab.open(page, 1280)
    tab.ask(OPEN_ALL)
    asked = [event["request"]["url"] for method, event in tab.events if method == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page.resolve().as_uri()]
    said = [
        event
        for method, event in tab.events
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    ]
    assert said == []
    assert tab.ask("document.compatMode") == "CSS1Compat"
    assert tab.ask("[...document.scripts].filter(one => one.type !== 'text/plain').length") == 1  # the player


def test_the_player_plays(page, tab):
    """Keys count where it has the focus, and nowhere else."""
    tab.open(page, 1280)
    tab.ask(LOADED)
    press = "dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"
    tab.ask(f"document.body.{press}")
    tab.ask(FRAME)
    assert tab.ask("document.querySelector('.srl-pill').textContent") == "step 0"
    tab.ask(f"document.querySelector('[role=slider]').{press}")
    tab.ask(FRAME)
    assert tab.ask("document.querySelector('.srl-pill').textContent") == "step 1"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_paper(page, tab, scheme):
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    tab.open(page, 1280)
    assert tab.ask(PALE) == []
    dark = tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
    assert dark == (scheme == "dark")
    tab.call("Emulation.setEmulatedMedia", features=[])


def test_print_is_complete_and_as_wide_as_the_sheet(page, tab):
    tab.open(page, 720)
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.ask(WIDER) == []
    assert tab.ask(UNSEEN) == []  # what is folded on the screen is open in print
    assert tab.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    tab.call("Emulation.setEmulatedMedia", media="")
    data = tab.pdf()
    assert data.startswith(b"%PDF-")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 40
