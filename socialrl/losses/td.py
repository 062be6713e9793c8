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

    Watkins' Q-learning; with `selector_t` from the online and `q_t` from a target network it is double
    Q-learning (van Hasselt et al., 2016). discount_t is 0 where the task ended in step t, and gamma at a
    time-out, whose successor is a real one.
    """
    chosen = jnp.take_along_axis(q_tm1, a_tm1[:, None], axis=1)[:, 0]
    best = jnp.argmax(selector_t, axis=1)
    bootstrap = jnp.take_along_axis(q_t, best[:, None], axis=1)[:, 0]
    return jax.lax.stop_gradient(r_t + discount_t * bootstrap) - chosen


def soft_value(q: Float32[Array, "*batch A"], temperature: float) -> Float32[Array, "*batch"]:
    """V(s) = temperature * log sum_a exp(Q(s, a) / temperature), which is max_a Q(s, a) as the temperature
    falls to 0.
    """
    return temperature * jax.nn.logsumexp(q / temperature, axis=-1)


def soft_q_error(
    q_tm1: Float32[Array, "T A"],
    a_tm1: Int32[Array, " T"],
    r_t: Float32[Array, " T"],
    discount_t: Float32[Array, " T"],
    q_t: Float32[Array, "T A"],
    temperature: float,
) -> Float32[Array, " T"]:
    """delta_t = r_t + discount_t * sg[V(s_t)] - q_tm1(a_tm1), V(s) = temperature * log sum_a exp(q(s, a) /
    temperature).

    Soft Q-learning (Haarnoja et al., 2017): the values of the policy pi(a|s) ~ exp(Q(s, a) / temperature),
    which is paid for its entropy as well.
    """
    chosen = jnp.take_along_axis(q_tm1, a_tm1[:, None], axis=1)[:, 0]
    return jax.lax.stop_gradient(r_t + discount_t * soft_value(q_t, temperature)) - chosen


def inferred_reward(
    q_tm1: Float32[Array, "T A"],
    a_tm1: Int32[Array, " T"],
    discount_t: Float32[Array, " T"],
    q_t: Float32[Array, "T A"],
    temperature: float,
) -> Float32[Array, " T"]:
    """r_t = q_tm1(a_tm1) - discount_t * V(s_t): the reward by which the policy exp(q / temperature) would be
    the best one.

    The inverse of the soft Bellman operator (Garg et al., 2021, IQ-Learn; with a maximum for V: Klein et al.,
    2013). Any function of the state may be added to q without another policy: such rewards differ by a
    potential. Nothing is stopped.
    """
    chosen = jnp.take_along_axis(q_tm1, a_tm1[:, None], axis=1)[:, 0]
    return chosen - discount_t * soft_value(q_t, temperature)
