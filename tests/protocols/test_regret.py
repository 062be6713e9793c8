"""The protocol `regret`: planners, walkers and a novice on the same levels, with and without a flood."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.config import Arm, Experiment
from socialrl.learners import dqn
from socialrl.protocols import Study, regret
from socialrl.seeds import Seeds
from socialrl_envs.worlds import flooded_road

WORLD = flooded_road.Config(novices=1, experts=0, size=7, horizon=30, step_cost=0.01)


def study():
    """An untrained arm of one seed."""
    arm = Arm(name="arm", learner=dqn.Config(hidden=(8,), capacity=40, batch=2))
    experiment = Experiment(name="tiny", question="?", world=WORLD, arms=(arm,), seeds=1)
    world, seeds = WORLD.build(), Seeds(1)
    learner = arm.learner.build(world.spec)
    states = seeds.bundle([jax.jit(lambda key: learner.init(key, 2, 2))(jax.random.key(0))])
    roots = seeds.bundle([jax.random.key(1)])
    return Study(experiment=experiment, world=world, learner=learner, seeds=seeds, states=states, roots=roots)


def test_planners_arrive_and_walkers_drown_in_a_flood():
    config, one = regret.Config(episodes=64, conditions=({"flood": 1.0}, {"flood": 0.0})), study()
    records = {labels.condition: one.seeds.values(values) for labels, values in config.run(one)}
    assert list(records) == ["flood 1", "flood 0"]
    assert config.count(one) == 2
    for condition, values in records.items():
        assert values["planner/arrived"] == 1.0
        assert values["planner/drowned"] == 0.0
        gap = values["planner_return"] - values["return"]
        np.testing.assert_allclose(values["regret"], gap, rtol=1e-6)
        room = values["planner_return"] - values["walker_return"]
        np.testing.assert_allclose(values["score"], 1 - gap / room, rtol=1e-5)
        assert (values["walker/drowned"] > 0.1) == (condition == "flood 1")
    around, over = (records[name]["planner_return"] for name in ("flood 1", "flood 0"))
    assert over > around  # the bridge is short


def test_the_scale_is_that_of_walker_and_planner():
    at = [regret.scores(*map(jnp.float32, (own, 5.0, 1.0)))["score"] for own in (1.0, 3.0, 5.0)]
    assert [float(score) for score in at] == [0.0, 0.5, 1.0]
    assert jnp.isnan(regret.scores(*map(jnp.float32, (1.0, 2.0, 2.0)))["score"])
