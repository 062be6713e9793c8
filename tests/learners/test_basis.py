"""Tests of basis: tasks that share cumulants, and goals that are inferred from actions."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners._batches import SequenceBatch
from socialrl.learners.basis import Basis
from socialrl.types import GoalInference, RewardInference
from tests.learners.lab import lab, same, small, train


@pytest.fixture(scope="module")
def trained():
    """(lab, parts, state, the co-players' steps) of a basis with two tasks that has learnt a little."""
    of = lab("basis", prior_coef=0.0)  # its cumulants are small yet: a prior would say more than what is seen
    state, _, experience, _ = train(of, 2)
    return of, Basis(small("basis", prior_coef=0.0), of.world.spec), state, experience.others


@pytest.fixture(scope="module")
def infer(trained):
    return jax.jit(trained[0].learner.capability(GoalInference).infer_goal)


def test_a_goal_is_read_off_the_actions_of_who_follows_it(trained, infer):
    _, parts, state, others = trained
    mean = jnp.mean(state.params["params"]["w"], axis=0)
    wanted = mean + jax.random.normal(jax.random.key(0), mean.shape)
    psi = parts.net.of_others(state.params, others)[0]
    action = jnp.argmax(parts.policy(psi, wanted), axis=-1).astype(jnp.int32).reshape(others.action.shape)
    shown = dataclasses.replace(others, action=action, present=jnp.ones_like(others.present))
    after, logits = infer(state, shown, shown)
    before = parts.policy(psi, mean).reshape(logits.shape)
    hit = np.asarray(jnp.argmax(logits, axis=-1) == action).mean()
    assert hit >= 0.8
    assert hit > np.asarray(jnp.argmax(before, axis=-1) == action).mean()
    assert after.aux.given
    assert same(after.params, state.params)  # Phi and Psi are not taught by it


def test_who_was_never_seen_is_taken_for_the_mean_of_the_tasks(trained, infer):
    _, _, state, others = trained
    after, _ = infer(state, dataclasses.replace(others, present=jnp.zeros_like(others.present)), others)
    np.testing.assert_allclose(after.aux.w, jnp.mean(state.params["params"]["w"], axis=0), atol=1e-4)


def test_all_novices_act_for_an_inferred_goal(trained, infer):
    of, _, state, others = trained
    _, carry, _ = of.begin(jax.random.key(0))
    seen = jax.tree.map(lambda leaf: leaf[:, :1].repeat(2, axis=1), carry.timestep)  # both see the same
    after, _ = infer(state, others, others)
    values = [of.act(s, carry.carry, seen, jax.random.key(1), False).decision.values for s in (state, after)]
    assert not np.allclose(values[0][:, 0], values[0][:, 1])  # two tasks, two opinions
    np.testing.assert_allclose(values[1][:, 0], values[1][:, 1], rtol=1e-5)


def test_what_a_step_is_worth_is_phi_times_the_goal(trained, infer):
    of, parts, state, others = trained
    after, _ = infer(state, others, others)
    phi = parts.net.of_others(state.params, others)[1].reshape(*others.action.shape, 5, 3)
    done = jnp.take_along_axis(phi, others.action[..., None, None], axis=-2)[..., 0, :]
    np.testing.assert_allclose(
        of.learner.capability(RewardInference).infer_rewards(after, others)[..., 0],
        done @ after.aux.w,
        rtol=1e-4,
        atol=1e-6,
    )


def test_a_task_teaches_its_own_preferences_alone(trained):
    """Rewards of the first novice's steps move the first w, and Phi, which all share."""
    of, parts, state, _ = trained
    rows = train(of, 1)[2]
    first = dataclasses.replace(rows.own, reward=rows.own.reward.at[:, :, 0].add(1.0))
    gradient = jax.jit(
        jax.grad(
            lambda p, own: parts.loss(p, state.target, SequenceBatch(own=own, others=rows.others), state.aux)[
                1
            ]["loss/reward"]
        )
    )
    plain, paid = (gradient(state.params, own)["params"] for own in (rows.own, first))
    assert not np.allclose(plain["w"][0], paid["w"][0])
    np.testing.assert_array_equal(plain["w"][1], paid["w"][1])
    assert not np.allclose(plain["phi"]["Dense_0"]["kernel"], paid["phi"]["Dense_0"]["kernel"])
