"""Which learners learn from others in worlds that they have never seen, and which have only learnt a task?

The new worlds, beside experts that know them: one goal more, one hidden goal in four rooms and in a maze, a
larger grid. The arms learn alone, beside experts, with the prediction of the next observation, by imitation,
and by imitation and then rewards. None of these is equivariant to mirrors, since imitation cannot be; the
policy-gradient ones are also there as such, to be compared with one another. The penalty for mistakes grows
during training, in the same way for all.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250 --steps
40000000 --num_envs 1024.
"""

import dataclasses
from typing import Any

from _cycle import NEVER, WORLD, growing_penalty, learner, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import mixed
from socialrl.learners import bc, kl_control, ppo, sociapl
from socialrl.protocols import social
from socialrl.tuned import tuned
from socialrl_envs.worlds import goal_search

STEPS = 1_000_000
PENALTY = growing_penalty(STEPS * 2 // 3)
MIRROR = learner(STEPS)
COMMON: dict[str, Any] = MIRROR | {"mirror": False}
IMITATION: dict[str, Any] = {
    "hidden": (128,),
    "memory": "gru",
    "batch": 32,
    "updates": 16,
    "capacity": 50_000,
}
PAPER = "Ndousse et al. 2021, arXiv 2010.00581"

NEW_WORLDS = (
    dataclasses.replace(WORLD, goals=4),
    *(
        goal_search.Config(
            novices=1, experts=2, size=9, layout=layout, horizon=100, shown_to="coplayers", again=True
        )
        for layout in ("four_rooms", "maze")
    ),
    dataclasses.replace(WORLD, size=12),
)
NAMES = tuple(social.differences(WORLD, world) for world in NEW_WORLDS)

experiment = Experiment(
    world=WORLD,
    claims=tuple(
        Claim(
            text=f"{world}, beside experts: {'mirrored ' * (mirror != '')}SociAPL is above {name}",
            source="ours",
            paper=PAPER if not mirror else "",
            arm=f"sociapl{mirror}",
            over=f"{arm}{mirror}",
            labels=(("world", world), ("presence", "full")),
        )
        for world in NAMES
        for mirror in ("", "_mirror")
        for arm, name in (("solo", "the solitary"), ("ppo", "PPO"), ("imitation", "imitation"))
        if not (mirror and arm == "imitation")
    ),
    name="transfer",
    question=(
        "Do social learners carry the skill of learning from others to worlds that they have never seen?"
    ),
    curriculum=mixed.Config(ramps=PENALTY),
    arms=(
        Arm(
            name="solo",
            learner=ppo.Config(**COMMON),
            curriculum=mixed.Config(presence=NEVER, ramps=PENALTY),
        ),
        Arm(name="ppo", learner=ppo.Config(**COMMON)),
        Arm(name="sociapl", learner=sociapl.Config(**COMMON)),
        Arm(
            name="solo_mirror",
            learner=ppo.Config(**MIRROR),
            curriculum=mixed.Config(presence=NEVER, ramps=PENALTY),
        ),
        Arm(name="ppo_mirror", learner=ppo.Config(**MIRROR)),
        Arm(name="sociapl_mirror", learner=sociapl.Config(**MIRROR)),
        Arm(name="imitation", learner=bc.Config(**IMITATION)),
        Arm(name="imitation_then_rl", learner=kl_control.Config(**COMMON, cloning_steps=250_000)),
    ),
    steps=STEPS,
    **lengths(),
    scale="two CPU cores: 9x9, 1 million steps per seed",
    protocols=(social.Config(policies=("greedy",), companies=(), transfer=NEW_WORLDS),),
)
experiment = tuned(experiment, __file__)
