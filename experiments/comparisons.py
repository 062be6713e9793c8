"""How many comparisons by a person replace a reward, if preferences over cumulants are inferred from them?

`psiphi` is trained as in few_shot.py, somewhat longer, and then serves somebody with other preferences who
only says which of two clips is better (protocol `comparisons`). The answers give a posterior over the weights
of its learnt cumulants, or of the true ones, and nothing is trained; `best of 16` chooses among random
preferences and is the baseline. The share of answers that are the wrong way round is 0, 10 and 20 %; clips
are chosen by disagreement, or at random. `marks`: the person says good or bad of steps while the agent
acts, half a second late, in place of comparing.

The arms `dqn_50`, `dqn_200` and `dqn_700` learn the task itself from so many answers: an ensemble of reward
models and the policy are trained in turns, and the world's rewards are learnt from by nobody. Rewards are
taken to depend on the cells around the novice and its action alone, and few steps to pay. `dqn` learns from
the world's rewards. In `dqn_200_random` clips are chosen at random, in `dqn_200_wrong10` and
`dqn_200_wrong20` 10 and 20 % of the answers are wrong. The two halves ask different things, a new preference
and a first one, and their numbers are not to be compared.

Orientation: Christiano et al. (2017, arXiv 1706.03741) needed about 700 answers for a reward model of a
simulated robot. The size is for two CPU cores; on a GPU: --world.size 15 --steps 100000 --seeds 64
"""

import dataclasses
from collections.abc import Iterator

from _coins import WORLD, lengths
from socialrl.config import Arm, Claim, Experiment
from socialrl.feedback.config import ComparisonsConfig
from socialrl.feedback.teachers import Marker, Teacher
from socialrl.learners import dqn, psiphi
from socialrl.protocols import comparisons

STEPS = 20_000
TASKS = ((-1.0, -1.0, 1.0), (-1.0, 1.0, 1.0))
CHRISTIANO = "Christiano et al. 2017, arXiv 1706.03741"
PERSON = Teacher(indifference=0.01)  # who calls clips of the same reward equal
DQN = dqn.Config(epsilon_steps=8_000)  # so that it still explores when the reward is known
ANSWERS = ComparisonsConfig(  # asked nearly to the end; few steps pay
    labels=200, asked_until=15_000, reach=1, sparsity=0.3, teacher=PERSON
)
BUDGETS = {
    "dqn_50": dataclasses.replace(ANSWERS, labels=50),
    "dqn_200": ANSWERS,
    "dqn_700": dataclasses.replace(ANSWERS, labels=700),
    "dqn_200_random": dataclasses.replace(ANSWERS, queries="random"),
    "dqn_200_wrong10": dataclasses.replace(ANSWERS, teacher=dataclasses.replace(PERSON, noise=0.1)),
    "dqn_200_wrong20": dataclasses.replace(ANSWERS, teacher=dataclasses.replace(PERSON, noise=0.2)),
}
LEARNT, MARKS = "w, learnt cumulants", "marks, learnt cumulants"


def measured(
    task: tuple[float, ...], noise: int, labels: int, method: str = LEARNT
) -> tuple[tuple[str, str], ...]:
    """The labels of one condition of the protocol, with queries by disagreement where there are any."""
    return (
        ("protocol", "comparisons"),
        ("preference", str(list(task))),
        ("method", method),
        ("queries", "disagreement" if method == LEARNT else ""),
        ("noise", str(noise)),
        ("labels", str(labels)),
    )


def claims() -> Iterator[Claim]:
    """On each new task: 90 % of the true reward's return within 50 answers, without and with wrong ones."""
    for task in TASKS:
        for noise in (0, 20):
            yield Claim(
                text=f"{list(task)}, {noise} % wrong: 90 % of the true reward's return within 50 answers",
                source="aim",
                arm="psiphi",
                value=0.9,
                measure="of_true",
                labels=measured(task, noise, 50),
            )
        yield Claim(
            text=f"{list(task)}, 50 marks: 90 % of the true reward's return",
            source="aim",
            arm="psiphi",
            value=0.9,
            measure="of_true",
            labels=measured(task, 0, 50, MARKS),
        )
    yield Claim(
        text="700 answers, a reward model: 90 % of the return by the true reward",
        source="ours",
        paper=CHRISTIANO,
        arm="dqn_700",
        over="dqn",
        times=0.9,
    )
    for wrong in (10, 20):
        yield Claim(
            text=f"A reward model, {wrong} % wrong: nine tenths of the return without wrong answers",
            source="ours",
            arm=f"dqn_200_wrong{wrong}",
            over="dqn_200",
            times=0.9,
        )
    yield Claim(text="More answers, more return", source="ours", arm="dqn_200", over="dqn_50")
    yield Claim(
        text="Clips on which the ensemble disagrees teach more than random ones",
        source="ours",
        paper=CHRISTIANO,
        arm="dqn_200",
        over="dqn_200_random",
    )


experiment = Experiment(
    name="comparisons",
    question="How many comparisons by a person replace a reward, if preferences are inferred from them?",
    world=WORLD,
    arms=(
        Arm(name="psiphi", learner=psiphi.Config(trust=False)),
        Arm(name="dqn", learner=DQN),
        *(
            Arm(name=name, learner=dataclasses.replace(DQN, comparisons=config))
            for name, config in BUDGETS.items()
        ),
    ),
    seeds=10,
    first_seed=1000,
    **lengths(steps=STEPS),
    protocols=(
        comparisons.Config(preferences=TASKS, features=("learnt", "true"), teacher=PERSON, marker=Marker()),
    ),
    scale="two CPU cores: 9x9, 20,000 steps per seed",
    claims=tuple(claims()),
)
