"""The tab of concepts: it shows what is read against the truth, and clicks choose, set and ask."""

import dataclasses

import numpy as np
import pygame
import pytest

from socialrl.explaining import Question
from socialrl.scene import Scene
from socialrl.scene.what_if import Asked, WhatIf
from socialrl.viewer.frame import layout, paint
from socialrl.viewer.paint import to_array
from socialrl.viewer.panel import click_panel
from socialrl.viewer.panels import panels
from socialrl.viewer.panels.concepts import PANEL
from socialrl.viewer.panels.concepts import answer as told
from socialrl_envs.errors import SocialRLError
from tests.record.synthetic import make_replay, with_concepts
from tests.viewer.test_what_if import answer

REPLAY = with_concepts(make_replay((40, 25)))
TAB = [panel.title for panel in panels("tab")].index("Concepts")
SIZE = (1280, 800)


@pytest.fixture
def scene():
    return Scene(replays=(REPLAY,), names=("one",), episode=1, t=5, tab=TAB)


def clicked(scene: Scene, across: float, down: float) -> Scene:
    """The scene after a click at these shares of the tab."""
    rect = layout(SIZE, scene).tab_inner
    assert rect is not None
    at = round(rect.left + across * rect.width), round(rect.top + down * rect.height)
    return click_panel(PANEL, rect, scene, at)


def test_it_shows_what_is_read_and_the_truth(scene):
    """Another truth, another reading, another concept: another picture; the end shows the last step."""
    image = to_array(paint(scene, SIZE))
    truth, read = REPLAY.concept_truth.copy(), REPLAY.concept_read.copy()
    truth[1, 5, 0, 0] = 1 - truth[1, 5, 0, 0]
    read[1, 5, 0, 0, :2] = read[1, 5, 0, 0, 1::-1]
    for change in (
        {"replays": (dataclasses.replace(REPLAY, concept_truth=truth),)},
        {"replays": (dataclasses.replace(REPLAY, concept_read=read),)},
        {"concept": 1},
        {"concept": 2},
    ):
        assert (to_array(paint(dataclasses.replace(scene, **change), SIZE)) != image).any(), change
    for size in ((160, 120), (500, 900)):
        paint(scene.at(scene.steps), size)
    bare = Scene(replays=(make_replay((9, 9)),), names=("one",), tab=TAB)
    assert "no concepts" in PANEL.missing(bare)
    assert click_panel(PANEL, pygame.Rect(0, 0, 9, 9), bare, (1, 1)) == bare


def test_a_click_chooses_a_concept_and_another_sets_it(scene):
    chosen = clicked(scene, 0.1, 0.4)
    assert chosen.concept == 1
    asked = clicked(chosen, 0.69, 0.15)  # the first cell
    first = REPLAY.concepts[1].values[0]
    assert asked.what_if == WhatIf(Asked(0, 1, 5, 0, REPLAY.concepts[1].name, first))
    assert clicked(chosen.at(chosen.steps), 0.69, 0.15).what_if is None


def test_the_answer_is_told_below(scene):
    asked = WhatIf(Asked(0, 1, 5, 0, "danger", "yes"))
    assert told(scene).startswith("Click")
    assert "danger as yes" in told(dataclasses.replace(scene, what_if=asked))
    found = dataclasses.replace(asked, answer=answer(asked.asked))
    line = told(dataclasses.replace(scene, what_if=found))
    before, after = REPLAY.actions[:2]
    assert f"{after}, not {before}" in line
    assert "+2.00" in line
    assert told(dataclasses.replace(scene, what_if=found, t=6)).startswith("Click")


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"concept": "dangr"}, "danger"),
        ({"concept": "danger", "value": "yess"}, "yes"),
        ({"concept": "all", "value": "yes"}, "all concepts"),
        ({"value": "yes"}, "no concept"),
        ({"concept": "danger", "action": "left"}, "one of them"),
    ],
)
def test_what_cannot_be_asked(asked, wrong):
    with pytest.raises(SocialRLError, match=wrong):
        Question(step=5, **asked).check(REPLAY)


def test_a_question_says_what_each_concept_is_set_to():
    truth = REPLAY.concept_truth[0, 5, 0]
    np.testing.assert_array_equal(Question(step=5, concept="all").concepts(REPLAY), truth)
    np.testing.assert_array_equal(Question(step=5, concept="danger").concepts(REPLAY), [truth[0], -1, -1])
    set_to = Question(step=5, concept="goes", value="c").concepts(REPLAY)
    np.testing.assert_array_equal(set_to, [-1, -1, 2])
    with pytest.raises(SocialRLError, match="read no concepts"):
        Question(step=5, concept="danger").check(make_replay((9, 9)))
