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
    """The TD error of Q-learning, delta_t = r_t + discount_t * sg[q_t(argmax_a selector_t(a))] -
    q_tm1(a_tm1).

    Watkins' Q-learning; with `selector_t` from the online and `q_t` from a target network it is double
    Q-learning (van Hasselt et al., 2016). discount_t is 0 where the task ended in step t, and gamma at a
    time-out, whose successor is bootstrapped from.
    """
    chosen = jnp.take_along_axis(q_tm1, a_tm1[:, None], axis=1)[:, 0]
    best = jnp.argmax(selector_t, axis=1)
    bootstrap = jnp.take_along_axis(q_t, best[:, None], axis=1)[:, 0]
    return jax.lax.stop_gradient(r_t + discount_t * bootstrap) - chosen


def soft_value(q: Float32[Array, "*batch A"], temperature: float) -> Float32[Array, "*batch"]:
    """The soft value V(s) = temperature * log sum_a exp(Q(s, a) / temperature); its limit at temperature 0 is
    max_a Q(s, a).
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
    """The TD error of soft Q-learning (Haarnoja et al., 2017), delta_t = r_t + discount_t * sg[V(s_t)] -
    q_tm1(a_tm1).

    V is `soft_value`. Q converges to the values of pi(a|s) ~ exp(Q(s, a) / temperature) with entropy bonus.
    """
    chosen = jnp.take_along_axis(q_tm1, a_tm1[:, None], axis=1)[:, 0]
    return jax.lax.stop_gradient(r_t + discount_t * soft_value(q_t, temperature)) - chosen


def kl_value(
    q: Float32[Array, "*batch A"], log_prior: Float32[Array, "*batch A"], temperature: float
) -> Float32[Array, "*batch"]:
    """The value under KL control, V(s) = temperature * log sum_a p(a|s) exp(Q(s, a) / temperature).

    It is max_pi sum_a pi(a|s) Q(s, a) - temperature * KL(pi || p), at pi(a|s) ~ p(a|s) exp(Q(s, a) /
    temperature).
    """
    return soft_value(q + temperature * log_prior, temperature)


def kl_q_error(
    q_tm1: Float32[Array, "T A"],
    a_tm1: Int32[Array, " T"],
    r_t: Float32[Array, " T"],
    discount_t: Float32[Array, " T"],
    q_t: Float32[Array, "T A"],
    log_prior_t: Float32[Array, "T A"],
    temperature: float,
) -> Float32[Array, " T"]:
    """The TD error of Q-learning under KL control (Jaques et al., 2017, Sequence Tutor; G-learning: Fox et
    al., 2016), delta_t = r_t + discount_t * sg[V(s_t)] - q_tm1(a_tm1).

    V is `kl_value` with the log-probabilities log_prior_t of the prior policy at s_t. Q converges to the
    values of the policy that maximises reward - temperature * KL(pi || prior), the KL of later steps only.
    """
    return soft_q_error(q_tm1, a_tm1, r_t, discount_t, q_t + temperature * log_prior_t, temperature)


def inferred_reward(
    q_tm1: Float32[Array, "T A"],
    a_tm1: Int32[Array, " T"],
    discount_t: Float32[Array, " T"],
    q_t: Float32[Array, "T A"],
    temperature: float,
) -> Float32[Array, " T"]:
    """The reward under which the policy exp(q / temperature) is optimal, r_t = q_tm1(a_tm1) - discount_t *
    V(s_t).

    The inverse of the soft Bellman operator (Garg et al., 2021, IQ-Learn; with a maximum for V: Klein et al.,
    2013). Adding a function of the state to q leaves the policy as it is; the rewards then differ by a
    potential. No gradient is stopped.
    """
    chosen = jnp.take_along_axis(q_tm1, a_tm1[:, None], axis=1)[:, 0]
    return chosen - discount_t * soft_value(q_t, temperature)
