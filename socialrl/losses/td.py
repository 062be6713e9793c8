"""Temporal-difference errors of action values, for one sequence of T steps."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32


def q_learning_error(
    q_tm1: Float32[Array, "T A"],
    a_tm1: Int32[Array, " T"],
    r_t: Float32[Array, " T"],
    discount_t: Float32[Array, " T"],
    q_t: Float32[Array, "T A"],
    selector_t: Float32[Array, "T A"],
) -> Float32[Array, " T"]:
    """delta_t = r_t + discount_t * sg[q_t(argmax_a selector_t(a))] - q_tm1(a_tm1).

    Watkins' Q-learning; with `selector_t` from the online and `q_t` from a target network it is double Q-learning (van Hasselt
    et al., 2016). discount_t is 0 where the task ended in step t, and gamma at a time-out, whose successor is a real one.
    """
    chosen = jnp.take_along_axis(q_tm1, a_tm1[:, None], axis=1)[:, 0]
    best = jnp.argmax(selector_t, axis=1)
    bootstrap = jnp.take_along_axis(q_t, best[:, None], axis=1)[:, 0]
    return jax.lax.stop_gradient(r_t + discount_t * bootstrap) - chosen
