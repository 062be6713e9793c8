"""What does it cost an agent to read named concepts alone, and does setting a wrong one right repair its act?

A policy whose only inputs are named concepts (where others are and go, where the goal or each coin is, what
is dangerous, what is in the way) can be read and turned; concepts are supervised by the world's own facts in
training only (Koh et al., 2020, arXiv 2007.04612; for several agents Zabounidis et al., 2023, arXiv
2302.12232). Two worlds: coins that are seen, and a goal that experts alone see, so that its place must be
concluded from where they go. `plain` reads all features. `soft` reads probabilities of concepts, `hard` the
likeliest value of each, through which nothing else can pass. In the world of coins besides: `residual` reads
8 numbers beside the concepts, whose leak is measured; `unsupervised` has the bottleneck of `soft` without
supervision: what the supervision, and not the narrowness, costs and gives.

The size is for two CPU cores; on a GPU: --steps 20000000 --num_envs 1024 --seeds 20
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from _coins import WORLD as COINS
from _cycle import lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.learners import ppo
from socialrl.protocols import interventions
from socialrl_envs.worlds import goal_search

STEPS = 300_000
WORLDS = {
    "coins": COINS,
    "search": goal_search.Config(novices=1, experts=2, size=9, horizon=100),
}
PLAIN = ppo.Config(
    hidden=(128,),
    heads=(64,),
    epochs=4,
    minibatches=8,
    recompute_advantages=False,
    lr_end=1e-4,
    entropy_coef=0.03,
    entropy_coef_end=0.002,
    anneal=STEPS,
)
SHORT = dataclasses.replace(PLAIN, memory="none", gamma=0.9)  # all that counts is seen, and comes soon
OF_WORLD = {"coins": SHORT, "search": dataclasses.replace(PLAIN, epochs=2)}
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "soft": {"concepts": "soft"},
    "hard": {"concepts": "hard"},
    "residual": {"concepts": "soft", "residual": 8},
    "unsupervised": {"concepts": "soft", "concept_coef": 0.0},
}
ARMS = {"coins": tuple(WAYS), "search": ("plain", "soft", "hard")}


def set_to(concept: str, value: str) -> tuple[tuple[str, str], ...]:
    """The labels of a condition of `interventions`."""
    return (("protocol", "interventions"), ("concept", concept), ("value", value))


def claims() -> Iterator[Claim]:
    """In each world: the price is small, what is supervised can be turned, and setting it right repairs."""
    for world in WORLDS:

        def ours(text: str, arm: str, world: str = world, **options: Any) -> Claim:
            return Claim(text=f"{world}: {text}", source="ours", arm=f"{arm}_{world}", **options)

        for arm in ("soft", "hard"):
            cheap = f"{arm} concepts cost less than a tenth of the return"
            yield ours(cheap, arm, over=f"plain_{world}", times=0.9)
        truth, wrong, own = set_to("all", "truth"), set_to("all", "wrong"), set_to("nothing", "own")
        for arm in ("soft", "hard"):
            yield ours(f"{arm}: the truth put in raises the return", arm, measure="gain", labels=truth)
            text = f"{arm}: of bad acts on wrong concepts the truth repairs more than half"
            yield ours(text, arm, measure="repaired", value=0.5, labels=truth)
        yield ours(
            "soft: wrong values put in change more than half of the acts",
            "soft",
            measure="changed",
            value=0.5,
            labels=wrong,
        )
        yield ours(
            "concepts are read right in nine of ten steps", "soft", measure="accuracy", value=0.9, labels=own
        )
        if "residual" not in ARMS[world]:
            continue
        yield ours(
            "the truth put in is worth more to supervised concepts than to unsupervised ones",
            "soft",
            over=f"unsupervised_{world}",
            measure="return",
            labels=truth,
        )
        yield ours(
            "without its residual the policy loses return: something leaks past the concepts",
            "residual",
            measure="gain",
            below=True,
            labels=set_to("residual", "permuted"),
        )


experiment = Experiment(
    name="concepts",
    question="What does it cost to read named concepts alone, and does setting one right repair the act?",
    world=COINS,
    arms=tuple(
        Arm(
            name=f"{name}_{place}",
            learner=dataclasses.replace(OF_WORLD[place], **WAYS[name]),
            world=WORLDS[place],
        )
        for place, names in ARMS.items()
        for name in names
    ),
    steps=STEPS,
    first_seed=1000,
    **lengths(
        num_envs=64,
        unroll_length=50,
        num_levels=1024,
        chunk=5,
        evaluate_every=48_000,
        evaluation_episodes=64,
        checkpoint_every=150_000,
    ),
    protocols=(interventions.Config(episodes=64),),
    scale="two CPU cores: 300,000 steps per seed",
    claims=tuple(claims()),
)
