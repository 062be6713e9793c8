"""Many worlds at once: seats are driven by the learner or as hosted co-players, and finished episodes start
anew from a pool.

Only this file resets a world. A Transition carries the observation that really followed, and *then* the next
episode starts.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8, UInt32

from socialrl.types import Decision, Demonstration, Experience, Learner, Timestep, Transition
from socialrl_envs.hosting import CoPlayer, host
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Outcome, State, World

Numbers = dict[str, Array]


@pytree
class Carry:
    """Where B parallel worlds stand between two unrolls.

    timestep, memory: the novices', leaves (B, M, ...). views: what every seat sees now. returns: reward of
    the episode so far.
    """

    state: State
    timestep: Timestep
    memory: PyTree
    views: UInt8[Array, "B N V V C"]
    returns: Float32[Array, "B N"]


@pytree
class Trace:
    """Whole episodes side by side, from the reset on; leaves (T, B, ...), `states` (T + 1, B, ...).

    alive: whether the episode was still going on before the step; what follows its end is padding.
    reset_key, step_key: raw PRNG keys of the world's reset (B, 2) and steps (T, B, 2), uint32.
    """

    states: State
    actions: Int32[Array, "T B N"]
    outcome: Outcome
    decision: Decision
    alive: Bool[Array, "T B"]
    reset_key: UInt32[Array, "B 2"]
    step_key: UInt32[Array, "T B 2"]


class Rollout(NamedTuple):
    """What make_rollout returns; all pure.

    pool(key, size, numbers) -> levels; `numbers` overrides some of the world's, or draws what each level
    overrides from a key
    begin(levels, key, worlds) -> Carry
    unroll(learner_state, carry, levels, key, steps, explore) -> (Carry, Experience, metrics)
    episodes(learner_state, levels, key, explore) -> Trace; one episode on each level, nothing starts anew
    """

    pool: Callable[..., Level]
    begin: Callable[..., Carry]
    unroll: Callable[..., tuple[Carry, Experience, dict[str, Array]]]
    episodes: Callable[..., Trace]


class Step(NamedTuple):
    """One step of B worlds before anything starts anew."""

    state: State
    outcome: Outcome
    views: Array
    actions: Array
    decision: Decision
    memory: PyTree


def take(tree: PyTree, index: Array) -> PyTree:
    """Rows of every leaf."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def pick(flags: Array, yes: PyTree, no: PyTree) -> PyTree:
    """Leaf by leaf, row by row, `yes` where the flag of the row is set."""
    return jax.tree.map(lambda a, b: jnp.where(flags.reshape(-1, *(1,) * (a.ndim - 1)), a, b), yes, no)


def first_timestep(views: Array, novices: np.ndarray) -> Timestep:
    """The novices' first timestep of an episode; views (B, N, V, V, C)."""
    batch = (views.shape[0], novices.shape[0])
    return Timestep(
        obs=views[:, novices],
        prev_action=jnp.zeros(batch, jnp.int32),
        prev_reward=jnp.zeros(batch, jnp.float32),
        first=jnp.ones(batch, bool),
    )


def demonstrate(
    before: Array, after: Array, actions: Array, present: Array, outcome: Outcome, seats: np.ndarray
) -> Demonstration:
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
    """The rollout of a learner in the novices' seats of a world; `functions` hand in policies for co-players
    by agent name.
    """
    return _Maker(world, learner, functions).rollout()


