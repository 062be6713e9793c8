"""Beside experts, does a learner that may follow them need a third of the steps of one that may not?

Six worlds, and `sparse`, where a single hidden goal in rooms of 15x15 cells pays once. Steps count until the
return on held-out levels is half of that of a planner in the novice's seat; a seed that never gets so far
counts with all of its steps. The settings are the same in all worlds, those that one_learner.py searched for;
seeds are fresh, as older settings were reported on those from 1000. `alone` is the same learner without
sources, and so recurrent PPO; it sees the same company, and so does dqn.

The size is for two CPU cores; on a GPU: --steps 5000000 --num_envs 1024 --seeds 20
"""

import dataclasses
from collections.abc import Iterator

from _worlds import OFF_POLICY, SELECTIVE, SPARSE, WORLDS, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import dqn
from socialrl.protocols import regret

PLACES = WORLDS | {"sparse": SPARSE}
LEARNERS = {
    "selective": SELECTIVE,
    "alone": dataclasses.replace(SELECTIVE, sources=()),
    "dqn": dqn.Config(**OFF_POLICY),
}


def claims() -> Iterator[Claim]:
    """In every world: half of a planner's return in at most a third of the steps of each solitary learner."""
    for place in PLACES:
        for rival in ("alone", "dqn"):
            yield Claim(
                text=f"{place}: half of a planner's return in a third of the steps of {rival}",
                source="aim",
                arm=f"selective_{place}",
                over=f"{rival}_{place}",
                times=1 / 3,
                below=True,
                measure="steps_to_half",
            )


experiment = Experiment(
    name="good_company",
    question="Beside experts, how many steps does a learner that may follow them save?",
    world=WORLDS["coin_grid"],
    arms=tuple(
        Arm(name=f"{name}_{place}", learner=learner, world=world)
        for place, world in PLACES.items()
        for name, learner in LEARNERS.items()
    ),
    steps=200_000,
    **lengths(),
    protocols=(regret.Config(),),
    scale="two CPU cores: 200,000 steps per seed",
    claims=tuple(claims()),
)
