"""Successor features: by hand, and against exact dynamic programming on tabular chains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.losses.successor import at_action, expected_successor, successor_error
from tests.chains import GAMMA, occupancy, random_chain, successor_features


def f32(x):
    return jnp.array(x, jnp.float32)


def test_error_by_hand():
    error = successor_error(
        f32([[1, 2], [3, 4]]), f32([[10, 20], [30, 40]]), f32([0.5, 0]), f32([[2, 4], [6, 8]])
    )
    np.testing.assert_allclose(error, [[10 + 1 - 1, 20 + 2 - 2], [30 - 3, 40 - 4]])


def test_at_action_picks_rows():
    field = jnp.arange(12, dtype=jnp.float32).reshape(2, 3, 2)
    np.testing.assert_array_equal(at_action(field, jnp.array([2, 0], jnp.int32)), [[4, 5], [6, 7]])


def test_gradients_reach_psi_and_phi_but_never_the_bootstrap():
    here, phi, ahead, discount = f32([[1, 2]]), f32([[3, 4]]), f32([[5, 6]]), f32([0.9])

    def total(here, phi, ahead):
        return jnp.sum(successor_error(here, phi, discount, ahead))

    into_psi, into_phi, into_bootstrap = jax.grad(total, argnums=(0, 1, 2))(here, phi, ahead)
    np.testing.assert_array_equal(into_psi, -1)
    np.testing.assert_array_equal(into_phi, 1)
    np.testing.assert_array_equal(into_bootstrap, 0)


@pytest.mark.parametrize("seed", range(5))
def test_on_chains_psi_is_discounted_occupancy_and_its_worth_is_q(seed):
    """With Phi(s, a) the indicator of (s, a), Psi counts discounted visits; for any Phi, Psi . w is Q of the
    reward Phi . w.
    """
    chain = random_chain(seed)
    states, actions, cumulants = chain.phi.shape
    indicators = np.eye(states * actions).reshape(states, actions, -1)
    psi = successor_features(chain, indicators)
    np.testing.assert_allclose(psi, occupancy(chain, steps=400), atol=1e-8)
    w = np.random.default_rng(seed).normal(size=cumulants)
    q = successor_features(chain, (chain.phi @ w)[..., None])[..., 0]
    np.testing.assert_allclose(successor_features(chain, chain.phi) @ w, q, atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_zero_for_consistent_psi_and_phi(seed):
    """Every transition of a deterministic policy on a deterministic chain: inverse TD and TD both have
    nothing to learn.
    """
    chain = random_chain(seed, deterministic=True)
    psi = successor_features(chain, chain.phi)
    states, actions = (x.reshape(-1) for x in np.mgrid[: chain.phi.shape[0], : chain.phi.shape[1]])
    after = chain.move[states, actions].argmax(-1)
    chosen = chain.policy.argmax(-1)
    here = at_action(f32(psi[states]), jnp.array(actions, jnp.int32))
    now = at_action(f32(chain.phi[states]), jnp.array(actions, jnp.int32))
    ahead = at_action(f32(psi[after]), jnp.array(chosen[after], jnp.int32))
    discount = f32(GAMMA * (1 - chain.ends[states, actions]))
    assert np.any(discount == 0)  # some of these steps end the task
    np.testing.assert_allclose(successor_error(here, now, discount, ahead), 0, atol=1e-5)
    wrong = successor_error(here, now + 0.5, discount, ahead)
    np.testing.assert_allclose(wrong, 0.5, atol=1e-5)  # inverse TD moves Phi by exactly what is missing


def test_expected_successor_by_hand():
    psi = f32([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    mean = expected_successor(psi, f32([[0.25, 0.75], [1, 0]]))
    np.testing.assert_allclose(mean, [[2.5, 3.5], [5, 6]])


def test_expected_successor_is_sarsa_in_expectation():
    psi_key, policy_key, action_key = jax.random.split(jax.random.key(3), 3)
    psi, logits = jax.random.normal(psi_key, (1, 4, 3)), jax.random.normal(policy_key, (1, 4))
    draws = 20_000
    actions = jax.random.categorical(action_key, jnp.tile(logits, (draws, 1))).astype(jnp.int32)
    sarsa = at_action(jnp.tile(psi, (draws, 1, 1)), actions)
    np.testing.assert_allclose(sarsa.mean(0), expected_successor(psi, jax.nn.softmax(logits))[0], atol=0.03)
    one_hot = jax.nn.one_hot(actions[:1], 4)
    np.testing.assert_allclose(expected_successor(psi, one_hot), sarsa[:1], rtol=1e-6)
