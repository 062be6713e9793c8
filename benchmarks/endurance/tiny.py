"""Does a run of two arms survive everything? A tiny experiment to find out by."""

from socialrl.config import Arm, Experiment
from socialrl.learners import bc, dqn
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

SMALL = {"hidden": (8,), "batch": 2, "updates": 1, "capacity": 400}

experiment = Experiment(
    name="tiny",
    question="Does a run of two arms survive everything?",
    world=coin_grid.Config(experts=(Seat(policy="wanderer"),), size=5, colours=2, coins=1, horizon=5),
    arms=(Arm(name="dqn", learner=dqn.Config(**SMALL)), Arm(name="bc", learner=bc.Config(**SMALL))),
    seeds=2,
    steps=400,
    num_envs=2,
    unroll_length=5,
    num_levels=8,
    chunk=5,
    evaluate_every=100,
    evaluation_episodes=3,
    final_episodes=6,
    replay_episodes=2,
    checkpoint_every=100,
)
