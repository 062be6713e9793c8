"""What do the others want? Preferences inferred from their behaviour, compared with the true ones.

The world of coin_grid.py. In held-out episodes, a novice that learns from its own rewards and from three
experts infers what every step is worth to each of them; no learner sees their rewards. Inverse TD ties the
cumulants to the others' behaviour; without it only cloning and the novice's own rewards shape them. The third
arm learns from demonstrations alone. No arm has trust weights, because preferences are inferred here whether
or not they are useful. The novice's own
rewards have a small weight: with a larger one, the inferred preferences move towards its own.

From recorded demonstrations instead of the stream, and from nothing else:

    socialrl record coin_grid --out demos.npz --seats expert --world.experts '<those of this experiment>'
    socialrl run experiments/inverse_rl.py --psiphi.learner.demonstrations demos.npz --psiphi.learner.offline
    2000

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

from typing import Any

from _coins import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import psiphi
from socialrl.protocols import inverse_rl
from socialrl.tuned import tuned

FOUND = (("protocol", "inverse_rl"), ("agent", "all"))
OPEN: dict[str, Any] = {"trust": False, "reward_coef": 1.0}
PSIPHI = "Filos et al., 2021, arXiv 2102.12560"

experiment = Experiment(
    name="inverse_rl",
    question="Are the preferences that are inferred from the others' behaviour the true ones?",
    world=WORLD,
    arms=(
        Arm(name="psiphi", learner=psiphi.Config(**OPEN)),
        Arm(name="no_inverse_td", learner=psiphi.Config(inverse_td_coef=0.0, **OPEN)),
        Arm(
            name="watching_only",
            learner=psiphi.Config(
                trust=False,
                reward_coef=0.0,
                td_coef=0.0,
                relabelled_coef=0.0,
                successor_coef=0.0,
                off_policy_coef=0.0,
            ),
        ),
    ),
    seeds=10,
    **lengths(),
    protocols=(inverse_rl.Config(),),
    claims=(
        Claim(
            text="inverse TD recovers the others' preferences: cosine above 0.8",
            source="ours",
            paper=PSIPHI,
            arm="psiphi",
            value=0.8,
            measure="cosine",
            labels=FOUND,
        ),
        Claim(
            text="it needs inverse TD",
            source="ours",
            paper=PSIPHI,
            arm="psiphi",
            over="no_inverse_td",
            measure="cosine",
            labels=FOUND,
        ),
        Claim(
            text="no rewards are needed for it: cosine above 0.8",
            source="ours",
            paper=PSIPHI,
            arm="watching_only",
            value=0.8,
            measure="cosine",
            labels=FOUND,
        ),
    ),
)
experiment = tuned(experiment, __file__)
