"""Novices beside experts who know a hidden order: does predicting the next observation make a social learner?

Three tiles look alike and pay only in one order, which is drawn for every episode; a wrong one costs more
than a right one pays, so that the safe policy alone is to visit one tile and no more. The arms differ in
whether experts are present,
in what is predicted, and in whether the policy is equivariant to mirror images: with three tiles the hidden
order is one bit, and a plain network tends to follow in one of the two orientations only.

The size is for two CPU cores (a 9x9 grid without clutter); on a GPU: --world.size 13 --world.layout cluttered
--world.horizon 250 --steps 40000000 --num_envs 1024.
"""

from typing import Any

from _cycle import NEVER, PROTOCOLS, WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import mixed
from socialrl.learners import ppo, sociapl
from socialrl.tuned import tuned

COMMON: dict[str, Any] = {
    "hidden": (128,),
    "bptt_length": 25,
    "recompute_advantages": False,
    "minibatches": 32,
    "entropy_coef": 0.05,
    "entropy_coef_end": 0.02,
    "anneal": 2_000_000,
}
PAPER = "Ndousse et al. 2021, arXiv 2010.00581"
ALONE = mixed.Config(presence=NEVER)

experiment = Experiment(
    name="goal_cycle",
    question=(
        "Does predicting the next observation turn a recurrent agent into one that learns from the "
        "experts beside it?"
    ),
    world=WORLD,
    arms=(
        Arm(name="solo", learner=ppo.Config(**COMMON), curriculum=ALONE),
        Arm(name="solo_mirror", learner=ppo.Config(**COMMON, mirror=True), curriculum=ALONE),
        Arm(name="ppo", learner=ppo.Config(**COMMON)),
        Arm(name="reconstruction", learner=sociapl.Config(**COMMON, predicts="same")),
        Arm(name="sociapl", learner=sociapl.Config(**COMMON)),
        Arm(name="ppo_mirror", learner=ppo.Config(**COMMON, mirror=True)),
        Arm(name="sociapl_mirror", learner=sociapl.Config(**COMMON, mirror=True)),
    ),
    steps=2_500_000,
    **lengths(),
    protocols=PROTOCOLS,
    scale="two CPU cores: 9x9, 2.5 million steps per seed",
    claims=(
        Claim(
            text="Alone, PPO is stuck at about 1",
            source="ours",
            paper=PAPER,
            arm="solo",
            value=1.5,
            below=True,
            labels=(("presence", "never"),),
        ),
        Claim(
            text="PPO beside experts is stuck at about 1",
            source="ours",
            paper=PAPER,
            arm="ppo",
            value=1.5,
            below=True,
        ),
        Claim(text="SociAPL is above PPO", source="ours", paper=PAPER, arm="sociapl", over="ppo"),
        Claim(
            text="SociAPL is above the experts",
            source="ours",
            paper=PAPER,
            arm="sociapl",
            over="expert",
            labels=(("presence", "full"),),
        ),
        Claim(
            text="Prediction is above reconstruction",
            source="ours",
            paper=PAPER,
            arm="sociapl",
            over="reconstruction",
        ),
        Claim(
            text="SociAPL is above PPO, both with a mirror",
            source="ours",
            paper=PAPER,
            arm="sociapl_mirror",
            over="ppo_mirror",
        ),
        Claim(text="A mirror helps SociAPL", source="ours", arm="sociapl_mirror", over="sociapl"),
    ),
)
experiment = tuned(experiment, __file__)
