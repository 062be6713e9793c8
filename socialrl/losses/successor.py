"""Successor-feature errors for one sequence of T steps (Barreto et al., 2017; Filos et al., 2021,
PsiPhi-learning).

Psi_pi(s, a) = E_pi[sum_i gamma^i Phi(s_i, a_i)] obeys Psi(s, a) = Phi(s, a) + gamma Psi(s', a'), coordinate
by coordinate.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32


def at_action(field: Float32[Array, "T A K"], action: Int32[Array, " T"]) -> Float32[Array, "T K"]:
    """The entries of the action taken, field_t(a_t)."""
    return jnp.take_along_axis(field, action[:, None, None], axis=1)[:, 0]


def successor_error(
    psi_tm1: Float32[Array, "T K"],
    phi_tm1: Float32[Array, "T K"],
    discount_t: Float32[Array, " T"],
    psi_t: Float32[Array, "T K"],
) -> Float32[Array, "T K"]:
    """The TD error of successor features, delta_t = Phi(s, a) + discount_t * sg[Psi(s', a')] - Psi(s, a).

    Gradients reach both Psi(s, a) and Phi(s, a): the caller stops one. With Psi stopped it is inverse TD,
    which finds the cumulants that a demonstrator's behaviour implies; with Phi stopped it is TD learning of
    Psi.
    """
    return phi_tm1 + discount_t[:, None] * jax.lax.stop_gradient(psi_t) - psi_tm1


def expected_successor(
    psi_t: Float32[Array, "T A K"], policy_t: Float32[Array, "T A"]
) -> Float32[Array, "T K"]:
    """The bootstrap of expected SARSA, sum_a pi(a|s') Psi(s', a), which needs no a' and may be learnt
    off-policy.
    """
    return jnp.einsum("ta,tak->tk", policy_t, psi_t)
