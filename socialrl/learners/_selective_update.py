"""The update of `selective`: epochs of PPO for the own policy, then one pass over the same unroll for the
decision and the sources, each with gradients of its own.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl.learners._ppo_losses import Batch, Trajectory, log_prob_of
from socialrl.learners._ppo_update import Annealing, annealing
from socialrl.learners._selective_net import DecisionNetwork, Decisive, among
from socialrl.learners._selective_state import (
    Record,
    SelectiveCarry,
    SelectiveState,
    benefit,
    better,
    trust,
    updated,
)
from socialrl.learners.ppo import PPO
from socialrl.losses.policy import clipped_surrogate, kl_divergence
from socialrl.nets.memory import Carry, initial_carry
from socialrl.sources import Lesson, Source
from socialrl.types import Metrics, Timestep, Transition
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

if TYPE_CHECKING:
    from socialrl.learners.selective import Config


def progress(config: "Config", steps: Int32[Array, ""]) -> Float32[Array, ""]:
    """How much of the annealing is over, 0 to 1."""
    return jnp.minimum(steps.astype(jnp.float32) / config.anneal, 1.0)


def commitment(config: "Config", steps: Int32[Array, ""]) -> Float32[Array, ""]:
    """The mean number of steps for which a source is kept, after so many environment steps."""
    return config.commitment + progress(config, steps) * (config.commitment_end - config.commitment)


class Share(NamedTuple):
    """The rate per step at which something begins that is kept for a while, and the share of the steps that
    it has then.
    """

    rate: float
    now: Float32[Array, ""]

    def begins(self, first: Bool[Array, "*batch"]) -> Float32[Array, "*batch"]:
        """The probability of beginning at a step. An episode begins as if it had always gone on, so that the
        share is the same in short episodes.
        """
        return jnp.where(first, self.now, self.rate)


def share(config: "Config", target: float, steps: Int32[Array, ""]) -> Share:
    """The Share that is `target` at the start of training, and falls with the commitment."""
    rate = min(target / (1 - target) / config.commitment, 0.5)
    kept = rate * commitment(config, steps)
    return Share(rate=rate, now=kept / (1 + kept))


TOGETHER = 10  # steps of a sequence that one pass of the loop over targets takes


@pytree
class Decided:
    """The decisions of an unroll, see `SelectiveExtras`. prior: log-probabilities of trials at that time."""

    source: Int32[Array, "T N"]
    gate: Float32[Array, "T N S"]
    asked: Bool[Array, "T N"]
    confidence: Float32[Array, "T N P"]
    available: Bool[Array, "T N S"]
    prior: Float32[Array, "T N S"]
    recommended: Bool[Array, "T N S"]
    behaviour: Float32[Array, "T N P E"] | None


class SelectiveUpdate:
    """The functions of the update, over sequences (T, N, ...) of any novices. told: E, the number of features
    of what a co-player was seen to do; 0 where they cannot be told apart.
    """

    def __init__(self, config: "Config", spec: WorldSpec, ppo: PPO, sources: dict[str, Source], told: int):
        self.config, self.spec, self.ppo, self.sources, self.told = config, spec, ppo, sources, told
        ways = tuple(way for way, source in enumerate(sources.values()) for _ in source.whom)
        self.count = 1 + len(ways)
        number = np.array(ways if told else range(len(ways)), np.int32)
        self.alike = (number[:, None] == number).astype(np.float32)  # proposals by the same way
        self.net = DecisionNetwork(
            config.gate_hidden,
            config.memory,
            self.count,
            len(spec.actions),
            config.cumulants,
            ways if told else None,
        )
        self.optimiser = optax.chain(
            optax.clip_by_global_norm(config.max_grad_norm), optax.adam(config.lr, eps=1e-5)
        )

    def init_social(self, key: Key[Array, ""]) -> PyTree:
        """Fresh parameters of the network that decides."""
        blank = Timestep(
            obs=jnp.zeros((1, 1, *self.spec.obs_shape), jnp.uint8),
            prev_action=jnp.zeros((1, 1), jnp.int32),
            prev_reward=jnp.zeros((1, 1), jnp.float32),
            first=jnp.ones((1, 1), bool),
        )
        carry = initial_carry(self.config.memory, self.config.gate_hidden[-1], 1)
        confidence = jnp.zeros((1, 1, self.count - 1), jnp.float32)
        behaviour = jnp.zeros((*confidence.shape, self.told), jnp.float32) if self.told else None
        return self.net.init(key, carry, blank, confidence, behaviour)

    def unroll(
        self,
        params: PyTree,
        carry: Carry,
        steps: Timestep,
        confidence: Float32[Array, "T N P"],
        behaviour: Float32[Array, "T N P E"] | None,
    ) -> tuple[Carry, Decisive]:
        """The carry after each step and what the network knows of it."""
        result: Any = self.net.apply(params, carry, steps, confidence, behaviour)
        return result

    def step(
        self,
        params: PyTree,
        carry: Carry,
        timestep: Timestep,
        confidence: Float32[Array, "N P"],
        behaviour: Float32[Array, "N P E"] | None,
    ) -> tuple[Carry, Decisive]:
        """The carry after one step and what the network knows of it, T = 1."""
        now = jax.tree.map(lambda x: x[None], (timestep, confidence, behaviour))
        carries, known = self.unroll(params, carry, *now)
        return jax.tree.map(lambda x: x[0], carries), known

    def preferences(
        self,
        known: Decisive,
        prior: Float32[Array, "T N S"],
        available: Bool[Array, "T N S"],
        record: Record,
    ) -> Float32[Array, "T N S"]:
        """The logits of the decision: of the gate; or the values of the sources, of others only as far as
        they have been better than acting for oneself.
        """
        if self.config.decision == "gate":
            return among(known.gate, prior, available)
        allowed = available
        if self.config.trust:
            others = better(record, self.alike, self.config.commitment)
            allowed = allowed & jnp.concatenate([jnp.array([True]), others])
        return among(known.values, jnp.zeros_like(prior), allowed)

    def learn(
        self,
        state: SelectiveState,
        carry: SelectiveCarry,
        trajectory: Trajectory,
        decided: Decided,
        lesson: Lesson | None,
        key: Key[Array, ""],
    ) -> tuple[SelectiveState, Metrics]:
        """The state after one update, and metrics. carry: before the first step, leaves (N, ...)."""
        now = annealing(self.config, state.steps)
        epoch_key, order_key = jax.random.split(key)

        def epoch(state: SelectiveState, key: Key[Array, ""]) -> tuple[SelectiveState, tuple[Metrics, Array]]:
            batch, explained = self.ppo.updates.batch(state.own, carry.own, trajectory)

            def step(state: SelectiveState, who: Int32[Array, " n"]) -> tuple[SelectiveState, Metrics]:
                return self._own_step(state, batch, decided, who, now)

            state, metrics = jax.lax.scan(step, state, self._order(batch.advantage.shape[1], key))
            return state, (metrics | {"explained_variance": explained}, batch.advantage)

        keys = jax.random.split(epoch_key, self.config.epochs)
        state, (metrics, advantages) = jax.lax.scan(epoch, state, keys)
        advantage = advantages[0]  # by the critic as it was when the novices acted
        record = updated(state.record, advantage, decided.source, decided.recommended)
        found = jax.tree.map(jnp.mean, metrics)
        if lesson is not None:

            def social(state: SelectiveState, who: Int32[Array, " n"]) -> tuple[SelectiveState, Metrics]:
                return self._social_step(state, carry, trajectory.own, advantage, decided, lesson, who, now)

            state, learnt = jax.lax.scan(social, state, self._order(advantage.shape[1], order_key))
            found |= jax.tree.map(jnp.mean, learnt)
        return replace(state, record=record), found | self._record_metrics(state, record)

    def _order(self, count: int, key: Key[Array, ""]) -> Int32[Array, "minibatches n"]:
        """The sequences of each minibatch; a remainder is left out."""
        parts = min(self.config.minibatches, count)
        return (
            jax.random.permutation(key, count)[: count // parts * parts].reshape(parts, -1).astype(jnp.int32)
        )

    def _own_step(
        self,
        state: SelectiveState,
        batch: Batch,
        decided: Decided,
        who: Int32[Array, " n"],
        now: Annealing,
    ) -> tuple[SelectiveState, Metrics]:
        """One step of Adam for the own policy."""
        part = jax.tree.map(lambda x: x[:, who], replace(batch, carry=()))
        own = replace(part, carry=jax.tree.map(lambda x: x[who], batch.carry))
        alone = decided.source[:, who] == 0
        grads, metrics = jax.grad(self.ppo.losses.total, has_aux=True)(
            state.own, own, now.entropy_coef, alone, self.config.cloning_coef
        )
        params, optimiser = self._moved(
            self.ppo.updates.optimiser, state.own, state.own_optimiser, grads, now
        )
        return replace(state, own=params, own_optimiser=optimiser), metrics

    def _social_step(
        self,
        state: SelectiveState,
        carry: SelectiveCarry,
        own: Transition,
        advantage: Float32[Array, "T N"],
        decided: Decided,
        lesson: Lesson,
        who: Int32[Array, " n"],
        now: Annealing,
    ) -> tuple[SelectiveState, Metrics]:
        """One step of Adam for the decision and one for the sources."""
        config, begin = self.config, jax.tree.map(lambda x: x[who], carry.social)
        own, advantage, decided = jax.tree.map(lambda x: x[:, who], (own, advantage, decided))
        gate_coef = config.gate_coef + progress(config, state.steps) * (
            config.gate_coef_end - config.gate_coef
        )
        grads, found = jax.grad(self.decision_loss, has_aux=True)(
            state.social, begin, own, advantage, decided, gate_coef
        )
        params, optimiser = self._moved(self.optimiser, state.social, state.social_optimiser, grads, now)
        state = replace(state, social=params, social_optimiser=optimiser)
        few = max(1, round(len(who) * config.lesson_share))
        some = jax.tree.map(lambda x: x[:, who[:few] % lesson.target.shape[1]], lesson)
        grads, learnt = jax.grad(self.sources_loss, has_aux=True)(state.sources, some)
        params, optimiser = self._moved(self.optimiser, state.sources, state.sources_optimiser, grads, now)
        return replace(state, sources=params, sources_optimiser=optimiser), found | learnt

    def _moved(
        self,
        optimiser: optax.GradientTransformation,
        params: PyTree,
        state: PyTree,
        grads: PyTree,
        now: Annealing,
    ) -> tuple[PyTree, PyTree]:
        """Parameters and state of the optimiser after one step."""
        updates, state = optimiser.update(grads, state, params)
        return optax.apply_updates(params, jax.tree.map(lambda x: now.lr * x, updates)), state

    def sources_loss(self, params: dict[str, PyTree], lesson: Lesson) -> tuple[Float32[Array, ""], Metrics]:
        """The sum of the sources' losses, which share no parameters, and their metrics."""
        total, metrics = jnp.float32(0), {}
        for name, source in self.sources.items():
            loss, found = source.loss(params[name], lesson)
            total, metrics = total + loss, metrics | found
        return total, metrics

    def decision_loss(
        self,
        params: PyTree,
        carry: Carry,
        own: Transition,
        advantage: Float32[Array, "T N"],
        decided: Decided,
        gate_coef: Float32[Array, ""],
    ) -> tuple[Float32[Array, ""], Metrics]:
        """The loss of the gate and of the values, and metrics."""
        _, known = self.unroll(params, carry, own.timestep, decided.confidence, decided.behaviour)
        values, metrics = self.values_loss(known, own, decided)
        if self.config.decision == "values":
            return values, metrics
        gate, found = self.gate_loss(known, advantage, decided, gate_coef)
        return gate + values, metrics | found

    def gate_loss(
        self, known: Decisive, advantage: Float32[Array, "T N"], decided: Decided, coef: Float32[Array, ""]
    ) -> tuple[Float32[Array, ""], Metrics]:
        """PPO's surrogate of the decisions that were taken anew, and KL(gate || trials) there."""
        config = self.config
        gate = among(known.gate, decided.prior, decided.available)
        asked = decided.asked.astype(jnp.float32)
        normalised = (advantage - jnp.mean(advantage)) / (jnp.std(advantage) + 1e-8)
        new, old = log_prob_of(gate, decided.source), log_prob_of(decided.gate, decided.source)
        surrogate = jnp.mean(asked * clipped_surrogate(new, old, normalised, config.clip))
        trials = among(jnp.zeros_like(gate), decided.prior, decided.available)
        distance = jnp.mean(asked * kl_divergence(gate, trials))
        metrics = {"loss/gate": surrogate, "gate_kl": distance}
        return surrogate + coef * distance, metrics

    def values_loss(
        self, known: Decisive, own: Transition, decided: Decided
    ) -> tuple[Float32[Array, ""], Metrics]:
        """The errors of the reward model Phi . w and of the successor features of the sources that acted."""
        phi = jnp.take_along_axis(known.phi, own.action[..., None, None], axis=2)[:, :, 0]
        error = jnp.mean((phi @ known.w - own.reward) ** 2)
        psi = jnp.take_along_axis(known.psi, decided.source[..., None, None], axis=2)[:, :, 0]
        fixed = jax.lax.stop_gradient((psi, phi))
        back = jax.vmap(
            partial(successor_targets, gamma=self.config.gamma, lambda_=self.config.gae_lambda), 1, 1
        )
        target, counts = back(*fixed, own.terminated, own.truncated)
        each = (decided.source[..., None] == jnp.arange(self.count)) & counts[..., None]
        errors = jnp.broadcast_to(jnp.sum((psi - target) ** 2, axis=-1)[..., None], each.shape)
        number = jnp.sum(each.astype(jnp.float32), axis=(0, 1))
        means = jnp.sum(jnp.where(each, errors, 0.0), axis=(0, 1)) / jnp.maximum(number, 1)
        distance = jnp.mean(means)  # over the sources, however rarely each of them acted
        metrics = {"loss/reward_model": error, "loss/successor": distance}
        return error + self.config.successor_coef * distance, metrics

    def _record_metrics(self, state: SelectiveState, record: Any) -> Metrics:
        """Benefit and trust of every source by its number."""
        if self.count == 1:
            return {}
        worth, trusted = benefit(record), trust(record, commitment(self.config, state.steps))
        found = {f"benefit/{i + 1}": worth[i] for i in range(self.count - 1)}
        return found | {f"trust/{i + 1}": trusted[i] for i in range(self.count - 1)}


