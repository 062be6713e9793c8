"""From a trace on the device to a replay on the disk."""

from typing import Any

import jax
import numpy as np

from socialrl.evaluation import sources_of
from socialrl.record.folder import versions
from socialrl.record.replay import Replay
from socialrl.rollout import Trace
from socialrl_envs.types import World


def to_replay(
    trace: Trace, world: World, world_json: dict[str, Any], *, experiment: str, arm: str, seed: int, step: int
) -> Replay:
    """The episodes of a trace, leaves (T, B, ...), as a replay with one episode per world."""
    spec = world.spec
    by_episode = jax.tree.map(lambda leaf: np.swapaxes(np.asarray(leaf), 0, 1), (trace.states, trace.outcome, trace.decision))
    states, outcome, decision = by_episode
    preferences = states.numbers.get("preferences")
    length = np.asarray(trace.alive).sum(axis=0).astype(np.int32)
    longest = int(length.max())
    during, after = slice(0, longest), slice(0, longest + 1)
    return Replay(
        world=world_json,
        agents=spec.agents,
        novices=spec.novices,
        sources=sources_of(spec)[: decision.values.shape[-2]],
        source_seats=(None, *spec.coplayers)[: decision.values.shape[-2]],
        actions=spec.actions,
        cumulants=spec.cumulants,
        channels=spec.channels,
        obs_shape=spec.obs_shape,
        preferences=None if preferences is None else tuple(tuple(map(float, row)) for row in preferences[0, 0]),
        experiment=experiment,
        arm=arm,
        seed=seed,
        step=step,
        versions=versions(),
        length=length,
        action=np.swapaxes(np.asarray(trace.actions), 0, 1)[:, during].astype(np.int8),
        reward=outcome.reward[:, during].astype(np.float32),
        terminated=outcome.terminated[:, during],
        truncated=outcome.truncated[:, during],
        source=decision.source[:, during].astype(np.int8),
        values=decision.values[:, during].astype(np.float32),
        influence=decision.influence[:, during].astype(np.float32),
        tiles=states.tiles[:, after],
        position=states.position[:, after].astype(np.uint8),
        heading=states.heading[:, after].astype(np.uint8),
        present=states.present[:, after],
        reset_key=np.asarray(trace.reset_key),
        step_key=np.swapaxes(np.asarray(trace.step_key), 0, 1)[:, during],
    )
