"""Does an agent that learns beside a population of others get on with partners that it has never met?

Two are paid when they stand at the same one of three places, and pay when they stand at different ones. The
places are equal, and so each pair has to settle on a convention. `self_play` learns with itself in the other
seat. `fcp` learns beside agents of self-play of other seeds, untrained, half trained and trained (fictitious
co-play, Strouse et al., 2021); `fcp_final` beside the trained ones alone, which is their ablation.
`diverse_2` and `diverse_3` learn by self-play, too, and not to get on with those before them; `diverse`
learns beside agents of these and of `self_play`. `taught` learns beside the very conventions that all are
tested with: what there is to reach. All are tested with the scripted conventions, with agents of every seed
of self-play, and with themselves.

The agents that ship for this world (assets/agents/rendezvous) are partners besides, and a recorded person is
one more: see docs/howto/partners.md. On seeds for tuning self-play earned 10 with itself, 3 beside scripted
conventions and less than 1 with another seed, so that there is much to gain.

The size is for two CPU cores; on a GPU: --steps 20000000 --num_envs 1024 --world.size 9
"""

import dataclasses

from socialrl.config import Arm, Claim, Experiment, Partners
from socialrl.curricula import cross_play
from socialrl.learners import ppo
from socialrl.protocols import partners
from socialrl_envs.types import Seat
from socialrl_envs.worlds import rendezvous

STEPS = 250_000
MISSED = -0.25
CONVENTIONS = (
    (1.0, -1.0, -1.0, MISSED),  # insists on place 1, 2, 3
    (-1.0, 1.0, -1.0, MISSED),
    (-1.0, -1.0, 1.0, MISSED),
    (1.0, 0.5, 0.5, MISSED),  # prefers place 1, 2, 3, and joins
    (0.5, 1.0, 0.5, MISSED),
    (0.5, 0.5, 1.0, MISSED),
    (1.0, 1.0, 1.0, MISSED),  # takes what is near, and joins
)
SEATS = tuple(Seat(policy="planner", preferences=one) for one in CONVENTIONS)
WORLD = rendezvous.Config(novices=1, experts=1, size=6, places=3, missed=-MISSED, horizon=40)
BOTH_LEARN = dataclasses.replace(WORLD, novices=2, experts=0)
POPULATION = dataclasses.replace(WORLD, redrawn="partners")
# On some levels the expert's seat is that of an agent that came before, and the second novice is away.
APART = dataclasses.replace(
    WORLD, novices=2, experts=(Seat(policy="planner", presence="never"),), redrawn="partners"
)
# One planner plays, whose preferences are drawn on every level: its own, or those of one who is never there.
ABSENT = tuple(dataclasses.replace(seat, policy="wanderer", presence="never") for seat in SEATS)
TAUGHT = dataclasses.replace(WORLD, experts=(SEATS[0],), coplayers=ABSENT[1:], redrawn="preferences")
LEARNER = ppo.Config(
    hidden=(48,),
    gamma=0.95,
    minibatches=4,
    epochs=4,
    lr_end=1e-4,
    entropy_coef=0.03,
    entropy_coef_end=0.003,
    anneal=STEPS,
)
NEVER_MET = (("protocol", "partners"), ("group", "agent"), ("partner", "all"), ("seed", "held out"))
SCRIPTED = (("protocol", "partners"), ("group", "convention"), ("partner", "all"), ("seed", ""))
STROUSE = "Strouse et al. 2021, arXiv 2110.08176"

experiment = Experiment(
    name="partners",
    question="Does learning beside a population of others help with partners that were never met?",
    world=WORLD,
    arms=(
        Arm(name="self_play", learner=LEARNER, world=BOTH_LEARN),
        Arm(
            name="fcp",
            learner=LEARNER,
            world=POPULATION,
            partners=Partners(arms=("self_play",), at=(0.0, 0.5, 1.0), seeds=4),
        ),
        Arm(
            name="fcp_final",
            learner=LEARNER,
            world=POPULATION,
            partners=Partners(arms=("self_play",), seeds=4),
        ),
        Arm(
            name="diverse_2",
            learner=LEARNER,
            world=APART,
            curriculum=cross_play.Config(),
            partners=Partners(arms=("self_play",), seeds=0),
        ),
        Arm(
            name="diverse_3",
            learner=LEARNER,
            world=APART,
            curriculum=cross_play.Config(),
            partners=Partners(arms=("self_play", "diverse_2"), seeds=0),
        ),
        Arm(
            name="diverse",
            learner=LEARNER,
            world=POPULATION,
            partners=Partners(arms=("self_play", "diverse_2", "diverse_3"), at=(0.0, 0.5, 1.0)),
        ),
        Arm(name="taught", learner=LEARNER, world=TAUGHT),
    ),
    seeds=10,
    first_seed=1000,
    steps=STEPS,
    num_envs=64,
    unroll_length=40,
    num_levels=2048,
    level_refresh=0.25,
    chunk=5,
    evaluate_every=25_000,
    evaluation_episodes=64,
    checkpoint_every=125_000,
    protocols=(partners.Config(conventions=SEATS, arms=("self_play",), episodes=64),),
    scale="two CPU cores: 6x6, 250,000 steps per seed",
    claims=(
        Claim(
            text="fcp earns more than self_play beside agents of self-play that it never met",
            source="ours",
            paper=STROUSE,
            arm="fcp",
            over="self_play",
            labels=NEVER_MET,
        ),
        Claim(
            text="fcp earns more than self_play beside scripted conventions",
            source="ours",
            paper=STROUSE,
            arm="fcp",
            over="self_play",
            labels=SCRIPTED,
        ),
        Claim(
            text="partners of several skills help: fcp earns more than fcp_final beside scripted conventions",
            source="ours",
            paper=STROUSE,
            arm="fcp",
            over="fcp_final",
            labels=SCRIPTED,
        ),
        Claim(
            text="different conventions help: diverse earns more than fcp beside scripted conventions",
            source="ours",
            paper="Rahman et al. 2023, arXiv 2207.14138",
            arm="diverse",
            over="fcp",
            labels=SCRIPTED,
        ),
        Claim(
            text="fcp reaches 80 % of what learning beside the very conventions reaches",
            source="aim",
            arm="fcp",
            over="taught",
            times=0.8,
            labels=SCRIPTED,
        ),
    ),
)
