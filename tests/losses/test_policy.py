"""Policy losses and advantages, against numbers computed by hand and against direct sums."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.losses.policy import advantages, clipped_surrogate, cloning_loss, entropy, kl_divergence

GAMMA, T, N = 0.9, 12, 16


def test_cross_entropy_by_hand():
    logits = (
        jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])) + 3.0
    )  # a shift of all logits changes nothing
    loss = cloning_loss(logits, jnp.array([1, 2], jnp.int32))
    np.testing.assert_allclose(loss, -np.log([0.25, 0.7]), rtol=1e-5)


def test_its_gradient_is_policy_minus_choice():
    logits = jnp.array([[0.3, -1.0, 2.0]])
    gradient = jax.grad(lambda x: cloning_loss(x, jnp.array([2], jnp.int32))[0])(logits)
    np.testing.assert_allclose(gradient, jax.nn.softmax(logits) - jnp.array([[0.0, 0.0, 1.0]]), rtol=1e-5)


def test_it_is_finite_for_extreme_logits():
    loss = cloning_loss(jnp.array([[1e4, -1e4]]), jnp.array([1], jnp.int32))
    np.testing.assert_allclose(loss, [2e4])


@pytest.fixture(scope="module")
def lives():
    """N sequences of T steps, (T, N), in which some episodes end and others run out of time."""
    rng = np.random.default_rng(0)
    kind = rng.choice(3, (T, N), p=[0.7, 0.15, 0.15])  # goes on, terminated, timed out
    value, successor, reward = rng.normal(size=(3, T, N))
    return value, reward, np.where(kind == 1, 0.0, GAMMA), successor, kind > 0


def gae(lives, lambda_):
    def one(value, reward, discount, successor, last):
        return advantages(value, reward, discount, successor, last, lambda_)

    arrays = [jnp.asarray(x, bool if x.dtype == bool else jnp.float32) for x in lives]
    return jax.jit(jax.vmap(one, in_axes=1, out_axes=1))(*arrays)


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.95, 1.0])
def test_advantages_are_the_direct_sum_of_all_later_errors(lives, lambda_):
    """A_t = sum over k >= t, up to the end of the episode, of (gamma lambda)^(k - t) delta_k."""
    value, reward, discount, successor, last = lives
    assert (last & (discount == 0)).any()
    assert (last & (discount > 0)).any()
    direct = np.zeros((T, N))
    for n in range(N):
        for t in range(T):
            for k in range(t, T):
                delta = reward[k, n] + discount[k, n] * successor[k, n] - value[k, n]
                direct[t, n] += (GAMMA * lambda_) ** (k - t) * delta
                if last[k, n]:
                    break
    np.testing.assert_allclose(gae(lives, lambda_), direct, rtol=1e-4, atol=1e-5)


def test_without_lambda_it_looks_one_step_ahead(lives):
    value, reward, discount, successor, _ = lives
    np.testing.assert_allclose(gae(lives, 0.0), reward + discount * successor - value, rtol=1e-4, atol=1e-5)


def test_with_lambda_1_it_is_the_return_less_the_value_if_values_agree():
    """Three steps by hand: then time runs out before a state of value 10; in the second column the task ends
    instead.
    """
    value = np.array([[2.0, 2.0], [3.0, 3.0], [5.0, 5.0]])
    reward = np.ones((3, 2))
    discount = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.0]])
    successor = np.array([[3.0, 3.0], [5.0, 5.0], [10.0, 10.0]])
    last = np.array([[False, False], [False, False], [True, True]])
    found = gae((value, reward, discount, successor, last), 1.0)
    np.testing.assert_allclose(found[:, 0], [1 + 0.5 + 0.25 + 1.25 - 2, 1 + 0.5 + 2.5 - 3, 1 + 5 - 5])
    np.testing.assert_allclose(found[:, 1], [1 + 0.5 + 0.25 - 2, 1 + 0.5 - 3, 1 - 5])


def test_what_comes_after_an_episode_does_not_matter(lives):
    value, reward, discount, successor, last = lives
    end = np.argmax(last[:, 0])
    assert 0 < end < T - 1
    later = np.arange(T)[:, None] > end
    before = gae(lives, 0.95)[: end + 1, 0]
    after = gae((value, reward + 100 * later, discount, successor, last), 0.95)[: end + 1, 0]
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (1.5, 2.0, -2.4, 0.0),  # good and already likelier: no more of it
        (0.5, 2.0, -1.0, -1.0),  # good but less likely: back
        (1.5, -2.0, 3.0, 3.0),  # bad but likelier: back
        (0.5, -2.0, 1.6, 0.0),  # bad and already less likely: no more of it
        (1.1, 2.0, -2.2, -2.2),
        (0.9, -2.0, 1.8, 1.8),
        (1.0, 2.0, -2.0, -2.0),
    ],
)
def test_the_clipped_surrogate_by_hand(ratio, advantage, loss, gradient):
    """The gradient is with respect to log pi(a|s), clip is 0.2."""
    old = jnp.float32(-1.3)
    new = old + jnp.log(jnp.float32(ratio))
    found = jax.value_and_grad(clipped_surrogate)(new, old, jnp.float32(advantage), 0.2)
    np.testing.assert_allclose(found, (loss, gradient), rtol=1e-5)


def test_entropy_by_hand():
    logits = jnp.array([[0.0, 0.0, 0.0, 0.0], [0.0, -1e4, -1e4, -1e4], [2.0, 1.0, 0.0, -1.0]])
    p = np.exp([2.0, 1.0, 0.0, -1.0]) / np.exp([2.0, 1.0, 0.0, -1.0]).sum()
    np.testing.assert_allclose(
        entropy(logits), [np.log(4), 0.0, -(p * np.log(p)).sum()], rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(entropy(jnp.log(jnp.array([0.5, 0.25, 0.25]))), 1.5 * np.log(2), rtol=1e-5)


def test_kl_divergence_by_hand():
    p, q = jnp.array([0.5, 0.25, 0.25]), jnp.array([0.25, 0.5, 0.25])
    expected = 0.5 * np.log(2) - 0.25 * np.log(2)
    np.testing.assert_allclose(kl_divergence(jnp.log(p), jnp.log(q) + 7.0), expected, rtol=1e-5)
    far = kl_divergence(jnp.array([0.0, -1e4]), jnp.array([-1e4, 0.0]))
    np.testing.assert_allclose(far, 1e4)


def test_kl_divergence_is_0_for_the_same_policy_and_above_0_for_others():
    one, two = jax.random.normal(jax.random.key(0), (2, 50, 5))
    np.testing.assert_array_equal(kl_divergence(one, one), np.zeros(50))
    assert (kl_divergence(one, two) > 0).all()
    assert not np.allclose(kl_divergence(one, two), kl_divergence(two, one))
