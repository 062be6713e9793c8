"""Made-up replays that fill every panel, and crowded ones."""

import dataclasses

import numpy as np

from socialrl.record.replay import Replay
from socialrl_envs.picture import seat_colours
from tests.record.synthetic import make_policy_replay, make_replay, with_concepts


def full_replay(steps: tuple[int, ...], seats: int = 4) -> Replay:
    """A replay with every array that there is. seats: from 4 on, see `crowded`."""
    replay = with_concepts(make_replay(steps))
    policy, rng = make_policy_replay(steps), np.random.default_rng(0)
    assert replay.concept_truth is not None
    replay.concept_truth[:, 0] = -1  # where concepts mean nothing
    episodes, longest = replay.action.shape[:2]
    replay = dataclasses.replace(
        replay,
        influence=policy.influence,
        observed=policy.observed,
        prediction=policy.prediction,
        occupancy=(rng.random((episodes, longest, 1, *replay.tiles.shape[2:])) ** 4 * 255).astype(np.uint8),
        belief=np.uint8(255) * (rng.random((episodes, longest, 1, 4, *replay.tiles.shape[2:])) < 0.02),
        spread=np.abs(rng.normal(0, 0.1, replay.values.shape)).astype(np.float32),
    )
    return replay if seats <= 4 else crowded(replay, seats)


def crowded(replay: Replay, seats: int) -> Replay:
    """The replay with its co-players again and again, all of whom can be followed."""
    everyone = [0, *(1 + np.arange(seats - 1) % 3).tolist()]
    names = ("novice_0", *(f"other_{i}" for i in range(1, seats)))
    again = {name: vars(replay)[name][:, :, everyone] for name in ("action", "reward", "heading", "present")}
    rows = {name: vars(replay)[name][:, :, :, everyone] for name in ("values", "spread")}
    return dataclasses.replace(
        replay,
        **again,
        **rows,
        position=replay.position[:, :, everyone],
        agents=names,
        sources=("self", *names[1:]),
        source_seats=(None, *range(1, seats)),
        preferences=None,
        colours=seat_colours(seats),
        source=(np.arange(replay.source.size).reshape(replay.source.shape) // 7 % seats).astype(np.int8),
    )
