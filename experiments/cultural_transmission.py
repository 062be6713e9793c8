"""Follow, remember, go on alone: what does a novice need to remember what experts showed after they have
left?

Most arms learn with expert drop-out: experts stay, leave, come and go, or never come. The penalty grows
during training, so that mistakes are cheap at first. The ablations remove memory, drop-out, the attention
loss, or the prediction loss; in `adr`, measured cultural transmission decides how fast the penalty grows;
`alone` never meets experts. The learner is not the published MEDAL, which has no prediction loss
(`no_prediction` is nearer to it), another attention loss, and ADR over many parameters; each ablation is
judged by the paper's measure, CT, and by ours, the return after the experts have left.

The size is for two CPU cores; on a GPU: --world.size 13 --world.layout cluttered --world.horizon 250
--world.goals 4 --steps 40000000 --num_envs 1024.
"""

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
        Arm(name="no_prediction", learner=medal.Config(**{**COMMON, "prediction_coef": 0.0})),
        Arm(name="adr", learner=medal.Config(**COMMON), curriculum=GROWING),
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
            for arm in ("no_memory", "no_drop_out", "no_attention", "no_prediction")
            for words, measured in MEASURES.items()
        ),
        *aims("medal", "alone"),
    ),
)
experiment = tuned(experiment, __file__)
