"""PPO's update of one set of parameters: advantages, minibatches of sequences, gradient steps."""

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, Shaped

from socialrl.devices import spread
from socialrl.learners._actor_critic import Acted, ActorCarry, ActorCriticFns
from socialrl.learners._ppo_config import PPOConfig
from socialrl.learners._ppo_losses import Batch, PPOLosses, Trajectory
from socialrl.losses.policy import advantages, kl_divergence
from socialrl.types import Metrics, Timestep, Transition
from socialrl_envs.struct import pytree, replace

Progress = tuple[
    PyTree, PyTree, Bool[Array, ""]
]  # parameters, state of the optimiser, whether the update has stopped


@pytree
class Annealing:
    """What changes in the course of training. lr: as a share of config.lr. entropy_coef: weight of
    the bonus.
    """

    lr: Float32[Array, "*parts"]
    entropy_coef: Float32[Array, "*parts"]


def annealing(config: PPOConfig, steps: Int32[Array, ""]) -> Annealing:
    """Learning rate and entropy bonus after `steps` environment steps."""
    progress = jnp.minimum(steps.astype(jnp.float32) / config.anneal, 1.0)
    return Annealing(
        lr=1 + progress * (config.lr_end / config.lr - 1),
        entropy_coef=config.entropy_coef + progress * (config.entropy_coef_end - config.entropy_coef),
    )


