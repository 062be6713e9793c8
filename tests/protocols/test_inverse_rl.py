"""Inferred preferences against true ones: the measures on made-up steps, and what a watching psiphi has
found.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners import dqn, psiphi
from socialrl.protocols import inverse_rl
from socialrl_envs import SocialRLError
from socialrl_envs.worlds import goal_cycle
from tests.protocols.test_few_shot import study


def made_up(seed=0, steps=400):
    """Events of three kinds, preferences for them, and which steps count."""
    rng = np.random.default_rng(seed)
    events = (rng.uniform(size=(steps, 3)) < 0.2).astype(np.float32)
    return (
        jnp.asarray(events),
        jnp.array([1.0, -0.5, 0.0], jnp.float32),
        jnp.asarray(rng.uniform(size=steps) < 0.8),
    )


def test_scale_and_offset_do_not_count():
    events, preferences, there = made_up()
    found = inverse_rl.measures(7 * (events @ preferences) - 3, events, preferences, there)
    np.testing.assert_allclose(found["correlation"], 1, atol=1e-5)
    np.testing.assert_allclose(found["cosine"], 1, atol=1e-5)
    np.testing.assert_allclose(found["weights"], preferences, atol=1e-4)


def test_opposite_and_other_preferences_show():
    events, preferences, there = made_up()
    opposite = inverse_rl.measures(-(events @ preferences), events, preferences, there)
    np.testing.assert_allclose([opposite["correlation"], opposite["cosine"]], -1, atol=1e-5)
    other = jnp.array([0.5, 1.0, 0.0], jnp.float32)
    assert abs(inverse_rl.measures(events @ other, events, preferences, there)["cosine"]) < 1e-4
    nothing = inverse_rl.measures(jnp.zeros(len(events), jnp.float32), events, preferences, there)
    assert nothing["correlation"] == nothing["cosine"] == 0


def test_noise_costs_correlation_but_hardly_the_direction():
    events, preferences, there = made_up(steps=20_000)
    noise = jax.random.normal(jax.random.key(0), (20_000,))
    found = inverse_rl.measures(events @ preferences + noise, events, preferences, there)
    deviation = float(jnp.std(events @ preferences))
    np.testing.assert_allclose(found["correlation"], deviation / np.hypot(deviation, 1), atol=0.03)
    assert found["cosine"] > 0.99


def test_steps_that_do_not_count_do_not():
    events, preferences, there = made_up()
    inferred = jnp.where(there, events @ preferences, 100.0)
    np.testing.assert_allclose(
        inverse_rl.measures(inferred, events, preferences, there)["correlation"], 1, atol=1e-4
    )


def test_an_event_that_never_happens_is_worth_nothing():
    events, preferences, there = made_up()
    without = events.at[:, 1].set(0)
    worth = inverse_rl.measures(without @ preferences, without, preferences, there)["weights"]
    np.testing.assert_allclose(worth[1:], 0, atol=1e-6)


@pytest.fixture(scope="module")
def watched():
    """Records of a psiphi that has watched a planner who likes green alone."""
    trained = study(psiphi.Config(trust=False, hidden=(32,), capacity=2_000, batch=4), 3)
    records = [
        (labels, trained.seeds.values(values))
        for labels, values in inverse_rl.Config(episodes=16).run(trained)
    ]
    return {labels.agent: values for labels, values in records}


def test_a_watching_psiphi_finds_what_the_other_likes(watched):
    assert set(watched) == {"expert_0", "all"}
    expert = watched["expert_0"]
    assert set(expert) == {"correlation", "cosine", "found/red", "found/green", "true/red", "true/green"}
    assert all(len(values) == 2 for values in expert.values())
    np.testing.assert_array_equal(expert["true/green"], 1)
    assert expert["cosine"].mean() > 0.7
    assert expert["found/green"].mean() > 0.7
    for name in ("cosine", "correlation"):
        np.testing.assert_allclose(watched["all"][name], expert[name], rtol=1e-6)


def test_who_infers_nothing_has_no_records():
    assert list(inverse_rl.Config().run(study(dqn.Config(hidden=(8,)), 0))) == []


def test_worlds_without_preferences_are_refused():
    world = goal_cycle.Config(size=7, experts=1).build()
    trained = dataclasses.replace(study(dqn.Config(hidden=(8,)), 0), world=world)
    with pytest.raises(SocialRLError, match="nobody has preferences"):
        list(inverse_rl.Config().run(trained))
