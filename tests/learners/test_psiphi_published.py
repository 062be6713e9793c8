"""Tests of psiphi_published: its values are those of its successor features, and nothing else decides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners._batches import SequenceBatch
from socialrl.learners.psiphi_published import Config, PublishedPsiPhi
from tests.learners.lab import lab, small, train

OFF = ("trust", "support", "relabelled_coef", "off_policy_coef", "phi_penalty_coef", "lower_confidence_coef")


@pytest.fixture(scope="module")
def trained():
    """(lab, functions, state, carry, experience) of a learner that has learnt a little."""
    of = lab("psiphi_published")
    state, carry, experience, _ = train(of, 2)
    return of, PublishedPsiPhi(small("psiphi_published"), of.world.spec), state, carry, experience


def test_what_psiphi_adds_is_off():
    assert not any(getattr(Config(), name) for name in OFF)


def test_it_has_no_head_of_own_values(trained):
    assert "value" not in trained[2].params["params"]


def test_decisions_are_plain_generalised_policy_improvement(trained):
    of, parts, state, carry, _ = trained
    decision = of.act(state, carry.carry, carry.timestep, jax.random.key(0), False).decision
    obs = carry.timestep.obs.reshape(1, -1, *of.world.spec.obs_shape)
    first = carry.timestep.first.reshape(1, -1)
    psi = parts.net.step(state.params, (), obs, first)[1][0, :, 0]
    values = np.asarray(psi @ state.params["params"]["w"][0]).reshape(decision.values.shape)
    np.testing.assert_allclose(decision.values, values, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(decision.action, values.max(axis=-2).argmax(axis=-1))


def test_q_learning_teaches_own_successor_features_and_preferences_only(trained):
    _, parts, state, _, experience = trained
    rows = SequenceBatch(own=experience.own, others=experience.others)

    @jax.jit
    def gradient(params):
        return jax.grad(lambda p: parts.loss(p, state.target, rows, state.aux)[1]["loss/td"])(params)

    found = gradient(state.params)["params"]
    kernel = np.asarray(found["psi"]["Dense_0"]["kernel"])
    psi = kernel.reshape(len(kernel), -1, parts.config.cumulants * len(parts.spec.actions))
    taught = [bool(jnp.any(part)) for part in (psi[:, 0], psi[:, 1:], found["w"][0], found["w"][1:])]
    assert taught == [True, False, True, False]
