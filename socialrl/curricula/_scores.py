"""Scores of levels by what the novices did there, of the levels of a round at once."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32

from socialrl.curricula import Results

Score = Callable[[Results, Float32[Array, " B"]], Float32[Array, " B"]]


def positive_value_loss(results: Results, best: Float32[Array, " B"]) -> Float32[Array, " B"]:
    """(1/T) sum_t max(A_t, 0), with A_t = sum_k>=t (gamma lambda)^(k-t) delta_k the generalised advantage,
    over the T steps of a round (Jiang et al., 2021b, arXiv 2110.02439, table 1).
    """
    return results.gains / jnp.maximum(results.steps, 1.0)


def max_mc(results: Results, best: Float32[Array, " B"]) -> Float32[Array, " B"]:
    """(1/T) sum_t (R_max - V(s_t)), the maximum Monte Carlo estimate of regret (Jiang et al., 2021b, arXiv
    2110.02439, table 1); -inf if no episode has ended on the level yet.

    best: R_max, the highest return of an episode on the level so far. It is discounted, as the values are; in
    worlds that pay more than once in an episode the later values are compared with the return from its start.
    """
    mean = results.values / jnp.maximum(results.steps, 1.0)
    return jnp.where(jnp.isfinite(best), best - mean, -jnp.inf)


def learnability(results: Results) -> Float32[Array, " B"]:
    """p (1 - p), with p the share of a level's episodes that were solved (Rutherford et al., 2024, arXiv
    2408.15099, eq. 4); 0 if none ended.
    """
    p = results.solved / jnp.maximum(results.episodes, 1.0)
    return p * (1 - p)


SCORES: dict[str, Score] = {"positive_value_loss": positive_value_loss, "max_mc": max_mc}