class _Maker:
    """The functions of a Rollout, over one world and one learner."""

    def __init__(self, world: World, learner: Learner, functions: dict[str, CoPlayer] | None):
        self.world, self.learner, self.hosted = world, learner, host(world, functions)
        self.novices = np.array(world.spec.novices, np.int32)
        self.coplayers = np.array(world.spec.coplayers, np.int32)

    def rollout(self) -> Rollout:
        """The functions, bundled."""
        return Rollout(pool=self.pool, begin=self.begin, unroll=self.unroll, episodes=self.episodes)

    def pool(
        self, key: Key[Array, ""], size: int, numbers: Numbers | Callable[[Array], Numbers] | None = None
    ) -> Level:
        """`size` fresh levels."""

        def one(key: Key[Array, ""]) -> Level:
            if not callable(numbers):
                return self.world.sample_level(key, numbers)
            numbers_key, level_key = jax.random.split(key)
            return self.world.sample_level(level_key, numbers(numbers_key))

        return jax.vmap(one)(jax.random.split(key, size))

    def reset(self, levels: Level, keys: Key[Array, " B"]) -> tuple[State, Array]:
        """The start of an episode on each level, and what all seats see."""
        state = jax.vmap(self.world.reset)(levels, keys)
        return state, jax.vmap(self.world.observe)(state)

    def fresh(self, levels: Level, key: Key[Array, ""], worlds: int) -> tuple[State, Array]:
        """Starts on levels drawn from the pool, each world its own draw, so that no level is favoured."""
        index_key, reset_key = jax.random.split(key)
        index = jax.random.randint(index_key, (worlds,), 0, jax.tree.leaves(levels)[0].shape[0])
        return self.reset(take(levels, index), jax.random.split(reset_key, worlds))

    def carry(self, state: State, views: Array) -> Carry:
        """The start of an episode in every world."""
        worlds = views.shape[0]
        return Carry(
            state=state,
            timestep=first_timestep(views, self.novices),
            memory=self.learner.memory(worlds, len(self.novices)),
            views=views,
            returns=jnp.zeros((worlds, len(self.world.spec.seats)), jnp.float32),
        )

    def begin(self, levels: Level, key: Key[Array, ""], worlds: int) -> Carry:
        """`worlds` parallel worlds at the start of an episode."""
        return self.carry(*self.fresh(levels, key, worlds))

    def step(
        self,
        learner_state: Any,
        carry: Carry,
        key: Key[Array, ""],
        step_keys: Key[Array, " B"],
        explore: bool,
    ) -> Step:
        """Everybody acts, every world steps."""
        act_key, host_key = jax.random.split(key)
        decision, memory = self.learner.act(learner_state, carry.memory, carry.timestep, act_key, explore)
        actions = jax.vmap(self.hosted)(carry.state, jax.random.split(host_key, carry.views.shape[0]))
        actions = actions.at[:, self.novices].set(decision.action)
        state, outcome = jax.vmap(self.world.step)(carry.state, actions, step_keys)
        views = jax.vmap(self.world.observe)(state)
        return Step(state, outcome, views, actions, decision, memory)

    def influenced(self, learner_state: Any, before: Carry, now: Step) -> Step:
        """The step, its decision with the others' influence on it where the learner can tell."""
        if self.learner.influence is None:
            return now
        influence = self.learner.influence(learner_state, before.memory, before.timestep)
        return now._replace(decision=dataclasses.replace(now.decision, influence=influence))

    def restart(
        self, done: Array, state: State, views: Array, levels: Level, key: Key[Array, ""]
    ) -> tuple[State, Array]:
        """Worlds whose episode ended start anew; a step in which none ended costs nothing."""

        def some(_: None) -> tuple[State, Array]:
            return pick(done, self.fresh(levels, key, done.shape[0]), (state, views))

        return jax.lax.cond(jnp.any(done), some, lambda _: (state, views), None)

    def seen(self, carry: Carry, now: Step) -> tuple[Transition, Demonstration]:
        """What a learner may know of a step: its own transition, and the others' demonstrations."""
        shape = now.decision.action.shape
        own = Transition(
            timestep=carry.timestep,
            action=now.decision.action,
            reward=now.outcome.reward[:, self.novices],
            next_obs=now.views[:, self.novices],
            terminated=jnp.broadcast_to(now.outcome.terminated[:, None], shape),
            truncated=jnp.broadcast_to(now.outcome.truncated[:, None], shape),
        )
        others = demonstrate(
            carry.views, now.views, now.actions, carry.state.present, now.outcome, self.coplayers
        )
        return own, others

    def whereabouts(
        self, position: Int32[Array, "N 2"], heading: Int32[Array, " N"]
    ) -> Float32[Array, "M K 2"]:
        """Cells ahead and to the right of each novice at which the co-players stand, by the length of the
        grid.
        """
        offset = (position[None, self.coplayers] - position[self.novices, None]).astype(jnp.float32)
        ahead = jnp.array([(-1, 0), (0, 1), (1, 0), (0, -1)], jnp.float32)[heading[self.novices]]
        right = jnp.stack([ahead[:, 1], -ahead[:, 0]], axis=-1)
        length = max(self.world.spec.height, self.world.spec.width)
        return jnp.einsum("mkx,max->mka", offset, jnp.stack([ahead, right], axis=1)) / length

    def next_carry(self, carry: Carry, now: Step, state: State, views: Array, done: Array) -> Carry:
        """Where the worlds stand after a step, those that ended at the start of a new episode."""
        shape = now.decision.action.shape
        timestep = Timestep(
            obs=views[:, self.novices],
            prev_action=jnp.where(done[:, None], 0, now.decision.action),
            prev_reward=jnp.where(done[:, None], 0.0, now.outcome.reward[:, self.novices]),
            first=jnp.broadcast_to(done[:, None], shape),
        )
        returns = jnp.where(done[:, None], 0.0, carry.returns + now.outcome.reward)
        return Carry(state=state, timestep=timestep, memory=now.memory, views=views, returns=returns)

    def unroll(
        self,
        learner_state: Any,
        carry: Carry,
        levels: Level,
        key: Key[Array, ""],
        steps: int,
        explore: bool = True,
    ) -> tuple[Carry, Experience, dict[str, Array]]:
        """`steps` steps of every world; finished episodes start anew on levels of the pool."""

        def body(carry: Carry, key: Key[Array, ""]) -> tuple[Carry, Any]:
            policy_key, step_key, restart_key = jax.random.split(key, 3)
            now = self.step(
                learner_state, carry, policy_key, jax.random.split(step_key, carry.views.shape[0]), explore
            )
            done = now.outcome.terminated | now.outcome.truncated
            state, views = self.restart(done, now.state, now.views, levels, restart_key)
            returns = (carry.returns + now.outcome.reward)[:, self.novices]
            there = jax.vmap(self.whereabouts)(carry.state.position, carry.state.heading)
            return self.next_carry(carry, now, state, views, done), (
                *self.seen(carry, now),
                now.decision,
                there,
                done,
                returns,
            )

        after, (own, others, decision, there, done, returns) = jax.lax.scan(
            body, carry, jax.random.split(key, steps)
        )
        experience = Experience(
            own=own, others=others, memory=carry.memory, decision=decision, whereabouts=there
        )
        return after, experience, episode_metrics(done, returns, decision)

    def episodes(
        self, learner_state: Any, levels: Level, key: Key[Array, ""], explore: bool = False
    ) -> Trace:
        """One episode on each level, with all that a replay needs; greedy unless `explore`."""
        worlds = jax.tree.leaves(levels)[0].shape[0]
        reset_key, policy_key, worlds_key = jax.random.split(key, 3)
        reset_keys = jax.random.split(reset_key, worlds)
        state, views = self.reset(levels, reset_keys)
        horizon = self.world.spec.horizon

        def body(carry: tuple[Carry, Array], keys: tuple[Array, Array]) -> tuple[tuple[Carry, Array], Any]:
            before, alive = carry
            step_keys = jax.random.split(keys[1], worlds)
            now = self.influenced(
                learner_state, before, self.step(learner_state, before, keys[0], step_keys, explore)
            )
            done = now.outcome.terminated | now.outcome.truncated
            after = self.next_carry(before, now, now.state, now.views, jnp.zeros_like(done))
            record = (
                now.state,
                now.actions,
                now.outcome,
                now.decision,
                alive,
                jax.random.key_data(step_keys),
            )
            return (after, alive & ~done), record

        begin = (self.carry(state, views), jnp.ones(worlds, bool))
        keys = (jax.random.split(policy_key, horizon), jax.random.split(worlds_key, horizon))
        _, (states, actions, outcome, decision, alive, step_key) = jax.lax.scan(body, begin, keys)
        return Trace(
            states=jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), state, states),
            actions=actions,
            outcome=outcome,
            decision=decision,
            alive=alive,
            reset_key=jax.random.key_data(reset_keys),
            step_key=step_key,
        )


def episode_metrics(done: Array, returns: Array, decision: Decision) -> dict[str, Array]:
    """Sums over an unroll; done (T, B), returns (T, B, M): episodes that ended, their return, steps per
    source followed.
    """
    sources = decision.values.shape[-2]
    followed = decision.source[..., None] == jnp.arange(sources)
    return {
        "episodes": jnp.sum(done).astype(jnp.float32),
        "return_sum": jnp.sum(jnp.where(done[..., None], returns, 0.0)) / returns.shape[-1],
        "followed": jnp.mean(followed.astype(jnp.float32), axis=(0, 1, 2)),
    }
