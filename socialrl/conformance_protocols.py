"""Conformance of evaluation protocols: what every protocol's Config must satisfy, its own or a stranger's.

from socialrl.conformance_protocols import check_protocol
check_protocol(my_protocol.Config())
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import jax
import numpy as np

from socialrl.assemble import assemble
from socialrl.config import Arm, Experiment, Generations
from socialrl.feedback.config import ComparisonsConfig
from socialrl.learners import basis, kl_control, ppo, psiphi
from socialrl.protocols import EvaluationProtocol, Study
from socialrl.record.labels import Labels, read
from socialrl.seeds import Seeds
from socialrl.types import LearnerConfig
from socialrl_envs.configs import WorldConfig
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid, goal_cycle, goal_sequence

EPISODES = 2  # of the checked evaluations
SEEDS = 2
Measured = list[tuple[Any, dict[str, np.ndarray]]]  # labels and measures, before either is checked


def check_protocol(config: Any, given: Experiment | Study | None = None) -> None:
    """Raises AssertionError, whose message names the fault, unless the protocol keeps its contract.

    It is run twice with few episodes on untrained learners: on a study or the first arm of an experiment that
    is given, or without one on the first of `studies` in which it measures something. Checked are the types
    of `kind`, `needs` and `episodes`; that `count` is the number of conditions; that labels are of one
    schema, survive JSON and differ; that all measures are one number per seed; that both runs measure the
    same; and that the study is left unchanged.
    """
    check_options(config)
    small = dataclasses.replace(config, episodes=EPISODES)
    study, count = first_measured(small, candidates(given))
    before = snapshot(study)
    found = measured(small, study)
    assert len(found) == count, f"count: it promises {count} conditions, run yields {len(found)}"
    check_labels([labels for labels, _ in found], small.kind)
    for labels, values in found:
        check_measures(labels, values)
    assert same(before, snapshot(study)), "run: it changes the study"
    check_equal(found, measured(small, study))


def candidates(given: Experiment | Study | None) -> Iterator[Study]:
    """The studies in which a protocol may be checked."""
    if given is None:
        return studies()
    return iter([given if isinstance(given, Study) else study_of(given)])


def check_options(config: object) -> None:
    """The facts that every protocol's Config declares."""
    name = f"{type(config).__module__}.{type(config).__qualname__}"
    assert dataclasses.is_dataclass(config), f"{name}: it is no dataclass"
    assert type(config).__dataclass_params__.frozen, f"{name}: the dataclass is not frozen"  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(config, EvaluationProtocol), f"{name}: it lacks one of {', '.join(missing(config))}"
    for key, value in (("kind", config.kind), ("needs", config.needs)):
        assert isinstance(value, str), f"{name}.{key}: {value!r} is no text"
        assert value, f"{name}.{key}: it is empty"
    fields = {field.name for field in dataclasses.fields(config)}
    assert "episodes" in fields, f"{name}: it has no option `episodes`"
    assert isinstance(config.episodes, int), f"{name}.episodes: {config.episodes!r} is no whole number"


def missing(config: object) -> list[str]:
    """The names of the contract that a config does not have."""
    return [name for name in ("kind", "needs", "episodes", "count", "run") if name not in dir(config)]


