"""Counterfactuals: how an episode goes on from a step in which a decision is changed; pure functions.

    there = moments(rollout, learner_state, states, actions, reward, key)   # before every step of episodes
    now = at(there, times, worlds)
    ends = compared(rollout, learner_state, now, changes, key, discount)

Whatever the change, the same keys drive the world, the co-players and the learner, so that the difference of
two returns is due to the change alone: where it makes no difference, it is exactly 0.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl.rollout import Rollout
from socialrl.stepping import (
    CoPlayers,
    before,
    begin_coplayers,
    ended,
    next_timestep,
    step_all,
    timesteps_of,
)
from socialrl.types import (
    ActOutput,
    ConceptBottleneck,
    Decision,
    ForceSource,
    Learner,
    Timestep,
    decision_of,
)
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import State

FREE = -1  # an action or a source that is left to the learner

Force = Callable[[PyTree, PyTree, Timestep, Array, Array], ActOutput]


@pytree
class Moment:
    """Where worlds stand before a step, leaves (*batch, ...), those of the novices (*batch, novices, ...).

    timestep, carry: input and recurrent state of the novices. coplayers: what the hosted ones keep. decision:
    what the novices then decide, if nothing is changed.
    """

    state: State
    timestep: Timestep
    carry: PyTree
    coplayers: CoPlayers
    decision: Decision


@pytree
class Change:
    """What is done otherwise from a moment on.

    action: of each novice in the first step; FREE: its own. source: that each novice takes its action from in
    the first `steps` steps; FREE: whichever it chooses. What is in `action` comes before what is in `source`.
    concepts: the value that each concept is set to in these steps; FREE: as the novice reads it; None for
    learners that read none.
    """

    action: Int32[Array, "*batch novices"]
    source: Int32[Array, "*batch novices"]
    steps: Int32[Array, "*changes"]
    concepts: Int32[Array, "*batch novices concepts"] | None = None


@pytree
class Ends:
    """How worlds went on to the end of their episodes; T is the horizon; there is one state more.

    returns, discounted: the sums of the novices' rewards from the moment on. action: of the novices in the
    first step. position: of the novices in every state, row and column. alive: whether the episode was not
    over before each step.
    """

    returns: Float32[Array, "*changes B novices"]
    discounted: Float32[Array, "*changes B novices"]
    action: Int32[Array, "*changes B novices"]
    position: Int32[Array, "*changes states B novices 2"]
    alive: Bool[Array, "*changes T B"]


def unchanged(*batch: int) -> Change:
    """The Change that leaves everything to the learner; batch: its axes, the last one that of the novices."""
    free = jnp.full(batch, FREE, jnp.int32)
    return Change(action=free, source=free, steps=jnp.int32(0))


def forcing(learner: Learner) -> Force:
    """force(state, carry, timestep, source, key) of a learner.

    A learner without the capability ForceSource takes the action that the source values most by
    `Decision.values`, or decides freely where the source has no values.
    """
    capability = learner.capability(ForceSource)
    if capability is not None:
        return capability.force

    def force(
        state: PyTree, carry: PyTree, timestep: Timestep, source: Int32[Array, "*batch"], key: Key[Array, ""]
    ) -> ActOutput:
        acted = learner.act(state, carry, timestep, key, False)
        free = acted.decision
        values = jnp.take_along_axis(free.values, source[..., None, None], axis=-2)[..., 0, :]
        known = jnp.any(jnp.isfinite(values), axis=-1)
        best = jnp.argmax(jnp.where(jnp.isfinite(values), values, -jnp.inf), axis=-1).astype(jnp.int32)
        decision = decision_of(
            jnp.where(known, best, free.action), free.values, jnp.where(known, source, free.source)
        )
        return acted._replace(decision=decision)

    return force


def reading(learner: Learner) -> Callable[..., ActOutput]:
    """act(state, carry, timestep, change, number, key): the learner's greedy decision in the step of this
    number after a change, with the concepts that the change sets.
    """
    bottleneck = learner.capability(ConceptBottleneck)

    def act(
        state: PyTree, carry: PyTree, timestep: Timestep, change: Change, number: Array, key: Key[Array, ""]
    ) -> ActOutput:
        if bottleneck is None or change.concepts is None:
            return learner.act(state, carry, timestep, key, False)
        put_in = replace(
            bottleneck.free(*timestep.first.shape),
            values=jnp.where(number < change.steps, change.concepts, FREE),
        )
        return bottleneck.intervene(state, carry, timestep, put_in, key, False)

    return act


def moments(
    rollout: Rollout,
    learner_state: PyTree,
    states: State,
    actions: Int32[Array, "T B N"],
    reward: Float32[Array, "T B N"],
    key: Key[Array, ""],
) -> Moment:
    """The Moment before every step of B episodes, leaves (T, B, ...): what the novices and recurrent
    co-players remember is what they make of the episode, as it went, by acting greedily.

    states: leaves (T + 1, B, ...). key: for what a policy draws while it remembers; it has no effect on
    learners and co-players whose memory depends on what they see alone.
    """
    learner, host, novices = rollout.learner, rollout.host_for(learner_state), rollout.novices
    times, num_envs = actions.shape[:2]
    here = jax.tree.map(lambda leaf: leaf[:-1], states)
    views = jax.vmap(jax.vmap(rollout.world.observe))(here)
    timestep = timesteps_of(views[:, :, novices], actions[..., novices], reward[..., novices])
    paid = before(reward)

    def body(memory: tuple[PyTree, PyTree], now: PyTree) -> tuple[PyTree, PyTree]:
        timestep, state, paid, key = now
        act_key, host_key = jax.random.split(key)
        acted = learner.act(learner_state, memory[0], timestep, act_key, False)
        _, kept = jax.vmap(host.act)(memory[1], state, paid, jax.random.split(host_key, num_envs))
        return (acted.carry, kept), (*memory, acted.decision)

    begin = learner.initial_carry(num_envs, len(novices)), begin_coplayers(host, num_envs).memory
    given = (timestep, here, paid, jax.random.split(key, times))
    _, (carry, kept, decision) = jax.lax.scan(body, begin, given)
    coplayers = CoPlayers(memory=kept, reward=paid)
    return Moment(state=here, timestep=timestep, carry=carry, coplayers=coplayers, decision=decision)


def at(there: Moment, time: Int32[Array, " Q"], world: Int32[Array, " Q"], repeat: int = 1) -> Moment:
    """The moments at these times of these worlds, each `repeat` times one after the other: leaves
    (Q * repeat, ...) of leaves (T, B, ...).
    """
    return jax.tree.map(lambda leaf: jnp.repeat(leaf[time, world], repeat, axis=0), there)


def compared(
    rollout: Rollout,
    learner_state: PyTree,
    now: Moment,
    changes: Change,
    key: Key[Array, ""],
    discount: float | Float32[Array, ""],
) -> Ends:
    """The Ends of B worlds after each of several changes, leaves (changes, ...), all with the same keys.

    now: leaves (B, ...). changes: leaves (changes, B, novices); steps (changes,).
    """

    def one(change: Change) -> Ends:
        return continued(rollout, learner_state, now, change, jax.random.clone(key), discount)

    return jax.lax.map(one, changes)


@pytree
class Running:
    """Worlds on their way to their ends: how much they have got, and what the next reward weighs."""

    moment: Moment
    alive: Bool[Array, " B"]
    weight: Float32[Array, ""]
    returns: Float32[Array, "B novices"]
    discounted: Float32[Array, "B novices"]
    action: Int32[Array, "B novices"]


def continued(
    rollout: Rollout,
    learner_state: PyTree,
    now: Moment,
    change: Change,
    key: Key[Array, ""],
    discount: float | Float32[Array, ""],
) -> Ends:
    """The Ends of B worlds that go on greedily from their moments after one change, leaves (B, novices)."""
    novices, horizon = rollout.novices, rollout.world.spec.horizon
    num_envs, host = now.timestep.first.shape[0], rollout.host_for(learner_state)

    def advanced(running: Running, number: Int32[Array, ""], key: Key[Array, ""]) -> Running:
        act_key, host_key, world_key = jax.random.split(key, 3)
        moment, alive = running.moment, running.alive
        action, carry = decided(rollout.learner, learner_state, moment, change, number, act_key)
        keys = jax.random.split(host_key, num_envs), jax.random.split(world_key, num_envs)
        step = step_all(host, moment.state, moment.coplayers, [(novices, action)], *keys)
        reward = jnp.where(alive[:, None], step.outcome.reward[:, novices], 0.0)
        after = replace(
            moment,
            state=step.state,
            timestep=next_timestep(step, novices),
            carry=carry,
            coplayers=step.coplayers,
        )
        return Running(
            moment=after,
            alive=alive & ~ended(step.outcome),
            weight=running.weight * discount,
            returns=running.returns + reward,
            discounted=running.discounted + running.weight * reward,
            action=action,
        )

    def body(running: Running, given: tuple[Array, Array]) -> tuple[Running, PyTree]:
        alive = jnp.any(running.alive)
        after = jax.lax.cond(alive, lambda one: advanced(one, *given), lambda one: one, running)
        return after, (after.moment.state.seats.position[:, novices], running.alive, after.action)

    begin = Running(
        moment=now,
        alive=jnp.ones(num_envs, bool),
        weight=jnp.float32(1),
        returns=jnp.zeros((num_envs, len(novices)), jnp.float32),
        discounted=jnp.zeros((num_envs, len(novices)), jnp.float32),
        action=jnp.zeros((num_envs, len(novices)), jnp.int32),
    )
    steps = (jnp.arange(horizon, dtype=jnp.int32), jax.random.split(key, horizon))
    end, (position, alive, action) = jax.lax.scan(body, begin, steps)
    start = now.state.seats.position[None][:, :, novices]
    return Ends(
        returns=end.returns,
        discounted=end.discounted,
        action=action[0],
        position=jnp.concatenate([start, position]),
        alive=alive,
    )


def decided(
    learner: Learner,
    learner_state: PyTree,
    moment: Moment,
    change: Change,
    number: Int32[Array, ""],
    key: Key[Array, ""],
) -> tuple[Int32[Array, "B novices"], PyTree]:
    """Actions and carries of the novices in the step of this number after the change, counted from 0."""
    given = (learner_state, moment.carry, moment.timestep)
    free = reading(learner)(*given, change, number, key)

    def held(_: None) -> tuple[Array, PyTree]:
        forced = forcing(learner)(*given, jnp.maximum(change.source, 0), jax.random.clone(key))
        chosen = change.source != FREE

        def pick(a: Array, b: Array) -> Array:
            return jnp.where(chosen.reshape(*chosen.shape, *(1,) * (a.ndim - 2)), a, b)

        return jax.tree.map(pick, (forced.decision.action, forced.carry), (free.decision.action, free.carry))

    action, carry = jax.lax.cond(
        number < change.steps, held, lambda _: (free.decision.action, free.carry), None
    )
    return jnp.where((number == 0) & (change.action != FREE), change.action, action), carry
