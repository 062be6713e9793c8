"""Conversion of plain values to annotated types, for saved configs and command-line overrides."""

import dataclasses
import math
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Literal, NoReturn, TypeVar, Union

from socialrl.registry import ConfigKind, Kind
from socialrl_envs import plugins
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.plugins import NotAllowedError, Source

T = TypeVar("T")
PLUGIN = "plugin"  # the key of the source of a plug-in's code, next to its saved name
_KEY_FIRST = re.compile(r"([a-z_][a-z0-9_.]*): ")  # the message of a Config's error begins with its key
_NON_FINITE = {"inf", "-inf", "nan"}

# Options of learners, curricula and protocols by their old names. Weights of losses end in _coef besides.
RENAMED_OPTIONS = {
    "segment": "bptt_length",
    "refresh": "recompute_advantages",
    "previous": "use_prev_action_reward",
    "shared": "parameter_sharing",
    "entropy_end": "entropy_coef_end",
    "vicarious": "relabelled_coef",
    "caution": "lower_confidence_coef",
    "follow": "following",
    "gating": "trust",
    "gate_width": "trust_width",
    "gate_steps": "trust_steps",
    "number": "param",
    "told": "relabelled",
    "evaluation_episodes": "episodes",
}


class WrongTypeError(SocialRLError):
    """A value that does not fit its annotation; the message names the key, the type and the value."""


