"""The timeline: what a ribbon says of every step, at any width."""

import dataclasses

import numpy as np
import pytest

from socialrl.scene import Scene
from socialrl.scene.measures import has_influence, margins, strengths
from socialrl.viewer.frame import draw_frame, layout
from socialrl.viewer.timeline import (
    columns,
    in_columns,
    ribbon,
    runs,
    shares,
)
from socialrl_envs.render import OKABE_ITO
from tests.record.synthetic import make_policy_replay, make_replay


@pytest.mark.parametrize(("steps", "width"), [(1, 5), (3, 7), (10, 10), (40, 1000), (1000, 40), (9999, 1211)])
def test_columns_cover_all_steps(steps, width):
    first, last = columns(steps, width)
    assert first[0] == 0
    assert last[-1] == steps
    assert (first < last).all()
    assert set(np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])) == set(
        range(steps)
    )


def test_shares_of_wide_and_narrow_ribbons():
    source = np.array([0, 0, 1, 2])
    np.testing.assert_array_equal(shares(source, 3, 4), np.eye(3)[source])
    np.testing.assert_array_equal(shares(source, 3, 8), np.eye(3)[np.repeat(source, 2)])
    np.testing.assert_array_equal(shares(source, 3, 2), [[1, 0, 0], [0, 0.5, 0.5]])


@pytest.mark.parametrize("novice", [0, 1])
def test_every_step_has_its_source_in_the_ribbon(novice):
    replay = make_replay((30,), novices=2)
    image = ribbon(replay, 0, novice, 300, 6)
    for t in range(30):
        seat = replay.seat_of(int(replay.source[0, t, novice]), novice)
        assert (image[:, 10 * t : 10 * t + 10] == OKABE_ITO[seat]).all()


def test_a_crowded_ribbon_shows_shares():
    """Columns of many steps are stacked by share: areas of the ribbon are the shares of the episode."""
    replay = make_replay((5000,))
    image = ribbon(replay, 0, 0, 100, 200)
    for source, share in enumerate(replay.share(0).values()):
        colour = OKABE_ITO[replay.seat_of(source)]
        assert (image == colour).all(axis=2).mean() == pytest.approx(share, abs=0.01)


def test_runs():
    assert runs(np.array([1, 1, 0, 0, 0, 2])) == [(1, 0, 2), (0, 2, 5), (2, 5, 6)]
    assert runs(np.array([3])) == [(3, 0, 1)]


@pytest.mark.parametrize("steps", [1, 7, 40, 3000])
@pytest.mark.parametrize("size", [(1280, 800), (300, 500)])
def test_points_and_steps_agree(steps, size):
    line = layout(size, Scene(replays=(make_replay((steps,)),), names=("",))).timeline
    for t in {0, steps // 3, steps - 1}:
        middle = (line.x_of(t, steps) + line.x_of(t + 1, steps)) / 2
        assert line.step_at(middle, steps) == t
    assert line.step_at(-50, steps) == 0
    assert line.step_at(line.rect.right, steps) == steps
    assert line.step_at(line.rect.right + 50, steps) == steps


def test_a_lone_policy_shows_how_much_the_others_move_it():
    """The ribbon is fuller, and the strip below it darker, where the influence is larger; margins are for
    those who choose.
    """
    replay = make_policy_replay((40,))
    strength = strengths(replay, 0, 0)
    assert strength.argmax() in range(13, 18)
    assert strength[35] < 0.01
    chooser = make_replay((40,))
    np.testing.assert_array_equal(strengths(chooser, 0, 0), margins(chooser, 0, 0))
    assert not has_influence(
        dataclasses.replace(replay, influence=np.full_like(replay.influence, np.nan)), 0, 0
    )
    image = draw_frame(replay, 0, 39, (1280, 800))
    line = layout((1280, 800), Scene(replays=(replay,), names=("",))).timeline
    y = line.rect.top + 30  # in the ribbon, above its letter
    moved, unmoved = (image[y, round(line.x_of(t + 0.5, 40))].astype(int) for t in (15, 33))
    own = np.array(replay.colours[0])
    assert np.abs(moved - own).max() < 20
    assert np.abs(unmoved - own).max() > 80


def test_means_of_columns():
    np.testing.assert_allclose(in_columns(np.array([0.0, 1.0, 0.5, 0.5]), 2), [0.5, 0.5])
    np.testing.assert_allclose(in_columns(np.array([0.0, 1.0]), 4), [0, 0, 1, 1])
