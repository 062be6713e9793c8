"""Overrides of an experiment's settings from the command line.

    --learner.lr 3e-4 --world.size 7 --psiphi.learner.lr 1e-3

A key is a dotted path into the experiment. `learner.*` sets every arm whose learner has the key; `world.*`
and `curriculum.*` set those of the experiment and of every arm that has its own, `generations.*` those of
every arm that has some; `<arm>.*` sets that arm alone; `arms` selects arms. Keys of one arm take precedence.
"""

import ast
import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from socialrl.coerce import WrongTypeError, coerce, construct, fields_of, hint_for
from socialrl.config import RENAMED, Arm, Experiment, Generations, Partners, renamings
from socialrl.registry import CURRICULUM, LEARNER, WORLD
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.safe_json import read_json

_PARTS = {
    "learner": Annotated[Any, LEARNER],
    "world": Annotated[Any, WORLD],
    "curriculum": Annotated[Any, CURRICULUM],
    "partners": Partners | None,
    "generations": Generations | None,
}
_COMMON = ("world", "curriculum")  # parts that the experiment has as well
# Keys that only the experiment's file can set.
_WRITTEN = ("claims", "claim_seeds", "claims_in_all", "tuning")


class UnknownKeyError(SocialRLError):
    """A key that the object at its path does not have; the hint offers the nearest one."""


