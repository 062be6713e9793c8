"""What-if questions in the window: asked by a key, answered in the background, shown as paths and gains."""

import dataclasses
import itertools
import threading

import numpy as np
import pygame
import pytest

from socialrl.record.explanation import Explanation, Way
from socialrl.scene import Scene
from socialrl.scene.commands import press
from socialrl.scene.what_if import Asked, WhatIf
from socialrl.viewer.app import ASKING, App
from socialrl.viewer.frame import paint
from socialrl.viewer.paint import to_array
from socialrl.viewer.panels import panels
from socialrl_envs.errors import SocialRLError
from tests.record.synthetic import make_replay

REPLAY = make_replay((40, 25))
TAB = [panel.title for panel in panels("tab")].index("What if")


def way(kind, name, action, gain) -> Way:
    start = REPLAY.position[1, 5, 0]
    path = np.stack([start + np.uint8([0, k]) for k in range(4)]).astype(np.uint8)
    return Way(
        kind=kind,
        name=name,
        words=f"followed {name}",
        action=np.full(8, action, np.int32),
        returns=np.arange(8, dtype=np.float32) + np.float32(gain),
        discounted=np.zeros(8, np.float32),
        path=np.stack([path] * 8),
        length=np.full(8, 3, np.int32),
    )


def answer(asked: Asked) -> Explanation:
    return Explanation(
        replay=REPLAY,
        episode=asked.episode,
        step=asked.step,
        novice=asked.novice,
        instead=1,
        discount=0.95,
        agreement=1.0,
        recorded=way("recorded", "self", 0, 0),
        others=(way("source", REPLAY.sources[1], 1, 2), way("source", REPLAY.sources[2], 2, -1)),
    )


@pytest.fixture
def scene():
    return Scene(replays=(REPLAY,), names=("one",), episode=1, t=5)


@pytest.fixture
def app(scene, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    app = App(scene, (640, 400), answer)
    yield app
    pygame.display.quit()


def ask(app: App) -> Scene:
    """Presses w, and waits for the answer of the thread."""
    app.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_w, mod=0))
    for thread in threading.enumerate():
        if thread.name == ASKING:
            thread.join(5)
    for event in pygame.event.get():
        app.handle(event)
    app.draw()
    return app.scene


def test_w_asks_shows_one_answer_after_the_other_and_then_none(app):
    one = ask(app).what_if
    assert one.asked == Asked(0, 1, 5, 0)
    assert (one.answer.step, one.chosen, app.scene.tab) == (5, 0, TAB)
    assert ask(app).what_if.chosen == 1
    assert ask(app).what_if is None
    app.scene = app.scene.at(6)
    assert ask(app).what_if.asked.step == 6


def test_what_is_in_the_way_is_shown_and_may_be_asked_again(app):
    def refuse(*_):
        raise SocialRLError("no run that it belongs to")

    app.explain = refuse
    assert ask(app).what_if.trouble == "no run that it belongs to"
    app.explain = answer
    assert ask(app).what_if.answer is not None
    app.scene = dataclasses.replace(app.scene, what_if=None)
    app.explain = None
    assert "no agent is at hand" in ask(app).what_if.trouble


def test_an_answer_that_comes_too_late_is_not_shown(app):
    app.scene = dataclasses.replace(app.scene, what_if=WhatIf(Asked(0, 1, 9, 0)))
    app._answer(WhatIf(Asked(0, 1, 5, 0), answer(Asked(0, 1, 5, 0))))
    assert app.scene.what_if.answer is None


def test_at_the_end_there_is_no_decision_to_ask_about(scene):
    end = scene.at(scene.steps)
    assert press(end, "w") == end


@pytest.mark.parametrize("size", [(160, 120), (640, 400), (500, 900)])
def test_paths_and_differences_are_drawn_near_the_step(scene, size):
    def drawn(**fields):
        return to_array(paint(dataclasses.replace(scene, tab=TAB, **fields), size))

    asked = WhatIf(Asked(0, 1, 5, 0))
    found = dataclasses.replace(asked, answer=answer(asked.asked))
    pictures = [drawn(), drawn(what_if=asked), drawn(what_if=found), drawn(what_if=found.next())]
    if size != (160, 120):
        assert all((a != b).any() for a, b in itertools.pairwise(pictures))
    assert found.shown(0, 1, 5) == (found.answer.recorded, found.answer.others[0])
    assert len(found.shown(0, 1, 15)) == 2
    assert found.shown(0, 1, 16) == found.shown(0, 1, 4) == found.shown(0, 0, 5) == found.shown(1, 1, 5) == ()
