"""Rollouts: the learner acts in the novices' seats and hosted co-players in the others, in many worlds at
once.

This is the only file that resets a world. A Transition holds the true successor of its step; the next
episode, on a level of a pool, begins after that.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8, UInt32

from socialrl.devices import spread
from socialrl.stepping import (
    CoPlayers,
    Step,
    begin_coplayers,
    demonstrate,
    ended,
    first_timestep,
    hosted,
    next_timestep,
    relative_positions,
    step_all,
)
from socialrl.types import (
    ActOutput,
    Companions,
    ConceptBottleneck,
    Decision,
    Experience,
    Influence,
    Learner,
    Metrics,
    Overrides,
    Timestep,
    Transition,
)
from socialrl_envs.errors import SocialRLError
from socialrl_envs.hosting import Functions, Host
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import ConceptWorld, Level, Outcome, State, World


@pytree
class Carry:
    """Where B parallel worlds stand between two unrolls.

    timestep, carry: input and recurrent state of the novices, leaves (B, novices, ...). views: of every seat.
    returns: the rewards of the episode so far, summed. coplayers: what the hosted ones keep.
    """

    state: State
    timestep: Timestep
    carry: PyTree
    coplayers: CoPlayers
    views: UInt8[Array, "B N V V C"]
    returns: Float32[Array, "B N"]


@pytree
class Trace:
    """B whole episodes side by side, leaves (T, B, ...); `states` (T + 1, B, ...) from the reset on.

    alive: whether the episode was not over before the step; what follows its end is padding. extras: those of
    `act`. reset_key, step_key: raw PRNG keys of the world's reset and steps.
    """

    states: State
    actions: Int32[Array, "T B N"]
    outcome: Outcome
    decision: Decision
    alive: Bool[Array, "T B"]
    reset_key: UInt32[Array, "B 2"]
    step_key: UInt32[Array, "T B 2"]
    extras: PyTree = ()


def take(tree: PyTree, index: Int32[Array, " rows"]) -> PyTree:
    """The rows with these indices, of every leaf."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def pick(flags: Bool[Array, " B"], yes: PyTree, no: PyTree) -> PyTree:
    """For each row of the leaves that of `yes` where the flag is set, else that of `no`."""
    return jax.tree.map(lambda a, b: jnp.where(flags.reshape(-1, *(1,) * (a.ndim - 1)), a, b), yes, no)


def make_rollout(world: World, learner: Learner, functions: Functions | None = None) -> "Rollout":
    """The rollout functions of a learner in the novices' seats of a world.

    functions: policies by agent name that take the place of those of the co-players' seats.
    """
    return Rollout(world, learner, functions)


