"""From a trace on the device to a replay, or to demonstrations, on the disk."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Key, UInt8

from socialrl.evaluation import sources_of
from socialrl.record.demonstrations import Demonstrations
from socialrl.record.folder import versions
from socialrl.record.replay import AHEAD, DISCOUNT, Replay
from socialrl.record.resimulation import checksums, fields
from socialrl.rollout import Trace, demonstrate
from socialrl.types import Demonstration, Learner, Scale, Timestep
from socialrl_envs.hosting import host
from socialrl_envs.picture import order_notes
from socialrl_envs.picture_adapter import movement_of, picture_of, view_of
from socialrl_envs.types import State, World


def explanation(
    world: World, learner: Learner, learner_state: Any, trace: Trace, key: Key[Array, ""]
) -> dict[str, Array]:
    """What the learner says of the decisions of a trace besides them, leaves (T, B, M, ...); pure, may be
    traced.

    What `Learner.explain` gives, and `occupancy` (..., H, W) where there are sources to follow, see
    `foresight`.
    """
    act_key, ahead_key = jax.random.split(key)
    novices = np.array(world.spec.novices, np.int32)
    timesteps = _timesteps(jax.vmap(jax.vmap(world.observe))(trace.states)[:-1, :, novices], trace, novices)
    times, worlds = trace.alive.shape

    def remember(memory: Any, now: tuple[Timestep, Array]) -> tuple[Any, Any]:
        return learner.act(learner_state, memory, *now, False)[1], memory

    blank = learner.memory(worlds, len(novices))
    _, memories = jax.lax.scan(remember, blank, (timesteps, jax.random.split(act_key, times)))
    lived = (memories, timesteps, trace.decision, jax.tree.map(lambda leaf: leaf[:-1], trace.states))
    memory, timestep, decision, state = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), lived)
    found = (
        {} if learner.explain is None else dict(learner.explain(learner_state, memory, timestep, decision))
    )
    if learner.follow is not None:
        follow = partial(learner.follow, learner_state)
        found["occupancy"] = foresight(world, follow, state, memory, timestep, decision.source, ahead_key)
    return {name: leaf.reshape(times, worlds, *leaf.shape[1:]) for name, leaf in found.items()}


def _timesteps(obs: UInt8[Array, "T B M V V C"], trace: Trace, novices: np.ndarray) -> Timestep:
    """What the novices knew at every step, from what they saw."""

    def before(leaf: Array) -> Array:
        return jnp.concatenate([jnp.zeros_like(leaf[:1]), leaf[:-1]])

    first = jnp.zeros(obs.shape[:3], bool).at[0].set(True)
    rewards = before(trace.outcome.reward[..., novices])
    return Timestep(
        obs=obs, prev_action=before(trace.actions[..., novices]), prev_reward=rewards, first=first
    )


def foresight(
    world: World,
    follow: Callable[..., Any],
    state: State,
    memory: Any,
    timestep: Timestep,
    source: Array,
    key: Key[Array, ""],
) -> Float32[Array, "B M H W"]:
    """Where the novices expect to go: how often each cell is visited, discounted by DISCOUNT a step, in a
    copy of the world that goes on for AHEAD steps in which each novice does what it believes its source would
    do, and the others what they do.

    follow(memory, timestep, source, key) -> (actions, memory) of the novices; leaves (B, ...).
    """
    spec, hosted = world.spec, host(world)
    novices = np.array(spec.novices, np.int32)
    worlds = source.shape[0]

    def cells(state: State, weight: Float32[Array, " B"]) -> Float32[Array, "B M H W"]:
        row, column = state.position[:, novices, 0], state.position[:, novices, 1]
        at = jax.nn.one_hot(row * spec.width + column, spec.height * spec.width, dtype=jnp.float32)
        there = weight[:, None] * state.present[:, novices].astype(jnp.float32)
        return (there[..., None] * at).reshape(*at.shape[:2], spec.height, spec.width)

    def step(carry: Any, key: Array) -> tuple[Any, None]:
        state, memory, timestep, weight, heat = carry
        follow_key, host_key, step_key = jax.random.split(key, 3)
        own, memory = follow(memory, timestep, source, follow_key)
        actions = jax.vmap(hosted)(state, jax.random.split(host_key, worlds)).at[:, novices].set(own)
        state, outcome = jax.vmap(world.step)(state, actions, jax.random.split(step_key, worlds))
        seen = jax.vmap(world.observe)(state)[:, novices]
        rewards = outcome.reward[:, novices]
        timestep = Timestep(obs=seen, prev_action=own, prev_reward=rewards, first=jnp.zeros(own.shape, bool))
        weight, ended = DISCOUNT * weight, outcome.terminated | outcome.truncated
        heat += cells(state, weight)
        return (state, memory, timestep, jnp.where(ended, 0.0, weight), heat), None

    weight = jnp.ones(worlds, jnp.float32)
    begin = (state, memory, timestep, weight, cells(state, weight))
    return jax.lax.scan(step, begin, jax.random.split(key, AHEAD))[0][-1]


def to_replay(
    trace: Trace,
    world: World,
    world_json: dict[str, Any],
    *,
    experiment: str,
    arm: str,
    seed: int,
    step: int,
    scale: Scale = "reward",
    explained: Mapping[str, Any] | None = None,
) -> Replay:
    """The episodes of a trace, leaves (T, B, ...), as a replay with one episode per world.

    scale: what the values of its decisions are. explained: what `explanation` said of the same trace.
    """
    spec = world.spec
    by_episode = jax.tree.map(
        lambda leaf: np.swapaxes(np.asarray(leaf), 0, 1), (trace.states, trace.outcome, trace.decision)
    )
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
        preferences=None
        if preferences is None
        else tuple(tuple(map(float, row)) for row in preferences[0, 0]),
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
        checksum=np.stack(
            [checksums({name: leaf[e] for name, leaf in by_field.items()}) for e in range(len(length))]
        ),
        value_unit=scale,
        **_pictured(world, states, after),
        **_extras(explained or {}, states, world, longest),
    )


def _pictured(world: World, states: State, states_kept: slice) -> dict[str, Any]:
    """What a replay needs to be drawn, from states with leaves (B, T, ...): fields of a Replay."""
    kept = jax.tree.map(lambda leaf: leaf[:, states_kept], states)
    places = np.ndindex(kept.tiles.shape[:2])
    pictures = [picture_of(world, jax.tree.map(lambda leaf, at=at: leaf[at], kept)) for at in places]
    found: dict[str, Any] = {
        "movement": movement_of(world),
        "view": view_of(world),
        "colours": pictures[0].seat_colours(),
    }
    if any(p.notes is not None and (p.notes != order_notes(p.tiles)).any() for p in pictures):
        notes = [order_notes(p.tiles) if p.notes is None else p.notes for p in pictures]
        found["notes"] = np.stack(notes).reshape(kept.tiles.shape)
    if any(p.kinds is not None and p.kinds.any() for p in pictures):
        kinds = [np.zeros_like(p.tiles) if p.kinds is None else p.kinds for p in pictures]
        found["kinds"] = np.stack(kinds).reshape(kept.tiles.shape)
    return found


def _extras(explained: Mapping[str, Any], states: State, world: World, longest: int) -> dict[str, Any]:
    """What `explanation` gave, leaves (T, B, ...), as the optional arrays of a replay. states: leaves (B, T,
    ...).
    """
    extras: dict[str, Any] = {}
    arrays = {name: np.swapaxes(np.asarray(value), 0, 1)[:, :longest] for name, value in explained.items()}
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

    An episode's last step is `last`, also where it was cut off. What follows it is 0, with `present` False
    and `last` True.
    """
    which = np.array(seats, np.int32)
    views = jax.vmap(jax.vmap(world.observe))(trace.states)
    seen = jax.vmap(partial(demonstrate, seats=which))(
        views[:-1], views[1:], trace.actions, trace.states.present[:-1], trace.outcome
    )
    alive = trace.alive[..., None]
    goes_on = jnp.concatenate([alive[1:], jnp.zeros_like(alive[:1])])
    seen = jax.tree.map(
        lambda leaf: leaf * alive.reshape(*alive.shape, *(1,) * (leaf.ndim - 3)).astype(leaf.dtype), seen
    )
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
    """Parts of `demonstrated`, leaves (T, B, K, ...) with the same T, as one; without steps that are padding
    for all.

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
