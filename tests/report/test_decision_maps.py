"""Decision maps: what is added up by hand, and what the page says of it."""

import dataclasses
import re

import numpy as np
import pytest

from socialrl.record.replay import load, save
from socialrl.report import write_report
from socialrl.report.decisions import add_up, ratio
from socialrl.report.maps import SHADES, ceiling, opacity
from tests.report.fake_run import line, write_replay, write_run
from tests.report.test_page import Page


def replay_of(path, **changes):
    """A replay of one episode of 6 steps on a 5x5 grid: four steps on (1, 1), two on (3, 2)."""
    made = load(write_replay(path, steps=6, episodes=1, size=7))
    position = made.position.copy()
    position[0, :4, 0], position[0, 4:, 0] = (1, 1), (3, 2)
    source = np.array([0, 1, 1, 2, 0, 0], np.int8).reshape(1, 6, 1)
    made = dataclasses.replace(made, **({"position": position, "source": source} | changes))
    save(path, made)
    return made


@pytest.fixture
def replay(tmp_path):
    return replay_of(tmp_path / "one.npz")


def test_steps_are_counted_by_cell_and_by_time(replay):
    found = add_up([replay, replay])
    assert found.steps.sum() == 12
    assert found.cells[:, 1, 1].tolist() == [2, 4, 2]
    assert found.cells[:, 3, 2].tolist() == [4, 0, 0]
    assert found.points[..., 0].T.tolist() == [
        [1, 0, 0],
        [0, 1, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1, 0, 0],
        [1, 0, 0],
    ]
    assert found.share(1)[1, 1] == 0.5
    assert np.isnan(found.share(1)[3, 2])  # four steps are too few
    assert found.walls[0].all()
    assert not found.walls[1, 1]
    assert found.follows
    assert not found.has_influence


def test_influence_is_a_mean_per_step(tmp_path):
    nats = np.arange(6, dtype=np.float32).reshape(1, 6, 1)
    found = add_up([replay_of(tmp_path / "r.npz", influence=nats)] * 2)
    assert found.has_influence
    assert found.influence()[1, 1] == (0 + 1 + 2 + 3) / 4
    assert ratio(found.point_nats, found.points.sum(axis=0))[:, 1].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_novice_that_is_out_is_not_counted(tmp_path):
    present = np.ones((1, 7, 3), bool)
    present[0, 2:, 0] = False
    assert add_up([replay_of(tmp_path / "r.npz", present=present)]).steps.sum() == 2


def test_long_episodes_are_binned_and_short_ones_end_early(tmp_path):
    long, short = (load(write_replay(tmp_path / f"{n}.npz", steps=n)) for n in (60, 20))
    found = add_up([long, short])
    assert found.width == 3
    assert found.when.tolist() == list(range(0, 60, 3))
    assert found.points.sum(axis=0)[:, 0].tolist() == [9] * 20
    assert found.points.sum(axis=0)[:, 1].tolist() == [9] * 6 + [6] + [0] * 13


def test_the_top_of_a_scale_is_round_and_no_odd_cell_sets_it():
    assert ceiling([np.array([0.031, np.nan, 0.1])]) == pytest.approx(0.1)
    assert ceiling([np.array([3.0] * 400 + [90.0])]) == 5.0
    assert ceiling([np.array([np.nan, 0.0])]) == 1.0


def test_the_page_shows_followers_and_names_those_that_follow_no_one(tmp_path):
    run = write_run(tmp_path / "r", [line(arm, "final", 9, [1.0]) for arm in ("a", "b")])
    (run / "replays").mkdir()
    replay_of(run / "replays" / "a-seed0.npz")
    replay_of(run / "replays" / "a-seed1.npz")
    replay_of(run / "replays" / "b-seed0.npz", source=np.zeros((1, 6, 1), np.int8))
    page = Page(write_report(run)).source
    assert "follows expert_0: 33% of all steps" in page
    assert "follows expert_1: 17% of all steps" in page
    assert "Followed no one in any recorded episode: b." in page
    picture = re.findall(r"<svg viewBox=\"-1 -1 72 72\".*?</svg>", page, re.DOTALL)[1]
    shade = opacity(SHADES)
    assert f'd="M10.5 10.5h9v9h-9z" fill="var(--shade)" fill-opacity="{shade}"' in picture


def test_the_page_shows_influence_where_there_are_no_sources(tmp_path):
    run = write_run(tmp_path / "r", [line("a", "final", 9, [1.0])], ("a",))
    nats = np.full((1, 6, 1), 0.25, np.float32)
    for seed in range(2):
        replay_of(run / "replays" / f"a-seed{seed}.npz", influence=nats, source=np.zeros((1, 6, 1), np.int8))
    page = Page(write_report(run)).source
    assert "influence: 0.25 nats per step" in page
    assert "Where others are followed" not in page


def test_replays_of_other_worlds_and_damaged_ones_are_left_out(tmp_path):
    run = write_run(tmp_path / "r", [line("a", "final", 9, [1.0])], ("a",))
    replay_of(run / "replays" / "a-seed0.npz")
    write_replay(run / "replays" / "a-seed1.npz", steps=6, size=11)
    (run / "replays" / "a-seed2.npz").write_bytes(b"nonsense")
    assert "visits: 6 steps" in write_report(run).read_text()
