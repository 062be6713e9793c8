"""Does experience beside experts help when alone? Experts are present in none, a quarter, half, or all of the
episodes.

All arms, the solitary one too, learn with the same schedule of the penalty, because cheap mistakes teach
exploration with and without experts.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps
40000000 --num_envs 1024.
"""

from _cycle import PROTOCOLS, WORLD, growing_penalty, learner, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import mixed
from socialrl.learners import sociapl
from socialrl.tuned import tuned

STEPS = 1_000_000
PENALTY = growing_penalty(STEPS * 2 // 3)
LEARNER = sociapl.Config(**learner(STEPS))


def mix(social: float) -> mixed.Config:
    """Experts are present in this share of the episodes."""
    return mixed.Config(presence=(("never", 1 - social), ("always", social)), ramps=PENALTY)


experiment = Experiment(
    world=WORLD,
    claims=(
        Claim(
            text="With 25 % of episodes beside experts, better alone than the solitary",
            source="ours",
            paper="Ndousse et al. 2021, arXiv 2010.00581",
            arm="social_25",
            over="solo",
            labels=(("presence", "never"),),
        ),
    ),
    steps=STEPS,
    **lengths(),
    protocols=PROTOCOLS,
    scale="two CPU cores: 9x9, 1 million steps per seed",
    name="solo_mix",
    question="Do episodes beside experts make a novice better at living alone?",
    curriculum=mix(0.0),
    arms=(
        Arm(name="solo", learner=LEARNER),
        Arm(name="social_25", learner=LEARNER, curriculum=mix(0.25)),
        Arm(name="social_50", learner=LEARNER, curriculum=mix(0.5)),
        Arm(name="social_100", learner=LEARNER, curriculum=mix(1.0)),
    ),
)
experiment = tuned(experiment, __file__)
