"""What is selective following worth compared with simpler ways of learning from others, with the same data
and budget?

The world of coin_grid.py. Imitators ignore their own rewards (bc, sqil, inverse_rl), except bc_per_agent,
which chooses by them whom to imitate; decision_biasing and value_shaping learn from their own rewards like
dqn, with a bias towards what others do; psiphi goes without trust weights, and then also without one more
part: following, inverse TD, cloning. psiphi_published is the algorithm of the paper, without what psiphi
adds. The newest rivals are sbl_fe, which chooses by free energy whom to act as, and grid, whose prior is what
all co-players want; neither is the published algorithm, of which too little could be read (see their files).
dqn gets more gradient steps, or one part of psiphi each: cloning as an auxiliary loss, others' steps
with rewards that it predicts, both. dqn lives beside three experts; dqn_alone has the world to itself.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

import dataclasses

from _coins import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import (
    bc,
    decision_biasing,
    dqn,
    grid,
    inverse_rl,
    psiphi,
    psiphi_published,
    sbl_fe,
    sqil,
    value_shaping,
)
from socialrl.protocols import regret
from socialrl.tuned import tuned

PSIPHI = "Filos et al. 2021, arXiv 2102.12560"
HEURISTICS = "arXiv 2604.05777"
FREE_ENERGY = "Mirzaei et al. 2026, arXiv 2603.11757"
ROMANS = "Chang et al. 2026, arXiv 2606.18537"
LEARNERS = {
    "psiphi": psiphi.Config(),
    "psiphi_published": psiphi_published.Config(),
    "psiphi_ungated": psiphi.Config(trust=False),
    "psiphi_no_gpi": psiphi.Config(trust=False, following="never"),
    "psiphi_no_inverse_td": psiphi.Config(trust=False, inverse_td_coef=0.0),
    "psiphi_no_cloning": psiphi.Config(trust=False, cloning_coef=0.0),
    "dqn": dqn.Config(),
    "dqn_16_updates": dqn.Config(updates=16),
    "dqn_32_updates": dqn.Config(updates=32),
    "dqn_cloning": dqn.Config(cloning_coef=1.0),
    "dqn_relabelled": dqn.Config(relabelled_coef=3.0),
    "dqn_cloning_relabelled": dqn.Config(cloning_coef=1.0, relabelled_coef=3.0),
    "bc": bc.Config(),
    "bc_per_agent": bc.Config(pooled=False),
    "sqil": sqil.Config(),
    "inverse_rl": inverse_rl.Config(),
    "decision_biasing": decision_biasing.Config(),
    "value_shaping": value_shaping.Config(),
    "sbl_fe": sbl_fe.Config(),
    "grid": grid.Config(),
}
CLAIMS = (
    ("Psi-phi as published is above reinforcement learning alone", PSIPHI, "psiphi_published", "dqn"),
    ("Psi-phi as published is above pooled imitation", PSIPHI, "psiphi_published", "bc"),
    ("Psi-phi as published is above imitation per agent", PSIPHI, "psiphi_published", "bc_per_agent"),
    ("psiphi is above psi-phi as published", "", "psiphi", "psiphi_published"),
    ("psiphi is above dqn with as many transitions per update", "", "psiphi", "dqn_32_updates"),
    ("psiphi is above dqn with cloning and others' steps", "", "psiphi", "dqn_cloning_relabelled"),
    ("psiphi is above decision biasing", "", "psiphi", "decision_biasing"),
    ("Competing experts are in the way of dqn", "", "dqn_alone", "dqn"),
    ("Value shaping is above dqn", HEURISTICS, "value_shaping", "dqn"),
    ("Decision biasing is above dqn", HEURISTICS, "decision_biasing", "dqn"),
    ("Value shaping is above decision biasing", HEURISTICS, "value_shaping", "decision_biasing"),
    ("Choosing by free energy whom to act as is above dqn", FREE_ENERGY, "sbl_fe", "dqn"),
    ("Choosing by free energy is above imitation per agent", FREE_ENERGY, "sbl_fe", "bc_per_agent"),
    ("psiphi is above choosing by free energy", "", "psiphi", "sbl_fe"),
    ("A prior from the general reward is above dqn", ROMANS, "grid", "dqn"),
    ("A prior from the general reward is above imitation", ROMANS, "grid", "bc"),
    ("A prior from the general reward is above a cloned one", ROMANS, "grid", "decision_biasing"),
    ("psiphi is above a prior from the general reward", "", "psiphi", "grid"),
)

experiment = Experiment(
    world=WORLD,
    name="baselines",
    question="What is selective imitation worth against imitation, inferred goals, and simple social cues?",
    arms=(
        *(Arm(name=name, learner=learner) for name, learner in LEARNERS.items()),
        Arm(name="dqn_alone", learner=dqn.Config(), world=dataclasses.replace(WORLD, experts=0)),
    ),
    claims=tuple(
        Claim(text=text, source="ours", paper=paper, arm=arm, over=over) for text, paper, arm, over in CLAIMS
    ),
    seeds=10,
    protocols=(regret.Config(),),
    **lengths(),
    scale="two CPU cores: 9x9, 12,000 steps per seed",
)
experiment = tuned(experiment, __file__)
