"""Learning from comparisons: the teacher alone sees rewards, and learners get those of the model."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.feedback.config import ComparisonsConfig
from socialrl.feedback.reward_model import RewardModel, no_comparisons
from socialrl.feedback.teachers import Teacher
from socialrl.learners._batches import view_store
from socialrl.learners._comparisons import given, joined, weighted, windows
from socialrl.record.answers import Answers, write_answers
from socialrl.types import Diagnostics, Influence, WarmStart
from socialrl_envs.errors import SocialRLError
from tests.learners.lab import UNROLL, WORLDS, lab, same, shapes, train

TEACHER = Teacher(rationality=float("inf"), indifference=0.5)
CONFIG = ComparisonsConfig(
    members=2,
    hidden=(4,),
    gradient_steps=2,
    batch=4,
    labels=8,
    asked_until=4 * UNROLL * WORLDS,
    length=2,
    teacher=TEACHER,
)


@pytest.fixture(scope="module")
def trained():
    """(lab, state, carry, experience, metrics) of dqn after all questions have been asked."""
    of = lab("dqn", comparisons=CONFIG)
    return of, *train(of, 5)


def test_it_keeps_its_structure_and_asks_as_often_as_it_may(trained):
    of, state, _, _, metrics = trained
    assert shapes(state) == shapes(of.begin(jax.random.key(0))[0])
    assert int(state.count) == metrics["reward_model/labels"] == CONFIG.labels
    assert (state.answered.weight == 1).all()
    assert all(np.isfinite(value) for value in metrics.values())
    assert {"loss/comparison", "reward_model/accuracy", "reward_model/calibration_error"} <= set(metrics)


def test_questions_are_asked_evenly():
    of = lab("dqn", comparisons=CONFIG)
    counts = [int(train(of, cycles)[0].count) for cycles in (1, 2, 3)]
    assert counts == [2, 4, 6]


def test_true_rewards_reach_nobody_but_the_teacher(trained):
    """Once nothing is asked any more, other rewards change no bit; before, they change answers."""
    of, state, _, experience, _ = trained
    own = experience.own
    at = dataclasses.replace(own.timestep, prev_reward=own.timestep.prev_reward + 7)
    reward = jnp.asarray(np.random.default_rng(0).normal(0, 9, own.reward.shape).astype(np.float32))
    other = dataclasses.replace(experience, own=dataclasses.replace(own, reward=reward, timestep=at))
    one, two = (of.update(state, seen, jax.random.key(3))[0] for seen in (experience, other))
    assert same(one, two)
    fresh = of.begin(jax.random.key(0))[0]
    one, two = (of.update(fresh, seen, jax.random.key(3))[0] for seen in (experience, other))
    assert not same(one.answered.preferred, two.answered.preferred)


def test_the_inner_learner_gets_the_mean_of_the_models_rewards():
    of = lab("dqn", comparisons=CONFIG)
    state, _, experience, _ = train(of, 1)
    mean, _ = jax.jit(lambda model, own: rewards(of, model, own))(state.model, experience.own)
    stored = state.inner.buffer.data.own.reward[:WORLDS]
    np.testing.assert_allclose(np.swapaxes(stored, 0, 1), mean, rtol=1e-4, atol=1e-5)
    later, _, _, _ = train(of, 3)  # what was stored first is paid anew by the model of then
    stored = view_store(of.world.spec).unpack(later.inner.buffer.data.own)
    again, _ = jax.jit(lambda model, own: rewards(of, model, own))(later.model, stored)
    np.testing.assert_allclose(stored.reward[: 3 * WORLDS], again[: 3 * WORLDS], rtol=1e-4, atol=1e-5)


def rewards(of, model, own):
    return RewardModel(CONFIG, of.world.spec).predict(model, own.timestep.obs, own.action)


def test_ppo_learns_from_them_as_well():
    """Only traced: the code is that of dqn, but for the policy, which would see what the step before paid."""
    of = lab("ppo", comparisons=CONFIG)
    state, carry, _, metrics = jax.eval_shape(lambda: train(of, 1))
    assert shapes(jax.eval_shape(lambda: of.begin(jax.random.key(0))[0])) == shapes(state)
    assert "reward_model/accuracy" in metrics
    influence, warm = of.learner.capability(Influence), of.learner.capability(WarmStart)
    assert influence is not None
    assert jax.eval_shape(influence.influence, state, carry.carry, carry.timestep).shape == (WORLDS, 2)
    assert warm is not None
    assert shapes(jax.eval_shape(warm.warm_start, state, state)) == shapes(state)
    assert of.learner.capability(Diagnostics) is None


def test_a_policy_is_not_shown_what_the_step_before_paid():
    of = lab("ppo", comparisons=CONFIG)
    state, carry, _ = of.begin(jax.random.key(0))
    at, paid = carry.timestep, jnp.full_like(carry.timestep.prev_reward, 7.0)
    seen = [dataclasses.replace(at, prev_reward=reward) for reward in (at.prev_reward, paid)]
    one, two = (of.act(state, carry.carry, one, jax.random.key(3), True).decision for one in seen)
    assert same(one, two)


def test_windows_are_clips_of_one_seat():
    steps = jnp.arange(4 * 3 * 2).reshape(4, 3, 2)  # step t, world b, novice n: 6 t + 2 b + n
    found = windows(steps, 2)
    assert found.shape == (12, 2)
    np.testing.assert_array_equal(found[0], [0, 6])
    np.testing.assert_array_equal(found[1], [1, 7])
    np.testing.assert_array_equal(found[6], [12, 18])


def test_every_fifth_answer_is_held_out(trained):
    answered = trained[1].answered
    np.testing.assert_array_equal(weighted(answered, True).weight, [0, 0, 0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(weighted(answered, False).weight, [1, 1, 1, 1, 0, 1, 1, 1])


def test_a_file_of_peoples_answers_is_learnt_from_first(trained, tmp_path):
    of, state, *_ = trained
    asked, spec = state.answered, of.world.spec
    path, paid = tmp_path / "answers.npz", np.asarray(asked.action) == 1  # people like action 1
    liked = paid.sum(axis=-1)
    content = Answers(
        obs=np.asarray(asked.obs),
        action=np.asarray(asked.action),
        counts=np.asarray(asked.counts),
        preferred=(0.5 + 0.5 * np.sign(liked[:, 0] - liked[:, 1])).astype(np.float32),
        world=spec.name,
        actions=spec.actions,
        channels=spec.channels,
        annotators=("ann",),
        versions={},
    )
    write_answers(path, content)
    told = dataclasses.replace(CONFIG, labels=0, answers=str(path), length=3)
    found = given(told, spec)
    np.testing.assert_array_equal(found.preferred, content.preferred)
    both = joined(found, no_comparisons(spec, 1, 3))
    assert both.action.shape == (9, 2, 3)
    assert both.counts[:8, :, 2].sum() == 0
    np.testing.assert_array_equal(both.obs[:8, :, :2], asked.obs)
    of = lab("dqn", comparisons=told)
    assert jax.eval_shape(lambda: train(of, 1))[0].answered.action.shape == (1, 2, 3)
    with pytest.raises(SocialRLError, match="labels"):
        dataclasses.replace(CONFIG, labels=0)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SocialRLError, match=r"answers\.npz"):
        given(told, spec)
