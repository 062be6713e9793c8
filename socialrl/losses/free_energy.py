"""Free energy over a set of policies, of which one is to be acted by (Ortega and Braun, 2013, arXiv
1204.6481).

A choice of policy that costs information is worth what the chosen policy is expected to earn, less what the
choice differs from a prior. In the sign of physics, of which less is better, F(q) = -sum_k q_k U_k + T KL(q
|| p), with q_k the probability of policy k, p_k its prior, U_k what it is expected to earn, and T a
temperature in the unit of U.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32


def expected_values(
    logits_t: Float32[Array, "*batch S A"], q_t: Float32[Array, "*batch A"]
) -> Float32[Array, "*batch S"]:
    """What each of S policies is expected to earn by one's own values, U_k = sum_a pi_k(a|s) Q(s, a)."""
    return jnp.einsum("...sa,...a->...s", jax.nn.softmax(logits_t), q_t)


def free_energy(
    choice_t: Float32[Array, "*batch S"],
    utility_t: Float32[Array, "*#batch S"],
    prior: Float32[Array, " S"],
    temperature: float,
) -> Float32[Array, "*batch"]:
    """F(q) = -sum_k q_k U_k + temperature * sum_k q_k log(q_k / p_k) of a choice q; 0 log 0 is 0."""
    information = jnp.where(choice_t > 0, jnp.log(jnp.where(choice_t > 0, choice_t, 1.0) / prior), 0.0)
    return jnp.sum(choice_t * (temperature * information - utility_t), axis=-1)


def least_free_energy(
    utility_t: Float32[Array, "*batch S"], prior: Float32[Array, " S"], temperature: float
) -> Float32[Array, "*batch S"]:
    """Logits of the choice whose free energy is least, q_k ~ p_k exp(U_k / temperature); F(q) is then
    -temperature * log sum_k p_k exp(U_k / temperature).
    """
    return jnp.log(prior) + utility_t / temperature
