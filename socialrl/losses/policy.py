"""Policy losses and advantages for one sequence of T steps."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32


def cloning_loss(logits_t: Float32[Array, "T A"], a_t: Int32[Array, " T"]) -> Float32[Array, " T"]:
    """Behavioural cloning, in nats: -log softmax(logits_t)[a_t]."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits_t), a_t[:, None], axis=1)[:, 0]


def advantages(
    value_tm1: Float32[Array, " T"],
    r_t: Float32[Array, " T"],
    discount_t: Float32[Array, " T"],
    value_t: Float32[Array, " T"],
    last_t: Bool[Array, " T"],
    lambda_: float,
) -> Float32[Array, " T"]:
    """Generalised advantage estimation (Schulman et al., 2016): A_t = delta_t + discount_t lambda A_{t+1},
    delta_t = r_t + discount_t value_t - value_tm1.

    discount_t: gamma, and 0 where the task ended in step t. value_t: of the true successor, also at a
    time-out. last_t: whether the episode ended in step t, terminated or truncated, so that A_{t+1} belongs to
    another one.
    """
    delta = r_t + discount_t * value_t - value_tm1
    decay_t = jnp.where(last_t, 0.0, discount_t * lambda_)

    def back(later: Float32[Array, ""], inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        delta_t, decay = inputs
        now = delta_t + decay * later
        return now, now

    return jax.lax.scan(back, jnp.zeros((), jnp.float32), (delta, decay_t), reverse=True)[1]


def clipped_surrogate(
    log_prob_t: Float32[Array, "*batch"],
    old_log_prob_t: Float32[Array, "*batch"],
    adv_t: Float32[Array, "*batch"],
    clip: float,
) -> Float32[Array, "*batch"]:
    """PPO's loss (Schulman et al., 2017): -min(rho A, clip(rho, 1 - clip, 1 + clip) A), rho = pi(a|s) /
    pi_old(a|s).
    """
    ratio = jnp.exp(log_prob_t - old_log_prob_t)
    return -jnp.minimum(ratio * adv_t, jnp.clip(ratio, 1 - clip, 1 + clip) * adv_t)


def entropy(logits_t: Float32[Array, "*batch A"]) -> Float32[Array, "*batch"]:
    """The entropy of softmax(logits), -sum_a pi(a|s) log pi(a|s), in nats."""
    log_pi = jax.nn.log_softmax(logits_t)
    return -jnp.sum(jnp.exp(log_pi) * log_pi, axis=-1)


def kl_divergence(
    logits_t: Float32[Array, "*batch A"], other_t: Float32[Array, "*batch A"]
) -> Float32[Array, "*batch"]:
    """KL(softmax(logits) || softmax(other)), in nats."""
    log_p, log_q = jax.nn.log_softmax(logits_t), jax.nn.log_softmax(other_t)
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


def weighted_divergence(
    logits_t: Float32[Array, "*batch A"],
    other_t: Float32[Array, "*batch A"],
    weight_t: Float32[Array, "*batch A"],
) -> Float32[Array, "*batch"]:
    """sum_a pi(a|s) weight(s, a) log(pi(a|s) / other(a|s)), in nats: KL(pi || other) if all weights are 1.
    With others it may be negative.
    """
    log_p, log_q = jax.nn.log_softmax(logits_t), jax.nn.log_softmax(other_t)
    return jnp.sum(jnp.exp(log_p) * weight_t * (log_p - log_q), axis=-1)