def check_labels(labels: Sequence[Any], kind: str) -> None:
    """Labels of one schema, of the protocol's kind, that survive JSON and differ from one another."""
    schema = type(labels[0])
    for one in labels:
        assert isinstance(one, Labels), (
            f"labels: {one!r} is not of a schema derived from record.labels.Labels"
        )
        assert type(one) is schema, f"labels: {schema.__name__} and {type(one).__name__} are mixed"
        assert one.kind == kind, f"labels: the schema is of kind {one.kind!r}, the protocol of {kind!r}"
        try:
            text = json.dumps(one.to_json(), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise AssertionError(f"labels: {one!r} cannot be written as JSON: {error}") from error
        assert read(schema, json.loads(text)) == one, f"labels: {one!r} does not survive JSON"
    assert len(set(labels)) == len(labels), (
        f"labels: two conditions have the same labels, {repeated(labels)!r}"
    )


def repeated(labels: Sequence[Labels]) -> Labels:
    """The first labels that stand twice."""
    return next(one for i, one in enumerate(labels) if one in labels[:i])


def check_measures(labels: Labels, values: dict[str, np.ndarray]) -> None:
    """At least one measure, each one number per seed."""
    assert values, f"measures of {labels!r}: there are none"
    for name, value in values.items():
        shape = value.shape
        assert shape == (SEEDS,), (
            f"measure {name} of {labels!r}: shape {shape}, it must be one number per seed"
        )
        assert value.dtype.kind in "biuf", f"measure {name} of {labels!r}: dtype {value.dtype}"


def check_equal(first: Measured, second: Measured) -> None:
    """Two runs with the same keys give the same conditions and measures, bit by bit."""
    assert [labels for labels, _ in first] == [labels for labels, _ in second], (
        "run: the labels differ when repeated"
    )
    for (labels, values), (_, again) in zip(first, second, strict=True):
        assert values.keys() == again.keys(), f"run: the measures of {labels!r} differ when repeated"
        for name, value in values.items():
            equal = np.array_equal(value, again[name], equal_nan=value.dtype.kind == "f")
            assert equal, f"measure {name} of {labels!r} is not a function of the study's keys"


def measured(config: EvaluationProtocol, study: Study) -> Measured:
    """All conditions of a run, the measures on the host."""
    return [(labels, study.seeds.values(values)) for labels, values in config.run(study)]


def first_measured(config: EvaluationProtocol, candidates: Iterator[Study]) -> tuple[Study, int]:
    """The first study of which the protocol measures something, and its number of conditions."""
    reasons = []
    for study in candidates:
        try:
            count = config.count(study)
        except SocialRLError as error:
            reasons.append(str(error))
            continue
        if count:
            return study, count
        reasons.append(f"count is 0 of {type(study.experiment.arms[0].learner).__module__}")
    raise AssertionError(f"{config.kind}: nothing to measure: {'; '.join(reasons)}; it needs {config.needs}")


def snapshot(study: Study) -> list[np.ndarray]:
    """The arrays of a study on the host: the learners' states, the keys, and the parameters of the world's
    levels.
    """
    trees = study.seeds.unbundle(study.states), study.seeds.unbundle(study.roots), study.world.params
    leaves = [
        jax.random.key_data(leaf) if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        for leaf in map(jax.numpy.asarray, jax.tree.leaves(trees))
    ]
    return [np.array(leaf) for leaf in leaves]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    """Whether two snapshots are equal bit by bit."""
    return len(one) == len(other) and all(
        a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True)
    )


def studies() -> Iterator[Study]:
    """Small studies of learners with different capabilities, one for each of `examples`. They are made once
    for all protocols that are checked, none of which may change them.
    """
    yield from map(example, range(len(examples())))


@cache
def example(number: int) -> Study:
    """The study of one of `examples`."""
    return study_of(examples()[number])


@cache
def examples() -> tuple[Experiment, ...]:
    """Small experiments of psiphi and basis among coins, of recurrent PPO in a cycle, of one that reads
    concepts, one that has a reference policy, and one in generations.
    """
    coins = coin_grid.Config(
        size=5,
        colours=2,
        coins=1,
        horizon=6,
        novices=(Seat(preferences=(1.0, -1.0)),),
        experts=(Seat(policy="planner", preferences=(0.0, 1.0)),),
    )
    cycle = goal_cycle.Config(novices=1, experts=1, size=7, layout="open", horizon=6, view=5)
    small = {"hidden": (8,), "capacity": 50, "batch": 2}
    return (
        one_arm(coins, psiphi.Config(**small)),
        one_arm(coins, basis.Config(**small, fit_steps=2)),
        one_arm(cycle, ppo.Config(hidden=(8,))),
        one_arm(cycle, ppo.Config(hidden=(8,), concepts="soft", residual=2)),
        one_arm(cycle, kl_control.Config(hidden=(8,), comparisons=ComparisonsConfig(labels=4, length=2))),
        in_generations(),
    )


def one_arm(world: WorldConfig, learner: LearnerConfig) -> Experiment:
    """A small experiment of this learner in this world."""
    arm = Arm(name="arm", learner=learner)
    return Experiment(name="conformance", question="?", world=world, arms=(arm,), seeds=SEEDS)


def in_generations() -> Experiment:
    """A small experiment whose arm lives in generations, in a world with a hidden sequence."""
    elder = (Seat(policy="elder"),)
    world = goal_sequence.Config(experts=0, coplayers=elder, size=5, goals=2, trials=2, horizon=6)
    return Experiment(
        name="conformance",
        question="?",
        world=world,
        arms=(Arm(name="arm", learner=ppo.Config(hidden=(8,)), generations=Generations(count=2)),),
        seeds=SEEDS,
        chunk=1,
    )


def study_of(experiment: Experiment) -> Study:
    """A study of the experiment's first arm, whose learners are untrained."""
    made, seeds = assemble(experiment, experiment.arms[0]), Seeds(SEEDS)
    learner = made.learner
    roots = seeds.bundle([jax.random.key(seed) for seed in range(SEEDS)])
    init = seeds.map(lambda key: learner.init(key, experiment.unroll_length, experiment.num_envs), 1)
    return Study(
        experiment=experiment,
        world=made.world,
        learner=learner,
        generations=made.generations,
        seeds=seeds,
        states=init(roots),
        roots=roots,
    )
