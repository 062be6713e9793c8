"""The auxiliary loss: predict one's own next observation (Ndousse et al., 2021)."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, UInt8


def prediction_loss(
    predicted_t: Float32[Array, "T V V C"], next_obs_t: UInt8[Array, "T V V C"]
) -> Float32[Array, " T"]:
    """Mean absolute error per step. `next_obs_t` is the true successor, so no step has to be masked at an
    episode's end.
    """
    return jnp.mean(jnp.abs(predicted_t - next_obs_t.astype(jnp.float32)), axis=(1, 2, 3))
