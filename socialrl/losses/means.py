"""Means over the steps that count."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32


def masked_mean(x: Float32[Array, "*shape"], mask: Bool[Array, "..."]) -> Float32[Array, ""]:
    """The mean of x over the entries where the mask, which must broadcast to x, is True; 0 if there
    are none.
    """
    weight = jnp.broadcast_to(mask, x.shape).astype(jnp.float32)
    return jnp.sum(x * weight) / jnp.maximum(jnp.sum(weight), 1.0)