class Rollout:
    """Pure functions over one world and one learner: `pool`, `begin`, `unroll` and `episodes`."""

    def __init__(self, world: World, learner: Learner, functions: Functions | None = None):
        self.world, self.learner, self.functions = world, learner, functions
        self.host = hosted(world, learner, None, functions)
        self.novices = np.array(world.spec.novices, np.int32)
        self.coplayers = np.array(world.spec.coplayers, np.int32)

    def host_for(self, learner_state: PyTree) -> Host:
        """The Host of the co-players beside a learner in this state."""
        if self.learner.capability(Companions) is None:
            return self.host
        return hosted(self.world, self.learner, learner_state, self.functions)

    def pool(
        self,
        key: Key[Array, ""],
        size: int,
        overrides: Overrides | Callable[[Key[Array, ""]], Overrides] | None = None,
    ) -> Level:
        """`size` fresh levels. overrides: parameters that all of them have, or a function that draws those of
        a level from a key.
        """

        def one(key: Key[Array, ""]) -> Level:
            if not callable(overrides):
                return self.world.sample_level(key, overrides)
            overrides_key, level_key = jax.random.split(key)
            return self.world.sample_level(level_key, overrides(overrides_key))

        return jax.vmap(one)(jax.random.split(key, size))

    def begin(self, levels: Level, key: Key[Array, ""], num_envs: int) -> Carry:
        """`num_envs` parallel worlds at the start of an episode, each on a level drawn from the pool."""
        return self._carry(*self._drawn(levels, key, num_envs))

    def begin_on(self, levels: Level, key: Key[Array, ""]) -> Carry:
        """One world for each level, at the start of an episode on it."""
        return self._carry(*self._reset(levels, jax.random.split(key, jax.tree.leaves(levels)[0].shape[0])))

    def unroll(
        self,
        learner_state: PyTree,
        carry: Carry,
        levels: Level,
        key: Key[Array, ""],
        steps: int,
        explore: bool = True,
        own: bool = False,
    ) -> tuple[Carry, Experience, Metrics]:
        """`steps` steps of every world; a world whose episode ends begins another one on a level of the pool,
        or, if each has its `own`, on its level.

        Returns where the worlds stand then, the learner's Experience, and `episode_metrics`.
        """

        def body(carry: Carry, key: Key[Array, ""]) -> tuple[Carry, PyTree]:
            carry = spread(carry)
            policy_key, step_key, restart_key = jax.random.split(key, 3)
            step_keys = jax.random.split(step_key, carry.views.shape[0])
            acted, step = self._step(learner_state, carry, policy_key, step_keys, explore)
            done = ended(step.outcome)
            state, views = self._restart(done, step, levels, restart_key, own)
            returns = carry.returns + step.outcome.reward
            after = Carry(
                state=state,
                timestep=next_timestep(step, self.novices, views, done),
                carry=acted.carry,
                coplayers=step.coplayers,
                views=views,
                returns=jnp.where(done[:, None], 0.0, returns),
            )
            positions = jax.vmap(lambda *at: relative_positions(self.world.spec, *at))(
                carry.state.seats.position, carry.state.seats.heading
            )
            others = demonstrate(carry.views, carry.state.seats.present, step, self.coplayers)
            seats = carry.state.seats
            seen = {
                "own": self._transition(carry, acted, step),
                "others": others,
                "decision": acted.decision,
                "extras": acted.extras,
                "relative_positions": positions,
                "positions": seats.position,
                "headings": seats.heading,
                "concepts": self._concepts(carry.state, step.state),
            }
            return after, (seen, done, returns[:, self.novices])

        after, (seen, done, returns) = jax.lax.scan(body, carry, jax.random.split(key, steps))
        experience = Experience(carry=carry.carry, **seen)
        return after, experience, episode_metrics(done, returns, experience.decision)

    def episodes(
        self, learner_state: PyTree, levels: Level, key: Key[Array, ""], explore: bool = False
    ) -> Trace:
        """One whole episode on each level, as a replay needs it; greedy unless `explore`."""
        num_envs = jax.tree.leaves(levels)[0].shape[0]
        reset_key, policy_key, worlds_key = jax.random.split(key, 3)
        reset_keys = jax.random.split(reset_key, num_envs)
        state, views = self._reset(levels, reset_keys)
        horizon = self.world.spec.horizon

        def body(carry: tuple[Carry, Array], keys: tuple[Array, Array]) -> tuple[tuple[Carry, Array], PyTree]:
            before, alive = spread(carry)
            step_keys = jax.random.split(keys[1], num_envs)
            acted, step = self._step(learner_state, before, keys[0], step_keys, explore)
            after = Carry(
                state=step.state,
                timestep=next_timestep(step, self.novices),
                carry=acted.carry,
                coplayers=step.coplayers,
                views=step.views,
                returns=before.returns + step.outcome.reward,
            )
            decision = influenced(self.learner, learner_state, before.carry, before.timestep, acted.decision)
            record = (step.state, step.actions, step.outcome, decision, acted.extras, alive)
            return (after, alive & ~ended(step.outcome)), (*record, jax.random.key_data(step_keys))

        begin = (self._carry(state, views), jnp.ones(num_envs, bool))
        keys = (jax.random.split(policy_key, horizon), jax.random.split(worlds_key, horizon))
        _, (states, actions, outcome, decision, extras, alive, step_key) = jax.lax.scan(body, begin, keys)
        return Trace(
            states=jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), state, states),
            actions=actions,
            outcome=outcome,
            decision=decision,
            extras=extras,
            alive=alive,
            reset_key=jax.random.key_data(reset_keys),
            step_key=step_key,
        )

    def _reset(self, levels: Level, keys: Key[Array, " B"]) -> tuple[State, Array]:
        """The start of an episode on each level, and every seat's view of it."""
        state = jax.vmap(self.world.reset)(levels, keys)
        return state, jax.vmap(self.world.observe)(state)

    def _drawn(self, levels: Level, key: Key[Array, ""], num_envs: int) -> tuple[State, Array]:
        """Starts on levels drawn from the pool. Each world draws for itself, so that no level is favoured."""
        index_key, reset_key = jax.random.split(key)
        index = jax.random.randint(index_key, (num_envs,), 0, jax.tree.leaves(levels)[0].shape[0])
        return self._reset(take(levels, index), jax.random.split(reset_key, num_envs))

    def _carry(self, state: State, views: UInt8[Array, "B N V V C"]) -> Carry:
        """The Carry at the start of an episode in every world."""
        num_envs = views.shape[0]
        return Carry(
            state=state,
            timestep=first_timestep(views, self.novices),
            carry=self.learner.initial_carry(num_envs, len(self.novices)),
            coplayers=begin_coplayers(self.host, num_envs),
            views=views,
            returns=jnp.zeros((num_envs, len(self.world.spec.seats)), jnp.float32),
        )

    def _step(
        self,
        learner_state: PyTree,
        carry: Carry,
        key: Key[Array, ""],
        step_keys: Key[Array, " B"],
        explore: bool,
    ) -> tuple[ActOutput, Step]:
        """The novices' decisions, and the step that every world takes with them."""
        act_key, host_key = jax.random.split(key)
        with jax.named_scope("act"):
            acted = self.learner.act(learner_state, carry.carry, carry.timestep, act_key, explore)
        host_keys = jax.random.split(host_key, carry.views.shape[0])
        given, hosts = [(self.novices, acted.decision.action)], self.host_for(learner_state)
        return acted, step_all(hosts, carry.state, carry.coplayers, given, host_keys, step_keys, carry.views)

    def _concepts(self, state: State, after: State) -> Int32[Array, "B novices concepts"] | None:
        """The true values of the concepts that the learner reads; None if it reads none."""
        if self.learner.capability(ConceptBottleneck) is None:
            return None
        return concepts_of(self.world, state, after)[:, self.novices]

    def _restart(
        self, done: Bool[Array, " B"], step: Step, levels: Level, key: Key[Array, ""], own: bool
    ) -> tuple[State, Array]:
        """States and views in which worlds whose episode ended begin another; nothing is computed if none
        did.
        """
        now = (step.state, step.views)

        def some(_: None) -> tuple[State, Array]:
            count = done.shape[0]
            if own:
                return pick(done, self._reset(levels, jax.random.split(key, count)), now)
            return pick(done, self._drawn(levels, key, count), now)

        return jax.lax.cond(jnp.any(done), some, lambda _: now, None)

    def _transition(self, carry: Carry, acted: ActOutput, step: Step) -> Transition:
        """The novices' own Transition, leaves (B, novices, ...)."""
        shape = acted.decision.action.shape
        return Transition(
            timestep=carry.timestep,
            action=acted.decision.action,
            reward=step.outcome.reward[:, self.novices],
            next_obs=step.views[:, self.novices],
            terminated=jnp.broadcast_to(step.outcome.terminated[:, None], shape),
            truncated=jnp.broadcast_to(step.outcome.truncated[:, None], shape),
        )


