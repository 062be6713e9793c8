"""Generalised policy improvement: never worse than any of its policies, and whom it says it follows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners.psiphi import gpi
from tests.chains import random_chain, successor_features, values

POLICIES = 4
decide = jax.jit(gpi, static_argnums=2)


def solved(seed):
    """(chain, policies (P, S, A) deterministic, psi (P, S, A, K) exact, w (K,)) of a random chain."""
    chain = random_chain(seed, states=6)
    rng = np.random.default_rng(seed + 100)
    policies = np.eye(3)[rng.integers(3, size=(POLICIES, 6))]
    psi = np.stack([successor_features(chain._replace(policy=policy), chain.phi) for policy in policies])
    return chain, policies, psi, rng.normal(size=2)


def f32(x):
    return jnp.array(x, jnp.float32)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("support", [0.0, 0.2])
def test_it_is_never_worse_than_any_of_its_policies(seed, support):
    """The theorem of Barreto et al. (2017), with exact successor features; the mask keeps each source's own choice in."""
    chain, policies, psi, w = solved(seed)
    worth = np.moveaxis(psi @ w, 0, 1)  # (S, P, A)
    logits = np.moveaxis(np.log(policies * 0.97 + 0.01), 0, 1)
    action, _ = decide(f32(worth), f32(logits), support)
    improved = values(chain, np.eye(3)[np.asarray(action)], w)
    best = np.max([values(chain, policy, w) for policy in policies], axis=0)
    assert np.all(improved >= best - 1e-6)
    assert np.any(improved > best + 1e-3) or np.allclose(improved, best)


def test_it_takes_the_best_action_of_the_best_source():
    worth = f32([[[1, 2, 3], [5, 0, 4], [0, 6, 0]]])
    action, source = decide(worth, jnp.zeros((1, 3, 3)), 0.0)
    assert (int(action[0]), int(source[0])) == (1, 2)


def test_others_may_only_propose_what_they_plausibly_do():
    worth = f32([[1, 2, 3], [9, 8, 0]])
    logits = f32([[0, 0, 0], np.log([0.05, 0.8, 0.15])])
    assert tuple(map(int, decide(worth, logits, 0.2))) == (1, 1)  # 9 is for an action it takes in 5 % of cases: an illusion
    assert tuple(map(int, decide(worth, logits, 0.0))) == (0, 1)
    assert tuple(map(int, decide(worth, logits, 0.05))) == (0, 1)


def test_ones_own_policy_is_not_masked():
    worth = f32([[7, 0, 0], [1, 1, 6]])
    logits = f32([[-20, 0, 0], [0, 0, 20]])
    assert tuple(map(int, decide(worth, logits, 0.2))) == (0, 0)


def test_a_tie_is_ones_own():
    assert tuple(map(int, decide(f32([[1, 5], [5, 1], [5, 5]]), jnp.zeros((3, 2)), 0.2))) == (1, 0)


def test_one_source_is_greedy():
    worth = jax.random.normal(jax.random.key(0), (50, 1, 4))
    action, source = decide(worth, jnp.zeros((50, 1, 4)), 0.2)
    np.testing.assert_array_equal(action, jnp.argmax(worth[:, 0], axis=-1))
    np.testing.assert_array_equal(source, 0)
    assert (action.dtype, source.dtype) == (jnp.int32, jnp.int32)
