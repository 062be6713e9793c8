"""Few and noisy comparisons: how often does a policy end below the one it began from, and what prevents it?

A reference policy is cloned from others who want other things than the novice. A synthetic teacher then
compares some pairs of its clips, and errs in three of ten answers; an ensemble of reward models is fitted to
the answers, and PPO improves the policy on the ensemble's reward, near the reference. Four penalties: a KL
divergence, one weighted by the ensemble's variance (after Banerjee and Gopalan, 2024, arXiv 2410.23726), of
the reward of a step (`variance`) or of what is to come from it on (`returns`), and a lower confidence bound.
`free` has next to none, and shows over-optimisation as it happens: the inferred reward rises with the
distance from the reference, the true one falls. Two sizes of label sets. Every run has a label set of its
own, so that the share of runs below the reference is over label sets and seeds.

What decides more than the kind of penalty is its size, so that each kind has its own, from a search of three
on seeds for tuning:

    socialrl tune experiments/over_optimisation.py --grid prior_coef=1.0,2.0,4.0 --seeds 6 \
        --arms kl_15,variance_15,returns_15,lower_15,kl_60,variance_60,returns_60,lower_60

The first report of this experiment had one size for all, 0.2, at which most runs of every kind ended below
their reference; the seeds 1000 to 1019 that it used are not used again.

The size is for two CPU cores; on a GPU: --seeds 100 --steps 2000000 --num_envs 1024
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from _coins import WORLD
from _cycle import lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.feedback.config import ComparisonsConfig
from socialrl.feedback.teachers import Teacher
from socialrl.learners import kl_control
from socialrl.protocols import reference
from socialrl.tuned import tuned

STEPS = 200_000
HELD = ("kl", "variance", "returns", "lower")
LABELS = {15: ("free", *HELD), 60: HELD}  # and the arms of each
LEARNER = kl_control.Config(
    hidden=(64,),
    memory="none",
    gamma=0.9,
    epochs=4,
    minibatches=8,
    recompute_advantages=False,
    entropy_coef=0.01,
    entropy_coef_end=0.001,
    anneal=STEPS,
    cloning_steps=80_000,
    prior_coef=1.0,
)
ANSWERS = ComparisonsConfig(
    asked_until=1,  # all about the reference policy
    queries="random",
    teacher=Teacher(noise=0.3, indifference=0.01),
    members=5,
    reach=1,
    sparsity=0.3,
    gradient_steps=400,
)
PENALTIES: dict[str, dict[str, Any]] = {
    "free": {"prior_coef": 0.001},
    "kl": {},
    "variance": {"penalty": "variance"},
    "returns": {"penalty": "return_variance"},
    "lower": {"penalty": "lower_bound"},
}
SAMPLED = (("protocol", "reference"), ("policy", "sampled"))


def claims() -> Iterator[Claim]:
    """For each size of the label set: what the paper says of the risk, and that it costs no return."""
    for labels, names in LABELS.items():

        def ours(text: str, arm: str, labels: int = labels, **options: Any) -> Claim:
            named = f"{labels} labels: {text}"
            return Claim(text=named, source="ours", arm=f"{arm}_{labels}", labels=SAMPLED, **options)

        paper = "Banerjee and Gopalan, 2024, arXiv 2410.23726"
        for arm in ("variance", "returns", "lower"):
            text = f"{arm}: fewer runs end below the reference than with a plain KL"
            yield ours(text, arm, over=f"kl_{labels}", below=True, measure="below", paper=paper)
            text = f"{arm}: its mean gain is no lower than nine tenths of a plain KL's"
            yield ours(text, arm, over=f"kl_{labels}", times=0.9, measure="gain")
        if "free" in names:
            yield ours("free: the inferred reward rises", "free", measure="proxy_gain")
            text = "free: more runs end below the reference than with a plain KL"
            yield ours(text, "free", over=f"kl_{labels}", measure="below")


experiment = Experiment(
    name="over_optimisation",
    question="Few noisy comparisons: how often does a policy end below its reference, and what prevents it?",
    world=WORLD,
    arms=tuple(
        Arm(
            name=f"{name}_{labels}",
            learner=dataclasses.replace(
                LEARNER, comparisons=dataclasses.replace(ANSWERS, labels=labels), **PENALTIES[name]
            ),
        )
        for labels, names in LABELS.items()
        for name in names
    ),
    steps=STEPS,
    first_seed=2000,
    claim_seeds=20,
    **lengths(
        seeds=20,
        num_envs=64,
        unroll_length=25,
        num_levels=1024,
        chunk=2,
        evaluate_every=24_000,
        evaluation_episodes=64,
        checkpoint_every=96_000,
    ),
    protocols=(reference.Config(),),
    scale="two CPU cores: 200,000 steps per seed",
    claims=tuple(claims()),
)
experiment = tuned(experiment, __file__)
