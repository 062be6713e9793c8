"""From a trace on the device to a replay, or to demonstrations, on the disk."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.evaluation import sources_of
from socialrl.record.demonstrations import Demonstrations
from socialrl.record.folder import versions
from socialrl.record.replay import Replay
from socialrl.record.resimulation import checksums, fields
from socialrl.rollout import Trace, demonstrate
from socialrl.types import Decision, Demonstration
from socialrl_envs.types import State, World


def to_replay(
    trace: Trace, world: World, world_json: dict[str, Any], *, experiment: str, arm: str, seed: int, step: int
) -> Replay:
    """The episodes of a trace, leaves (T, B, ...), as a replay with one episode per world.

    What only some learners' decisions have is kept where it is there: `spread` (..., S, A) of the values, `prediction`
    (..., V, V, C) of the next observation in its own units, `occupancy` (..., H, W), where the novice expects to be.
    """
    spec = world.spec
    by_episode = jax.tree.map(lambda leaf: np.swapaxes(np.asarray(leaf), 0, 1), (trace.states, trace.outcome, trace.decision))
    states, outcome, decision = by_episode
    preferences = states.numbers.get("preferences")
    length = np.asarray(trace.alive).sum(axis=0).astype(np.int32)
    longest = int(length.max())
    during, after = slice(0, longest), slice(0, longest + 1)
    by_field = {name: leaf[:, after] for name, leaf in fields(states).items()}
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
        start={name: leaf[:, 0] for name, leaf in by_field.items()},
        checksum=np.stack([checksums({name: leaf[e] for name, leaf in by_field.items()}) for e in range(len(length))]),
        **_extras(decision, states, world, longest),
    )


def _extras(decision: Decision, states: State, world: World, longest: int) -> dict[str, Any]:
    """What not every learner decides with, leaves (B, T, ...), as the optional arrays of a replay."""
    extras: dict[str, Any] = {}
    given = {name: getattr(decision, name, None) for name in ("spread", "prediction", "occupancy")}
    arrays = {name: np.asarray(value)[:, :longest] for name, value in given.items() if value is not None}
    if "spread" in arrays:
        extras["spread"] = arrays["spread"].astype(np.float32)
    if "occupancy" in arrays:
        share = arrays["occupancy"].astype(np.float32)
        most = np.maximum(share.max(axis=(-2, -1), keepdims=True), np.float32(1e-9))
        extras["occupancy"] = np.rint(255 * np.clip(share / most, 0, 1)).astype(np.uint8)
    if "prediction" in arrays:
        scale, novices = 255 // world.spec.highest, list(world.spec.novices)
        next_states = jax.tree.map(lambda leaf: leaf[:, 1 : longest + 1], states)
        views = np.asarray(jax.jit(jax.vmap(jax.vmap(world.observe)))(next_states))[:, :, novices]
        extras["observed"] = (views * np.uint8(scale)).astype(np.uint8)
        extras["prediction"] = np.rint(np.clip(arrays["prediction"] * scale, 0, 255)).astype(np.uint8)
    return extras


def demonstrated(trace: Trace, world: World, seats: Sequence[int]) -> Demonstration:
    """What could be seen of the steps of these seats, leaves (T, B, K, ...); pure, may be traced.

    An episode's last step is `last`, also where it was cut off. What follows it is 0, with `present` False and `last` True.
    """
    which = np.array(seats, np.int32)
    views = jax.vmap(jax.vmap(world.observe))(trace.states)
    seen = jax.vmap(partial(demonstrate, seats=which))(
        views[:-1], views[1:], trace.actions, trace.states.present[:-1], trace.outcome
    )
    alive = trace.alive[..., None]
    goes_on = jnp.concatenate([alive[1:], jnp.zeros_like(alive[:1])])
    seen = jax.tree.map(lambda leaf: leaf * alive.reshape(*alive.shape, *(1,) * (leaf.ndim - 3)).astype(leaf.dtype), seen)
    return dataclasses.replace(seen, last=seen.last | ~goes_on)


def to_demonstrations(
    parts: Sequence[Demonstration],
    world: World,
    world_json: dict[str, Any],
    *,
    seats: Sequence[int],
    actors: Sequence[str],
    seed: int,
) -> Demonstrations:
    """Parts of `demonstrated`, leaves (T, B, K, ...) with the same T, as one; without steps that are padding for all.

    actors: what acted on each of the seats.
    """
    spec = world.spec
    longest = max(int(np.argmax(np.asarray(part.last[..., 0]), axis=0).max()) + 1 for part in parts)
    steps = jax.tree.map(lambda *leaves: jnp.concatenate([leaf[:longest] for leaf in leaves], axis=1), *parts)
    return Demonstrations(
        steps=steps,
        world=world_json,
        agents=spec.agents,
        seats=tuple(spec.agents[seat] for seat in seats),
        actors=tuple(actors),
        actions=spec.actions,
        channels=spec.channels,
        obs_shape=spec.obs_shape,
        seed=seed,
        versions=versions(),
    )
