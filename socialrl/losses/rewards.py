"""Rewards of several agents as the sum of a general and a specific part, for one sequence of T steps."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32


def split_error(
    general_t: Float32[Array, " T"],
    specific_t: Float32[Array, "T agents"],
    r_t: Float32[Array, "T agents"],
    specific_coef: float,
) -> Float32[Array, " T"]:
    """mean_k (g_t + s_tk - r_tk)^2 + specific_coef * mean_k s_tk^2, with r_tk the reward of agent k.

    The price of the specific part decides what is general. Where nothing else binds them it is least at g_t =
    mean_k r_tk, whatever the price, and s_tk = (r_tk - g_t) / (1 + specific_coef).
    """
    error = general_t[:, None] + specific_t - r_t
    return jnp.mean(error**2 + specific_coef * specific_t**2, axis=-1)
