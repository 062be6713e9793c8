"""Imitate first, then improve: a policy cloned from the co-players is the prior that PPO's policy stays near
to.

max E[sum r] - c KL(pi || prior) (Sequence Tutor, Jaques et al., 2017). Nobody's reward is seen while cloning.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float32, Key, PyTree

from socialrl.learners import ppo
from socialrl.learners._actor_critic import Outputs, blank_memory
from socialrl.losses.policy import cloning_loss, kl_divergence
from socialrl.types import Demonstration, Experience, Learner, Timestep
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec
from socialrl_envs.world import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ppo.Config):
    """Options of kl_control, besides those of ppo.

    previous: off, for what an imitated co-player was paid is not known.
    cloning_steps: env steps in which the co-players are imitated, before anything is learnt from rewards.
    prior: weight of KL(pi || prior) from then on, the c of the formula.
    """

    previous: bool = False
    cloning_steps: int = 500_000
    prior: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(not self.previous, "previous", self.previous, "off: what a co-player was paid is not known")
        require(self.shared, "shared", self.shared, "on: there is one prior")
        require(self.cloning_steps >= 1, "cloning_steps", self.cloning_steps, "at least 1")
        require(self.prior >= 0, "prior", self.prior, "a weight, at least 0")

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for this world; it needs a novice and somebody to imitate."""
        require(len(spec.novices) > 0, "novices", 0, "at least 1 for a learner")
        require(len(spec.coplayers) > 0, "experts", 0, "at least 1: the prior is cloned from co-players")
        return KLControl(self, spec).learner()


@pytree
class KLState(ppo.PPOState):
    """prior: the parameters as they were when cloning ended."""

    prior: PyTree


class KLControl(ppo.PPO):
    """PPO with a first phase of cloning, and a prior ever after."""

    config: Config

    def init(self, key: Key[Array, ""], unroll: int, worlds: int) -> KLState:
        """Fresh parameters."""
        fresh = super().init(key, unroll, worlds)
        return KLState(params=fresh.params, optimiser=fresh.optimiser, steps=fresh.steps, prior=fresh.params)

    def update(self, state: Any, experience: Experience, key: Key[Array, ""]) -> tuple[Any, dict[str, Array]]:
        """Cloning at first, then PPO."""
        improved = jax.eval_shape(super().update, state, experience, key)[1]
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), improved)

        def clone(state: KLState) -> tuple[KLState, dict[str, Array]]:
            state, metrics = self.clone(state, experience, key)
            return state, blank | metrics

        def improve(state: KLState) -> tuple[Any, dict[str, Array]]:
            after, metrics = super(KLControl, self).update(state, experience, key)
            return after, metrics | {"loss/cloning": jnp.float32(0), "cloning_accuracy": jnp.float32(0)}

        return jax.lax.cond(state.steps < self.config.cloning_steps, clone, improve, state)

    def clone(
        self, state: KLState, experience: Experience, key: Key[Array, ""]
    ) -> tuple[KLState, dict[str, Array]]:
        """Gradient steps on what present co-players did, in minibatches of their sequences."""
        demonstrations = jax.tree.map(lambda x: x.reshape(x.shape[0], -1, *x.shape[3:]), experience.others)
        first = jnp.repeat(experience.own.timestep.first[:, :, 0], experience.others.action.shape[2], axis=1)
        count = first.shape[1]
        parts = min(self.config.minibatches, count)
        order = jax.random.permutation(key, count)[: count // parts * parts].reshape(parts, -1)

        def one(carry: tuple[PyTree, PyTree], who: Array) -> tuple[tuple[PyTree, PyTree], dict[str, Array]]:
            params, optimiser = carry
            some = jax.tree.map(lambda x: x[:, who], (demonstrations, first))
            grads, metrics = jax.grad(self.cloning, has_aux=True)(params, *some)
            updates, optimiser = self.optimiser.update(grads, optimiser, params)
            return (optax.apply_updates(params, updates), optimiser), metrics

        (params, optimiser), metrics = jax.lax.scan(one, (state.params, state.optimiser), order)
        steps = state.steps + jnp.int32(experience.own.reward.shape[0] * experience.own.reward.shape[1])
        after = KLState(params=params, optimiser=optimiser, steps=steps, prior=params)
        return after, jax.tree.map(jnp.mean, metrics)

    def cloning(
        self, params: PyTree, shown: Demonstration, first: Array
    ) -> tuple[Float32[Array, ""], dict[str, Array]]:
        """Cross-entropy of what was done given what was seen; an unroll begins without memory."""
        _, out = self.unroll(params, blank_memory(self.config, first.shape[1]), _seen(shown.obs, first))
        weight = shown.present.astype(jnp.float32)
        per_step = jax.vmap(cloning_loss, in_axes=1, out_axes=1)(out.logits, shown.action)
        right = (jnp.argmax(out.logits, axis=-1) == shown.action).astype(jnp.float32)
        loss, accuracy = (jnp.sum(weight * x) / jnp.maximum(jnp.sum(weight), 1.0) for x in (per_step, right))
        return loss, {"loss/cloning": loss, "cloning_accuracy": accuracy}

    def prior_logits(self, state: Any, experience: Experience) -> Float32[Array, "T B M A"]:
        """The prior's, which begins an unroll without memory."""
        steps, shape = experience.own.timestep, experience.own.reward.shape
        flat = jax.tree.map(lambda x: x.reshape(shape[0], -1, *x.shape[3:]), steps)
        _, out = self.unroll(state.prior, blank_memory(self.config, shape[1] * shape[2]), flat)
        return out.logits.reshape(*shape, -1)

    def auxiliary(self, params: PyTree, out: Outputs, lived: ppo.Lived) -> dict[str, tuple[float, Array]]:
        """Those of ppo, and the distance from the prior."""
        distance = jnp.mean(kl_divergence(out.logits, lived.prior_logits))
        return super().auxiliary(params, out, lived) | {"prior": (self.config.prior, distance)}

    def transfer(self, trained: Any, fresh: Any) -> Any:
        """The parameters and the prior; the optimiser starts anew."""
        return dataclasses.replace(super().transfer(trained, fresh), prior=trained.prior)


def _seen(obs: Array, first: Array) -> Timestep:
    nothing = jnp.zeros(first.shape, jnp.float32)
    return Timestep(obs=obs, prev_action=nothing.astype(jnp.int32), prev_reward=nothing, first=first)
