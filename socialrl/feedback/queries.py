"""Which two clips to ask about next: those whose order is least certain, or any.

Disagreement is the standard deviation, over an ensemble's members or draws from a posterior, of the
probability that the left clip is preferred (Christiano et al., 2017, arXiv 1706.03741, section 2.2.4).
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

Choice = Literal["disagreement", "random"]


def pairs(key: Key[Array, ""], clips: int, count: int) -> Int32[Array, "count 2"]:
    """`count` pairs of two different clips out of so many, drawn at random."""
    left_key, other_key = jax.random.split(key)
    left = jax.random.randint(left_key, (count,), 0, clips, dtype=jnp.int32)
    other = jax.random.randint(other_key, (count,), 1, max(clips, 2), dtype=jnp.int32)
    return jnp.stack([left, (left + other) % clips], axis=1)


def disagreement(
    worth: Float32[Array, "members clips"], asked: Int32[Array, "count 2"]
) -> Float32[Array, " count"]:
    """How far the members disagree on each pair, 0..0.5. worth: what each clip is worth to each member."""
    margin = worth[:, asked[:, 0]] - worth[:, asked[:, 1]]
    return jnp.std(jax.nn.sigmoid(margin), axis=0)


def choose(
    worth: Float32[Array, "members clips"],
    key: Key[Array, ""],
    candidates: int,
    count: int = 1,
    by: Choice = "disagreement",
) -> Int32[Array, "count 2"]:
    """The pairs to ask about: of so many random candidates the ones with most disagreement, or the first
    ones.
    """
    drawn = pairs(key, worth.shape[1], max(candidates, count))
    if by == "random":
        return drawn[:count]
    return drawn[jnp.argsort(-disagreement(worth, drawn))[:count]]