def successor_targets(
    psi_tm1: Float32[Array, "T K"],
    phi_t: Float32[Array, "T K"],
    terminated_t: Bool[Array, " T"],
    truncated_t: Bool[Array, " T"],
    gamma: float,
    lambda_: float,
) -> tuple[Float32[Array, "T K"], Bool[Array, " T"]]:
    """(targets, counts) of the successor features of one sequence, by TD(lambda) on the source that acts:
    G_t = phi_t + gamma ((1 - lambda) psi_t + lambda G_{t+1}), phi_t alone where the task ended.

    The last step before a time-out or the end of the sequence has no target, because its successor is not in
    the sequence; the step before it bootstraps from it.
    """
    cut = (truncated_t & ~terminated_t).at[-1].set(~terminated_t[-1])

    def back(later: tuple[Array, Array], now: tuple[Array, Array, Array, Array]) -> tuple[Any, Array]:
        target, value = later
        psi, phi, ended, is_cut = now
        found = phi + jnp.where(ended, 0.0, gamma) * ((1 - lambda_) * value + lambda_ * target)
        found = jnp.where(is_cut, psi, found)
        return (found, psi), found

    none = jnp.zeros_like(psi_tm1[0])
    steps = (psi_tm1, phi_t, terminated_t, cut)
    _, targets = jax.lax.scan(back, (none, none), steps, reverse=True, unroll=TOGETHER)
    return targets, ~cut
