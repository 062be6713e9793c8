"""Follow, remember, go on alone: what does a novice need to remember what experts showed after they have
left?

Most arms learn with expert drop-out: experts stay, leave, come and go, or never come. The penalty grows
during training, so that mistakes are cheap at first. The ablations remove memory, drop-out or the attention
loss, all on where the nearest expert is; `ordered` predicts each expert in seat order instead, though they
look alike, and `prediction` predicts the next observation as well, which the paper does not. In `adr`,
cultural transmission (CT) decides how fast the penalty grows, in `adr_world` also how large and how cluttered
the worlds are, each range tested at its ends. `alone` never meets experts. The report has CT, the measure of
the paper, and the returns beside one another.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250
--world.goals 4 --steps 40000000 --num_envs 1024.
"""

import dataclasses
from typing import Any

from _cycle import DROP_OUT, NEVER, PROTOCOLS, WORLD, aims, growing_penalty, learner, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import adr, mixed
from socialrl.learners import medal
from socialrl.tuned import tuned

PAPER = "Bhoopchand et al. 2023, arXiv 2203.00715"
STEPS = 1_500_000
PENALTY = growing_penalty(STEPS * 2 // 3)
COMMON = learner(STEPS)
GROWING = adr.Config(
    ranges=(adr.Range(param="penalty", start=(0.25, 0.25), limits=(0.25, 1.5), step=0.05),),
    upper=0.3,
    lower=0.1,
)
VARIED = dataclasses.replace(
    GROWING,
    ranges=(
        *GROWING.ranges,
        adr.Range(param="size", start=(7.0, 7.0), limits=(6.0, 9.0), step=0.25),
        adr.Range(param="density", start=(0.0, 0.0), limits=(0.0, 0.2), step=0.02),
    ),
)
CLUTTERED = dataclasses.replace(WORLD, layout="cluttered", density=0.0)
ALONE = mixed.Config(presence=NEVER, ramps=PENALTY)

MEASURES: dict[str, dict[str, Any]] = {
    "by cultural transmission": {"measure": "ct"},
    "by the return where experts leave half-way": {"labels": (("presence", "half"),)},
}

experiment = Experiment(
    name="cultural_transmission",
    question=(
        "Which of memory, expert drop-out, attention and prediction make a novice keep what it was shown?"
    ),
    world=WORLD,
    curriculum=mixed.Config(presence=DROP_OUT, ramps=PENALTY),
    arms=(
        Arm(name="medal", learner=medal.Config(**COMMON)),
        Arm(name="no_memory", learner=medal.Config(**{**COMMON, "memory": "none"})),
        Arm(name="no_drop_out", learner=medal.Config(**COMMON), curriculum=mixed.Config(ramps=PENALTY)),
        Arm(name="no_attention", learner=medal.Config(**{**COMMON, "attention_coef": 0.0})),
        Arm(name="ordered", learner=medal.Config(**COMMON, attention_to="each")),
        Arm(name="prediction", learner=medal.Config(**COMMON, prediction_coef=0.3)),
        Arm(name="adr", learner=medal.Config(**COMMON), curriculum=GROWING),
        Arm(name="adr_world", learner=medal.Config(**COMMON), curriculum=VARIED, world=CLUTTERED),
        Arm(name="alone", learner=medal.Config(**COMMON), curriculum=ALONE),
    ),
    steps=STEPS,
    **lengths(),
    protocols=PROTOCOLS,
    scale="two CPU cores: 9x9, 1.5 million steps per seed",
    claims=(
        *(
            Claim(
                text=f"medal is above {arm}, {words}",
                source="ours",
                paper=PAPER,
                arm="medal",
                over=arm,
                **measured,
            )
            for arm in ("no_memory", "no_drop_out", "no_attention")
            for words, measured in MEASURES.items()
        ),
        *(
            Claim(
                text=f"Predicting the next observation adds to MEDAL, {words}",
                source="ours",
                arm="prediction",
                over="medal",
                **measured,
            )
            for words, measured in MEASURES.items()
        ),
        *aims("medal", "alone"),
    ),
)
experiment = tuned(experiment, __file__)
