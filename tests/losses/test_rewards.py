"""The split of rewards into a general and specific parts, against numbers worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.losses.rewards import split_error

REWARDS = jnp.array([[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]])


def test_by_hand():
    """Errors 1, -1 and -3 of three agents, specific parts 0, -1 and 1 at a price of 0.5."""
    error = split_error(jnp.array([2.0, 1.0]), jnp.array([[0.0, -1.0, 1.0], [1.0, 1.0, 1.0]]), REWARDS, 0.5)
    np.testing.assert_allclose(error, [(1 + 1 + 9 + 0.5 * 2) / 3, 4 + 0.5], rtol=1e-6)


@pytest.mark.parametrize("price", [0.0, 0.25, 3.0])
def test_it_is_least_at_the_mean_and_shrunk_differences(price):
    """Mean 3; differences -2, -1 and 3, divided by 1 + price."""
    general = jnp.array([3.0, 0.0])
    specific = jnp.array([[-2.0, -1.0, 3.0], [0.0, 0.0, 0.0]]) / (1 + price)

    def total(general, specific):
        return jnp.sum(split_error(general, specific, REWARDS, price))

    for gradient in jax.grad(total, argnums=(0, 1))(general, specific):
        np.testing.assert_allclose(gradient, 0, atol=1e-6)
    shrunk = 14 / 3 * price / (1 + price)  # the mean squared difference, times p / (1 + p)
    np.testing.assert_allclose(total(general, specific), shrunk, rtol=1e-5, atol=1e-6)


def test_free_specific_parts_leave_the_general_part_open_and_dear_ones_do_not():
    """Moving all to the specific parts costs nothing without a price, and the price with one."""
    moved = split_error(jnp.zeros(2), REWARDS, REWARDS, 0.0), split_error(jnp.zeros(2), REWARDS, REWARDS, 0.3)
    np.testing.assert_allclose(moved[0], 0, atol=1e-6)
    np.testing.assert_allclose(moved[1], [0.3 * (1 + 4 + 36) / 3, 0], rtol=1e-6)
