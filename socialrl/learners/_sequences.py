"""Steps as sequences: how a loss of one sequence becomes one of many, and a mean of those steps that count."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Shaped


def sequences(leaf: Shaped[Array, "T B M *rest"]) -> Shaped[Array, "T N *rest"]:
    """Those of all worlds and seats side by side, N = B M."""
    return leaf.reshape(leaf.shape[0], leaf.shape[1] * leaf.shape[2], *leaf.shape[3:])


def beside(
    own: Shaped[Array, "T B M *rest"], others: Shaped[Array, "T L K *rest"]
) -> Shaped[Array, "T N *rest"]:
    """The sequences of one's own steps, then those of the others', N = B M + L K of them."""
    return jnp.concatenate([sequences(own), sequences(others)], axis=1)


def over_sequences(function: Callable[..., Array]) -> Callable[..., Array]:
    """Maps a loss of one sequence over the sequences, which lie along axis 1."""
    return jax.vmap(function, in_axes=1, out_axes=1)


def masked_mean(x: Array, mask: Bool[Array, "..."]) -> Array:
    """The mean of x where the mask, of its shape or one that broadcasts to it, is set; 0 if it is nowhere."""
    weight = jnp.broadcast_to(mask, x.shape).astype(jnp.float32)
    return jnp.sum(x * weight) / jnp.maximum(jnp.sum(weight), 1.0)
