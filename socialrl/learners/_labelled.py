"""The functions of the learner `kl_control` whose reward is inferred from comparisons."""

import dataclasses
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, UInt8

from socialrl.learners._comparisons import GUESS, Compared, ComparedState, unpaid
from socialrl.learners._kl_control import KLControl
from socialrl.losses.policy import kl_divergence
from socialrl.types import Experience, Learner, Metrics, ReferencePolicy
from socialrl_envs.struct import replace
from socialrl_envs.types import WorldSpec

if TYPE_CHECKING:
    from socialrl.learners.kl_control import Config

SMALLEST = 1e-8  # denominators are at least this
CLONED = ("loss/cloning", "cloning_accuracy")  # metrics of cloning


class Labelled(Compared):
    """The functions of the learner for one world: cloning, then comparisons of its own clips, and PPO on the
    rewards that the ensemble infers. Nothing is asked while it clones.
    """

    def __init__(self, kl_config: "Config", spec: WorldSpec):
        assert kl_config.comparisons is not None
        self.kl_config, self.near = kl_config, KLControl(kl_config, spec)
        super().__init__(kl_config.comparisons, self.near.learner(), spec, None)

    def learner(self) -> Learner[ComparedState]:
        """The Learner of these functions."""
        compared = super().learner()
        reference = ReferencePolicy(reference=self.reference, proxy=self.proxy)
        return dataclasses.replace(compared, capabilities=(*compared.capabilities, reference))

    def reference(self, state: ComparedState) -> ComparedState:
        """The state in which the reference policy acts."""
        return replace(state, inner=replace(state.inner, params=state.inner.prior))

    def proxy(
        self, state: ComparedState, obs: UInt8[Array, "*batch V V C"], action: Int32[Array, "*batch"]
    ) -> Float32[Array, "*batch"]:
        """The mean of the ensemble's rewards."""
        return self.model.predict(state.model, obs, action)[0]

    def update(
        self, state: ComparedState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[ComparedState, Metrics]:
        """The state after cloning or, once `cloning_steps` are over, after comparisons and PPO's update. The
        metrics of the other are 0, or what is guessed.
        """
        improved = jax.eval_shape(self.improve, state, experience, key)[1]
        blank = {name: jnp.float32(0) for name in (*CLONED, *improved)}
        blank |= {f"reward_model/{name}": jnp.float32(value) for name, value in GUESS.items()}

        def clone(state: ComparedState) -> tuple[ComparedState, Metrics]:
            inner, metrics = self.near.clone(state.inner, experience, key)
            return replace(state, inner=inner), blank | metrics

        def improve(state: ComparedState) -> tuple[ComparedState, Metrics]:
            after, metrics = self.improve(state, experience, key)
            return after, blank | metrics

        return jax.lax.cond(state.inner.steps < self.kl_config.cloning_steps, clone, improve, state)

    def improve(
        self, state: ComparedState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[ComparedState, Metrics]:
        """The answers that are due about the unroll, and PPO's update on the ensemble's rewards, near the
        reference policy.
        """
        ask_key, fit_key, inner_key = jax.random.split(key, 3)
        own = experience.own
        after, quality = self.modelled(state, own, ask_key, fit_key)
        reference = self.near.prior_logits(state.inner, experience)
        every = self.members(after, experience)
        mean, std = jnp.mean(every, axis=0), jnp.std(every, axis=0)
        taken = own.action[..., None]
        reward, unsure = (jnp.take_along_axis(of, taken, axis=-1)[..., 0] for of in (mean, std))
        penalty, weight, paid = self.kl_config.penalty, None, reward
        if penalty == "variance":
            weight = relative(std**2, jax.nn.softmax(reference))
        if penalty == "return_variance":
            of_taken = jnp.take_along_axis(every, taken[None], axis=-1)[..., 0]
            weighed = return_variance(of_taken, own.terminated | own.truncated, self.kl_config.gamma)
            weight = jnp.broadcast_to(weighed[..., None], reference.shape)
        if penalty == "lower_bound":
            paid = reward - self.kl_config.lower_coef * unsure
        inferred = replace(experience, own=replace(own, reward=paid, timestep=unpaid(own.timestep)))
        inner, metrics = self.near.ppo.update_near(
            after.inner, inferred, inner_key, reference, prior_weight=weight
        )
        return replace(after, inner=inner), metrics | quality | {
            "proxy_reward": jnp.mean(reward),
            "true_reward": jnp.mean(own.reward),
            "reward_model/spread": jnp.mean(unsure),
            "reference_kl": jnp.mean(kl_divergence(experience.extras.logits, reference)),
        }

    def members(self, state: ComparedState, experience: Experience) -> Float32[Array, "E T B novices A"]:
        """The reward of every action at the novices' steps by every member."""
        obs = experience.own.timestep.obs

        def of(action: Int32[Array, ""]) -> Float32[Array, "E T B novices"]:
            return self.model.members(state.model, obs, jnp.full(obs.shape[:3], action, jnp.int32))

        found = jax.vmap(of, out_axes=-1)(jnp.arange(len(self.spec.actions), dtype=jnp.int32))
        return jax.lax.stop_gradient(found)


def relative(
    variance: Float32[Array, "*batch A"], probability: Float32[Array, "*batch A"]
) -> Float32[Array, "*batch A"]:
    """The variance of each action over its mean under a policy with these probabilities."""
    return variance / jnp.maximum(jnp.mean(jnp.sum(probability * variance, axis=-1)), SMALLEST)


def return_variance(
    reward_e: Float32[Array, "E T *batch"], last: Bool[Array, "T *batch"], gamma: float
) -> Float32[Array, "T *batch"]:
    """The variance over members of what they expect from a step on, the discounted sum of their rewards to
    the end of the episode or of the unroll, over its mean in the unroll.
    """

    def back(
        after: Float32[Array, "E *batch"], step: tuple[Float32[Array, "E *batch"], Bool[Array, "*batch"]]
    ) -> tuple[Float32[Array, "E *batch"], Float32[Array, "*batch"]]:
        reward, ends = step
        total = reward + jnp.where(ends, 0.0, gamma * after)
        return total, jnp.var(total, axis=0)

    steps = (jnp.moveaxis(reward_e, 1, 0), last)
    _, variance = jax.lax.scan(back, jnp.zeros_like(reward_e[:, 0]), steps, reverse=True)
    return variance / jnp.maximum(jnp.mean(variance), SMALLEST)
