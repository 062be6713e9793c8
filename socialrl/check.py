"""Tests of code that is not ours: what a file, module or name defines, and whether it keeps its contract."""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, Protocol, runtime_checkable

import jax

from socialrl.config import Arm, Experiment
from socialrl.curricula import Curriculum
from socialrl.evaluation import sources_of
from socialrl.learners import dqn
from socialrl.protocols import Study
from socialrl.registry import CONFIGS, COPLAYER, CURRICULUM, LEARNER, PROTOCOL, WORLD, ConfigKind, Kind
from socialrl.rollout import make_rollout
from socialrl.seeds import Seeds
from socialrl.training import Trainer, make_trainer
from socialrl.types import Learner
from socialrl_envs import conformance, plugins
from socialrl_envs.conformance_jaxmarl import JaxMarlLike
from socialrl_envs.conformance_jaxmarl import checks as jaxmarl_checks
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.registry import CoPlayerCode
from socialrl_envs.types import World, WorldSpec
from socialrl_envs.worlds import coin_grid

COPLAYER_ARGUMENTS = ("world", "state", "seat", "key")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """The outcome of one check. subject: what was checked. rules: which rules. failure: "" if it passed."""

    subject: str
    rules: str
    failure: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """A thing to check: its kind, its name, and the Config class, function or module itself."""

    kind: Kind
    name: str
    thing: object


@runtime_checkable
class Buildable(Protocol):
    """The Config of a world, learner or curriculum."""

    def build(self, *arguments: Any) -> Any: ...


@runtime_checkable
class Runnable(Protocol):
    """The Config of a protocol."""

    def run(self, study: Any) -> Any: ...


Checks = Sequence[tuple[str, Callable[[], object]]]


def check(targets: Sequence[str], world: str | None = None) -> Iterator[Result]:
    """The results of all checks of what targets define, as they come.

    targets: each a FILE.py or module, for all that it defines; `module:Name`; or a registered name, of every
    kind that has it. world: the name of the world in which co-players, learners, curricula and protocols are
    tried; None takes a small coin_grid.
    Raises SocialRLError if a target cannot be imported or defines nothing that can be checked.
    """
    place = None if world is None else WORLD.config(world)().build()
    for subject in [subject for target in targets for subject in find(target)]:
        yield from _results(f"{subject.kind.word} {subject.name}", checks_of(subject, place))


def check_jaxmarl(target: str) -> Iterator[Result]:
    """The results of all checks of an environment with JaxMARL's methods. target: MODULE:CLASS or
    FILE.py:CLASS.
    """
    module, colon, name = target.rpartition(":")
    if not colon:
        raise SocialRLError(f"--jaxmarl {target}: no class", "write MODULE:CLASS")
    found = vars(plugins.allow(module))
    if not isinstance(found.get(name), type | FunctionType):
        raise SocialRLError(f"--jaxmarl {target}: {module} has no class {name!r}", nearest(name, found))
    try:
        env = found[name]()
    except Exception as error:
        raise SocialRLError(f"{target}(): {_one_line(error)}", "it must build without arguments") from error
    if not isinstance(env, JaxMarlLike):
        raise SocialRLError(
            f"{target} lacks a method of JaxMARL's environments",
            "agents, reset, step, observation_space, action_space",
        )
    yield from _results(target, jaxmarl_checks(env))


def find(target: str) -> list[Subject]:
    """What there is to check under a target; raises SocialRLError if there is nothing."""
    named = [Subject(kind=kind, name=target, thing=kind.find(target)) for kind in _kinds_of(target)]
    if named:
        return named
    if plugins.qualified(target) and not target.endswith(".py"):
        module, _, _ = target.rpartition(":")
        plugins.allow(module)
        return [_subject(target, plugins.find(target))]
    module = plugins.allow(target) if "." in target or "/" in target else _module(target)
    found = plugins.defined_in(module)
    subjects = [_subject(plugins.name_of(thing), thing) for thing in found.values() if _is_subject(thing)]
    if not subjects:
        raise SocialRLError(
            f"{target}: no world, co-player, learner, curriculum or protocol is defined there",
            "define a Config with build or run, or a function act(world, state, seat, key)",
        )
    return subjects


def _kinds_of(name: str) -> list[Kind]:
    return [kind for kind in (*CONFIGS, COPLAYER) if name in kind.names()]


def _module(name: str) -> ModuleType:
    try:
        return plugins.allow(name)
    except SocialRLError as error:
        every = [known for kind in (*CONFIGS, COPLAYER) for known in kind.names()]
        raise SocialRLError(f"{name!r}: no file, module or registered name", nearest(name, every)) from error


def _is_subject(thing: object) -> bool:
    if isinstance(thing, FunctionType):
        return tuple(inspect.signature(thing).parameters) == COPLAYER_ARGUMENTS
    return (
        isinstance(thing, type)
        and dataclasses.is_dataclass(thing)
        and issubclass(thing, Buildable | Runnable)
    )


def _subject(name: str, thing: object) -> Subject:
    if isinstance(thing, type):
        return Subject(kind=kind_of_class(thing), name=name, thing=thing)
    return Subject(kind=COPLAYER, name=name, thing=thing)