def concepts_of(world: World, state: State, after: State) -> Int32[Array, "B N concepts"]:
    """The true values of a world's concepts to every seat in B worlds. after: the states that follow. Raises
    SocialRLError if the world declares none.
    """
    if not isinstance(world, ConceptWorld):
        raise SocialRLError(f"{world.spec.name} declares no concepts", "give it `concepts`, see ConceptWorld")
    return jax.vmap(world.concepts)(state, after)


def influenced(
    learner: Learner, learner_state: PyTree, carry: PyTree, timestep: Timestep, decision: Decision
) -> Decision:
    """The decision with the influence of the others on it, if the learner can tell."""
    capability = learner.capability(Influence)
    if capability is None:
        return decision
    return replace(decision, influence=capability.influence(learner_state, carry, timestep))


def episode_metrics(
    done: Bool[Array, "T B"], returns: Float32[Array, "T B novices"], decision: Decision
) -> Metrics:
    """episodes: how many ended in an unroll. return_sum: the sum of their returns, each the mean over the
    novices. followed (S,): the share of steps in which each source was followed.
    """
    sources = decision.values.shape[-2]
    followed = decision.source[..., None] == jnp.arange(sources)
    return {
        "episodes": jnp.sum(done).astype(jnp.float32),
        "return_sum": jnp.sum(jnp.where(done[..., None], returns, 0.0)) / returns.shape[-1],
        "followed": jnp.mean(followed.astype(jnp.float32), axis=(0, 1, 2)),
    }
