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


def weighted_prediction_loss(
    predicted_t: Float32[Array, "T V V C"],
    next_obs_t: UInt8[Array, "T V V C"],
    obs_t: UInt8[Array, "T V V C"],
    channel_weight: Float32[Array, " C"],
    unit: Float32[Array, " units"],
    changed_weight: float = 1.0,
) -> Float32[Array, " T"]:
    """The weighted mean absolute error of each step, sum_i w_i |predicted_i - next_i| / unit_i / sum_i w_i.

    The weight w_i of an entry is that of its channel, times `changed_weight` where the entry differs from
    that of `obs_t`. Most entries stay as they are, so that a predictor that copies them has a small
    unweighted error. unit: of each channel, or one for all. With weights and units of 1 it is
    `prediction_loss`.
    """
    changed = next_obs_t != obs_t
    weight = channel_weight * jnp.where(changed, jnp.float32(changed_weight), jnp.float32(1))
    error = weight * jnp.abs(predicted_t - next_obs_t.astype(jnp.float32)) / unit
    total = jnp.sum(weight, axis=(1, 2, 3))
    return jnp.sum(error, axis=(1, 2, 3)) / jnp.maximum(total, 1e-8)
