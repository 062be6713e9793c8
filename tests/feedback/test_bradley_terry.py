"""Preferences from comparisons: the mode, the posterior, and what they do with ties and noise."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.feedback.bradley_terry import infer, probability

infers = jax.jit(infer)
TRUE = np.array([1.0, 0.5, -1.0], np.float32)


def asked(questions, seed=0):
    return np.random.default_rng(seed).normal(size=(questions, 3)).astype(np.float32) * 3


def answers(difference):
    """A judge without noise."""
    return (difference @ TRUE > 0).astype(np.float32)


def test_one_comparison_by_hand():
    """The mode of sigmoid(w) exp(-w^2 / 2) is where 1 - sigmoid(w) = w: at 0.4013; the Hessian follows."""
    found = infers(jnp.ones((1, 1)), jnp.ones(1), jnp.ones(1))
    w = 0.40105813
    np.testing.assert_allclose(found.mean, [w], atol=1e-5)
    p = 1 / (1 + np.exp(-w))
    np.testing.assert_allclose(found.covariance, [[1 / (p * (1 - p) + 1)]], rtol=1e-5)
    np.testing.assert_allclose(1 - p, w, atol=1e-5)


def test_without_answers_it_is_the_prior():
    found = infers(asked(4), jnp.ones(4), jnp.zeros(4), 2.0)
    np.testing.assert_array_equal(found.mean, 0)
    np.testing.assert_allclose(found.covariance, 4 * np.eye(3), rtol=1e-6)


def test_the_direction_is_found_and_the_spread_shrinks():
    spreads = []
    for questions in (10, 100):
        difference = np.concatenate([asked(questions), np.zeros((100 - questions, 3), np.float32)])
        weight = np.float32(np.arange(100) < questions)
        found = infers(difference, answers(difference), weight)
        spreads.append(float(jnp.trace(found.covariance)))
        cosine = float(found.mean @ TRUE / jnp.linalg.norm(found.mean) / np.linalg.norm(TRUE))
    assert cosine > 0.98
    assert spreads[1] < 0.5 * spreads[0]


def test_ties_and_an_inverted_judge():
    difference = asked(50)
    tied = infers(difference, np.full(50, 0.5, np.float32), np.ones(50, np.float32))
    np.testing.assert_allclose(tied.mean, 0, atol=1e-5)
    one = infers(difference, answers(difference), np.ones(50, np.float32))
    other = infers(difference, 1 - answers(difference), np.ones(50, np.float32))
    np.testing.assert_allclose(one.mean, -other.mean, atol=1e-3)


def test_great_features_do_not_break_newtons_method():
    difference = 100 * asked(100)
    found = infers(difference, answers(difference), np.ones(100, np.float32))
    assert np.isfinite(found.mean).all()
    assert (answers(difference) == (difference @ np.asarray(found.mean) > 0)).mean() > 0.97


def test_uncertainty_draws_probabilities_to_one_half():
    difference = asked(30)
    few = infers(difference, answers(difference), np.float32(np.arange(30) < 3))
    sure = jax.nn.sigmoid(difference @ few.mean)
    assert (np.abs(probability(few, jnp.asarray(difference)) - 0.5) < np.abs(sure - 0.5)).all()
