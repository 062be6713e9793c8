"""kl_control on a reward that is inferred from comparisons: its phases, what it never sees, its penalties."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.conformance import Subject, learner_world, same
from socialrl.conformance._capabilities import capabilities_work
from socialrl.feedback.config import ComparisonsConfig
from socialrl.feedback.teachers import Teacher
from socialrl.learners import kl_control
from socialrl.learners._labelled import Labelled, relative, return_variance
from socialrl.losses.policy import kl_divergence, weighted_divergence
from socialrl_envs.errors import SocialRLError

CONFIG = kl_control.Config(
    hidden=(8,),
    memory="none",
    minibatches=1,
    cloning_steps=12,  # one unroll; the next one is asked about
    penalty="variance",
    comparisons=ComparisonsConfig(
        labels=16,
        asked_until=1,
        length=2,
        queries="random",
        teacher=Teacher(rationality=1e6),
        members=2,
        hidden=(8,),
        gradient_steps=3,
    ),
)


@functools.cache
def subject():
    return Subject(CONFIG.build(learner_world().spec))


def test_it_clones_then_asks_once_and_improves():
    of = subject()
    fresh, carry, levels = of.fresh
    states, metrics = [fresh], []
    for number in range(3):
        carry, experience = of.unroll(states[-1], carry, levels, jax.random.key(number), jnp.array(False))
        after, found = of.update(states[-1], experience, jax.random.key(10 + number))
        states.append(after)
        metrics.append(found)
    _, cloned, improved, further = states
    assert [int(state.inner.steps) for state in states] == [0, 12, 24, 36]
    assert [int(state.count) for state in states] == [0, 0, 16, 16]
    assert same(cloned.inner.params, cloned.inner.prior)
    assert same(cloned.model, fresh.model)
    assert not same(improved.model, cloned.model)
    assert same(further.model, improved.model)
    for state, before in ((improved, cloned), (further, improved)):
        assert same(state.inner.prior, cloned.inner.prior)
        assert not same(state.inner.params, before.inner.params)
    assert [float(found["loss/cloning"]) > 0 for found in metrics] == [True, False, False]
    assert [float(found["loss/comparison"]) > 0 for found in metrics] == [False, True, False]
    assert [float(found["reward_model/labels"]) for found in metrics] == [0, 16, 16]
    assert float(metrics[1]["reference_kl"]) == pytest.approx(0, abs=1e-6)  # it acted as the reference
    assert float(metrics[2]["reference_kl"]) > 1e-7
    assert metrics[0].keys() == metrics[2].keys()


def test_once_it_was_asked_the_true_reward_is_not_seen():
    of = subject()
    state, _, experience, _ = of.trained
    other = dataclasses.replace(
        experience, own=dataclasses.replace(experience.own, reward=1 - 3 * experience.own.reward)
    )
    (one, before), (two, after) = (
        of.update(state, given, jax.random.key(1)) for given in (experience, other)
    )
    assert same(one, two)
    assert float(before["true_reward"]) != float(after["true_reward"])
    assert float(before["proxy_reward"]) == float(after["proxy_reward"])


def test_its_capabilities_work():
    capabilities_work(subject())


def test_the_teacher_prefers_the_clip_with_the_higher_reward():
    """Rewards are set to the actions', so that a clip shows what it is worth."""
    made, (state, _, experience, _) = Labelled(CONFIG, learner_world().spec), subject().trained
    own = dataclasses.replace(experience.own, reward=experience.own.action.astype(jnp.float32))
    before = dataclasses.replace(state, count=jnp.int32(0))
    asked, count = made.asked(before, own, jnp.int32(12), jax.random.key(0))
    assert int(count) == 16
    left, right = np.asarray(asked.action).sum(-1).T
    preferred, apart = np.asarray(asked.preferred), left != right
    assert apart.sum() > 8
    np.testing.assert_array_equal(preferred[apart], (left > right)[apart])


def test_weighted_divergences():
    logits, other = jnp.log(jnp.array([0.5, 0.5])), jnp.log(jnp.array([0.8, 0.2]))
    weighted = weighted_divergence(logits, other, jnp.array([2.0, 0.0]))
    assert float(weighted) == pytest.approx(np.log(0.5 / 0.8), rel=1e-5)  # 0.5 * 2 * log(...)
    plain = weighted_divergence(logits, other, jnp.ones(2))
    assert float(plain) == pytest.approx(float(kl_divergence(logits, other)), rel=1e-6)


def test_variances_are_told_relative_to_their_mean_under_the_policy():
    """Where all actions are equally uncertain the penalty is the plain divergence."""
    variance = jnp.array([[1.0, 3.0], [2.0, 2.0]])
    probability = jnp.array([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(relative(variance, probability), variance / 1.5)
    np.testing.assert_allclose(relative(jnp.full((2, 2), 0.3), probability), 1.0, rtol=1e-6)


def test_variances_of_returns_are_those_of_discounted_sums_to_the_end_of_the_episode():
    """Two members differ by 2 in the last of three steps, whose predecessor ends an episode or does not."""
    reward = jnp.zeros((2, 3, 1)).at[1, 2].set(2.0)
    through = return_variance(reward, jnp.zeros((3, 1), bool), 0.5)[:, 0]
    np.testing.assert_allclose(through, np.array([1 / 16, 1 / 4, 1]) / (21 / 48), rtol=1e-6)
    cut = return_variance(reward, jnp.array([[False], [True], [False]]), 0.5)[:, 0]
    np.testing.assert_allclose(cut, [0, 0, 3], atol=1e-6)


@pytest.mark.parametrize("penalty", ["return_variance", "lower_bound"])
def test_every_penalty_improves_the_policy(penalty):
    of = Subject(dataclasses.replace(CONFIG, penalty=penalty, cloning_steps=1).build(learner_world().spec))
    (state, carry, levels), keys = of.fresh, jax.random.split(jax.random.key(0), 4)
    for number in (0, 1):
        carry, experience = of.unroll(state, carry, levels, keys[number], jnp.array(False))
        before, (state, metrics) = state, of.update(state, experience, keys[2 + number])
    assert float(metrics["loss/policy"]) != 0
    assert not same(state.inner.params, before.inner.params)


def test_what_cannot_be():
    with pytest.raises(SocialRLError, match="penalty"):
        dataclasses.replace(CONFIG, comparisons=None)
    assert CONFIG.comparisons is not None
    with pytest.raises(SocialRLError, match="one member"):
        dataclasses.replace(CONFIG, comparisons=dataclasses.replace(CONFIG.comparisons, members=1))
