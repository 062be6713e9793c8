"""Synthetic people: teachers with known preferences that compare clips, and the ways in which people err.

A teacher sums the true rewards of each clip, as far ahead as it looks, and prefers the better one with the
probability sigmoid(rationality * difference), Boltzmann's (Lee et al., 2021, B-Pref, arXiv 2111.03026). It may
say a tie, be inverted, answer at random, or tire: the share of random answers grows with every answer.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl_envs.options import Options, option

LEFT, RIGHT, TIE = 0, 1, 2  # answers of a teacher
PREFERRED = jnp.array([1.0, 0.0, 0.5], jnp.float32)  # of these, as `preferred` of a comparison


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teacher(Options):
    """A synthetic person that compares two clips by their true rewards."""

    rationality: float = option(
        5.0, "by which a difference of rewards is multiplied; inf never errs but by noise", above=0
    )
    discount: float = option(1.0, "per step of a clip; below 1 it is short-sighted", above=0, high=1)
    noise: float = option(0.0, "share of answers that are drawn at random", low=0, high=1)
    tiring: float = option(
        0.0, "by which the share of random answers grows with each answer, up to all", low=0, high=1
    )
    indifference: float = option(0.0, "differences of at most so much reward are a tie", low=0)
    inverted: bool = option(False, "whether it prefers the worse clip")

    def worth(self, reward: Float32[Array, "*batch L"]) -> Float32[Array, "*batch"]:
        """The discounted sum of a clip's rewards, in its eyes."""
        weight = self.discount ** jnp.arange(reward.shape[-1], dtype=jnp.float32)
        return jnp.sum(reward * weight, axis=-1)

    def answer(
        self,
        left: Float32[Array, "*batch L"],
        right: Float32[Array, "*batch L"],
        key: Key[Array, ""],
        answered: Int32[Array, "*batch"] | int = 0,
    ) -> Int32[Array, "*batch"]:
        """LEFT, RIGHT or TIE for clips with these true rewards, 0 where a clip is over.

        answered: how many answers it gave before, each of which tires it.
        """
        better = self.worth(left) - self.worth(right)
        choose_key, err_key, coin_key = jax.random.split(key, 3)
        margin = -better if self.inverted else better
        chance = jnp.where(margin == 0, 0.5, jax.nn.sigmoid(self.rationality * margin))
        choice = jnp.where(jax.random.uniform(choose_key, better.shape) < chance, LEFT, RIGHT)
        choice = jnp.where(jnp.abs(better) <= self.indifference, TIE if self.indifference else choice, choice)
        tired = self.tiring * jnp.asarray(answered).astype(jnp.float32)
        errs = jax.random.uniform(err_key, better.shape) < jnp.minimum(self.noise + tired, 1.0)
        coin = jax.random.bernoulli(coin_key, 0.5, better.shape).astype(jnp.int32)
        return jnp.where(errs, coin, choice).astype(jnp.int32)
