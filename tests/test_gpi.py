"""Generalised policy improvement: never worse than any of its policies, and whom it says it follows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.gpi import choose
from tests.chains import GAMMA, optimal, random_chain, successor_features, values

POLICIES = 4
chosen = jax.jit(choose, static_argnames=("following", "support", "lower_confidence_coef", "temperature"))


def decide(worth, logits, support, **options):
    """(action, source) with an ensemble of one."""
    choice = chosen(worth[..., None, :, :], logits, jax.random.key(0), support=support, **options)
    return choice.action, choice.source


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
    """The theorem of Barreto et al. (2017), with exact successor features; the mask keeps each source's own
    choice in.
    """
    chain, policies, psi, w = solved(seed)
    worth = np.moveaxis(psi @ w, 0, 1)  # (S, P, A)
    logits = np.moveaxis(np.log(policies * 0.97 + 0.01), 0, 1)
    action, _ = decide(f32(worth), f32(logits), support)
    improved = values(chain, np.eye(3)[np.asarray(action)], w)
    best = np.max([values(chain, policy, w) for policy in policies], axis=0)
    assert np.all(improved >= best - 1e-6)
    assert np.any(improved > best + 1e-3) or np.allclose(improved, best)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("blur", [0.0, 0.3])
def test_what_it_loses_is_bounded_by_how_far_the_nearest_goal_is(seed, blur):
    """Theorem 2 of Barreto et al. (2017): ||Q* - Q^gpi|| <= 2 / (1 - gamma) (max ||Phi|| min_j ||w - w_j|| +
    epsilon), where epsilon is the error of the action values that GPI is given."""
    rng = np.random.default_rng(seed)
    chain = random_chain(seed, states=6)
    w, goals = rng.normal(size=2), rng.normal(size=(POLICIES, 2))
    goals[0] = w + rng.normal(size=2) * rng.uniform(0, 0.3)  # one is near, so that the bound says something
    psi = np.stack(
        [successor_features(chain._replace(policy=optimal(chain, goal)), chain.phi) for goal in goals]
    )
    error = rng.uniform(-blur, blur, psi.shape[:-1])
    action, _ = decide(f32(np.moveaxis(psi @ w + error, 0, 1)), jnp.zeros((6, POLICIES, 3)), 0.0)
    followed, best = (
        successor_features(chain._replace(policy=policy), chain.phi) @ w
        for policy in (np.eye(3)[np.asarray(action)], optimal(chain, w))
    )
    largest, nearest = np.linalg.norm(chain.phi, axis=-1).max(), np.linalg.norm(goals - w, axis=-1).min()
    loss = np.abs(best - followed).max()
    assert np.all(best >= followed - 1e-9)
    assert loss <= 2 / (1 - GAMMA) * (largest * nearest + np.abs(error).max()) + 1e-6


def test_it_takes_the_best_action_of_the_best_source():
    worth = f32([[[1, 2, 3], [5, 0, 4], [0, 6, 0]]])
    action, source = decide(worth, jnp.zeros((1, 3, 3)), 0.0)
    assert (int(action[0]), int(source[0])) == (1, 2)


def test_others_may_only_propose_what_they_plausibly_do():
    worth = f32([[1, 2, 3], [9, 8, 0]])
    logits = f32([[0, 0, 0], np.log([0.05, 0.8, 0.15])])
    assert tuple(map(int, decide(worth, logits, 0.2))) == (
        1,
        1,
    )  # 9 is for an action it takes in 5 % of cases: an illusion
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


@pytest.mark.parametrize("coef", [0.0, 0.5, 3.0])
def test_an_ensemble_of_identical_members_reduces_conservative_to_plain_gpi(coef):
    worth, logits = (jax.random.normal(jax.random.key(seed), (200, 3, 4)) for seed in (0, 1))
    plain = chosen(worth[:, None], logits, jax.random.key(0), support=0.2)
    same = chosen(
        jnp.repeat(worth[:, None], 4, axis=1),
        logits,
        jax.random.key(0),
        support=0.2,
        lower_confidence_coef=coef,
    )
    np.testing.assert_array_equal(same.action, plain.action)
    np.testing.assert_array_equal(same.source, plain.source)
    np.testing.assert_allclose(same.values, plain.values, rtol=1e-6)
    np.testing.assert_allclose(same.spread, 0, atol=1e-6)


def test_the_cautious_follow_only_where_even_the_pessimist_gains():
    own, sure, unsure = [2.0, 0.0], [0.0, 3.0], [0.0, 4.0]
    members = f32(
        [[own, sure, [0.0, 8.0]], [own, sure, [0.0, 0.0]]]
    )  # the second other is worth 4, give or take 4
    choices = [
        chosen(members, jnp.zeros((3, 2)), jax.random.key(0), lower_confidence_coef=c)
        for c in (0.0, 0.5, 1.0, 2.0)
    ]
    assert [int(choice.source) for choice in choices] == [2, 1, 1, 1]
    np.testing.assert_allclose(choices[0].values, [own, sure, unsure])
    np.testing.assert_allclose(choices[0].spread, [[0, 0], [0, 0], [0, 4]])
    doubtful = f32([[own, [0.0, 6.0]], [own, [0.0, 0.0]]])
    assert [
        int(chosen(doubtful, jnp.zeros((2, 2)), jax.random.key(0), lower_confidence_coef=c).source)
        for c in (0.0, 1.0)
    ] == [1, 0]


def test_ones_own_doubts_cost_nothing():
    members = f32([[[9.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [0.0, 4.0]]])  # oneself: 5, give or take 4
    assert int(chosen(members, jnp.zeros((2, 2)), jax.random.key(0), lower_confidence_coef=3.0).source) == 0


def test_never_and_always_are_the_ends():
    worth, logits = (jax.random.normal(jax.random.key(seed), (100, 3, 4)) for seed in (0, 1))
    action, source = decide(worth, logits, 0.2, following="never")
    np.testing.assert_array_equal(source, 0)
    np.testing.assert_array_equal(action, jnp.argmax(worth[:, 0], axis=-1))
    action, source = decide(worth, logits, 0.0, following="always")
    assert set(np.unique(source)) == {1, 2}
    np.testing.assert_array_equal(action, jnp.argmax(jnp.max(worth[:, 1:], axis=1), axis=-1))
    assert decide(worth[:, :1], logits[:, :1], 0.2, following="always")[1].sum() == 0  # there is nobody else


def test_a_temperature_draws_in_proportion():
    worth = jnp.tile(f32([[0.0, 1.0, -9.0], [2.0, 0.0, -9.0]]), (4000, 1, 1))
    logits = jnp.zeros((4000, 2, 3))
    action, source = decide(worth, logits, 0.0, temperature=0.5)
    shares = np.bincount(action, minlength=3) / 4000
    np.testing.assert_allclose(shares, jax.nn.softmax(f32([4.0, 2.0, -18.0])), atol=0.03)
    np.testing.assert_array_equal(source, jnp.where(action == 0, 1, 0))  # whoever thinks most of what is done
    cold, _ = decide(worth[:50], logits[:50], 0.0, temperature=1e-3)
    np.testing.assert_array_equal(cold, 0)


def test_who_is_not_heard_is_not_followed():
    worth, logits = (jax.random.normal(jax.random.key(seed), (100, 3, 4)) for seed in (0, 1))
    _, source = decide(worth, logits, 0.2, trusted=jnp.array([True, False, True]))
    assert set(np.unique(source)) == {0, 2}
    alone = decide(worth, logits, 0.2, trusted=jnp.array([True, False, False]))
    for one, other in zip(alone, decide(worth, logits, 0.2, following="never"), strict=True):
        np.testing.assert_array_equal(one, other)
