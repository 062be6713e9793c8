"""Does a novice follow others where it is unsure itself? And how rare may a danger be?

The bridge of flooded_road.py, which only others' behaviour shows to be flooded. `selective` decides at every
step between its own policy and following the locals; `self_only` is the same learner without the choice, so
that what it knows of others it has from watching them. With the floods forced, the share of novices that
arrive; over the levels of training, how unsure the own policy is where others are followed and where not: the
entropy of the own policy, as a share of that of a uniform one. Both have selective's defaults but for the
discount: with 0.95 one step of waiting costs more than what it tells is worth.

In the world of flooded_road.py a step costs 0.04. To wait one step for others then costs more, over all
episodes, than the floods that it avoids at 5 %; whether a learner waits is therefore asked in a world whose
steps cost 0.02, and `hurried` is the learner in the other one. Discount and step cost were chosen by trials
of `selective` on four seeds for tuning. Seeds are fresh: older versions were reported on those from 1000.

The size is for two CPU cores; on a GPU: --steps 5000000 --num_envs 1024 --seeds 20
"""

import dataclasses
from collections.abc import Iterator

import flooded_road as flood
from _cycle import lengths
from decision import LEARNER as SELECTIVE
from socialrl.config import Arm, Claim, Experiment
from socialrl.protocols import following, regret, worth_of_following
from socialrl.tuned import tuned

STEPS = 800_000
FLOODS = (0.05, 0.15)
STEP_COST = 0.02
LEARNER = dataclasses.replace(SELECTIVE, anneal=STEPS, gamma=0.99, gae_lambda=0.95)
LEARNERS = {"selective": LEARNER, "self_only": dataclasses.replace(LEARNER, sources=())}
RARE = f"{100 * FLOODS[0]:.0f}"
WORLDS = {
    f"{100 * share:.0f}": dataclasses.replace(flood.WORLD, flood=share, step_cost=STEP_COST)
    for share in FLOODS
}
HURRIED = dataclasses.replace(flood.WORLD, flood=FLOODS[0])
FORCED = (("protocol", "regret"), ("condition", "flood 1"))
USUAL = (("protocol", "following"), ("condition", "as trained"))


def claims() -> Iterator[Claim]:
    """For each share of floods: arrivals, what the choice adds to them and to the return, and whether the
    unsure follow.
    """
    for percent in WORLDS:
        arm, text = f"selective_{percent}", f"{percent} % floods"
        arrived = {"arm": arm, "measure": "cumulants/arrived", "labels": FORCED}
        yield Claim(text=f"{text}: arrives in eight of ten floods", source="aim", value=0.8, **arrived)
        yield Claim(
            text=f"{text}: the choice to follow adds to arrivals in floods",
            source="ours",
            over=f"self_only_{percent}",
            **arrived,
        )
        yield Claim(
            text=f"{text}: beside locals, above the same learner without sources",
            source="ours",
            arm=arm,
            over=f"self_only_{percent}",
        )
        yield Claim(
            text=f"{text}: its own policy is less sure where it follows than where it does not",
            source="aim",
            arm=arm,
            measure="uncertain_gain",
            labels=USUAL,
        )
    yield Claim(
        text=f"{RARE} % floods, where steps cost {HURRIED.step_cost}: arrives in eight of ten floods",
        source="aim",
        value=0.8,
        arm=f"hurried_{RARE}",
        measure="cumulants/arrived",
        labels=FORCED,
    )


experiment = Experiment(
    name="rare_floods",
    question="Does a novice follow others where it is unsure, and how rare may a danger be that they know?",
    world=WORLDS[RARE],
    arms=(
        *(
            Arm(name=f"{name}_{percent}", learner=learner, world=world)
            for percent, world in WORLDS.items()
            for name, learner in LEARNERS.items()
        ),
        Arm(name=f"hurried_{RARE}", learner=LEARNER, world=HURRIED),
    ),
    steps=STEPS,
    first_seed=2000,
    **lengths(evaluate_every=100_000, checkpoint_every=400_000, chunk=2),
    protocols=(
        following.Config(conditions=({}, {"flood": 1.0})),
        regret.Config(episodes=512, conditions=({"flood": 1.0}, {"flood": 0.0})),
        worth_of_following.Config(instead=(1, 30)),
    ),
    scale="two CPU cores: 7x7, 800,000 steps per seed",
    claims=tuple(claims()),
)
experiment = tuned(experiment, __file__)
