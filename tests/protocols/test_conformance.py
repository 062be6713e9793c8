"""The conformance check of protocols: all built-in ones pass, each broken one fails with its fault named."""

import dataclasses
import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import pytest

from socialrl.config import Arm, Experiment
from socialrl.conformance_protocols import check_protocol, in_generations, studies, study_of
from socialrl.feedback.config import ComparisonsConfig
from socialrl.learners import dqn, kl_control, ppo
from socialrl.protocols import (
    comparisons,
    few_shot,
    goal_inference,
    held_out,
    interventions,
    reference,
    social,
)
from socialrl.record.labels import Labels, Memory
from socialrl.registry import PROTOCOL
from socialrl.types import FewShot, GoalInference, RewardInference
from socialrl_envs import SocialRLError
from socialrl_envs.options import Options, option
from socialrl_envs.worlds import coin_grid

SMALL = {
    "social": social.Config(policies=("greedy",), companies=("wanderer",), transfer=()),
    "held_out": held_out.Config(levels=("crossroads",)),
    "few_shot": few_shot.Config(shots=(0, 2), relabelled=2),
    "goal_inference": goal_inference.Config(shots=(0, 2)),
    "interventions": interventions.Config(each=False),
    "reference": reference.Config(policies=("sampled",)),
    "comparisons": comparisons.Config(
        labels=(0, 2), noise=(0.1,), queries=("random",), features=("true",), best_of=0, played=2
    ),
}
COINS = coin_grid.Config(size=5, colours=1, coins=1, horizon=4, experts=0)
WATCHED = dataclasses.replace(COINS, experts=1)
LABELLED = kl_control.Config(hidden=(4,), memory="none", comparisons=ComparisonsConfig(labels=4, length=2))
READS = ppo.Config(hidden=(4,), memory="none", concepts="soft", residual=1)
STUDIED = {  # rather than the first of `studies` that fits, for which others are made before
    "interventions": Experiment(
        name="reads", question="?", world=COINS, arms=(Arm(name="reads", learner=READS),)
    ),
    "generations": in_generations(),
    "lifetimes": in_generations(),
    "reference": Experiment(
        name="labelled", question="?", world=WATCHED, arms=(Arm(name="labelled", learner=LABELLED),)
    ),
}
EXPERIMENT = Experiment(
    name="tiny",
    question="?",
    world=coin_grid.Config(size=5, colours=2, coins=1, horizon=4),
    arms=(Arm(name="dqn", learner=dqn.Config(hidden=(4,), capacity=40, batch=2)),),
)


@pytest.mark.parametrize("name", PROTOCOL.names())
def test_every_protocol_conforms(name):
    check_protocol(SMALL.get(name) or PROTOCOL.config(name)(), STUDIED.get(name))


@pytest.mark.parametrize("name", PROTOCOL.names())
def test_every_protocol_has_defaults_and_a_meaning_for_each_option(name):
    config = PROTOCOL.config(name)()
    assert config.kind == name
    for field in dataclasses.fields(config):
        assert field.metadata["socialrl"].help, field.name


@dataclasses.dataclass(frozen=True)
class Odd(Labels):
    """Labels that no JSON can hold."""

    kind: ClassVar[str] = "memory"

    presence: object


@dataclasses.dataclass(frozen=True, kw_only=True)
class Good(Options):
    """A protocol of two conditions whose measure is drawn from the study's keys."""

    kind: ClassVar[str] = "memory"
    needs: ClassVar[str] = "nothing"

    episodes: int = option(1, "held-out episodes", low=1)

    def count(self, study):
        return 2

    def run(self, study):
        draw = study.seeds.map(lambda key: {"drawn": jax.random.uniform(key)}, 1)
        for number, presence in enumerate(("full", "never")):
            yield Memory(presence), draw(study.keys(number))


class Miscounting(Good):
    def count(self, study):
        return 3


class Repeating(Good):
    def run(self, study):
        for _, values in super().run(study):
            yield Memory("full"), values


class OfAnotherKind(Good):
    kind = "other"


class Unwritable(Good):
    def run(self, study):
        for number, (_, values) in enumerate(super().run(study)):
            yield Odd((number, {1, 2})), values


class Unlabelled(Good):
    def run(self, study):
        for labels, values in super().run(study):
            yield labels.to_json(), values


class OneNumberForAllSteps(Good):
    def run(self, study):
        draw = study.seeds.map(lambda key: {"drawn": jax.random.uniform(key, (4,))}, 1)
        for presence in ("full", "never"):
            yield Memory(presence), draw(study.keys(len(presence)))


class Random(Good):
    calls: ClassVar[list[int]] = []

    def run(self, study):
        for labels, _ in super().run(study):
            self.calls.append(1)
            yield labels, study.seeds.bundle([{"drawn": jnp.float32(len(self.calls))}] * 2)


class Overwriting(Good):
    def run(self, study):
        study.world.params = study.world.params.with_overrides({"skill": study.world.params.skill * 0})
        yield from super().run(study)


class Measuring(Good):
    def count(self, study):
        return 0


class Refusing(Good):
    def count(self, study):
        raise SocialRLError("memory: coin_grid has no hidden order")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithoutEpisodes(Options):
    kind: ClassVar[str] = "memory"
    needs: ClassVar[str] = "nothing"

    count, run = Good.count, Good.run


@functools.cache
def studied():
    """The study of EXPERIMENT."""
    return study_of(EXPERIMENT)


def test_a_good_protocol_passes():
    check_protocol(Good(), studied())


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (Miscounting, "count: it promises 3 conditions, run yields 2"),
        (Repeating, "two conditions have the same labels, Memory"),
        (OfAnotherKind, "the schema is of kind 'memory', the protocol of 'other'"),
        (Unwritable, "cannot be written as JSON"),
        (Unlabelled, "not of a schema"),
        (OneNumberForAllSteps, r"measure drawn of Memory.*shape \(2, 4\)"),
        (Random, "not a function of the study's keys"),
        (Overwriting, "it changes the study"),
        (Measuring, "nothing to measure: count is 0 of socialrl.learners.dqn; it needs nothing"),
        (Refusing, "nothing to measure: memory: coin_grid has no hidden order"),
        (WithoutEpisodes, "it lacks one of episodes"),
    ],
)
def test_each_fault_is_named(broken, fault):
    with pytest.raises(AssertionError, match=fault):
        check_protocol(broken(), EXPERIMENT if broken is Overwriting else studied())


def test_the_studies_have_what_protocols_ask_for():
    learners = [study.learner for study in studies()]
    for kind in (FewShot, RewardInference, GoalInference):
        assert any(learner.capability(kind) is not None for learner in learners), kind
    assert any(jax.tree.leaves(learner.initial_carry(1, 1)) for learner in learners)
