"""What the off-policy learners share: replay buffer, epsilon-greedy exploration, target network, gradient
steps.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, Shaped, UInt8

from socialrl import buffer as replay
from socialrl.learners._batches import SequenceBatch, blank_batch, view_store, with_file
from socialrl.learners._config import OffPolicyConfig
from socialrl.learners._demonstrations import sampler
from socialrl.nets.memory import Carry, initial_carry
from socialrl.types import (
    ActOutput,
    Capability,
    Decision,
    Experience,
    Learner,
    Metrics,
    Offline,
    Timestep,
    ValueUnit,
    WarmStart,
)
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

Losses = tuple[Float32[Array, ""], Metrics]  # the loss that is minimised, and metrics by name


@pytree
class OffPolicyState:
    """params, target: parameters of the online and of the target network. steps: environment steps so far.
    aux: what the learner keeps besides.
    """

    params: PyTree
    target: PyTree
    optimiser: PyTree
    buffer: replay.Buffer
    steps: Int32[Array, ""]
    aux: PyTree


@runtime_checkable
class Decide(Protocol):
    """(state, carry, obs, first, key, explore) -> (Decision, carry) of N novices at one step; T is 1."""

    def __call__(
        self,
        state: OffPolicyState,
        carry: Carry,
        obs: UInt8[Array, "1 N V V C"],
        first: Bool[Array, "1 N"],
        key: Key[Array, ""],
        explore: bool,
        /,
    ) -> tuple[Decision, Carry]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentFns:
    """What one off-policy learner adds to the shared machinery.

    init(key) -> parameters. decide: see `Decide`. loss(params, target, batch, aux) -> Losses. aux: at the
    start. observe(state, experience) -> aux after one more unroll. social_batch: how many sequences of a
    gradient step, the first ones, come with the others' steps; None: all.
    """

    init: Callable[[Key[Array, ""]], PyTree]
    decide: Decide
    loss: Callable[[PyTree, PyTree, SequenceBatch, PyTree], Losses]
    aux: PyTree = ()
    observe: Callable[[OffPolicyState, Experience], PyTree] = lambda state, experience: state.aux
    social_batch: int | None = None


def off_policy_learner(
    config: OffPolicyConfig,
    spec: WorldSpec,
    agent: AgentFns,
    value_unit: ValueUnit = "reward",
    capabilities: tuple[Capability, ...] = (),
) -> Learner[OffPolicyState]:
    """The Learner made of an agent and the shared machinery, which adds warm start and offline training."""
    optimisation = Optimisation(config, spec, agent)

    def act(
        state: OffPolicyState, carry: Carry, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> ActOutput:
        decide_key, random_key, chance_key = jax.random.split(key, 3)

        def decide(
            carry: Carry, obs: UInt8[Array, "1 N V V C"], first: Bool[Array, "1 N"]
        ) -> tuple[Decision, Carry]:
            decision, after = agent.decide(state, carry, obs, first, decide_key, explore)
            if explore:
                share = epsilon(config, state.steps)
                decision = randomised(decision, share, len(spec.actions), random_key, chance_key)
            return decision, after

        decision, after = over_novices(decide, carry, timestep)
        return ActOutput(decision, after, ())

    offline = Offline(pretrain=optimisation.pretrain, steps=config.offline)
    return Learner(
        init=optimisation.init,
        act=act,
        update=optimisation.update,
        initial_carry=lambda *batch: initial_carry(config.memory, config.hidden[-1], *batch),
        value_unit=value_unit,
        capabilities=(
            *capabilities,
            WarmStart(warm_start=warm_start),
            *((offline,) if config.offline else ()),
        ),
    )


def warm_start(trained: OffPolicyState, fresh: OffPolicyState) -> OffPolicyState:
    """`fresh` with the networks and the step count of `trained`; its buffer, optimiser and aux stay."""
    return replace(fresh, params=trained.params, target=trained.target, steps=trained.steps)


def relabelled(
    spec: WorldSpec,
    state: OffPolicyState,
    rewards: Callable[[UInt8[Array, "..."], Int32[Array, "..."]], Float32[Array, "..."]],
) -> OffPolicyState:
    """The state whose stored rewards of the novices are those of their views and actions."""
    own = state.buffer.data.own
    stored = view_store(spec).unpack(own)
    reward = rewards(stored.timestep.obs, stored.action)

    def one(path: tuple[Any, ...], leaf: Array) -> Array:
        return reward if path[-1].name == "reward" else leaf

    paid = jax.tree_util.tree_map_with_path(one, own)  # not by `replace`, as its views may be packed
    return replace(state, buffer=replace(state.buffer, data=replace(state.buffer.data, own=paid)))


def over_novices(
    function: Callable[..., PyTree], carry: Carry, timestep: Timestep, *arrays: PyTree
) -> PyTree:
    """function(carry, obs, first, *arrays) applied to novices with leaves (*batch, ...).

    The function gets N = prod(batch) novices: obs (1, N, V, V, C), first (1, N), other leaves (N, ...); its
    results (N, ...) are returned with leaves (*batch, ...).
    """
    batch = timestep.first.shape
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[len(batch) :]), (carry, timestep, arrays))
    result = function(flat[0], flat[1].obs[None], flat[1].first[None], *flat[2])
    return jax.tree.map(lambda x: x.reshape(*batch, *x.shape[1:]), result)


def epsilon(config: OffPolicyConfig, steps: Int32[Array, ""]) -> Float32[Array, ""]:
    """The share of random actions after `steps` environment steps."""
    progress = jnp.minimum(steps.astype(jnp.float32) / config.epsilon_steps, 1.0)
    return config.epsilon_start + progress * (config.epsilon_end - config.epsilon_start)


def randomised(
    decision: Decision,
    share: Float32[Array, ""],
    actions: int,
    random_key: Key[Array, ""],
    chance_key: Key[Array, ""],
) -> Decision:
    """The decision (N,) with this share of uniformly random actions, whose source is 0."""
    shape = decision.action.shape
    uniform = jax.random.randint(random_key, shape, 0, actions, dtype=jnp.int32)
    random = jax.random.uniform(chance_key, shape) < share
    return replace(
        decision,
        action=jnp.where(random, uniform, decision.action),
        source=jnp.where(random, 0, decision.source),
    )


def global_norm(tree: PyTree) -> Float32[Array, ""]:
    """The Euclidean norm of all leaves together."""
    return jnp.sqrt(sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)), jnp.float32(0)))


class Optimisation:
    """How an off-policy learner learns: the batches that it draws, and gradient steps on them."""

    def __init__(self, config: OffPolicyConfig, spec: WorldSpec, agent: AgentFns):
        self.config, self.spec, self.agent = config, spec, agent
        self.store = view_store(spec)
        self.recorded = (
            sampler(config.demonstrations, spec, self.store.pack) if config.demonstrations else None
        )
        self.optimiser = optax.chain(optax.clip_by_global_norm(config.max_grad_norm), optax.adam(config.lr))

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> OffPolicyState:
        """The state with fresh parameters and an empty buffer."""
        params = self.agent.init(key)
        capacity = max(self.config.capacity // (unroll_length * num_envs), 1) * num_envs
        example = self.store.pack(blank_batch(self.spec, unroll_length, num_envs))
        return OffPolicyState(
            params=params,
            target=params,
            optimiser=self.optimiser.init(params),
            buffer=replay.empty(example, capacity),
            steps=jnp.int32(0),
            aux=self.agent.aux,
        )

    def update(
        self, state: OffPolicyState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[OffPolicyState, Metrics]:
        """The state after one more unroll: it is stored and observed, then come `config.updates` gradient
        steps.
        """
        unrolled = SequenceBatch(own=experience.own, others=experience.others)
        stored = replay.add(state.buffer, self.store.pack(unrolled))
        unroll_length, num_envs = experience.own.reward.shape[:2]
        if self.recorded is not None:
            key, file_key = jax.random.split(key)
            experience = self.with_absent_from_file(experience, file_key)
        observed = replace(state, buffer=stored, aux=self.agent.observe(state, experience))
        keys = jax.random.split(key, self.config.updates)
        after, metrics = self.descend(observed, keys, lambda key: self.batch(stored, key))
        steps = state.steps + jnp.int32(unroll_length * num_envs)
        return replace(after, steps=steps), metrics | {"epsilon": epsilon(self.config, state.steps)}

    def with_absent_from_file(self, experience: Experience, key: Key[Array, ""]) -> Experience:
        """The experience with steps of the file in place of those of co-players that were absent
        throughout.
        """
        assert self.recorded is not None
        of_file = self.store.unpack(self.recorded(key, *experience.others.action.shape[:2]))
        present = jnp.any(experience.others.present, axis=(0, 1))

        def one(
            live: Shaped[Array, "T B coplayers ..."], file: Shaped[Array, "T B coplayers ..."]
        ) -> Shaped[Array, "T B coplayers ..."]:
            return jnp.where(present.reshape(-1, *(1,) * (live.ndim - 3)), live, file)

        return replace(experience, others=jax.tree.map(one, experience.others, of_file))

    def pretrain(
        self, state: OffPolicyState, key: Key[Array, ""], steps: int
    ) -> tuple[OffPolicyState, Metrics]:
        """The state after `steps` gradient steps on the demonstration file, without any own steps."""
        sample = self.recorded
        assert sample is not None
        unroll_length, batch = state.buffer.data.own.reward.shape[1], self.config.batch
        blank = blank_batch(self.spec, unroll_length, batch).own
        none = jax.tree.map(lambda leaf: leaf[:, :, :0], blank)

        def demonstrated(key: Key[Array, ""]) -> SequenceBatch:
            return SequenceBatch(own=none, others=self.store.unpack(sample(key, unroll_length, batch)))

        return self.descend(state, jax.random.split(key, steps), demonstrated)

    def batch(self, stored: replay.Buffer, key: Key[Array, ""]) -> SequenceBatch:
        """Sequences of the buffer, the first `social_batch` of them with the others' steps and, if there is a
        file, with as many of its sequences beside these.
        """
        live_key, file_key = jax.random.split(key)
        live = replay.sample(stored, live_key, self.config.batch)
        others = jax.tree.map(lambda leaf: leaf[:, : self.agent.social_batch], live.others)
        if self.recorded is not None:
            of_file = self.recorded(file_key, *others.action.shape[:2])
            others = jax.tree.map(with_file, others, of_file)
        return self.store.unpack(SequenceBatch(own=live.own, others=others))

    def descend(
        self,
        state: OffPolicyState,
        keys: Key[Array, " steps"],
        batch_of: Callable[[Key[Array, ""]], SequenceBatch],
    ) -> tuple[OffPolicyState, Metrics]:
        """The state after one gradient step per key, on batch_of(key), and the means of their metrics."""

        def gradient_step(
            carry: tuple[PyTree, PyTree, PyTree], step_key: Key[Array, ""]
        ) -> tuple[PyTree, Metrics]:
            params, target, opt_state = carry
            grads, metrics = jax.grad(self.agent.loss, has_aux=True)(
                params, target, batch_of(step_key), state.aux
            )
            updates, opt_state = self.optimiser.update(grads, opt_state, params)
            params = optax.apply_updates(params, updates)
            target = optax.incremental_update(params, target, self.config.target_rate)
            return (params, target, opt_state), metrics | {"gradient_norm": global_norm(grads)}

        carry = (state.params, state.target, state.optimiser)
        (params, target, opt_state), metrics = jax.lax.scan(gradient_step, carry, keys)
        after = replace(state, params=params, target=target, optimiser=opt_state)
        return after, jax.tree.map(jnp.mean, metrics)
