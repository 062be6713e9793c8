"""One agent that follows experts, remembers what they showed, and goes on alone: is it worse than one trained
alone?

The novice learns beside experts that stay, leave, come and go, or never come; the penalty for mistakes grows
over the first half of training, so that mistakes are cheap at first. `alone` has the same schedule and never
meets experts. The learner is recurrent PPO with a mirror-equivariant policy, the best one in
cultural_transmission.py, trained four times as long.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps
40000000 --num_envs 1024.
"""

from _cycle import DROP_OUT, NEVER, PROTOCOLS, WORLD, aims, growing_penalty, learner, lengths
from socialrl.config import Arm, Experiment
from socialrl.curricula import mixed
from socialrl.learners import ppo
from socialrl.tuned import tuned

STEPS = 6_000_000
LEARNER = ppo.Config(**learner(STEPS))
PENALTY = growing_penalty(STEPS // 2)

experiment = Experiment(
    name="go_on_alone",
    question=(
        "Does one agent follow experts, remember what they showed and go on alone, no worse than one "
        "trained alone?"
    ),
    world=WORLD,
    curriculum=mixed.Config(presence=DROP_OUT, ramps=PENALTY),
    arms=(
        Arm(name="novice", learner=LEARNER),
        Arm(name="alone", learner=LEARNER, curriculum=mixed.Config(presence=NEVER, ramps=PENALTY)),
    ),
    steps=STEPS,
    **lengths(evaluate_every=500_000, checkpoint_every=1_000_000),
    protocols=PROTOCOLS,
    scale="two CPU cores: 9x9, 6 million steps per seed",
    claims=aims("novice", "alone"),
)
experiment = tuned(experiment, __file__)
