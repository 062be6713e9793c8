"""The auxiliary loss of predicting the own next observation (Ndousse et al., 2021)."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, UInt8


def prediction_loss(
    predicted_t: Float32[Array, "T V V C"], next_obs_t: UInt8[Array, "T V V C"]
) -> Float32[Array, " T"]:
    """The mean absolute error of each step. `next_obs_t` is the true successor, so the last step of an
    episode needs no mask.
    """
    return jnp.mean(jnp.abs(predicted_t - next_obs_t.astype(jnp.float32)), axis=(1, 2, 3))