def parse(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """(key, value) pairs: ["--seeds", "3", "--learner.lr=1e-3"] -> [("seeds", "3"), ("learner.lr", "1e-3")].

    A value may begin with one `-`.
    """
    pairs, rest = [], list(tokens)
    while rest:
        token = rest.pop(0)
        if not token.startswith("--") or token == "--":
            raise SocialRLError(f"unexpected argument {token!r}", "settings are given as --key value")
        key, equals, value = token[2:].partition("=")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise SocialRLError(f"--{key}: no value given", f"write --{key} VALUE")
            value = rest.pop(0)
        pairs.append((key, value))
    return pairs


def apply(experiment: Experiment, tokens: Sequence[str]) -> Experiment:
    """The experiment with the overrides of a command line.

    Raises SocialRLError that names the key and the nearest known one.
    """
    pairs = parse(tokens)
    for key, text in pairs:
        if key == "arms":
            experiment = _select(experiment, text)
    arms = {arm.name for arm in experiment.arms}
    for narrow in (False, True):
        for key, text in pairs:
            if key != "arms" and (key.split(".")[0] in arms) == narrow:
                experiment = _override(experiment, key, text)
    return experiment


def apply_to_world(config: object, tokens: Sequence[str]) -> Any:
    """A world's Config with overrides of its keys, `--world.size 9`; raises SocialRLError as `apply` does."""
    for key, text in parse(tokens):
        head, _, rest = key.partition(".")
        if head != "world" or not rest:
            raise UnknownKeyError(
                f"unknown key --{key}", "settings of the world are given as --world.KEY VALUE"
            )
        config = _set(config, rest.split("."), text, f"--{key}")
    return config


def read(annotation: object, text: str, path: str) -> Any:
    """The value of a text by its annotation: JSON, a Python literal, the text itself, or a list `a,b`."""
    readings: list[Any] = []
    for attempt in (_literal, str, _listed):
        try:
            readings.append(attempt(text))
        except (ValueError, SyntaxError):
            continue
    complaints = []
    for reading in readings:
        try:
            return coerce(annotation, reading, path)
        except SocialRLError as error:
            complaints.append(error)
    raise next((error for error in complaints if not isinstance(error, WrongTypeError)), complaints[0])


def _literal(text: str) -> Any:
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return read_json(text, "value")
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (RecursionError, MemoryError):  # of thousands of nested brackets
        raise ValueError("nested too deeply") from None


def _listed(text: str) -> list[Any]:
    def one(word: str) -> Any:
        try:
            return _literal(word)
        except (ValueError, SyntaxError):
            return word

    return [one(word.strip()) for word in text.split(",") if word.strip()]


def _select(experiment: Experiment, text: str) -> Experiment:
    known = {arm.name: arm for arm in experiment.arms}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise SocialRLError(f"--arms: unknown arm {name!r}", nearest(name, known))
    claims = tuple(claim for claim in experiment.claims if set(claim.arms) <= set(names))
    arms = tuple(known[name] for name in names)
    in_all = max(experiment.claims_in_all, len(experiment.claims))
    return construct(
        lambda: dataclasses.replace(experiment, arms=arms, claims=claims, claims_in_all=in_all), "--arms"
    )


def _override(experiment: Experiment, key: str, text: str) -> Experiment:
    head, _, rest = key.partition(".")
    path = f"--{key}"
    if head in _PARTS:
        return _everywhere(experiment, head, rest, text, path)
    for arm in experiment.arms:
        if arm.name == head:
            return _replace_arms(experiment, {head: _arm(experiment, arm, rest, text, path)}, path)
    if head in _WRITTEN:
        raise SocialRLError(f"{path} cannot be set here", f"{head} are written in the experiment's file")
    if head in RENAMED:
        raise UnknownKeyError(f"{path} is named --{RENAMED[head]} now", renamings())
    known = [name for name in fields_of(Experiment) if name not in ("arms", *_WRITTEN)]
    if head not in known:
        every = [*known, "arms", "learner", *(arm.name for arm in experiment.arms)]
        raise UnknownKeyError(f"unknown key {path}", _advice(experiment, head, rest, every))
    return _set(experiment, key.split("."), text, path)


def _advice(experiment: Experiment, head: str, rest: str, known: Sequence[str]) -> str:
    """A hint at the full key if `head` is its last word, else at the known word nearest to `head`."""
    full = [key for key in keys(experiment) if not rest and key.rpartition(".")[2] == head]
    if full:
        return f"did you mean --{full[0]}?"
    hint = nearest(head, known)
    return hint.replace("did you mean '", "did you mean '--").replace("'?", f"{'.' + rest if rest else ''}'?")


def keys(experiment: Experiment) -> dict[str, Any]:
    """The objects that hold the keys for all arms, by key, in the order of the help."""
    found: dict[str, Any] = {
        name: experiment for name in fields_of(Experiment) if name not in (*_PARTS, *_WRITTEN)
    }
    for world in (experiment.world, *(arm.world for arm in experiment.arms if arm.world is not None)):
        found |= {f"world.{name}": world for name in fields_of(type(world)) if f"world.{name}" not in found}
    for curriculum in (experiment.curriculum, *(arm.curriculum for arm in experiment.arms)):
        if curriculum is not None:
            found |= {
                f"curriculum.{n}": curriculum
                for n in fields_of(type(curriculum))
                if f"curriculum.{n}" not in found
            }
    for arm in experiment.arms:
        if arm.generations is not None:
            found |= {f"generations.{name}": arm.generations for name in fields_of(Generations)}
    for arm in experiment.arms:
        found |= {
            f"learner.{name}": arm.learner
            for name in fields_of(type(arm.learner))
            if f"learner.{name}" not in found
        }
    for arm in experiment.arms:
        if arm.partners is not None:
            found |= {f"partners.{name}": arm.partners for name in fields_of(Partners)}
    return found


def _arm(experiment: Experiment, arm: Arm, rest: str, text: str, path: str) -> Arm:
    part, _, inner = rest.partition(".")
    if part not in _PARTS:
        held_parts = {name: _held(experiment, arm, name) for name in _PARTS}
        near = [
            name for name, held in held_parts.items() if held is not None and part in fields_of(type(held))
        ]
        raise UnknownKeyError(
            f"unknown key {path}",
            f"did you mean --{arm.name}.{near[0]}.{rest}?" if near else nearest(part, _PARTS),
        )
    held = _held(experiment, arm, part)
    if held is None and inner:
        raise UnknownKeyError(
            f"unknown key {path}", f"the arm has no {part}; set --{arm.name}.{part} NAME first"
        )
    changed = _set(held, inner.split("."), text, path) if inner else read(_PARTS[part], text, path)
    return construct(lambda: dataclasses.replace(arm, **{part: changed}), path)


def _held(experiment: Experiment, arm: Arm, part: str) -> Any:
    return {
        "world": experiment.world_of,
        "curriculum": experiment.curriculum_of,
        "learner": lambda arm: arm.learner,
        "partners": lambda arm: arm.partners,
        "generations": lambda arm: arm.generations,
    }[part](arm)


def _everywhere(experiment: Experiment, part: str, rest: str, text: str, path: str) -> Experiment:
    """The experiment with a part's key set wherever it exists; raises SocialRLError if it exists nowhere."""
    missing: list[UnknownKeyError] = []

    def attempt(held: object) -> Any:
        try:
            return _set(held, rest.split("."), text, path) if rest else read(_PARTS[part], text, path)
        except UnknownKeyError as error:
            missing.append(error)
            return held

    holders: dict[str, Arm] = {arm.name: arm for arm in experiment.arms if getattr(arm, part) is not None}
    changed = {
        name: dataclasses.replace(arm, **{part: attempt(getattr(arm, part))}) for name, arm in holders.items()
    }
    tried = len(holders)
    if part in _COMMON and (getattr(experiment, part) is not None or not rest):
        tried += 1
        common = attempt(getattr(experiment, part))
        experiment = construct(lambda: dataclasses.replace(experiment, **{part: common}), path)
    if tried == 0:
        raise UnknownKeyError(f"unknown key {path}", f"the experiment has no {part}; set --{part} NAME first")
    if len(missing) == tried:
        raise _nearest_of(missing, experiment, part, rest, path)
    return _replace_arms(experiment, changed, path)


def _nearest_of(
    missing: list[UnknownKeyError], experiment: Experiment, part: str, rest: str, path: str
) -> SocialRLError:
    if "." in rest:
        return missing[0]
    known = [key.partition(".")[2] for key in keys(experiment) if key.startswith(f"{part}.")]
    return UnknownKeyError(f"unknown key {path}", hint_for(rest, known))


def _replace_arms(experiment: Experiment, changed: dict[str, Arm], path: str) -> Experiment:
    arms = tuple(changed.get(arm.name, arm) for arm in experiment.arms)
    return construct(lambda: dataclasses.replace(experiment, arms=arms), path)


def _set(held: object, steps: Sequence[str], text: str, path: str) -> Any:
    """`held` with one value replaced, at a path of field names, tuple indices and dict keys."""
    step, *rest = steps
    get, put, annotation = _open(held, step, path)
    value = _set(get(), rest, text, path) if rest else read(annotation, text, path)
    return construct(lambda: put(value), path, whole=False)


def _open(held: object, step: str, path: str) -> tuple[Callable[[], Any], Callable[[Any], Any], Any]:
    """(get, put, annotation) of one part of a dataclass, tuple or dict; put returns a changed copy."""
    if dataclasses.is_dataclass(held) and not isinstance(held, type):
        known = fields_of(type(held))
        if step not in known:
            raise UnknownKeyError(f"unknown key {path}", hint_for(step, known))
        return (
            lambda: getattr(held, step),
            lambda value: dataclasses.replace(held, **{step: value}),
            known[step],
        )
    if isinstance(held, tuple):
        places = [str(i) for i in range(len(held))]
        if step not in places:
            raise UnknownKeyError(
                f"unknown key {path}: no place {step!r} in a list of {len(held)}",
                f"known: {', '.join(places) or 'none'}",
            )
        place = int(step)
        return (
            lambda: held[place],
            lambda value: (*held[:place], value, *held[place + 1 :]),
            type(held[place]),
        )
    if isinstance(held, dict) and step in held:
        return lambda: held[step], lambda value: {**held, step: value}, type(held[step])
    raise UnknownKeyError(
        f"unknown key {path}: {held!r} has no part {step!r}",
        nearest(step, held if isinstance(held, dict) else ()),
    )