def kind_of_class(cls: type) -> ConfigKind:
    """What a Config class is of: a protocol has `run(study)`, a world `build()`, a learner `build(spec)`, a
    curriculum `build(world)`.
    """
    if issubclass(cls, Runnable):
        return PROTOCOL
    if not issubclass(cls, Buildable):
        raise SocialRLError(f"{cls.__qualname__} has neither build nor run", "it is no Config")
    names = list(inspect.signature(cls.build).parameters)[1:]
    if not names:
        return WORLD
    hint = typing.get_type_hints(cls.build).get(names[0])
    kinds = {WorldSpec: LEARNER, World: CURRICULUM, "spec": LEARNER, "world": CURRICULUM}
    kind = kinds.get(hint) or kinds.get(names[0])
    if kind is None:
        raise SocialRLError(
            f"{cls.__qualname__}.build({names[0]}): a learner's takes `spec`, a curriculum's `world`",
            "name the argument so",
        )
    return kind


def checks_of(subject: Subject, world: World | None) -> Checks:
    """(rules, check) pairs of a subject; a check raises if a rule is broken."""
    thing, checks = subject.thing, _CHECKS[subject.kind.word]
    return [(rules, partial(rule, thing, world)) for rules, rule in checks]


def _results(subject: str, checks: Checks) -> Iterator[Result]:
    """Runs checks in order; the first that fails is the last, for what follows builds on it."""
    for rules, run in checks:
        try:
            run()
        except Exception as error:
            yield Result(subject=subject, rules=rules, failure=_one_line(error))
            return
        yield Result(subject=subject, rules=rules, failure="")


def _one_line(error: Exception) -> str:
    """What went wrong, with the innermost line of the user's own code."""
    text = " ".join(str(error).split())[:400]
    if isinstance(error, AssertionError | SocialRLError) and text:
        return text
    return f"{type(error).__name__}: {text}{plugins.place_of(error)}"


# --- what is demanded: of a Config class or function, in a world (None: the check's own)


def _world(config: Any, _: World | None) -> None:
    config().build()


def _world_contract(config: Any, _: World | None) -> None:
    conformance.check_world(config().build())


def _coplayer(thing: object, world: World | None) -> None:
    act = thing.act if isinstance(thing, CoPlayerCode) else thing
    assert isinstance(act, Callable), "a co-player is a function, or has the function `act`"
    conformance.check_coplayer(act, world or coin_grid.Config().build())


def _learner(config: Any, world: World | None) -> None:
    built = config().build((world or coin_grid.Config().build()).spec)
    assert isinstance(built, Learner), f"build(spec) gives {type(built).__name__}, not a Learner"


def _learner_trains(config: Any, world: World | None) -> None:
    _trace(_experiment(world, config()))


def _curriculum(config: Any, world: World | None) -> None:
    built = config().build(world or coin_grid.Config().build())
    assert isinstance(built, Curriculum), f"build(world) gives {type(built).__name__}, not a Curriculum"


def _curriculum_draws(config: Any, world: World | None) -> None:
    _trace(_experiment(world, dqn.Config(), config()))


def _protocol(config: Any, world: World | None) -> None:
    """Runs it on a learner that has not been trained, with one seed."""
    experiment = _experiment(world, dqn.Config(hidden=(8,), capacity=64))
    built, learner, trainer = _assembled(experiment)
    seeds = Seeds(1)
    states = seeds.bundle([trainer.start(jax.random.key(0)).learner])
    roots = seeds.bundle([jax.random.key(1)])
    study = Study(
        experiment=experiment, world=built, learner=learner, seeds=seeds, states=states, roots=roots
    )
    for labels, values in config().run(study):
        assert isinstance(labels, dict), f"run yields labels {labels!r}, not a dict"
        assert seeds.values(values), "run yields no values"


def _experiment(world: World | None, learner: Any, curriculum: Any = None) -> Experiment:
    return Experiment(
        name="check",
        question="Does it keep its contract?",
        world=coin_grid.Config(size=6, horizon=8) if world is None else world.config,
        arms=(Arm(name="checked", learner=learner, curriculum=curriculum),),
        seeds=1,
        steps=8,
        num_envs=2,
        unroll_length=4,
        num_levels=4,
        chunk=1,
    )


def _assembled(experiment: Experiment) -> tuple[World, Learner, Trainer]:
    [arm] = experiment.arms
    world = experiment.world_of(arm).build()
    learner = arm.learner.build(world.spec)
    config = experiment.curriculum_of(arm)
    curriculum = None if config is None else config.build(world)
    rollout = make_rollout(world, learner)
    return world, learner, make_trainer(experiment, learner, rollout, sources_of(world.spec), curriculum)


def _trace(experiment: Experiment) -> None:
    """Traces a chunk of training: shapes, dtypes and that the state keeps its structure."""
    trainer = _assembled(experiment)[2]
    before = jax.eval_shape(trainer.start, jax.random.key(0))
    after, metrics = jax.eval_shape(lambda key: trainer.chunk(trainer.start(key)), jax.random.key(0))
    assert jax.tree.structure(before) == jax.tree.structure(after), "a chunk changes the state's structure"
    for name, value in metrics.items():
        assert value.shape == (), f"metric {name!r} has shape {value.shape}, not ()"


_CHECKS: dict[str, tuple[tuple[str, Callable[[Any, World | None], None]], ...]] = {
    WORLD.word: (("builds with its defaults", _world), ("keeps the contract of worlds", _world_contract)),
    COPLAYER.word: (("keeps the contract of co-players", _coplayer),),
    LEARNER.word: (("builds with its defaults", _learner), ("trains for a chunk", _learner_trains)),
    CURRICULUM.word: (("builds with its defaults", _curriculum), ("draws levels", _curriculum_draws)),
    PROTOCOL.word: (("runs and yields labels and values", _protocol),),
}
