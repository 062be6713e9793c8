"""Which partners ship with rendezvous? Agents of one convention each, one that joins, and two of self-play.

`place_1`, `place_2` and `place_3` learnt beside a planner that insists on that place. `joins` learnt beside
planners of seven conventions, drawn anew for every level. The world and the conventions are those of
experiments/partners.py, whose arm `self_play` gives the others; the README beside this file has the commands.
"""

import dataclasses

from socialrl.config import Arm, Experiment
from socialrl.learners import ppo
from socialrl_envs.types import Seat
from socialrl_envs.worlds import rendezvous

STEPS, MISSED = 250_000, -0.25
INSIST = ((1.0, -1.0, -1.0, MISSED), (-1.0, 1.0, -1.0, MISSED), (-1.0, -1.0, 1.0, MISSED))
PREFER = ((1.0, 0.5, 0.5, MISSED), (0.5, 1.0, 0.5, MISSED), (0.5, 0.5, 1.0, MISSED))
ABSENT = tuple(
    Seat(policy="wanderer", preferences=one, presence="never")
    for one in (*INSIST[1:], *PREFER, (1.0, 1.0, 1.0, MISSED))
)
WORLD = rendezvous.Config(novices=1, experts=1, size=6, places=3, missed=-MISSED, horizon=40)
LEARNER = ppo.Config(
    hidden=(48,),
    gamma=0.95,
    minibatches=4,
    epochs=4,
    lr_end=1e-4,
    entropy_coef=0.03,
    entropy_coef_end=0.003,
    anneal=STEPS,
)


def beside(name: str, preferences: tuple[float, ...]) -> Arm:
    """An arm that learns beside a planner with these preferences."""
    planner = (Seat(policy="planner", preferences=preferences),)
    return Arm(name=name, learner=LEARNER, world=dataclasses.replace(WORLD, experts=planner))


JOINS = dataclasses.replace(
    WORLD,
    experts=(Seat(policy="planner", preferences=INSIST[0]),),
    coplayers=ABSENT,
    redrawn="preferences",
)
experiment = Experiment(
    name="rendezvous_partners",
    question="Which partners ship with rendezvous?",
    world=WORLD,
    arms=(
        *(beside(f"place_{number}", one) for number, one in enumerate(INSIST, start=1)),
        Arm(name="joins", learner=LEARNER, world=JOINS),
    ),
    seeds=1,
    steps=STEPS,
    num_envs=64,
    unroll_length=40,
    num_levels=2048,
    level_refresh=0.25,
    chunk=5,
    evaluate_every=50_000,
    evaluation_episodes=64,
    checkpoint_every=250_000,
    scale="two CPU cores: 6x6, 250,000 steps per seed",
)
