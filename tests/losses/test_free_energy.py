"""Free energy over policies, against numbers worked out by hand, and its least choice against others."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.losses.free_energy import expected_values, free_energy, least_free_energy

UTILITY, PRIOR, T = jnp.array([1.0, 3.0, -2.0]), jnp.array([0.5, 0.25, 0.25]), 2.0


def test_expected_values_by_hand():
    """Two policies, at two states: one leans to the second action, the other takes the first."""
    logits = jnp.log(jnp.array([[[0.25, 0.75], [1.0, 1e-30]], [[0.5, 0.5], [1.0, 1e-30]]]))
    values = expected_values(logits, jnp.array([[4.0, 8.0], [-1.0, 1.0]]))
    np.testing.assert_allclose(values, [[7.0, 4.0], [0.0, -1.0]], rtol=1e-6, atol=1e-6)


def test_free_energy_by_hand():
    """A sure choice costs -log p; the prior costs nothing; half and half of the first two is ln(1/2 / p)."""
    choices = jnp.array([[0.0, 1.0, 0.0], PRIOR, [0.5, 0.5, 0.0]])
    found = free_energy(choices, jnp.broadcast_to(UTILITY, choices.shape), PRIOR, T)
    by_hand = [-3 + 2 * np.log(4), -(0.5 + 0.75 - 0.5), -2 + 2 * 0.5 * np.log(2)]
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)


def test_the_least_free_energy_by_hand():
    """p exp(U / T), normalised, and F = -T log of the sum; no other choice has less."""
    choice = jax.nn.softmax(least_free_energy(UTILITY, PRIOR, T))
    weights = np.array([0.5 * np.exp(0.5), 0.25 * np.exp(1.5), 0.25 * np.exp(-1.0)])
    np.testing.assert_allclose(choice, weights / weights.sum(), rtol=1e-6)
    least = free_energy(choice, UTILITY, PRIOR, T)
    np.testing.assert_allclose(least, -2 * np.log(weights.sum()), rtol=1e-5)
    others = jax.random.dirichlet(jax.random.key(0), jnp.ones(3, jnp.float32), (200,))
    theirs = free_energy(others, jnp.broadcast_to(UTILITY, others.shape), PRIOR, T)
    assert np.all(theirs >= least - 1e-6)


def test_cold_the_best_is_chosen_and_hot_the_prior():
    np.testing.assert_allclose(jax.nn.softmax(least_free_energy(UTILITY, PRIOR, 1e-2)), [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(jax.nn.softmax(least_free_energy(UTILITY, PRIOR, 1e5)), PRIOR, rtol=1e-4)


def test_its_gradient_is_finite_where_a_policy_is_never_chosen():
    gradient = jax.grad(free_energy)(jnp.array([1.0, 0.0, 0.0]), UTILITY, PRIOR, T)
    assert np.all(np.isfinite(gradient))
