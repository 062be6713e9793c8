"""Panels, comparison, picker and jumps: what each shows, and that they say so when a replay has nothing for
them.
"""

import dataclasses
from typing import NoReturn

import numpy as np
import pygame
import pytest

from socialrl.scene import Scene
from socialrl.scene.commands import press
from socialrl.scene.measures import margins
from socialrl.scene.themes import find_theme
from socialrl.viewer import files
from socialrl.viewer import panels as panels_module
from socialrl.viewer.frame import draw_frame, layout, paint
from socialrl.viewer.paint import Brush, to_array
from socialrl.viewer.panel import Panel, click_panel, failure
from socialrl.viewer.panels import decision, occupancy, panels, picker, prediction
from socialrl_envs.visibility import ViewSpec
from tests.record.synthetic import make_replay

SIZE = (800, 500)
TABS = range(len(panels("tab")))


@pytest.fixture(scope="module")
def bare():
    return make_replay((20, 12))


@pytest.fixture(scope="module")
def rich(bare):
    """The same with all that only some learners record."""
    rng = np.random.default_rng(0)
    observed = (rng.random((2, 20, 1, 7, 7, 5)) < 0.2).astype(np.uint8) * np.uint8(255)
    return dataclasses.replace(
        bare,
        influence=rng.random((2, 20, 1)).astype(np.float32),
        spread=rng.random(bare.values.shape).astype(np.float32),
        observed=observed,
        prediction=(observed // 2).astype(np.uint8),
        occupancy=rng.integers(0, 256, (2, 20, 1, 11, 11)).astype(np.uint8),
        belief=rng.integers(0, 256, (2, 20, 1, 4, 11, 11)).astype(np.uint8),
    )


def scene(*replays, **fields) -> Scene:
    return Scene(replays=replays, names=tuple(map(str, range(len(replays)))), **fields)


def tab(image: np.ndarray, of: Scene) -> np.ndarray:
    rect = layout(SIZE, of).tab_inner
    assert rect is not None
    return image[rect.top : rect.bottom, rect.left : rect.right]


@pytest.mark.parametrize("number", TABS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tab_shows_something_else(bare, rich, number, theme):
    shown = tab(draw_frame(rich, 0, 5, SIZE, theme, tab=number), scene(rich))
    assert shown.std() > 5
    for other in set(TABS) - {number}:
        assert (shown != tab(draw_frame(rich, 0, 5, SIZE, theme, tab=other), scene(rich))).any()
    poor = dataclasses.replace(bare, influence=rich.influence)
    without = tab(draw_frame(poor, 0, 5, SIZE, theme, tab=number), scene(poor))
    assert without.std() > 2  # at least a line that says what is missing
    recorded = panels("tab")[number].title in ("Prediction", "Occupancy", "Belief")
    assert (shown != without).any() == recorded


@pytest.mark.parametrize("number", TABS)
@pytest.mark.parametrize("size", [(160, 120), (300, 900), (2000, 130)])
def test_tabs_fit_any_window(rich, number, size):
    for t in (0, 20):
        assert draw_frame(rich, 0, t, size, tab=number).shape == (size[1], size[0], 3)


def test_influence_is_drawn_or_said_to_be_missing(bare, rich):
    at = next(i for i in TABS if panels("tab")[i].title == "Influence")
    other = dataclasses.replace(rich, influence=rich.influence[:, ::-1].copy())
    images = [tab(draw_frame(r, 0, 5, SIZE, tab=at), scene(r)) for r in (rich, other, bare)]
    assert (images[0] != images[1]).any()
    assert images[2].std() > 2


def test_the_spread_of_an_ensemble_stands_in_the_table(rich):
    none = dataclasses.replace(rich, spread=None)
    assert (draw_frame(rich, 0, 5, SIZE) != draw_frame(none, 0, 5, SIZE)).any()


def test_a_policy_shows_chances_where_values_are_worths(bare):
    """Logits that differ by a constant are one policy; worths that do are not."""
    shifted = bare.values + np.float32(2.0)
    for unit, equal in (("logit", True), ("reward", False), (None, False)):
        one, other = (dataclasses.replace(bare, value_unit=unit, values=v) for v in (bare.values, shifted))
        assert (draw_frame(one, 0, 5, SIZE) == draw_frame(other, 0, 5, SIZE)).all() == equal
    table = decision.chances(np.array([[0, np.log(3), np.nan], [np.nan] * 3], np.float32))
    np.testing.assert_allclose(table, [[0.25, 0.75, np.nan], [np.nan] * 3], rtol=1e-6)


def test_the_words_for_values(bare):
    words = {
        unit: decision.meaning(scene(dataclasses.replace(bare, value_unit=unit)), "n")
        for unit in ("reward", "logit", None)
    }
    assert words == {
        "reward": "Value of each action to n, by source",
        "logit": "Probability of each action in the policy of n, by source",
        None: "Value or logit of each action to n, by source",
    }


def test_where_to_begin(bare):
    """In the first replay in which another is followed, at the episode in which that happens most."""
    alone = dataclasses.replace(bare, source=np.zeros_like(bare.source))
    late = bare.source.copy()
    late[0] = 0
    late[1, 3] = 1
    assert files.opening((alone, dataclasses.replace(bare, source=late), bare)) == (1, 1)
    assert files.opening((alone, alone)) == (0, 0)


def test_the_error_of_a_prediction(rich):
    expected = (
        np.abs(rich.prediction[1, :12].astype(float) - rich.observed[1, :12]).mean(axis=(1, 2, 3, 4)) / 255
    )
    np.testing.assert_allclose(prediction.error(rich, 1, 0), expected, rtol=1e-5)


def test_a_view_in_colours_tells_channels_apart():
    colours = prediction.in_colours(np.eye(5, dtype=np.uint8)[None] * np.uint8(255), tuple("abcde"))[0]
    assert len({tuple(c) for c in colours.tolist()}) == 5
    assert (prediction.in_colours(np.zeros((1, 1, 5), np.uint8), tuple("abcde")) == 0).all()


def test_views_in_pixels_have_their_own_colours():
    view = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(prediction.in_colours(view, ("red", "green", "blue")), view)


def test_the_cells_that_a_seat_visited(bare):
    heat = occupancy.visits(bare, 0, 18, 0)
    by_hand = np.zeros((11, 11))
    for i, (row, column) in enumerate(bare.position[0, 18:21, 0]):
        by_hand[row, column] += 0.95**i
    np.testing.assert_allclose(heat, by_hand / by_hand.max())


def test_the_margin_of_a_decision(bare):
    """Strong where the source that was followed promised much more than all others; none without values or
    others.
    """
    values = np.zeros_like(bare.values)
    source, action = bare.source[0, 3, 0], bare.action[0, 3, 0]
    values[0, 3, 0, source, action] = 1.0
    strength = margins(dataclasses.replace(bare, values=values), 0, 0)
    assert strength[3] == 1
    assert strength.sum() == 1
    nothing = dataclasses.replace(bare, values=np.full_like(values, np.nan))
    assert (margins(nothing, 0, 0) == 0).all()


# What is seen


def test_a_seat_that_turns_sees_what_is_before_it(bare):
    turning = dataclasses.replace(
        bare, movement="turning", view=ViewSpec(kind="egocentric", size=7, occlusion=True)
    )
    for heading, (down, right) in enumerate(((-1, 0), (0, 1), (1, 0), (0, -1))):
        facing = dataclasses.replace(turning, heading=np.full_like(bare.heading, heading))
        mask = scene(facing).visible()
        row, column = bare.position[0, 0, 0].astype(int)
        assert mask[row, column]
        assert mask[row + down, column + right]
        assert not mask[row - down, column - right]
    images = [
        draw_frame(dataclasses.replace(turning, heading=np.full_like(bare.heading, h)), 0, 0, SIZE)
        for h in range(4)
    ]
    for i, one in enumerate(images):
        assert all((one != other).any() for other in images[:i])


def test_a_partial_view_is_around_a_seat(bare):
    mask = scene(bare).visible()
    row, column = bare.position[0, 0, 0].astype(int)
    expected = (np.abs(np.arange(11) - row) <= 3)[:, None] & (np.abs(np.arange(11) - column) <= 3)
    np.testing.assert_array_equal(mask, expected)


# Jumps, comparison, picking


@pytest.mark.parametrize(("key", "sign"), [("r", 1), ("x", -1)])
def test_jumps_to_rewards_and_penalties(bare, key, sign):
    states = [t + 1 for t in range(20) if sign * bare.reward[0, t, 0] > 0]
    now, found = scene(bare), []
    for _ in states:
        now = press(now, key)
        found.append(now.t)
    assert found == states
    assert press(now, key).t == 20
    assert press(press(now, "end"), f"shift+{key}").t == (
        states[-1] if states and states[-1] < 20 else now.at(0).t
    )


def test_side_by_side_in_step(bare):
    long = make_replay((40,), seed=2)
    both = press(scene(bare, long, t=3), "c")
    assert both.beside == 1
    assert both.steps == 40
    later = both.at(35)
    assert [pane.t for pane in later.panes] == [20, 35]
    assert [pane.replay for pane in later.panes] == [bare, long]
    image = to_array(paint(later, SIZE))
    assert (image != to_array(paint(dataclasses.replace(later, beside=None, t=20), SIZE))).any()
    boards = layout(SIZE, both).boards
    assert not boards[0].colliderect(boards[1])
    alone = press(later, "c")
    assert (alone.beside, alone.t) == (None, 20)
    assert press(scene(bare), "c").beside is None


def test_the_next_seed_and_the_next_arm():
    replays = [
        dataclasses.replace(make_replay((9,)), arm=arm, seed=seed) for arm in ("a", "b") for seed in (0, 1)
    ]
    now = scene(*replays, t=4)
    assert [(now := press(now, "s")).which for _ in range(2)] == [1, 0]
    assert [(now := press(now, "a")).which for _ in range(2)] == [2, 0]
    assert now.t == 4
    assert press(scene(replays[0]), "s") == scene(replays[0])


def test_the_picker_chooses_by_click(bare):
    rect = pygame.Rect((0, 0), SIZE)
    opened = press(scene(bare, make_replay((5,), seed=1)), "e")
    assert opened.picker
    places = {(kind, i): place.center for kind, i, place in picker.rows(rect, opened)}
    assert set(places) == {("replay", 0), ("replay", 1), ("episode", 0), ("episode", 1)}
    episode = picker.click(rect, opened, places["episode", 1])
    assert (episode.episode, episode.picker) == (1, False)
    assert picker.click(rect, opened, places["replay", 1]).which == 1
    assert not picker.click(rect, opened, (1, 1)).picker
    assert (
        to_array(paint(opened, SIZE)) != to_array(paint(dataclasses.replace(opened, picker=False), SIZE))
    ).any()
    closed = press(opened, "escape")
    assert closed is not None
    assert not closed.picker


def test_the_picker_shows_those_around_the_chosen_one():
    many = make_replay((3,) * 200)
    shown = [
        i
        for kind, i, _ in picker.rows(pygame.Rect((0, 0), SIZE), scene(many, episode=150))
        if kind == "episode"
    ]
    assert 150 in shown
    assert len(shown) < 30


def test_what_the_code_of_a_world_does_today_is_said(bare):
    known = scene(bare, verdicts=((0, "re-simulated: as recorded"),))
    assert known.verdict == "re-simulated: as recorded"
    assert (to_array(paint(known, SIZE)) != to_array(paint(scene(bare), SIZE))).any()


# Panels of others


def with_panels(monkeypatch, *more: Panel) -> None:
    """The viewer with these panels besides its own."""
    own = panels_module.found()
    monkeypatch.setattr(panels_module, "found", lambda: (*own, *((p.title, p) for p in more)))


def broken(*_: object) -> NoReturn:
    raise ZeroDivisionError("first line\nsecond line")


@pytest.mark.parametrize("slot", ["main", "side", "tab", "overlay"])
@pytest.mark.parametrize("t", [5, 20])
def test_a_panel_that_raises_shows_one_line_and_the_viewer_goes_on(monkeypatch, bare, slot, t):
    usual = to_array(paint(scene(bare, t=t), SIZE))
    panel = Panel(title="Mine", slot=slot, order=999, draw=broken, click=broken, is_open=lambda scene: True)
    with_panels(monkeypatch, panel)
    here = scene(bare, t=t, tab=len(panels("tab")) - 1)
    image = to_array(paint(here, SIZE))
    assert (image != usual).any()
    assert (to_array(paint(press(here, "t"), SIZE)) != image).any()
    assert click_panel(panel, pygame.Rect((0, 0), SIZE), here, (5, 5)) is here
    said = failure(panel, ZeroDivisionError("first line\nsecond line"))
    assert said == "Mine cannot be shown: ZeroDivisionError: first line"


@pytest.mark.parametrize("part", ["missing", "height", "is_open"])
@pytest.mark.parametrize("slot", ["main", "side", "tab", "overlay"])
def test_any_part_of_a_panel_may_raise(monkeypatch, bare, slot, part):
    working = Panel(title="Mine", slot=slot, draw=lambda brush, rect, scene: None)
    with_panels(monkeypatch, dataclasses.replace(working, **{part: broken}))
    assert to_array(paint(scene(bare, tab=len(panels("tab")) - 1), SIZE)).std() > 10


def test_what_a_faulty_panel_drew_is_painted_over(monkeypatch, bare):
    def halfway(brush, rect, scene):
        brush.surface.set_clip(None)
        brush.surface.fill((255, 0, 0), rect)
        raise KeyError

    with_panels(monkeypatch, Panel(title="Mine", slot="tab", draw=halfway))
    image = to_array(paint(scene(bare, tab=len(panels("tab")) - 1), SIZE))
    assert not (image == (255, 0, 0)).all(axis=2).any()


def test_a_panel_of_others_is_drawn_and_clicked(monkeypatch, bare):
    def draw(brush, rect, scene):
        brush.surface.fill((1, 2, 3), rect)

    def click(rect, scene, point):
        return scene.at(7)

    panel = Panel(title="Mine", slot="tab", draw=draw, click=click)
    with_panels(monkeypatch, panel)
    here = scene(bare, tab=len(panels("tab")) - 1)
    shown = tab(to_array(paint(here, SIZE)), here)
    assert ((shown == (1, 2, 3)).all(axis=2)).mean() > 0.9
    assert click_panel(panel, pygame.Rect((0, 0), SIZE), here, (5, 5)).t == 7


@pytest.mark.parametrize("name", [name for name, _ in panels_module.found()])
@pytest.mark.parametrize("t", [0, 20])
def test_no_panel_of_ours_raises(bare, rich, name, t):
    """Drawn without the guard that shows errors as a line."""
    panel = dict(panels_module.found())[name]
    for replay in (bare, rich):
        here = scene(replay, t=t, help=True, picker=True)
        brush = Brush(pygame.Surface(SIZE, 0, 32), find_theme("light"), 0.6)
        if not panel.missing(here):
            panel.draw(brush, pygame.Rect(10, 10, 400, 300), here)
        assert panel.height(here, 400) > 0
        if panel.click is not None:
            assert isinstance(panel.click(pygame.Rect(10, 10, 400, 300), here, (30, 30)), Scene)
