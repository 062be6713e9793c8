"""kl_control on a reward that is inferred from comparisons: its phases, what it never sees, its penalties."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.conformance import Subject, learner_world, same
from socialrl.conformance._capabilities import capabilities_work
from socialrl.feedback.reward_model import RewardModelConfig
from socialrl.feedback.teachers import Teacher
from socialrl.learners import kl_control
from socialrl.learners._labelled import Labelled, relative
from socialrl.losses.policy import kl_divergence, weighted_divergence
from socialrl_envs.errors import SocialRLError

CONFIG = kl_control.Config(
    hidden=(8,),
    memory="none",
    minibatches=1,
    cloning_steps=12,  # one unroll; the next one is asked about
    labels=16,
    clip_length=2,
    penalty="variance",
    teacher=Teacher(rationality=1e6),
    reward_model=RewardModelConfig(members=2, hidden=(8,), gradient_steps=3),
)


@functools.cache
def subject():
    return Subject(CONFIG.build(learner_world().spec))


def test_it_clones_then_asks_once_then_improves():
    of = subject()
    fresh, carry, levels = of.fresh
    states, metrics = [fresh], []
    for number in range(4):
        carry, experience = of.unroll(states[-1], carry, levels, jax.random.key(number), jnp.array(False))
        after, found = of.update(states[-1], experience, jax.random.key(10 + number))
        states.append(after)
        metrics.append(found)
    _, cloned, asked, improved, further = states
    assert [int(state.steps) for state in states] == [0, 12, 24, 36, 48]
    assert same(cloned.params, cloned.prior)
    assert same(cloned.reward, fresh.reward)
    assert same(asked.params, cloned.params)
    assert not same(asked.reward, cloned.reward)
    for state, before in ((improved, asked), (further, improved)):
        assert same(state.prior, cloned.prior)
        assert same(state.reward, asked.reward)
        assert not same(state.params, before.params)
    assert [float(found["loss/cloning"]) > 0 for found in metrics] == [True, False, False, False]
    assert [float(found["loss/comparison"]) > 0 for found in metrics] == [False, True, False, False]
    assert float(metrics[2]["reference_kl"]) == pytest.approx(0, abs=1e-6)  # it acted as the reference
    assert float(metrics[3]["reference_kl"]) > 1e-7
    assert metrics[0].keys() == metrics[3].keys()


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
    made, experience = Labelled(CONFIG, learner_world().spec), subject().trained[2]
    paid = dataclasses.replace(experience.own, reward=experience.own.action.astype(jnp.float32))
    asked = made.comparisons(dataclasses.replace(experience, own=paid), jax.random.key(0))
    worth = np.asarray(asked.action).sum(-1)
    assert asked.obs.shape[:3] == (16, 2, 2)
    left, right = worth.T
    preferred, apart = np.asarray(asked.preferred), left != right
    assert apart.sum() > 8
    np.testing.assert_array_equal(preferred[apart], (left > right)[apart])
    flat = np.asarray(experience.own.timestep.obs).reshape(4, -1, *made.spec.obs_shape)
    shown = np.asarray(asked.obs)[0, 0]  # two steps of one seat in one world
    pieces = flat.reshape(2, 2, *flat.shape[1:])
    assert any((shown == pieces[part, :, seat]).all() for part in range(2) for seat in range(flat.shape[1]))


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


def test_what_cannot_be():
    with pytest.raises(SocialRLError, match="penalty"):
        dataclasses.replace(CONFIG, labels=0)
    learner = dataclasses.replace(CONFIG, clip_length=5).build(learner_world().spec)
    with pytest.raises(SocialRLError, match="clip_length"):
        learner.init(jax.random.key(0), 4, 3)
