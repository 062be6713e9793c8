"""psiphi and dqn learn to collect coins of one colour in a small room: returns far above chance, and, for
psiphi, cumulants from which the rewards are predicted.
"""

import jax
import numpy as np
import pytest

from socialrl import evaluation
from socialrl.config import Arm, Experiment
from socialrl.learners import dqn, psiphi
from socialrl.rollout import make_rollout
from socialrl.training import make_trainer
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

WORLD = coin_grid.Config(
    experts=(Seat(policy="planner", preferences=(1.0,)),), size=5, colours=1, coins=2, horizon=20
)
COMMON = {"hidden": (32,), "epsilon_steps": 600, "updates": 8, "batch": 8, "lr": 3e-3, "capacity": 4_000}
EXPERIMENT = Experiment(
    name="probe",
    question="Does it learn?",
    world=WORLD,
    arms=(
        Arm(name="psiphi", learner=psiphi.Config(**COMMON, cumulants=2)),
        Arm(name="dqn", learner=dqn.Config(**COMMON)),
    ),
    num_envs=8,
    unroll_length=10,
    num_levels=64,
    chunk=10,
)


@pytest.fixture(scope="module", params=["psiphi", "dqn"])
def learnt(request):
    """(name, return of random play, return after 4,000 steps, metrics of the first and of the last chunk)."""
    arm = next(arm for arm in EXPERIMENT.arms if arm.name == request.param)
    world = WORLD.build()
    learner = arm.learner.build(world.spec)
    rollout = make_rollout(world, learner)
    trainer = make_trainer(EXPERIMENT, learner, rollout, evaluation.sources_of(world.spec))
    chunk = jax.jit(trainer.chunk)
    explore, greedy = (
        jax.jit(
            lambda state, key, e=explore: evaluation.evaluator(rollout, world.spec, 64, explore=e)(
                state, key
            )[0]
        )
        for explore in (True, False)
    )
    training = jax.jit(trainer.start)(jax.random.key(0))
    chance = float(
        explore(training.learner, jax.random.key(1))["return"]
    )  # epsilon is 1 before the first step
    history = []
    for _ in range(5):
        training, metrics = chunk(training)
        history.append(metrics)
    return (
        arm.name,
        chance,
        float(greedy(training.learner, jax.random.key(1))["return"]),
        history[0],
        history[-1],
    )


def test_it_learns_far_above_chance(learnt):
    _, chance, after, _, _ = learnt
    assert chance > 0
    assert after > 2 * chance


@pytest.mark.parametrize("learnt", ["psiphi"], indirect=True)
def test_cumulants_recover_a_linear_reward(learnt):
    _, _, _, first, last = learnt
    assert last["reward_error"] < 0.3  # of the variance of the rewards
    assert last["reward_error"] < first["reward_error"] / 2
    assert np.all([np.isfinite(value) for value in last.values()])
