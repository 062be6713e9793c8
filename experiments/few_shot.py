"""The novice's preferences change. After how many episodes does it do well again, and whom does it follow
then?

Trained as in coin_grid.py, then given new preferences: psiphi re-learns only its weights w, by regression of
its rewards on its cumulants, and decides with them whom to follow; dqn goes on training, also after as many
relabelled episodes of the old task as psiphi is given, and in one arm it learns from the others' steps as
well. No arm has trust weights: an expert that is ignored because it is useless for the old task would not be
known well enough to be followed in the new one.

The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

from collections.abc import Iterator

from _coins import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import dqn, psiphi, psiphi_published
from socialrl.protocols import few_shot
from socialrl.tuned import tuned

PAPER = "Filos et al. 2021, arXiv 2102.12560"
TASKS = {"blue": (-1.0, -1.0, 1.0), "green and blue": (-1.0, 1.0, 1.0)}
GIVEN, RELEARNT = "w given", "w re-learnt"
RELABELLED, TUNED, SCRATCH = "fine-tuned, relabelled", "fine-tuned", "from scratch"
COMPARED = (  # the claim, the other arm, episodes, its method and psiphi's
    ("told the preferences, following pays before any episode", "psiphi_no_gpi", 0, GIVEN, GIVEN),
    ("told the preferences, above dqn before any episode", "dqn", 0, RELABELLED, GIVEN),
    ("told the preferences, above psi-phi as published", "psiphi_published", 0, GIVEN, GIVEN),
    ("told nothing, following pays after one episode", "psiphi_no_gpi", 1, RELEARNT, RELEARNT),
    ("told nothing, above dqn after one episode", "dqn", 1, TUNED, RELEARNT),
    ("told nothing, above dqn from nothing after 100 episodes", "dqn", 100, SCRATCH, RELEARNT),
)


def claims() -> Iterator[Claim]:
    """What psiphi should reach on each new task."""
    for name, task in TASKS.items():
        for text, over, episodes, theirs, own in COMPARED:
            shared = (("protocol", "few_shot"), ("preference", str(list(task))), ("episodes", str(episodes)))
            yield Claim(
                text=f"{name}: {text}",
                source="ours",
                paper="" if over == "psiphi_published" else PAPER,  # which compares no variants of it
                arm="psiphi",
                over=over,
                labels=(*shared, ("method", own)),
                over_labels=(("method", theirs),),
            )


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
    first_seed=2000,
    **lengths(steps=16_000),
    protocols=(few_shot.Config(preferences=tuple(TASKS.values())),),
    claims=tuple(claims()),
)
experiment = tuned(experiment, __file__)
