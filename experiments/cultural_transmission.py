"""Follow, remember, go on alone: what does a novice need to keep what the experts showed it after they have
left?

All arms but one learn with expert drop-out: experts stay, leave, come and go, or never come. The penalty
grows while they learn, so that trying is cheap at first. The ablations take away memory, drop-out, the
attention loss, the prediction loss; with `adr` cultural transmission itself decides how fast the penalty
grows; `alone` never meets anybody.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250
--world.goals 4 --steps 40000000 --parallel 1024.
"""

import dataclasses
import runpy
from pathlib import Path

from socialrl.config import Arm, Claim, Experiment
from socialrl.curricula import adr, mixed
from socialrl.learners import medal

goal_cycle: Experiment = runpy.run_path(str(Path(__file__).with_name("goal_cycle.py")))["experiment"]

PAPER = "Bhoopchand et al. 2023, arXiv 2203.00715"
STEPS = 1_500_000
DROP_OUT = (("always", 0.15), ("never", 0.1), ("leaves", 0.3), ("comes_and_goes", 0.45))
PENALTY = (mixed.Ramp(param="penalty", start=(0.25, 0.25), end=(1.5, 1.5), steps=STEPS * 2 // 3),)
COMMON = {
    "hidden": (128,),
    "mirror": True,
    "recompute_advantages": False,
    "minibatches": 32,
    "lr_end": 1e-4,
    "entropy_coef": 0.03,
    "entropy_coef_end": 0.002,
    "anneal": STEPS,
}
GROWING = adr.Config(
    ranges=(adr.Range(param="penalty", start=(0.25, 0.25), limits=(0.25, 1.5), step=0.05),),
    upper=0.3,
    lower=0.1,
)
ALONE = mixed.Config(presence=(("never", 1.0),), ramps=PENALTY)

experiment = dataclasses.replace(
    goal_cycle,
    name="cultural_transmission",
    question="Which of memory, expert drop-out, attention and prediction make a novice keep what it was shown?",
    curriculum=mixed.Config(presence=DROP_OUT, ramps=PENALTY),
    arms=(
        Arm(name="medal", learner=medal.Config(**COMMON)),
        Arm(name="no_memory", learner=medal.Config(**{**COMMON, "memory": "none"})),
        Arm(name="no_drop_out", learner=medal.Config(**COMMON), curriculum=mixed.Config(ramps=PENALTY)),
        Arm(name="no_attention", learner=medal.Config(**{**COMMON, "attention_coef": 0.0})),
        Arm(name="no_prediction", learner=medal.Config(**{**COMMON, "prediction_coef": 0.0})),
        Arm(name="adr", learner=medal.Config(**COMMON), curriculum=GROWING),
        Arm(name="alone", learner=medal.Config(**COMMON), curriculum=ALONE),
    ),
    steps=STEPS,
    scale="two CPU cores: 9x9, 1.5 million steps per seed",
    claims=(
        *(
            Claim(
                text=f"MEDAL is above {arm}",
                source=PAPER,
                arm="medal",
                over=arm,
                labels=(("presence", "half"),),
            )
            for arm in ("no_memory", "no_drop_out", "no_attention", "no_prediction")
        ),
        *(
            Claim(
                text=text,
                source="aim",
                arm="medal",
                over="expert",
                times=0.9,
                labels=(("presence", presence),),
            )
            for text, presence in (
                ("A_full above 0.9 of the expert", "full"),
                ("A_half above 0.9 of the expert", "half"),
            )
        ),
        Claim(
            text="The first choice after departure is right in 95 %",
            source="aim",
            arm="medal",
            value=0.95,
            measure="first_choice",
            labels=(("presence", "half"),),
        ),
        Claim(
            text="Alone, better than trained alone",
            source="aim",
            arm="medal",
            over="alone",
            labels=(("presence", "never"),),
        ),
    ),
)