class PPOUpdate:
    """The functions of the update, over sequences (T, N, ...) of any novices. horizon: longest episode of the
    world. once: whether the only advantages are those by the parameters that acted.
    """

    def __init__(self, config: PPOConfig, net: ActorCriticFns, losses: PPOLosses, horizon: int):
        self.config, self.net, self.losses, self.horizon = config, net, losses, horizon
        self.once = config.epochs == 1 or not config.recompute_advantages
        self.optimiser = optax.chain(
            optax.clip_by_global_norm(config.max_grad_norm), optax.adam(config.lr, eps=1e-5)
        )

    def learn(
        self,
        params: PyTree,
        optimiser: PyTree,
        carry: ActorCarry,
        trajectory: Trajectory,
        now: Annealing,
        key: Key[Array, ""],
    ) -> tuple[PyTree, PyTree, Metrics]:
        """Parameters and state of the optimiser after `config.epochs` epochs of minibatches, and metrics."""
        once = self.batch(params, carry, trajectory) if self.once else None

        def epoch(progress: Progress, key: Key[Array, ""]) -> tuple[Progress, Metrics]:
            batch, explained = once or self.batch(progress[0], carry, trajectory)
            progress, metrics = jax.lax.scan(
                lambda progress, part: self.gradient_step(progress, part, now),
                progress,
                self.shuffled(batch, key),
            )
            return progress, metrics | {"explained_variance": explained}

        start = (params, optimiser, jnp.array(False))
        keys = jax.random.split(key, self.config.epochs)
        (params, optimiser, stopped), metrics = jax.lax.scan(epoch, start, keys)
        means = jax.tree.map(jnp.mean, metrics)
        means["kl_before"] = metrics["kl"][0, 0]
        means["kl_after"] = self.distance(params, carry, trajectory)
        return params, optimiser, means | {"stopped_early": stopped.astype(jnp.float32)}

    def distance(self, params: PyTree, carry: ActorCarry, trajectory: Trajectory) -> Float32[Array, ""]:
        """KL(old policy || policy) in nats, over as many sequences as a minibatch has."""
        few = -(-trajectory.old_logits.shape[1] // self.config.minibatches)
        timestep = jax.tree.map(lambda x: x[:, :few], trajectory.own.timestep)
        _, out = self.net.unroll(params, jax.tree.map(lambda x: x[:few], carry), timestep)
        return jnp.mean(kl_divergence(trajectory.old_logits[:, :few], out.logits))

    def batch(
        self, params: PyTree, carry: ActorCarry, trajectory: Trajectory
    ) -> tuple[Batch, Float32[Array, ""]]:
        """A Batch of sequences of `config.bptt_length` steps with carries, advantages and value targets by
        these parameters, and the share of the targets' variance that the values explain.
        """
        own, config = trajectory.own, self.config
        acted = trajectory.acted if self.once else None
        carries, value, advantage = self.judged(params, carry, own, acted)
        target = advantage + value
        explained = 1 - jnp.var(target - value) / jnp.maximum(jnp.var(target), 1e-8)

        length = config.bptt_length or own.reward.shape[0]
        begins = jax.tree.map(
            lambda after, start: jnp.concatenate([start[None], after[length - 1 : -1 : length]]),
            carries,
            carry,
        )
        begins = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), begins)
        trajectory = replace(trajectory, found=self.net.found(carries), acted=None)
        trajectory, advantage, target = jax.tree.map(
            lambda x: _cut(x, length), (trajectory, advantage, target)
        )
        batch = Batch(carry=begins, trajectory=trajectory, advantage=advantage, target=target)
        return jax.tree.map(jax.lax.stop_gradient, batch), explained

    def judged(
        self, params: PyTree, carry: ActorCarry, own: Transition, acted: Acted | None = None
    ) -> tuple[ActorCarry, Float32[Array, "T N"], Float32[Array, "T N"]]:
        """The carry after each step, the value of each step, and its generalised advantage. acted: what is
        known of them; None if nothing is.
        """
        if acted is None:
            carries, out = self.net.unroll(params, carry, own.timestep)
            acted = Acted(carry=carries, value=out.value)
        carries, value = acted.carry, acted.value
        discount = jnp.where(own.terminated, 0.0, self.config.gamma).astype(jnp.float32)
        advantage = jax.vmap(partial(advantages, lambda_=self.config.gae_lambda), in_axes=1, out_axes=1)(
            value,
            own.reward,
            discount,
            self.next_values(params, carries, value, own),
            own.terminated | own.truncated,
        )
        return carries, value, advantage

    def next_values(
        self, params: PyTree, carries: ActorCarry, value: Float32[Array, "T N"], own: Transition
    ) -> Float32[Array, "T N"]:
        """The values of the true successors; that of a step at which the task ended is arbitrary.

        The value of the next row is that of the successor except at time-outs and at the end of the unroll. A
        world times out at most once in `horizon` steps, so only a few steps are evaluated again.
        """
        length = value.shape[0]
        cuts = 1 + (length - 1) // self.horizon
        rank = jnp.where(own.truncated, jnp.arange(length, 0, -1, dtype=jnp.int32)[:, None], 0)
        _, at = jax.lax.top_k(
            rank.T, min(cuts, length)
        )  # the first time-outs of each sequence, then any other steps
        at = jnp.concatenate([at.T.astype(jnp.int32), jnp.full((1, value.shape[1]), length - 1, jnp.int32)])
        who = jnp.arange(value.shape[1], dtype=jnp.int32)
        successor = Timestep(
            obs=own.next_obs[at, who],
            prev_action=own.action[at, who],
            prev_reward=own.reward[at, who],
            first=jnp.zeros(at.shape, bool),
        )
        out = self.net.next_outputs(params, jax.tree.map(lambda x: x[at, who], carries), successor)
        shifted = jnp.concatenate([value[1:], jnp.zeros_like(value[:1])])
        return shifted.at[at, who].set(out.value)

    def shuffled(self, batch: Batch, key: Key[Array, ""]) -> Batch:
        """The sequences in random order as minibatches, leaves (minibatches, ...); a remainder is
        left out.
        """
        count = batch.advantage.shape[1]
        parts = min(self.config.minibatches, count)
        order = jax.random.permutation(key, count)[: count // parts * parts].reshape(parts, -1)
        carry = jax.tree.map(lambda x: x[order], batch.carry)
        steps = jax.tree.map(lambda x: jnp.moveaxis(x[:, order], 1, 0), replace(batch, carry=()))
        return replace(spread(steps, 2), carry=spread(carry, 1))

    def gradient_step(self, progress: Progress, batch: Batch, now: Annealing) -> tuple[Progress, Metrics]:
        """One step of Adam, unless the update has stopped."""
        params, optimiser, stopped = progress
        grads, metrics = jax.grad(self.losses.total, has_aux=True)(params, batch, now.entropy_coef)
        updates, moved = self.optimiser.update(grads, optimiser, params)
        updates = jax.tree.map(lambda x: now.lr * x, updates)
        new: tuple[PyTree, PyTree] = (optax.apply_updates(params, updates), moved)
        if batch.trajectory.counts is not None:  # a step of Adam moves parameters even without a gradient
            some = jnp.any(batch.trajectory.counts)
            new = jax.tree.map(lambda a, b: jnp.where(some, a, b), new, (params, optimiser))
        metrics["gradient_norm"] = optax.tree.norm(grads)
        if self.config.kl_target > 0:
            stopped = stopped | (metrics["kl"] > self.config.kl_target)
            new = jax.tree.map(lambda a, b: jnp.where(stopped, a, b), (params, optimiser), new)
        return (new[0], new[1], stopped), metrics


def _cut(x: Shaped[Array, "T N *rest"], length: int) -> Shaped[Array, "length pieces *rest"]:
    """The sequences in pieces of `length` steps, the first pieces of all sequences first."""
    parts = x.shape[0] // length
    pieces = jnp.moveaxis(x.reshape(parts, length, *x.shape[1:]), 1, 0)
    return pieces.reshape(length, parts * x.shape[1], *x.shape[2:])
