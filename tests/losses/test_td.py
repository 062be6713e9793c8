"""Q-learning errors against numbers worked out by hand, and what their gradient may reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.losses.policy import kl_divergence
from socialrl.losses.td import (
    inferred_reward,
    kl_q_error,
    kl_value,
    q_learning_error,
    soft_q_error,
    soft_value,
)

Q_TM1 = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
ACTION = jnp.array([0, 1, 0], jnp.int32)
REWARD = jnp.array([1.0, -1.0, 0.5])
DISCOUNT = jnp.array([0.9, 0.0, 0.5])  # the second step ended the task: no bootstrap
Q_T = jnp.array([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]])


def test_watkins_by_hand():
    error = q_learning_error(Q_TM1, ACTION, REWARD, DISCOUNT, Q_T, Q_T)
    np.testing.assert_allclose(error, [1 + 0.9 * 20 - 1, -1 - 4, 0.5 + 0.5 * 60 - 5], rtol=1e-6)
    assert error.dtype == jnp.float32


def test_the_selector_chooses_and_q_t_evaluates():
    selector = jnp.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    error = q_learning_error(Q_TM1, ACTION, REWARD, DISCOUNT, Q_T, selector)
    np.testing.assert_allclose(error, [1 + 0.9 * 10 - 1, -1 - 4, 0.5 + 0.5 * 50 - 5], rtol=1e-6)


def test_only_the_chosen_value_learns():
    def total(*arguments):
        return jnp.sum(q_learning_error(arguments[0], ACTION, *arguments[1:]))

    own, *rest = jax.grad(total, argnums=(0, 1, 2, 3, 4))(Q_TM1, REWARD, DISCOUNT, Q_T, Q_T)
    np.testing.assert_array_equal(own, [[-1, 0], [0, -1], [-1, 0]])
    for gradient in rest:
        np.testing.assert_array_equal(gradient, 0)


def test_it_is_zero_at_the_optimum_of_a_chain():
    """Three cells in a row, actions left and right; entering the last cell pays 1 and ends the task."""
    gamma, cells = 0.9, 3
    after = np.array([[max(s - 1, 0), s + 1] for s in range(cells - 1)])
    reward = (after == cells - 1).astype(np.float32)
    q = np.zeros((cells, 2))
    for _ in range(300):
        q[:-1] = reward + gamma * (1 - reward) * q[after].max(-1)
    states, actions = (x.reshape(-1) for x in np.mgrid[: cells - 1, :2])
    following, paid = after[states, actions], jnp.array(reward[states, actions])
    q = q.astype(np.float32)
    error = q_learning_error(
        jnp.array(q[states]),
        jnp.array(actions, jnp.int32),
        paid,
        gamma * (1 - paid),
        jnp.array(q[following]),
        jnp.array(q[following]),
    )
    np.testing.assert_allclose(error, 0, atol=1e-6)
    np.testing.assert_allclose(q[0], [gamma**2, gamma], rtol=1e-6)


LN_2 = float(np.log(2))


def test_the_soft_value_by_hand():
    """Two equal actions are worth one of them and ln 2 of entropy; of very unequal ones the better counts."""
    q = jnp.array([[1.0, 1.0], [0.0, 100.0]])
    np.testing.assert_allclose(soft_value(q, 2.0), [1 + 2 * LN_2, 100], rtol=1e-6)
    np.testing.assert_allclose(soft_value(jnp.array([[0.0, LN_2]]), 1.0), [np.log(3)], rtol=1e-6)
    np.testing.assert_allclose(soft_value(Q_T, 1e-3), [20, 40, 60], rtol=1e-6)  # the maximum in the limit


def test_soft_q_by_hand():
    q_t = jnp.array([[7.0, 7.0], [9.0, 1.0], [0.0, LN_2]])
    error = soft_q_error(Q_TM1, ACTION, REWARD, DISCOUNT, q_t, 1.0)
    np.testing.assert_allclose(
        error, [1 + 0.9 * (7 + LN_2) - 1, -1 - 4, 0.5 + 0.5 * np.log(3) - 5], rtol=1e-6
    )
    assert error.dtype == jnp.float32


def test_soft_q_without_temperature_is_watkins():
    np.testing.assert_allclose(
        soft_q_error(Q_TM1, ACTION, REWARD, DISCOUNT, Q_T, 1e-3),
        q_learning_error(Q_TM1, ACTION, REWARD, DISCOUNT, Q_T, Q_T),
        rtol=1e-6,
    )


def test_only_the_chosen_soft_value_learns():
    def total(q_tm1, q_t):
        return jnp.sum(soft_q_error(q_tm1, ACTION, REWARD, DISCOUNT, q_t, 0.5))

    own, ahead = jax.grad(total, argnums=(0, 1))(Q_TM1, Q_T)
    np.testing.assert_array_equal(own, [[-1, 0], [0, -1], [-1, 0]])
    np.testing.assert_array_equal(ahead, 0)


LOG_PRIOR = jnp.log(jnp.array([[0.25, 0.75], [0.5, 0.5], [0.5, 0.5]]))


def test_kl_control_by_hand():
    """V = ln(1/4 e^Q + 3/4 e^Q), and at the third step ln((1 + 2) / 2)."""
    q_t = jnp.array([[7.0, 7.0], [9.0, 1.0], [0.0, LN_2]])
    error = kl_q_error(Q_TM1, ACTION, REWARD, DISCOUNT, q_t, LOG_PRIOR, 1.0)
    np.testing.assert_allclose(error, [1 + 0.9 * 7 - 1, -1 - 4, 0.5 + 0.5 * np.log(1.5) - 5], rtol=1e-6)
    np.testing.assert_allclose(kl_value(Q_T, LOG_PRIOR, 1e-3), [20, 40, 60], rtol=1e-4)


def test_the_value_under_kl_control_is_that_of_the_best_policy():
    """Value less divergence from the prior, at the policy p exp(Q / T) and below it at others."""
    q, temperature = jnp.array([1.0, 2.0, 0.0]), 0.5
    prior = jnp.log(jnp.array([0.6, 0.1, 0.3]))

    def worth(logits):
        gain = jnp.sum(jax.nn.softmax(logits) * q, axis=-1)
        return gain - temperature * kl_divergence(logits, jnp.broadcast_to(prior, logits.shape))

    value = kl_value(q, prior, temperature)
    np.testing.assert_allclose(value, 0.5 * np.log(0.6 * np.exp(2) + 0.1 * np.exp(4) + 0.3), rtol=1e-6)
    np.testing.assert_allclose(worth(prior + q / temperature), value, rtol=1e-5)
    assert np.all(worth(jax.random.normal(jax.random.key(0), (100, 3))) <= value + 1e-6)


def test_the_inferred_reward_by_hand():
    q_t = jnp.array([[7.0, 7.0], [9.0, 1.0], [0.0, LN_2]])
    reward = inferred_reward(Q_TM1, ACTION, DISCOUNT, q_t, 1.0)
    np.testing.assert_allclose(reward, [1 - 0.9 * (7 + LN_2), 4, 5 - 0.5 * np.log(3)], rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_reward_behind_soft_values_is_found_again(temperature):
    """On a random deterministic chain, solved by soft value iteration; and there the soft Bellman error
    is 0.
    """
    rng, gamma, states, actions = np.random.default_rng(0), 0.9, 6, 3
    reward, after = rng.normal(size=(states, actions)), rng.integers(states, size=(states, actions))
    ended = (rng.uniform(size=(states, actions)) < 0.2).astype(float)
    q = np.zeros((states, actions))
    for _ in range(500):
        peak = q.max(-1)
        v = peak + temperature * np.log(np.exp((q - peak[:, None]) / temperature).sum(-1))
        q = reward + gamma * (1 - ended) * v[after]
    at, action = (x.reshape(-1) for x in np.mgrid[:states, :actions])
    table, discount = jnp.array(q, jnp.float32), jnp.array(gamma * (1 - ended[at, action]), jnp.float32)
    paid, following = jnp.array(reward[at, action], jnp.float32), table[after[at, action]]
    action = jnp.array(action, jnp.int32)
    np.testing.assert_allclose(
        inferred_reward(table[at], action, discount, following, temperature), paid, atol=1e-4
    )
    np.testing.assert_allclose(
        soft_q_error(table[at], action, paid, discount, following, temperature), 0, atol=1e-4
    )
