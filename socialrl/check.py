"""Tests of code that is not ours: what a file, module or name defines, and whether it keeps its contract."""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, Protocol, runtime_checkable

from socialrl import conformance
from socialrl.conformance_protocols import check_protocol
from socialrl.registry import CONFIGS, COPLAYER, CURRICULUM, LEARNER, PROTOCOL, WORLD, ConfigKind, Kind
from socialrl_envs import plugins
from socialrl_envs.conformance import check_coplayer, check_world
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

    def build(self, *arguments: object) -> Any: ...


@runtime_checkable
class Runnable(Protocol):
    """The Config of a protocol."""

    def run(self, study: object) -> Any: ...


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
    """What went wrong, with the innermost line of the user's own code if that raised an error of another
    kind.
    """
    text, cause = " ".join(str(error).split())[:400], error.__cause__ or error
    if not isinstance(error, AssertionError | SocialRLError) or not text:
        text = f"{type(error).__name__}: {text}"
    told = isinstance(cause, AssertionError | SocialRLError) and str(cause)
    return text if told or not isinstance(cause, Exception) else f"{text}{plugins.place_of(cause)}"


# --- what is demanded: of a Config class or function, in a world (None: the check's own)


def _world(config: type, _: World | None) -> None:
    config().build()


def _world_contract(config: type, _: World | None) -> None:
    check_world(config().build())


def _coplayer(thing: object, world: World | None) -> None:
    act = thing.act if isinstance(thing, CoPlayerCode) else thing
    assert isinstance(act, Callable), "a co-player is a function, or has the function `act`"
    check_coplayer(act, world or coin_grid.Config().build())


def _learner(config: type, world: World | None) -> None:
    conformance.check_learner(config(), world)


def _curriculum(config: type, world: World | None) -> None:
    conformance.check_curriculum(config(), world)


def _protocol(config: type, world: World | None) -> None:
    check_protocol(config())


_CHECKS: dict[str, tuple[tuple[str, Callable[[Any, World | None], None]], ...]] = {
    WORLD.word: (("builds with its defaults", _world), ("keeps the contract of worlds", _world_contract)),
    COPLAYER.word: (("keeps the contract of co-players", _coplayer),),
    LEARNER.word: (("keeps the contract of learners", _learner),),
    CURRICULUM.word: (("keeps the contract of curricula", _curriculum),),
    PROTOCOL.word: (("keeps the contract of protocols", _protocol),),
}
