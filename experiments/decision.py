"""Where others know what a novice cannot see, does a learnt decision to follow them pay?

Three worlds: a goal that experts alone see, a hidden order that experts alone know, a flood that locals alone
see. The same learner decides between itself and sources: following, imitation, emulation. `self_only` has no
sources, and is recurrent PPO; `useless` may choose a random walk instead, for as long and as often, so that
more choices and longer exploration alone are controlled for. All have selective's defaults, which were
searched for in one_learner.py. Seeds are fresh: an earlier version, with rarer trials in short episodes,
ended below `self_only` in the third world on seeds from 2000.

The size is for two CPU cores; on a GPU: --steps 10000000 --num_envs 1024 --seeds 20.
"""

import dataclasses
from collections.abc import Iterator

import flooded_road as flood
from _cycle import WORLD, lengths
from _worlds import SELECTIVE
from socialrl.config import Arm, Claim, Experiment
from socialrl.protocols import worth_of_following
from socialrl.tuned import tuned
from socialrl_envs.worlds import goal_search

STEPS = 400_000
EPISODE = 100  # steps that no episode of these worlds exceeds
LEARNER = dataclasses.replace(SELECTIVE, anneal=STEPS)
WORLDS = {
    "goal_search": goal_search.Config(novices=1, experts=2, size=9, horizon=100),
    "goal_cycle": WORLD,
    "flooded_road": dataclasses.replace(flood.WORLD, flood=0.15),
}
LEARNERS = {
    "selective": LEARNER,
    "self_only": dataclasses.replace(LEARNER, sources=()),
    "useless": dataclasses.replace(LEARNER, sources=("random_walk",)),
}


def claims() -> Iterator[Claim]:
    """In every world: above the same learner without sources, and above the one with a useless source; how
    often others are followed in the end, and what that is worth: one step of it, and all of it from there on.
    """
    for place in WORLDS:
        arm = f"selective_{place}"
        for control, text in (("self_only", "without sources"), ("useless", "with a useless source")):
            yield Claim(
                text=f"{place}: above the same learner {text}",
                source="ours",
                arm=arm,
                over=f"{control}_{place}",
            )
        step, rest = (
            (("protocol", "worth_of_following"), ("source", "all"), ("instead", f"{steps}"))
            for steps in (1, EPISODE)
        )
        yield Claim(
            text=f"{place}: follows in a fifth of the steps",
            source="aim",
            arm=arm,
            measure="share",
            value=0.2,
            labels=step,
        )
        yield Claim(
            text=f"{place}: a followed step is worth more than acting for itself in it",
            source="aim",
            arm=arm,
            measure="worth",
            labels=step,
        )
        yield Claim(
            text=f"{place}: to follow nobody from a followed step on costs return",
            source="aim",
            arm=arm,
            measure="worth",
            labels=rest,
        )


experiment = Experiment(
    name="decision",
    question="Where others know what a novice cannot see, does a learnt decision to follow them pay?",
    world=WORLDS["goal_search"],
    arms=tuple(
        Arm(name=f"{name}_{place}", learner=learner, world=world)
        for place, world in WORLDS.items()
        for name, learner in LEARNERS.items()
    ),
    steps=STEPS,
    **lengths(
        evaluate_every=50_000,
        checkpoint_every=200_000,
        chunk=2,
        evaluation_episodes=64,
        seeds=10,
        first_seed=3000,
    ),
    scale="two CPU cores: 400,000 steps per seed",
    claims=tuple(claims()),
    protocols=(worth_of_following.Config(instead=(1, EPISODE)),),
)
experiment = tuned(experiment, __file__)
