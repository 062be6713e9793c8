"""Losses of predicting where others are."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.losses.attention import each_position, nearest_position, set_of_positions

THERE = jnp.array([[[3.0, 0.0], [0.0, -1.0]]])  # the second is nearer
GONE = jnp.full((1, 2, 2), jnp.nan)


def loss(function, predicted, positions):
    errors, weight = function(predicted, positions)
    return float(jnp.sum(errors) / jnp.maximum(jnp.sum(weight), 1.0))


def test_the_order_of_the_others_matters_to_the_first_only():
    swapped = THERE[:, ::-1]
    assert loss(each_position, THERE, THERE) == loss(set_of_positions, THERE, THERE) == 0
    assert loss(each_position, swapped, THERE) == (3 + 1 + 3 + 1) / 4
    assert loss(set_of_positions, swapped, THERE) == 0
    guess = jnp.array([[[0.0, -1.0], [9.0, 9.0]]])
    assert loss(nearest_position, guess, THERE) == loss(nearest_position, guess, swapped) == 0


def test_set_matching_takes_the_best_of_all_orders():
    guess = THERE[:, ::-1] + jnp.array([0.5, 0.0])
    assert loss(set_of_positions, guess, THERE) == 0.25


def test_the_absent_do_not_count():
    half = THERE.at[0, 1].set(jnp.nan)
    guess = jnp.array([[[2.0, 0.0], [5.0, 5.0]]])
    assert loss(nearest_position, guess, half) == loss(each_position, guess, half) == 0.5
    assert loss(set_of_positions, guess, half) == 0.5
    for function in (each_position, nearest_position, set_of_positions):
        assert loss(function, guess, GONE) == 0
        gradient = jax.grad(lambda x, f=function: jnp.sum(f(x, GONE)[0]))(guess)
        np.testing.assert_array_equal(gradient, 0)
