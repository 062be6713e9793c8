"""Playing replays again: what the code of a world does now against what was recorded."""

import dataclasses

import numpy as np
import pytest

from socialrl.record import resimulation
from socialrl.record.replay import Replay, load, save
from socialrl.record.resimulation import checksums, resimulate
from tests.record.lived import lived
from tests.record.synthetic import make_replay


@pytest.fixture(scope="module")
def replay(tmp_path_factory) -> Replay:
    path = tmp_path_factory.mktemp("replay") / "a.npz"
    save(path, lived(extras=True, size=7, goals=2, experts=1))
    return load(path)


def test_an_unchanged_world_does_what_was_recorded(replay):
    assert resimulate(replay) == resimulation.Verdict(True, "re-simulated: as recorded")


def test_long_episodes_are_played_in_parts(replay, monkeypatch):
    monkeypatch.setattr(resimulation, "CHUNK", 5)
    resimulation._world.cache_clear()
    assert resimulate(replay).same
    resimulation._world.cache_clear()


def test_another_action_is_found_out(replay):
    action = replay.action.copy()
    novice = replay.action[1, :, 0]
    t = int(np.flatnonzero(novice == replay.actions.index("left"))[0])
    action[1, t, 0] = replay.actions.index("right")
    verdict = resimulate(dataclasses.replace(replay, action=action))
    assert verdict.same is False
    assert verdict.differs == (1, t + 1)
    assert "goal_cycle has changed since" in verdict.text


def test_other_rules_are_found_out(replay):
    """A config under which seats are in one another's way, or that no longer exists, or a state with other
    fields.
    """
    mine = {"name": "mine:Maze", "plugin": {"file": "mine.py", "sha256": "0"}}  # whose code may not be run
    for world in (
        replay.world | mine,
        replay.world | {"gone": 1},
        replay.world | {"name": "nowhere"},
        replay.world | {"size": 9},
    ):
        verdict = resimulate(dataclasses.replace(replay, world=world))
        assert verdict.same is False
        assert "shown as recorded" in verdict.text
    without = {name: value for name, value in replay.start.items() if name != "task.place"}
    assert len(without) == len(replay.start) - 1
    assert resimulate(dataclasses.replace(replay, start=without)).same is False


def test_without_checksums_nothing_is_claimed():
    assert resimulate(make_replay()).same is None


def test_a_checksum_tells_states_apart_but_not_by_rounding():
    states = {"a": np.array([[1], [1], [2]], np.uint8), "b": np.array([0.1, 0.2, 0.1], np.float32)}
    one, other, third = checksums(states).tolist()
    assert one == other != third


def test_what_a_decision_brings_is_kept(replay):
    assert replay.spread is not None
    assert replay.prediction is not None
    assert replay.observed is not None
    assert replay.occupancy is not None
    assert set(np.unique(replay.observed)) == {0, 255}
    error = np.abs(replay.prediction.astype(int) - replay.observed).mean() / 255
    assert 0.01 < error < 0.15
    assert (replay.occupancy.max(axis=(-2, -1)) == 255).all()
    assert lived(size=7, goals=2, experts=1).prediction is None
