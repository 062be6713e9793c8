"""The Bradley-Terry loss against numbers worked out by hand."""

import jax.numpy as jnp
import numpy as np

from socialrl.losses.comparison import bradley_terry_loss


def test_it_is_the_cross_entropy_of_the_answer():
    left, right = jnp.array([0.0, 1.0, 1.0, 1.0, 3.0]), jnp.array([0.0, 0.0, 0.0, 0.0, 3.0])
    preferred = jnp.array([1.0, 1.0, 0.0, 0.5, 0.0])
    p = 1 / (1 + np.exp(-1.0))  # of the left one, where it is worth 1 more
    by_hand = [np.log(2), -np.log(p), -np.log(1 - p), -0.5 * np.log(p) - 0.5 * np.log(1 - p), np.log(2)]
    np.testing.assert_allclose(bradley_terry_loss(left, right, preferred), by_hand, rtol=1e-6)


def test_it_is_finite_for_great_margins():
    losses = bradley_terry_loss(jnp.array([1e4, 1e4]), jnp.zeros(2), jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(losses, [0.0, 1e4])
