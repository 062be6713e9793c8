"""An adversary: a policy that builds levels choice by choice, trained by PPO on what a level was worth.

It sees what is built so far, how many choices came before, and noise that is drawn once per level, so that
one policy builds several levels. All of that is in view, so it needs no memory.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl.losses.policy import advantages, clipped_surrogate, entropy
from socialrl.nets.torso import Torso
from socialrl.types import Metrics
from socialrl_envs.generators.building import Builder
from socialrl_envs.options import Options, option
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level

SCALE = 0.01  # of the last layer's initial weights: at first all choices are equally probable


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversaryConfig(Options):
    """Options of an adversary."""

    hidden: tuple[int, ...] = option((128,), "sizes of the adversary's dense layers", low=1)
    filters: tuple[int, ...] = option((), "sizes of its convolutions; none: dense layers alone", low=1)
    noise: int = option(16, "numbers of noise that it sees, drawn once per level", low=0)
    lr: float = option(3e-4, "learning rate of its Adam", above=0)
    gamma: float = option(0.995, "its discount per choice", low=0, high=1)
    gae_lambda: float = option(0.98, "its lambda of generalised advantage estimation", low=0, high=1)
    epochs: int = option(2, "its passes over the choices of a round", low=1)
    minibatches: int = option(4, "its gradient steps per pass", low=1)
    clip: float = option(0.2, "its clipping range of the ratio of new to old probabilities around 1", above=0)
    value_coef: float = option(0.5, "weight of its value loss", low=0)
    entropy_coef: float = option(0.01, "weight of its entropy bonus", low=0)
    max_grad_norm: float = option(0.5, "norm to which its gradients are clipped", above=0)


@pytree
class Seen:
    """What the adversary sees before a choice."""

    image: UInt8[Array, "*batch H W P"]
    time: Int32[Array, "*batch"]
    noise: Float32[Array, "*batch Z"]


@pytree
class Builds:
    """How levels were built, leaves (T, B, ...) for B levels of T choices. built: whether a choice changed
    the level.
    """

    seen: Seen
    choice: Int32[Array, "*batch"]
    log_prob: Float32[Array, "*batch"]
    value: Float32[Array, "*batch"]
    built: Bool[Array, "*batch"]


@pytree
class AdversaryState:
    """Parameters, and the state of the optimiser."""

    params: PyTree
    optimiser: PyTree


class Net(nn.Module):
    """(logits of all choices, value) of what is seen."""

    config: AdversaryConfig
    choices: int
    steps: int

    @nn.compact
    def __call__(self, seen: Seen) -> tuple[Float32[Array, "*batch A"], Float32[Array, "*batch"]]:
        """Logits and value, by separate last layers."""
        features = Torso(hidden=self.config.hidden, filters=self.config.filters)(seen.image)
        time = jax.nn.one_hot(seen.time, self.steps, dtype=jnp.float32)
        x = nn.relu(nn.Dense(self.config.hidden[-1])(jnp.concatenate([features, time, seen.noise], axis=-1)))
        logits = nn.Dense(self.choices, kernel_init=nn.initializers.orthogonal(SCALE))(x)
        return logits, nn.Dense(1, kernel_init=nn.initializers.orthogonal(1.0))(x)[..., 0]


class Adversary:
    """Pure functions of an adversary that builds levels with a Builder.

    first, last: of the Builder's steps, the first that it takes and the one after the last. A level is begun
    by `begin`.
    """

    def __init__(self, config: AdversaryConfig, build: Builder, first: int, last: int):
        self.config, self.build, self.first, self.last = config, build, first, last
        self.net = Net(config, build.cells, last - first)
        self.apply: Callable[..., Any] = self.net.apply  # flax knows no types
        self.optimiser = optax.chain(optax.clip_by_global_norm(config.max_grad_norm), optax.adam(config.lr))

    def init(self, key: Key[Array, ""]) -> AdversaryState:
        """The state at the start of training."""
        height, width = self.build.world.spec.height, self.build.world.spec.width
        image = jnp.zeros((height, width, self.build.planes), jnp.uint8)
        noise = jnp.zeros(self.config.noise, jnp.float32)
        params = self.net.init(key, Seen(image=image, time=jnp.int32(0), noise=noise))
        return AdversaryState(params=params, optimiser=self.optimiser.init(params))

    def begin(self, key: Key[Array, ""]) -> Level:
        """The level before the first choice: an empty room, or where nothing is placed a level drawn at
        random.
        """
        if self.first == 0:
            return self.build.begin(key)
        return self.build.world.sample_level(key).edit()

    def built(self, state: AdversaryState, key: Key[Array, ""], count: int) -> tuple[Level, Builds]:
        """`count` levels, ready for a reset, and how they were built."""
        begin_key, noise_key, choices_key = jax.random.split(key, 3)
        levels = jax.vmap(self.begin)(jax.random.split(begin_key, count))
        noise = jax.random.uniform(noise_key, (count, self.config.noise))

        def one(levels: Level, now: tuple[Array, Array]) -> tuple[Level, Builds]:
            number, key = now
            seen = Seen(
                image=jax.vmap(self.build.image)(levels),
                time=jnp.broadcast_to(number, (count,)),
                noise=noise,
            )
            logits, value = self.apply(state.params, seen)
            choice = jax.random.categorical(key, logits).astype(jnp.int32)
            after, built = jax.vmap(lambda level, what: self.build.choose(level, self.first + number, what))(
                levels, choice
            )
            log_prob = log_prob_of(logits, choice)
            return after, Builds(seen=seen, choice=choice, log_prob=log_prob, value=value, built=built)

        steps = self.last - self.first
        keys = jax.random.split(choices_key, steps)
        levels, builds = jax.lax.scan(one, levels, (jnp.arange(steps, dtype=jnp.int32), keys))
        return jax.vmap(self.build.world.ready)(levels), builds

    def update(
        self, state: AdversaryState, builds: Builds, worth: Float32[Array, " B"], key: Key[Array, ""]
    ) -> tuple[AdversaryState, Metrics]:
        """The state after PPO on these builds, each paid what it was worth with its last choice; and metrics:
        `entropy` as a share of the highest, `loss/policy`, `loss/value`.
        """
        config = self.config
        reward = jnp.zeros_like(builds.value).at[-1].set(worth)
        last = jnp.zeros(reward.shape, bool).at[-1].set(True)
        discount = jnp.where(last, 0.0, config.gamma).astype(jnp.float32)
        after = jnp.concatenate([builds.value[1:], jnp.zeros_like(builds.value[:1])])
        gae = jax.vmap(partial(advantages, lambda_=config.gae_lambda), in_axes=1, out_axes=1)
        advantage = gae(builds.value, reward, discount, after, last)
        rows = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[2:]), (builds, advantage, advantage + builds.value)
        )

        def step(state: AdversaryState, rows: PyTree) -> tuple[AdversaryState, Metrics]:
            grads, metrics = jax.grad(self._loss, has_aux=True)(state.params, *rows)
            moves, optimiser = self.optimiser.update(grads, state.optimiser, state.params)
            return AdversaryState(
                params=optax.apply_updates(state.params, moves), optimiser=optimiser
            ), metrics

        def epoch(state: AdversaryState, key: Key[Array, ""]) -> tuple[AdversaryState, Metrics]:
            count = reward.size
            parts = min(config.minibatches, count)
            order = jax.random.permutation(key, count)[: count // parts * parts].reshape(parts, -1)
            return jax.lax.scan(step, state, jax.tree.map(lambda x: x[order], rows))

        state, metrics = jax.lax.scan(epoch, state, jax.random.split(key, config.epochs))
        return state, jax.tree.map(jnp.mean, metrics)

    def _loss(
        self,
        params: PyTree,
        builds: Builds,
        advantage: Float32[Array, " N"],
        target: Float32[Array, " N"],
    ) -> tuple[Float32[Array, ""], Metrics]:
        """PPO's loss of a minibatch, and its parts."""
        config = self.config
        logits, value = self.apply(params, builds.seen)
        normalised = (advantage - jnp.mean(advantage)) / (jnp.std(advantage) + 1e-8)
        log_prob = log_prob_of(logits, builds.choice)
        policy = jnp.mean(clipped_surrogate(log_prob, builds.log_prob, normalised, config.clip))
        value_loss = 0.5 * jnp.mean((value - target) ** 2)
        spread = jnp.mean(entropy(logits))
        total = policy + config.value_coef * value_loss - config.entropy_coef * spread
        share = spread / max(math.log(self.build.cells), 1e-8)
        return total, {"entropy": share, "loss/policy": policy, "loss/value": value_loss}


def log_prob_of(
    logits: Float32[Array, "*batch A"], choice: Int32[Array, "*batch"]
) -> Float32[Array, "*batch"]:
    """The log-probability of each choice under softmax(logits)."""
    return jnp.take_along_axis(jax.nn.log_softmax(logits), choice[..., None], axis=-1)[..., 0]
