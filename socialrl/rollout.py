"""Many worlds at once: seats are driven by the learner or as hosted co-players, and finished episodes start anew from a pool.

Only this file resets a world. A Transition carries the observation that really followed, and *then* the next episode starts.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Key, PyTree, UInt8

from socialrl.types import Decision, Demonstration, Experience, Learner, Timestep, Transition
from socialrl_envs.hosting import CoPlayer, host
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Outcome, State, World


@pytree
class Carry:
    """Where B parallel worlds stand between two unrolls.

    timestep, memory: the novices', leaves (B, M, ...). views: what every seat sees now. returns: reward of the episode so far.
    """

    state: State
    timestep: Timestep
    memory: PyTree
    views: UInt8[Array, "B N V V C"]
    returns: Float32[Array, "B N"]


class Rollout(NamedTuple):
    """pool(key, size) -> levels; begin(pool, key, worlds) -> Carry; unroll(...) -> (Carry, Experience, metrics)."""

    pool: Callable[..., Level]
    begin: Callable[..., Carry]
    unroll: Callable[..., tuple[Carry, Experience, dict[str, Array]]]


def take(tree: PyTree, index: Array) -> PyTree:
    """Rows of every leaf."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def pick(flags: Array, yes: PyTree, no: PyTree) -> PyTree:
    """Leaf by leaf, row by row, `yes` where the flag of the row is set."""
    return jax.tree.map(lambda a, b: jnp.where(flags.reshape(-1, *(1,) * (a.ndim - 1)), a, b), yes, no)


def first_timestep(views: Array, novices: Array) -> Timestep:
    """The novices' first timestep of an episode; views (B, N, V, V, C)."""
    batch = (views.shape[0], novices.shape[0])
    return Timestep(
        obs=views[:, novices],
        prev_action=jnp.zeros(batch, jnp.int32),
        prev_reward=jnp.zeros(batch, jnp.float32),
        first=jnp.ones(batch, bool),
    )


def demonstrate(before: Array, after: Array, actions: Array, present: Array, outcome: Outcome, seats: Array) -> Demonstration:
    """What can be seen of these seats' step: views (B, N, ...), actions (B, N). Their rewards stay behind."""
    shape = (actions.shape[0], seats.shape[0])
    ended = jnp.broadcast_to(outcome.terminated[:, None], shape)
    return Demonstration(
        obs=before[:, seats],
        action=actions[:, seats],
        next_obs=after[:, seats],
        discount=jnp.where(ended, 0.0, 1.0).astype(jnp.float32),
        last=jnp.broadcast_to((outcome.terminated | outcome.truncated)[:, None], shape),
        present=present[:, seats],
    )


def make_rollout(world: World, learner: Learner, functions: dict[str, CoPlayer] | None = None) -> Rollout:
    """The rollout of a learner in the novices' seats of a world; `functions` hand in policies for co-players by agent name."""
    spec, hosted = world.spec, host(world, functions)
    novices, coplayers = jnp.array(spec.novices, jnp.int32), jnp.array(spec.coplayers, jnp.int32)

    def pool(key: Key[Array, ""], size: int) -> Level:
        return jax.vmap(world.sample_level)(jax.random.split(key, size))

    def fresh(levels: Level, key: Key[Array, ""], worlds: int) -> tuple[State, Array]:
        index_key, reset_key = jax.random.split(key)
        index = jax.random.randint(index_key, (worlds,), 0, jax.tree.leaves(levels)[0].shape[0])
        state = jax.vmap(world.reset)(take(levels, index), jax.random.split(reset_key, worlds))
        return state, jax.vmap(world.observe)(state)

    def begin(levels: Level, key: Key[Array, ""], worlds: int) -> Carry:
        state, views = fresh(levels, key, worlds)
        return Carry(
            state=state,
            timestep=first_timestep(views, novices),
            memory=learner.memory(worlds, novices.shape[0]),
            views=views,
            returns=jnp.zeros((worlds, len(spec.seats)), jnp.float32),
        )

    def restart(done: Array, state: State, views: Array, levels: Level, key: Key[Array, ""]) -> tuple[State, Array]:
        """Worlds whose episode ended start anew; the others, and all of them when none ended, cost nothing."""

        def some(_: None) -> tuple[State, Array]:
            return pick(done, fresh(levels, key, done.shape[0]), (state, views))

        return jax.lax.cond(jnp.any(done), some, lambda _: (state, views), None)

    def one(learner_state: Any, explore: bool, levels: Level, carry: Carry, key: Key[Array, ""]) -> tuple[Carry, Any]:
        act_key, host_key, step_key, restart_key = jax.random.split(key, 4)
        worlds = carry.views.shape[0]
        decision, memory = learner.act(learner_state, carry.memory, carry.timestep, act_key, explore)
        actions = jax.vmap(hosted)(carry.state, jax.random.split(host_key, worlds)).at[:, novices].set(decision.action)
        state, outcome = jax.vmap(world.step)(carry.state, actions, jax.random.split(step_key, worlds))
        views = jax.vmap(world.observe)(state)

        done, shape = outcome.terminated | outcome.truncated, decision.action.shape
        own = Transition(
            timestep=carry.timestep,
            action=decision.action,
            reward=outcome.reward[:, novices],
            next_obs=views[:, novices],
            terminated=jnp.broadcast_to(outcome.terminated[:, None], shape),
            truncated=jnp.broadcast_to(outcome.truncated[:, None], shape),
        )
        others = demonstrate(carry.views, views, actions, carry.state.present, outcome, coplayers)
        returns = carry.returns + outcome.reward
        state, views = restart(done, state, views, levels, restart_key)
        timestep = Timestep(
            obs=views[:, novices],
            prev_action=decision.action,
            prev_reward=outcome.reward[:, novices],
            first=jnp.broadcast_to(done[:, None], shape),
        )
        after = Carry(
            state=state,
            timestep=timestep,
            memory=memory,
            views=views,
            returns=jnp.where(done[:, None], 0.0, returns),
        )
        return after, (own, others, decision, done, returns)

    def unroll(
        learner_state: Any, carry: Carry, levels: Level, key: Key[Array, ""], steps: int, explore: bool = True
    ) -> tuple[Carry, Experience, dict[str, Array]]:
        def body(carry: Carry, step_key: Key[Array, ""]) -> tuple[Carry, Any]:
            return one(learner_state, explore, levels, carry, step_key)

        after, (own, others, decision, done, returns) = jax.lax.scan(body, carry, jax.random.split(key, steps))
        experience = Experience(own=own, others=others, memory=carry.memory, decision=decision)
        return after, experience, episode_metrics(done, returns[..., novices], decision)

    return Rollout(pool=pool, begin=begin, unroll=unroll)


def episode_metrics(done: Array, returns: Array, decision: Decision) -> dict[str, Array]:
    """Sums over an unroll; done (T, B), returns (T, B, M): episodes that ended, their return, steps per source followed."""
    sources = decision.values.shape[-2]
    followed = decision.source[..., None] == jnp.arange(sources)
    return {
        "episodes": jnp.sum(done).astype(jnp.float32),
        "return_sum": jnp.sum(jnp.where(done[..., None], returns, 0.0)) / returns.shape[-1],
        "followed": jnp.mean(followed.astype(jnp.float32), axis=(0, 1, 2)),
    }
