"""The capabilities that explain recorded decisions: predictions of the next view, and acting as another. That
every learner that predicts shows it is tested in test_learners.py.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners import sociapl
from socialrl.learners._successors import SuccessorFns
from socialrl.nets.mirror import Mirror
from socialrl.registry import learner_names
from socialrl.types import ActAs, Decision, Diagnostics, Learner, Timestep
from socialrl_envs.worlds.goal_cycle import Config as GoalCycle
from tests.learners.lab import small

BATCH = (2, 2)
SPEC = GoalCycle(novices=2, experts=1, size=7, goals=2).build().spec
POLICIES = {"bc", "inverse_rl", "kl_control", "medal", "ppo", "sbl_fe", "selective", "sociapl", "sqil"}


def moment(learner: Learner) -> tuple[Any, Any, Timestep, Decision]:
    """A fresh state, a carry, a random timestep, and the decision then."""

    @jax.jit
    def made(key: Any) -> Any:
        init_key, obs_key, action_key, act_key = jax.random.split(key, 4)
        state, carry = learner.init(init_key, 4, BATCH[0]), learner.initial_carry(*BATCH)
        timestep = Timestep(
            obs=jax.random.randint(obs_key, (*BATCH, *SPEC.obs_shape), 0, 2, dtype=jnp.uint8),
            prev_action=jax.random.randint(action_key, BATCH, 0, len(SPEC.actions), dtype=jnp.int32),
            prev_reward=jnp.ones(BATCH, jnp.float32),
            first=jnp.zeros(BATCH, bool),
        )
        return state, carry, timestep, learner.act(state, carry, timestep, act_key, False).decision

    return made(jax.random.key(0))


@pytest.mark.parametrize("options", [{"prediction_coef": 0.0}, {"prediction_coef": 0.5, "predicts": "same"}])
def test_without_a_prediction_of_what_comes_nothing_is_said(options):
    for name in ("ppo", "psiphi", "dqn") if "predicts" not in options else ("ppo",):
        learner = small(name, **options).build(SPEC)
        assert learner.capability(Diagnostics) is None


@pytest.mark.parametrize("parameter_sharing", [True, False])
def test_a_mirrored_policy_expects_the_mirrored_view_in_a_mirrored_world(parameter_sharing):
    learner = sociapl.Config(
        mirror=True, parameter_sharing=parameter_sharing, hidden=(8,), predictor=(6,)
    ).build(SPEC)
    diagnostics = learner.capability(Diagnostics)
    assert diagnostics is not None
    state, memory, here, decision = moment(learner)
    mirror, explain = Mirror(SPEC), jax.jit(diagnostics.diagnose)
    there = dataclasses.replace(here, obs=mirror.view(here.obs), prev_action=mirror.action(here.prev_action))
    mirrored = dataclasses.replace(decision, action=mirror.action(decision.action))
    one = explain(state, memory, here, decision)["prediction"]
    other = explain(state, memory, there, mirrored)["prediction"]
    np.testing.assert_allclose(mirror.view(one), other, atol=1e-5)
    assert np.abs(one - other).max() > 1e-3


def test_psiphi_acts_as_it_believes_a_source_would():
    """Itself without luck, as it does without the others; another by the softmax of that one's own values."""
    learner = small("psiphi", following="never", w_std=30.0).build(SPEC)
    acting = learner.capability(ActAs)
    assert acting is not None
    state, memory, timestep, alone = moment(learner)

    @jax.jit
    def draws(source: Any) -> Any:
        keys = jax.random.split(jax.random.key(1), 500)
        return jax.vmap(lambda key: acting.act_as(state, memory, timestep, jnp.full(BATCH, source), key)[0])(
            keys
        )

    def over_keys(source: int) -> np.ndarray:
        return np.asarray(draws(jnp.int32(source)))

    assert (over_keys(0) == np.asarray(alone.action)).all()
    network = SuccessorFns(
        small("psiphi", following="never", w_std=30.0), SPEC, (1, 1 + len(SPEC.coplayers)), valued=True
    )
    psi: Any = network.step(state.params, (), timestep.obs[:1, 0][None], jnp.ones((1, 1), bool))[1]
    expected = jax.nn.softmax(psi[0, 0, 0, 1] @ state.params["params"]["w"][1])
    shares = np.mean(over_keys(1)[:, 0, 0, None] == np.arange(len(SPEC.actions)), axis=0)
    np.testing.assert_allclose(shares, expected, atol=0.08)
    assert max(expected) > 1.5 / len(SPEC.actions)  # far from chance


@pytest.mark.parametrize("name", learner_names())
def test_what_the_values_are(name):
    assert small(name).build(SPEC).value_unit == ("logit" if name in POLICIES else "reward")
