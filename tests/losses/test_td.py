"""Q-learning errors against numbers worked out by hand, and what their gradient may reach."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.losses.td import q_learning_error

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
