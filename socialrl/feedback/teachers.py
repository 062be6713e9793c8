"""Synthetic people: teachers with known preferences that compare clips, and the ways in which people err.

A teacher sums the true rewards of each clip, as far ahead as it looks, and prefers the better one with the
probability sigmoid(rationality * difference), Boltzmann's. Besides it may be inverted, call small differences
a tie, answer the wrong way round, and tire: it does so more often with every answer (Lee et al., 2021,
B-Pref, arXiv 2111.03026, section 4.1).

A marker watches an agent act, and says good or bad of single steps, some time after them (see `marks.py`).
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

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


class Marks(NamedTuple):
    """What a marker makes of each step. given: whether it marks it. good: or bad. delay: in seconds."""

    given: Bool[Array, "*batch"]
    good: Bool[Array, "*batch"]
    delay: Float32[Array, "*batch"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Marker(Options):
    """A synthetic person that watches an agent act, and marks steps as good or bad by their true rewards."""

    rationality: float = option(
        5.0, "by which a reward is multiplied; a mark is good with the probability sigmoid(of it)", above=0
    )
    attention: float = option(0.8, "share of the steps worth a mark that get one", above=0, high=1)
    indifference: float = option(0.1, "a step of no more reward than this, or loss, is not marked", low=0)
    noise: float = option(0.0, "share of marks that are the wrong way round", low=0, high=WORST)
    delay: float = option(0.56, "mean seconds from a step to its mark, gamma-distributed, shape 2", low=0)
    inverted: bool = option(False, "whether it calls bad what is good")

    def marks(
        self,
        reward: Float32[Array, "*batch"],
        key: Key[Array, ""],
        noise: Float32[Array, ""] | None = None,
    ) -> Marks:
        """Its marks of steps with these true rewards. noise: in place of its own."""
        given_key, good_key, wrong_key, delay_key = jax.random.split(key, 4)
        worth = jnp.abs(reward) > self.indifference
        given = worth & jax.random.bernoulli(given_key, self.attention, reward.shape)
        margin = self.rationality * (-reward if self.inverted else reward)
        good = jax.random.bernoulli(good_key, jax.nn.sigmoid(margin))
        wrong = jax.random.bernoulli(wrong_key, self.noise if noise is None else noise, reward.shape)
        waits = jax.random.exponential(delay_key, (2, *reward.shape), jnp.float32)
        return Marks(given, good ^ wrong, jnp.sum(waits, axis=0) * jnp.float32(self.delay / 2))
