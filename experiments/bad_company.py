"""Company that is not worth following: random walkers, and anti-experts that pursue what is worst for the
novice.

The novice is not told which company it has. The baseline, dqn, lives beside the same co-players and learns
nothing from them. Trust weights let another agent count as far as it is predictable and useful by the
novice's own rewards. One arm without them is pessimistic instead: it values another's behaviour by the
lower confidence bound over an ensemble.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

import dataclasses

from _coins import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import dqn, psiphi
from socialrl.protocols import regret
from socialrl.tuned import tuned
from socialrl_envs.types import Seat

COMPANY = {
    "experts": WORLD,
    "wanderers": dataclasses.replace(WORLD, experts=0, coplayers=(Seat(policy="wanderer"),) * 3),
    "anti_experts": dataclasses.replace(WORLD, experts=0, coplayers=(Seat(policy="anti_expert"),) * 3),
}
LEARNERS = {
    "psiphi": psiphi.Config(),
    "ungated": psiphi.Config(trust=False),
    "cautious": psiphi.Config(trust=False, ensemble=3, lower_confidence_coef=1.0),
    "dqn": dqn.Config(),
}
VARIANCE = "arXiv 2410.23726"

experiment = Experiment(
    world=WORLD,
    claims=(
        Claim(
            text="Beside experts, psiphi is above dqn",
            source="aim",
            arm="psiphi_experts",
            over="dqn_experts",
        ),
        *(
            claim
            for company in ("wanderers", "anti_experts")
            for claim in (
                Claim(
                    text=f"Beside {company}, psiphi keeps nine tenths of what dqn earns there",
                    source="aim",
                    arm=f"psiphi_{company}",
                    over=f"dqn_{company}",
                    times=0.9,
                ),
                Claim(
                    text=f"Beside {company}, psiphi without trust weights is below dqn",
                    source="ours",
                    arm=f"ungated_{company}",
                    over=f"dqn_{company}",
                    below=True,
                ),
                Claim(
                    text=f"Beside {company}, the cautious are above those who are not",
                    source="ours",
                    paper=VARIANCE,
                    arm=f"cautious_{company}",
                    over=f"ungated_{company}",
                ),
            )
        ),
    ),
    name="bad_company",
    question="Beside wanderers or anti-experts, is a social learner worse off than one that ignores them?",
    arms=tuple(
        Arm(name=f"{name}_{company}", learner=learner, world=world)
        for company, world in COMPANY.items()
        for name, learner in LEARNERS.items()
    ),
    seeds=20,
    claim_seeds=20,
    protocols=(regret.Config(),),
    **lengths(evaluate_every=2_400),
    scale="two CPU cores: 9x9, 12,000 steps per seed",
)
experiment = tuned(experiment, __file__)
