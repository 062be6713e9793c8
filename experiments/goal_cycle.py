"""Novices beside experts who know a hidden order: does predicting one's next observation make a social
learner?

Three tiles look alike and pay only in one order, which is drawn anew for every episode; a wrong one costs
more than a right one pays. Alone, the safe life is one tile and no more. The arms differ in whether experts
are there, in what is predicted, and in whether the policy is equivariant to mirrors: with three tiles the
hidden order is one bit, and a plain network tends to follow in one of the two orientations only.

The size is for two CPU cores (a 9x9 grid without clutter); on a GPU: --world.size 13 --world.layout cluttered
--world.horizon 250 --steps 40000000 --parallel 1024.
"""

from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import mixed
from socialrl.learners import ppo, sociapl
from socialrl.protocols import social
from socialrl_envs.worlds import goal_cycle

COMMON = {
    "hidden": (128,),
    "bptt_length": 25,
    "recompute_advantages": False,
    "minibatches": 32,
    "entropy_coef": 0.05,
    "entropy_coef_end": 0.02,
    "anneal": 2_000_000,
}
PAPER = "Ndousse et al. 2021, arXiv 2010.00581"
ALONE = mixed.Config(presence=(("never", 1.0),))

experiment = Experiment(
    name="goal_cycle",
    question="Does predicting the next observation turn a recurrent agent into one that learns from the experts beside it?",
    world=goal_cycle.Config(novices=1, experts=2, size=9, goals=3, layout="open", horizon=100, penalty=1.5),
    arms=(
        Arm(name="solo", learner=ppo.Config(**COMMON), curriculum=ALONE),
        Arm(name="solo_mirror", learner=ppo.Config(**COMMON, mirror=True), curriculum=ALONE),
        Arm(name="ppo", learner=ppo.Config(**COMMON)),
        Arm(name="reconstruction", learner=sociapl.Config(**COMMON, predicts="same")),
        Arm(name="sociapl", learner=sociapl.Config(**COMMON)),
        Arm(name="ppo_mirror", learner=ppo.Config(**COMMON, mirror=True)),
        Arm(name="sociapl_mirror", learner=sociapl.Config(**COMMON, mirror=True)),
    ),
    seeds=5,
    steps=2_500_000,
    parallel=128,
    unroll=100,
    pool=4096,
    refresh=0.25,
    chunk=10,
    evaluate_every=250_000,
    evaluation_episodes=128,
    final_episodes=256,
    checkpoint_every=500_000,
    protocols=(social.Config(policies=("greedy",), transfer=()),),
    scale="two CPU cores: 9x9, 2.5 million steps per seed",
    claims=(
        Claim(
            text="Alone, PPO is stuck at about 1",
            source=PAPER,
            arm="solo",
            value=1.5,
            below=True,
            labels=(("presence", "never"),),
        ),
        Claim(text="PPO beside experts is stuck at about 1", source=PAPER, arm="ppo", value=1.5, below=True),
        Claim(text="SociAPL is above PPO", source=PAPER, arm="sociapl", over="ppo"),
        Claim(
            text="SociAPL is above the experts",
            source=PAPER,
            arm="sociapl",
            over="expert",
            labels=(("presence", "full"),),
        ),
        Claim(text="Prediction is above reconstruction", source=PAPER, arm="sociapl", over="reconstruction"),
        Claim(
            text="SociAPL is above PPO, both with a mirror",
            source=PAPER,
            arm="sociapl_mirror",
            over="ppo_mirror",
        ),
        Claim(
            text="A mirror helps SociAPL", source="preliminary study", arm="sociapl_mirror", over="sociapl"
        ),
    ),
)