@cache
def fields_of(cls: type) -> dict[str, Any]:
    """The annotations of the fields that a dataclass's constructor takes, by name."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def describe(annotation: object) -> str:
    """An annotation in words, e.g. "int or None", "a list of float", "one of 'gru', 'lstm'"."""
    if kind := kind_of(annotation):
        return f"a {kind.word}"
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return describe(args[0])
    if origin in (Union, types.UnionType):
        return " or ".join(describe(arg) for arg in args)
    if origin is Literal:
        return f"one of {', '.join(map(repr, args))}"
    if origin is tuple and args and args[-1] is Ellipsis:
        if kind := kind_of(args[0]):
            return f"a list of {kind.word}s"
        return f"a list of {describe(args[0])}"
    if origin is tuple:
        return f"[{', '.join(map(describe, args))}]"
    return {type(None): "None", tuple: "a list", Any: "anything"}.get(
        annotation, getattr(origin or annotation, "__name__", str(annotation))
    )


def kind_of(annotation: object) -> ConfigKind | None:
    """The kind of config in `Annotated[Any, kind]`; None for any other annotation."""
    kind = _marked(annotation)
    return kind if isinstance(kind, ConfigKind) and typing.get_args(annotation)[0] is Any else None


def named_field(cls: type) -> tuple[str, Kind] | None:
    """(field, kind) of the first field of a dataclass that is `Annotated[str, kind]`, else None."""
    for name, annotation in fields_of(cls).items():
        kind = _marked(annotation)
        if kind is not None and typing.get_args(annotation)[0] is str:
            return name, kind
    return None


def _marked(annotation: object) -> Kind | None:
    if typing.get_origin(annotation) is not typing.Annotated:
        return None
    return next((extra for extra in typing.get_args(annotation)[1:] if isinstance(extra, Kind)), None)


def coerce(annotation: object, value: object, path: str) -> Any:
    """The value, converted to the type of its annotation.

    value: JSON (dict, list, str, int, float, bool, None), or an object that is of the type already. Lists
    become tuples, dicts become dataclasses, and whole floats become int where an int is expected; no other
    value changes its type. A config of a kind is read from {"name": ..., **fields} or from its name alone;
    the key "plugin" may hold the source of a plug-in's code.

    Raises SocialRLError that names the dotted `path`, the expected type and the value, or the known key that
    is nearest to an unknown one.
    """
    if kind := kind_of(annotation):
        return _kind(kind, value, path)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return coerce(typing.get_args(annotation)[0], value, path)
    if origin in (Union, types.UnionType):
        return _union(annotation, value, path)
    if origin is Literal:
        allowed = any(arg == value and type(arg) is type(value) for arg in typing.get_args(annotation))
        return value if allowed else _wrong(annotation, value, path)
    if annotation is Any:
        return _freeze(value)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _dataclass(annotation, value, path)
    container = origin or annotation
    reader = _READERS.get(container)
    if reader is None:
        raise SocialRLError(
            f"{path}: a field of type {describe(annotation)} cannot be saved",
            "use plain values, tuples and dataclasses",
        )
    return reader(annotation, value, path)


def hint_for(key: str, known: Collection[str]) -> str:
    """The new name of an option that was renamed, else the nearest known key."""
    new = RENAMED_OPTIONS.get(key, f"{key}_coef")
    return f"it is named {new!r} now" if new in known else nearest(key, known)


def build(cls: type, fields: Mapping[str, Any], path: str) -> Any:
    """An instance of a dataclass from values of its fields; errors begin with the dotted path."""
    known = fields_of(cls)
    for key in fields:
        if key not in known:
            raise SocialRLError(f"unknown key {join(path, str(key))!r}", hint_for(str(key), known))
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if field.init and required and field.name not in fields:
            raise SocialRLError(
                f"missing key {join(path, field.name)!r}", f"it holds {describe(known[field.name])}"
            )
    values = {key: coerce(known[key], value, join(path, key)) for key, value in fields.items()}
    return construct(lambda: cls(**values), path)


def construct(make: Callable[[], T], path: str, whole: bool = True) -> T:
    """The result of `make`, whose ValueError or TypeError becomes a SocialRLError with the dotted path.

    whole: whether the path is that of the constructed object, so that an error `size: 3` concerns
    `<path>.size`; otherwise it is that of the one field that was changed.
    """
    try:
        return make()
    except SocialRLError as error:
        key = _KEY_FIRST.match(error.message)
        if not path or error.message.startswith(path):
            raise
        if key and not whole and path.endswith((f".{key[1]}", f"-{key[1]}")):
            raise SocialRLError(path + error.message[len(key[1]) :], error.hint) from error
        raise SocialRLError(f"{path}{'.' if key and whole else ': '}{error.message}", error.hint) from error
    except (TypeError, ValueError) as error:
        raise SocialRLError(f"{path}: {error}" if path else str(error)) from error


def join(path: str, key: str) -> str:
    """The dotted path of a key under a path, which may be empty."""
    return f"{path}.{key}" if path else key


def _wrong(annotation: object, value: object, path: str) -> NoReturn:
    raise WrongTypeError(f"{path}: expected {describe(annotation)}, got {value!r}")


def _freeze(value: object) -> Any:
    return tuple(map(_freeze, value)) if isinstance(value, list | tuple) else value


def _int(annotation: object, value: object, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _wrong(annotation, value, path)
    if not math.isfinite(value) or int(value) != value:
        return _wrong(annotation, value, path)
    return int(value)


def _float(annotation: object, value: object, path: str) -> float:
    if isinstance(value, str) and value in _NON_FINITE:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _wrong(annotation, value, path)
    return float(value)


def _exactly(annotation: type, value: object, path: str) -> Any:
    return value if isinstance(value, annotation) else _wrong(annotation, value, path)


def _tuple(annotation: object, value: object, path: str) -> tuple[Any, ...]:
    args = typing.get_args(annotation)
    if not isinstance(value, list | tuple):
        return _wrong(annotation, value, path)
    if not args:
        return _freeze(value)
    if args[-1] is Ellipsis:
        args = (args[0],) * len(value)
    if args == ((),):
        args = ()
    if len(args) != len(value):
        return _wrong(annotation, value, path)
    return tuple(
        coerce(arg, item, join(path, str(i))) for i, (arg, item) in enumerate(zip(args, value, strict=True))
    )


def _dict(annotation: object, value: object, path: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        return _wrong(annotation, value, path)
    of_key, of_value = typing.get_args(annotation) or (Any, Any)
    return {
        coerce(of_key, key, path): coerce(of_value, item, join(path, str(key))) for key, item in value.items()
    }


_READERS: dict[Any, Callable[[Any, Any, str], Any]] = {
    bool: _exactly,
    int: _int,
    float: _float,
    str: _exactly,
    type(None): _exactly,
    tuple: _tuple,
    dict: _dict,
    Mapping: _dict,
}


def _dataclass(annotation: type, value: object, path: str) -> Any:
    if isinstance(value, annotation):
        return value
    if not isinstance(value, Mapping):
        return _wrong(annotation, value, path)
    fields = {key: item for key, item in value.items() if key != PLUGIN or PLUGIN in fields_of(annotation)}
    built = build(annotation, fields, path)
    if PLUGIN in value and (named := named_field(annotation)):
        field, kind = named
        construct(lambda: check_source(kind, getattr(built, field), value[PLUGIN]), path)
    return built


def _kind(kind: ConfigKind, value: object, path: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return value
    fields = {"name": value} if isinstance(value, str) else value
    if not isinstance(fields, Mapping) or not isinstance(fields.get("name"), str):
        raise WrongTypeError(
            f"{path}: expected a {kind.word}'s name and settings, got {value!r}",
            f"known: {', '.join(kind.names())}",
        )
    name = fields["name"]
    construct(lambda: check_source(kind, name, fields.get(PLUGIN)), path)
    cls = construct(lambda: kind.config(name), path)
    return build(cls, {key: item for key, item in fields.items() if key not in ("name", PLUGIN)}, path)


def check_source(kind: Kind, name: str, recorded: object) -> None:
    """Raises SocialRLError if the code of a name is missing, may not be run, or is not as recorded."""
    source = Source.from_json(recorded)
    try:
        now = kind.source(name)
    except NotAllowedError as error:
        raise NotAllowedError(error.name, source.text) from error
    except SocialRLError as error:
        if not source.package:
            raise
        missing = f"{kind.word} {name!r} is from the package {source.text}, which is not installed"
        raise SocialRLError(missing, f"pip install {source.package}") from error
    kept = (source.sha256, source.version) == (now.sha256, now.version)
    if recorded is not None and not kept and not plugins.changes_accepted():
        changed = f"the code of {kind.word} {name!r}, {source.text}, has changed since"
        raise SocialRLError(changed, "use it as it is now: --accept-changes")


def _union(annotation: object, value: object, path: str) -> Any:
    """The value, converted to the member that is its own type, else to the first that accepts it.

    If none does, raises the first error about a part of the value, or one about the whole.
    """
    members = typing.get_args(annotation)
    for member in members:
        if member is type(value):
            return value
    complaints: list[SocialRLError] = []
    for member in members:
        try:
            return coerce(member, value, path)
        except SocialRLError as error:
            complaints.append(error)
    inside = [error for error in complaints if not error.message.startswith(f"{path}: expected")]
    if inside:
        raise inside[0]
    return _wrong(annotation, value, path)
