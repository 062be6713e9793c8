"""What is selective following worth compared with simpler ways of learning from others, with the same data
and budget?

The world of coin_grid.py. Imitators ignore their own rewards (bc, sqil, inverse_rl), except bc_per_agent,
which chooses by them whom to imitate; decision_biasing and value_shaping learn from their own rewards like
dqn, with a bias towards what others do; psiphi goes without trust weights, and then also without one more
part: following, inverse TD, cloning. No arm is a published algorithm with its own settings.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

from _coins import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import bc, decision_biasing, dqn, inverse_rl, psiphi, sqil, value_shaping
from socialrl.protocols import regret
from socialrl.tuned import tuned

PSIPHI = "Filos et al. 2021, arXiv 2102.12560"
HEURISTICS = "arXiv 2604.05777"
LEARNERS = {
    "psiphi": psiphi.Config(),
    "psiphi_ungated": psiphi.Config(trust=False),
    "psiphi_no_gpi": psiphi.Config(trust=False, following="never"),
    "psiphi_no_inverse_td": psiphi.Config(trust=False, inverse_td_coef=0.0),
    "psiphi_no_cloning": psiphi.Config(trust=False, cloning_coef=0.0),
    "dqn": dqn.Config(),
    "bc": bc.Config(),
    "bc_per_agent": bc.Config(pooled=False),
    "sqil": sqil.Config(),
    "inverse_rl": inverse_rl.Config(),
    "decision_biasing": decision_biasing.Config(),
    "value_shaping": value_shaping.Config(),
}
CLAIMS = (
    ("psiphi is above reinforcement learning that ignores the others", PSIPHI, "psiphi", "dqn"),
    ("psiphi is above imitation of all", PSIPHI, "psiphi", "bc"),
    ("psiphi is above imitation of the co-player that pays best", PSIPHI, "psiphi", "bc_per_agent"),
    ("psiphi is above decision biasing", PSIPHI, "psiphi", "decision_biasing"),
    ("Value shaping is above dqn", HEURISTICS, "value_shaping", "dqn"),
    ("Decision biasing is above dqn", HEURISTICS, "decision_biasing", "dqn"),
    ("Value shaping is above decision biasing", HEURISTICS, "value_shaping", "decision_biasing"),
)

experiment = Experiment(
    world=WORLD,
    name="baselines",
    question="What is selective imitation worth against imitation, inferred goals, and simple social cues?",
    arms=tuple(Arm(name=name, learner=learner) for name, learner in LEARNERS.items()),
    claims=tuple(
        Claim(text=text, source="ours", paper=paper, arm=arm, over=over) for text, paper, arm, over in CLAIMS
    ),
    seeds=10,
    protocols=(regret.Config(),),
    **lengths(),
    scale="two CPU cores: 9x9, 12,000 steps per seed",
)
experiment = tuned(experiment, __file__)
