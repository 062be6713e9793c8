"""Losses of comparisons: which of two clips somebody prefers."""

import jax
from jax import Array
from jaxtyping import Float32


def bradley_terry_loss(
    left: Float32[Array, "*batch"], right: Float32[Array, "*batch"], preferred: Float32[Array, "*batch"]
) -> Float32[Array, "*batch"]:
    """Cross-entropy, in nats, of an answer under P(left is preferred) = sigmoid(left - right).

    left, right: what the two clips are worth, the sums of their steps' rewards. preferred: 1 for the left
    one, 0 for the right one, 0.5 for a tie (Bradley and Terry, 1952; Christiano et al., 2017, arXiv
    1706.03741, equation 1).
    """
    margin = left - right
    return -preferred * jax.nn.log_sigmoid(margin) - (1 - preferred) * jax.nn.log_sigmoid(-margin)
