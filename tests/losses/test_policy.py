"""Behavioural cloning."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.losses.policy import cloning_loss


def test_cross_entropy_by_hand():
    logits = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])) + 3.0  # a shift of all logits changes nothing
    loss = cloning_loss(logits, jnp.array([1, 2], jnp.int32))
    np.testing.assert_allclose(loss, -np.log([0.25, 0.7]), rtol=1e-5)


def test_its_gradient_is_policy_minus_choice():
    logits = jnp.array([[0.3, -1.0, 2.0]])
    gradient = jax.grad(lambda x: cloning_loss(x, jnp.array([2], jnp.int32))[0])(logits)
    np.testing.assert_allclose(gradient, jax.nn.softmax(logits) - jnp.array([[0.0, 0.0, 1.0]]), rtol=1e-5)


def test_it_is_finite_for_extreme_logits():
    loss = cloning_loss(jnp.array([[1e4, -1e4]]), jnp.array([1], jnp.int32))
    np.testing.assert_allclose(loss, [2e4])
