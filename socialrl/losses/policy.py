"""Policy losses for one sequence of T steps."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32


def cloning_loss(logits_t: Float32[Array, "T A"], a_t: Int32[Array, " T"]) -> Float32[Array, " T"]:
    """-log softmax(logits_t)[a_t]: behavioural cloning, in nats."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits_t), a_t[:, None], axis=1)[:, 0]
