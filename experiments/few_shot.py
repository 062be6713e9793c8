"""The novice's preferences change. After how many episodes does it do well again, and whom does it follow
then?

Trained as in coin_grid.py, then given new preferences: psiphi re-learns only its weights w, by regression of
its rewards on its cumulants, and decides with them whom to follow; dqn goes on training. No arm has trust
weights: an expert that is ignored because it is useless for the old task would not be known well enough to be
followed in the new one.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

from _coins import WORLD, lengths
from socialrl.config import Arm, Experiment
from socialrl.learners import dqn, psiphi
from socialrl.protocols import few_shot
from socialrl.tuned import tuned

experiment = Experiment(
    name="few_shot",
    question=(
        "When preferences change, does following those who already live by the new ones beat learning anew?"
    ),
    world=WORLD,
    arms=(
        Arm(name="psiphi", learner=psiphi.Config(trust=False)),
        Arm(name="psiphi_no_gpi", learner=psiphi.Config(trust=False, following="never")),
        Arm(name="dqn", learner=dqn.Config()),
    ),
    seeds=10,
    **lengths(steps=16_000),
    protocols=(few_shot.Config(preferences=((-1.0, -1.0, 1.0), (-1.0, 1.0, 1.0))),),
)
experiment = tuned(experiment, __file__)
