"""Traces on the device as replays, or as demonstrations, on the disk."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.evaluation import sources_of
from socialrl.hindsight import on_grid
from socialrl.record.demonstrations import Demonstrations
from socialrl.record.folder import versions
from socialrl.record.replay import AHEAD, DISCOUNT, Replay
from socialrl.record.resimulation import checksums, fields
from socialrl.rollout import Trace, concepts_of
from socialrl.stepping import (
    CoPlayers,
    Step,
    begin_coplayers,
    demonstrate,
    ended,
    hosted,
    next_timestep,
    step_all,
    timesteps_of,
)
from socialrl.types import (
    ActAs,
    ConceptBottleneck,
    Decision,
    Demonstration,
    Diagnostics,
    Learner,
    SourceName,
    Timestep,
    ValueUnit,
)
from socialrl_envs.hosting import Host
from socialrl_envs.picture import order_notes
from socialrl_envs.struct import replace
from socialrl_envs.types import Outcome, State, World, WorldSpec

Policy = Callable[[PyTree, Timestep, Int32[Array, "B novices"], Key[Array, ""]], tuple[Array, PyTree]]


def explanation(
    world: World, learner: Learner, learner_state: PyTree, trace: Trace, key: Key[Array, ""]
) -> dict[str, Array]:
    """Arrays by name, leaves (T, B, novices, ...), that a replay shows beside the decisions of a trace; pure.

    Those of `Diagnostics.diagnose`, a belief on the grid of the world, for learners with `ActAs` the
    `occupancy` (..., H, W), see `predicted_occupancy`, and for those with `ConceptBottleneck` what they read,
    `concept_read` (..., Q, L), and the truth, `concept_truth` (..., Q), if it is of this world.
    """
    act_key, occupancy_key = jax.random.split(key)
    steps = remembered(world, learner, learner_state, trace, act_key)
    carry, timestep, decision, state = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), steps)
    found = diagnosed(world, learner, learner_state, trace, steps)
    if (acting := learner.capability(ActAs)) is not None:
        policy, hosts = partial(acting.act_as, learner_state), hosted(world, learner, learner_state)
        occupancy = predicted_occupancy(hosts, policy, state, carry, timestep, decision.source, occupancy_key)
        found["occupancy"] = occupancy.reshape(*trace.alive.shape, *occupancy.shape[1:])
    bottleneck = learner.capability(ConceptBottleneck)
    if bottleneck is not None and bottleneck.concepts == world.spec.concepts:
        read = bottleneck.read(learner_state, carry, timestep).probability
        after = jax.tree.map(lambda leaf: leaf[1:].reshape(-1, *leaf.shape[2:]), trace.states)
        truth = concepts_of(world, state, after)[:, np.array(world.spec.novices, np.int32)]
        found["concept_read"] = read.reshape(*trace.alive.shape, *read.shape[1:])
        found["concept_truth"] = truth.reshape(*trace.alive.shape, *truth.shape[1:])
    return found


Remembered = tuple[PyTree, Timestep, Decision, State]  # leaves (T, B, ...), before each step


def remembered(
    world: World, learner: Learner, learner_state: PyTree, trace: Trace, key: Key[Array, ""]
) -> Remembered:
    """(carry, timestep, decision, state) at every step of a trace: what the learner knew then."""
    novices = np.array(world.spec.novices, np.int32)
    views = jax.vmap(jax.vmap(world.observe))(trace.states)[:-1, :, novices]
    timesteps = timesteps_of(views, trace.actions[..., novices], trace.outcome.reward[..., novices])
    times, num_envs = trace.alive.shape

    def remember(carry: PyTree, now: tuple[Timestep, Array]) -> tuple[PyTree, PyTree]:
        return learner.act(learner_state, carry, *now, False).carry, carry

    initial = learner.initial_carry(num_envs, len(novices))
    _, carries = jax.lax.scan(remember, initial, (timesteps, jax.random.split(key, times)))
    return carries, timesteps, trace.decision, jax.tree.map(lambda leaf: leaf[:-1], trace.states)


def diagnosed(
    world: World, learner: Learner, learner_state: PyTree, trace: Trace, steps: Remembered
) -> dict[str, Array]:
    """The arrays of `Diagnostics.diagnose` at every step, leaves (T, B, novices, ...), a belief on the grid
    of the world; empty if the learner has no diagnostics.
    """
    carry, timestep, decision, state = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), steps)
    novices, found = np.array(world.spec.novices, np.int32), dict[str, Array]()
    if (diagnostics := learner.capability(Diagnostics)) is not None:
        found |= diagnostics.diagnose(learner_state, carry, timestep, decision)
    if "belief" in found:
        at, way = (x[:, novices] for x in (state.seats.position, state.seats.heading))
        turning = world.spec.movement == "turning"
        found["belief"] = on_grid(found["belief"], at, way, turning, world.spec.height, world.spec.width)
    return {name: leaf.reshape(*trace.alive.shape, *leaf.shape[1:]) for name, leaf in found.items()}


def predicted_occupancy(
    hosts: Host,
    act_as: Policy,
    state: State,
    carry: PyTree,
    timestep: Timestep,
    source: Int32[Array, "B novices"],
    key: Key[Array, ""],
) -> Float32[Array, "B novices H W"]:
    """How often each novice expects to visit each cell, discounted by DISCOUNT per step, over AHEAD steps.

    It is simulated: in a copy of the world each novice does what it believes its source would do, by
    act_as(carry, timestep, source, key) -> (actions, carry), and the co-players act as they do (one with
    a memory from an empty one). Leaves (B, ...).
    """
    spec = hosts.world.spec
    novices = np.array(spec.novices, np.int32)
    num_envs = source.shape[0]

    def cells(state: State, weight: Float32[Array, " B"]) -> Float32[Array, "B novices H W"]:
        row, column = state.seats.position[:, novices, 0], state.seats.position[:, novices, 1]
        at = jax.nn.one_hot(row * spec.width + column, spec.height * spec.width, dtype=jnp.float32)
        visited = weight[:, None] * state.seats.present[:, novices].astype(jnp.float32)
        return (visited[..., None] * at).reshape(*at.shape[:2], spec.height, spec.width)

    def step(now: PyTree, key: Key[Array, ""]) -> tuple[PyTree, None]:
        state, coplayers, carry, timestep, weight, visits = now
        act_key, host_key, step_key = jax.random.split(key, 3)
        own, carry = act_as(carry, timestep, source, act_key)
        keys = jax.random.split(host_key, num_envs), jax.random.split(step_key, num_envs)
        taken = step_all(hosts, state, coplayers, [(novices, own)], *keys)
        weight = DISCOUNT * weight
        visits += cells(taken.state, weight)
        weight = jnp.where(ended(taken.outcome), 0.0, weight)
        return (taken.state, taken.coplayers, carry, next_timestep(taken, novices), weight, visits), None

    weight = jnp.ones(num_envs, jnp.float32)
    begin = (state, begin_coplayers(hosts, num_envs), carry, timestep, weight, cells(state, weight))
    return jax.lax.scan(step, begin, jax.random.split(key, AHEAD))[0][-1]


def seats_of(sources: tuple[SourceName, ...], spec: WorldSpec) -> tuple[int | None, ...]:
    """The seat behind each source; None for the novice itself and where it is not said whom it follows."""
    return tuple(spec.agents.index(one.whom) if one.whom in spec.agents else None for one in sources)


def to_replay(
    trace: Trace,
    world: World,
    world_json: dict[str, Any],
    *,
    experiment: str,
    arm: str,
    seed: int,
    step: int,
    value_unit: ValueUnit = "reward",
    sources: tuple[SourceName, ...] | None = None,
    explained: Mapping[str, Any] | None = None,
) -> Replay:
    """The episodes of a trace, leaves (T, B, ...), as a Replay with one episode per world.

    value_unit: what the decisions' values are. sources: those of the learner. explained: the arrays of
    `explanation` for the same trace.
    """
    spec = world.spec
    by_episode = jax.tree.map(
        lambda leaf: np.swapaxes(np.asarray(leaf), 0, 1), (trace.states, trace.outcome, trace.decision)
    )
    states, outcome, decision = by_episode
    preferences = states.level.params.named().get("preferences")
    length = np.asarray(trace.alive).sum(axis=0).astype(np.int32)
    longest = int(length.max())
    during, after = slice(0, longest), slice(0, longest + 1)
    by_field = {name: leaf[:, after] for name, leaf in fields(states).items()}
    return Replay(
        world=world_json,
        agents=spec.agents,
        novices=spec.novices,
        sources=tuple(map(str, sources)) if sources else sources_of(spec)[: decision.values.shape[-2]],
        source_seats=seats_of(sources, spec)
        if sources
        else (None, *spec.coplayers)[: decision.values.shape[-2]],
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
        tiles=states.level.tiles[:, after],
        position=states.seats.position[:, after].astype(np.uint8),
        heading=states.seats.heading[:, after].astype(np.uint8),
        present=states.seats.present[:, after],
        reset_key=np.asarray(trace.reset_key),
        step_key=np.swapaxes(np.asarray(trace.step_key), 0, 1)[:, during],
        start={name: leaf[:, 0] for name, leaf in by_field.items()},
        checksum=np.stack(
            [checksums({name: leaf[e] for name, leaf in by_field.items()}) for e in range(len(length))]
        ),
        value_unit=value_unit,
        concepts=spec.concepts if "concept_read" in (explained or {}) else (),
        **_pictured(world, states, after),
        **_explained(explained or {}, states, world, longest),
    )


def _pictured(world: World, states: State, states_kept: slice) -> dict[str, Any]:
    """What a replay needs to be drawn, from states with leaves (B, T, ...): fields of a Replay."""
    kept = jax.tree.map(lambda leaf: leaf[:, states_kept], states)
    places = np.ndindex(kept.level.tiles.shape[:2])
    pictures = [world.picture(jax.tree.map(lambda leaf, at=at: leaf[at], kept)) for at in places]
    found: dict[str, Any] = {
        "movement": world.spec.movement,
        "view": world.spec.view,
        "colours": pictures[0].seat_colours(),
    }
    if any(p.notes is not None and (p.notes != order_notes(p.tiles)).any() for p in pictures):
        notes = [order_notes(p.tiles) if p.notes is None else p.notes for p in pictures]
        found["notes"] = np.stack(notes).reshape(kept.level.tiles.shape)
    if any(p.kinds is not None and p.kinds.any() for p in pictures):
        kinds = [np.zeros_like(p.tiles) if p.kinds is None else p.kinds for p in pictures]
        found["kinds"] = np.stack(kinds).reshape(kept.level.tiles.shape)
    return found


def _explained(arrays: Mapping[str, Any], states: State, world: World, longest: int) -> dict[str, Any]:
    """What `explanation` gave, leaves (T, B, ...), as the optional arrays of a replay. states: leaves (B, T,
    ...).
    """
    found: dict[str, np.ndarray] = {}
    leaves = {name: np.swapaxes(np.asarray(value), 0, 1)[:, :longest] for name, value in arrays.items()}
    if "belief" in leaves:
        found["belief"] = np.rint(255 * np.clip(leaves["belief"], 0, 1)).astype(np.uint8)
    if "concept_read" in leaves:
        found["concept_read"] = np.rint(255 * np.clip(leaves["concept_read"], 0, 1)).astype(np.uint8)
        found["concept_truth"] = leaves["concept_truth"].astype(np.int16)
    if "spread" in leaves:
        found["spread"] = leaves["spread"].astype(np.float32)
    if "occupancy" in leaves:
        share = leaves["occupancy"].astype(np.float32)
        most = np.maximum(share.max(axis=(-2, -1), keepdims=True), np.float32(1e-9))
        found["occupancy"] = np.rint(255 * np.clip(share / most, 0, 1)).astype(np.uint8)
    if "prediction" in leaves:
        brightest, novices = 255 // world.spec.highest, list(world.spec.novices)
        next_states = jax.tree.map(lambda leaf: leaf[:, 1 : longest + 1], states)
        views = np.asarray(jax.jit(jax.vmap(jax.vmap(world.observe)))(next_states))[:, :, novices]
        found["observed"] = (views * np.uint8(brightest)).astype(np.uint8)
        found["prediction"] = np.rint(np.clip(leaves["prediction"] * brightest, 0, 255)).astype(np.uint8)
    return found


def demonstrated(trace: Trace, world: World, seats: Sequence[int]) -> Demonstration:
    """The Demonstration of these seats in a trace, leaves (T, B, seats, ...); pure.

    The last step of an episode is `last`, also where the episode was cut off. Padding after it is 0, with
    `present` False and `last` True.
    """
    which = np.array(seats, np.int32)
    views = jax.vmap(jax.vmap(world.observe))(trace.states)

    def seen_at(
        before: Array, present: Array, after: State, outcome: Outcome, views: Array, actions: Array
    ) -> Demonstration:
        step = Step(after, outcome, views, actions, CoPlayers(memory=(), reward=outcome.reward))
        return demonstrate(before, present, step, which)

    after = jax.tree.map(lambda leaf: leaf[1:], trace.states)
    seen = jax.vmap(seen_at)(
        views[:-1], trace.states.seats.present[:-1], after, trace.outcome, views[1:], trace.actions
    )
    alive = trace.alive[..., None]
    going_on = jnp.concatenate([alive[1:], jnp.zeros_like(alive[:1])])
    seen = jax.tree.map(
        lambda leaf: leaf * alive.reshape(*alive.shape, *(1,) * (leaf.ndim - 3)).astype(leaf.dtype), seen
    )
    return replace(seen, last=seen.last | ~going_on)


def to_demonstrations(
    parts: Sequence[Demonstration],
    world: World,
    world_json: dict[str, Any],
    *,
    seats: Sequence[int],
    actors: Sequence[str],
    seed: int,
) -> Demonstrations:
    """Results of `demonstrated` with the same T, leaves (T, B, seats, ...), as one file's content, without
    steps that are padding in all episodes.

    actors: the name of what acted on each of the seats.
    """
    spec = world.spec
    longest = max(int(np.argmax(np.asarray(part.last[..., 0]), axis=0).max()) + 1 for part in parts)
    steps = jax.tree.map(
        lambda *leaves: jnp.asarray(np.concatenate([np.asarray(leaf)[:longest] for leaf in leaves], axis=1)),
        *parts,
    )
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
