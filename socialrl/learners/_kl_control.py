"""The functions of the learner `kl_control`: cloning co-players, then PPO near what was cloned."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.learners import ppo
from socialrl.learners._baseline import imitation_loss
from socialrl.learners._batches import SequenceBatch
from socialrl.learners._sequences import Steps, others_steps, sequences
from socialrl.types import Experience, Learner, Metrics, Timestep, WarmStart
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

if TYPE_CHECKING:
    from socialrl.learners.kl_control import Config


@pytree
class KLState(ppo.PPOState):
    """prior: the parameters at the end of cloning."""

    prior: PyTree


class KLControl:
    """The functions of the learner for one world: those of PPO with a first phase of cloning."""

    def __init__(self, config: "Config", spec: WorldSpec):
        self.config, self.ppo = config, ppo.PPO(config, spec, config.prior_coef)
        self.net, self.optimiser = self.ppo.net, self.ppo.updates.optimiser

    def learner(self) -> Learner[KLState]:
        """The Learner of these functions."""
        return Learner(
            init=self.init,
            act=self.ppo.act,
            update=self.update,
            initial_carry=self.net.initial_carry,
            value_unit="logit",
            capabilities=(*self.ppo.capabilities(), WarmStart(warm_start=self.warm_start)),
        )

    def init(self, key: Key[Array, ""], unroll_length: int, num_envs: int) -> KLState:
        """The state with fresh parameters."""
        fresh = self.ppo.init(key, unroll_length, num_envs)
        return KLState(params=fresh.params, optimiser=fresh.optimiser, steps=fresh.steps, prior=fresh.params)

    def update(self, state: KLState, experience: Experience, key: Key[Array, ""]) -> tuple[KLState, Metrics]:
        """The state after cloning on the unroll, or after `config.cloning_steps` after PPO's update."""
        improved = jax.eval_shape(self.improve, state, experience, key)[1]
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), improved)

        def clone(state: KLState) -> tuple[KLState, Metrics]:
            state, metrics = self.clone(state, experience, key)
            return state, blank | metrics

        def improve(state: KLState) -> tuple[KLState, Metrics]:
            after, metrics = self.improve(state, experience, key)
            return after, metrics | {"loss/cloning": jnp.float32(0), "cloning_accuracy": jnp.float32(0)}

        return jax.lax.cond(state.steps < self.config.cloning_steps, clone, improve, state)

    def improve(self, state: KLState, experience: Experience, key: Key[Array, ""]) -> tuple[KLState, Metrics]:
        """PPO's update, close to the prior."""
        return self.ppo.update_near(state, experience, key, self.prior_logits(state, experience))

    def clone(self, state: KLState, experience: Experience, key: Key[Array, ""]) -> tuple[KLState, Metrics]:
        """Gradient steps on the steps of present co-players, in minibatches of their sequences."""
        others = experience.others
        first = jnp.repeat(experience.own.timestep.first[:, :, 0], others.action.shape[2], axis=1)
        steps = others_steps(SequenceBatch(own=experience.own, others=others))._replace(first=first)
        count = first.shape[1]
        parts = min(self.config.minibatches, count)
        order = jax.random.permutation(key, count)[: count // parts * parts].reshape(parts, -1)

        def one(
            carry: tuple[PyTree, PyTree], who: Int32[Array, " sequences"]
        ) -> tuple[tuple[PyTree, PyTree], Metrics]:
            params, optimiser = carry
            part = jax.tree.map(lambda x: x[:, who], steps)
            grads, metrics = jax.grad(self.cloning, has_aux=True)(params, part)
            updates, optimiser = self.optimiser.update(grads, optimiser, params)
            return (optax.apply_updates(params, updates), optimiser), metrics

        (params, optimiser), metrics = jax.lax.scan(one, (state.params, state.optimiser), order)
        unroll_length, num_envs, _ = experience.own.reward.shape
        done = state.steps + jnp.int32(unroll_length * num_envs)
        after = KLState(params=params, optimiser=optimiser, steps=done, prior=params)
        return after, jax.tree.map(jnp.mean, metrics)

    def cloning(self, params: PyTree, steps: Steps) -> tuple[Float32[Array, ""], Metrics]:
        """The mean cross-entropy of the actions of sequences that begin with the initial carry."""
        carry = self.net.initial_carry(steps.first.shape[1])
        _, out = self.net.unroll(params, carry, _timesteps(steps.obs, steps.first))
        return imitation_loss(out.logits, steps)

    def prior_logits(self, state: KLState, experience: Experience) -> Float32[Array, "T B novices A"]:
        """The logits of the prior at the novices' steps; it begins an unroll with the initial carry."""
        shape = experience.own.reward.shape
        steps = jax.tree.map(sequences, experience.own.timestep)
        _, out = self.net.unroll(state.prior, self.net.initial_carry(shape[1] * shape[2]), steps)
        return out.logits.reshape(*shape, -1)

    def warm_start(self, trained: KLState, fresh: KLState) -> KLState:
        """`fresh` with the parameters, the prior and the step count of `trained`; its optimiser stays."""
        return replace(fresh, params=trained.params, steps=trained.steps, prior=trained.prior)


def _timesteps(obs: UInt8[Array, "T N V V C"], first: Bool[Array, "T N"]) -> Timestep:
    """Timesteps without previous actions and rewards."""
    none = jnp.zeros(first.shape, jnp.float32)
    return Timestep(obs=obs, prev_action=none.astype(jnp.int32), prev_reward=none, first=first)
