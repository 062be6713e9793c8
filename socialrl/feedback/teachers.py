"""Synthetic people: teachers with known preferences that compare clips, and the ways in which people err.

A teacher sums the true rewards of each clip, as far ahead as it looks, and prefers the better one with the
probability sigmoid(rationality * difference), Boltzmann's. Besides it may be inverted, call small differences
a tie, answer the wrong way round, and tire: it does so more often with every answer (Lee et al., 2021,
B-Pref, arXiv 2111.03026, section 4.1).
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl_envs.options import Options, option

LEFT, RIGHT, TIE = 0, 1, 2  # answers of a teacher
ANSWERS = ("left", "right", "tie")  # their names
PREFERRED = (1.0, 0.0, 0.5)  # the same, as `preferred` of a comparison
WORST = 0.5  # the largest share of wrong answers; above it they would be informative again


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teacher(Options):
    """A synthetic person that compares two clips by their true rewards."""

    rationality: float = option(
        5.0, "by which a difference of rewards is multiplied; inf errs by noise alone", above=0
    )
    discount: float = option(1.0, "per step of a clip; below 1 it is short-sighted", above=0, high=1)
    noise: float = option(0.0, "share of answers that are the wrong way round", low=0, high=WORST)
    tiring: float = option(0.0, "by which that share grows with each answer, up to 0.5", low=0, high=WORST)
    indifference: float = option(0.0, "a difference of less reward is a tie; 0 knows no ties", low=0)
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
        answered: Int32[Array, ""] | int = 0,
        noise: Float32[Array, ""] | None = None,
    ) -> Int32[Array, "*batch"]:
        """LEFT, RIGHT or TIE for clips with these true rewards, 0 where a clip is over.

        answered: how many answers it gave before, each of which tires it. noise: in place of its own.
        """
        choose_key, err_key = jax.random.split(key)
        better = self.worth(left) - self.worth(right)
        margin = -better if self.inverted else better
        chance = jnp.where(margin == 0, 0.5, jax.nn.sigmoid(self.rationality * margin))
        choice = jax.random.bernoulli(choose_key, 1 - chance).astype(jnp.int32)
        share = jnp.float32(self.noise) if noise is None else noise
        share = jnp.minimum(share + self.tiring * jnp.float32(answered), WORST)
        wrong = jax.random.bernoulli(err_key, share, better.shape)
        choice = jnp.where(wrong, RIGHT - choice, choice)
        return jnp.where(jnp.abs(better) < self.indifference, TIE, choice).astype(jnp.int32)
