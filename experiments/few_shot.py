"""The novice's preferences change. After how many episodes does it do well again, and whom does it follow
then?

Trained as in coin_grid.py, then given new preferences: psiphi re-learns only its weights w, by regression of
its rewards on its cumulants, and decides with them whom to follow; dqn goes on training, also after as many
relabelled episodes of the old task as psiphi is given, and in one arm it learns from the others' steps as
well. No arm has trust weights: an expert that is ignored because it is useless for the old task would not be
known well enough to be followed in the new one.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

from _coins import WORLD, lengths
from socialrl.config import Arm, Experiment
from socialrl.learners import dqn, psiphi, psiphi_published
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
        Arm(name="psiphi_published", learner=psiphi_published.Config()),
        Arm(name="dqn", learner=dqn.Config()),
        Arm(name="dqn_watching", learner=dqn.Config(cloning_coef=1.0, relabelled_coef=3.0)),
    ),
    seeds=10,
    **lengths(steps=16_000),
    protocols=(few_shot.Config(preferences=((-1.0, -1.0, 1.0), (-1.0, 1.0, 1.0))),),
)
experiment = tuned(experiment, __file__)
