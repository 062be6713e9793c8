"""Experiments as JSON values, and back."""

import dataclasses
import math
import typing
from typing import Annotated, Any

from socialrl.coerce import PLUGIN, build, construct, fields_of, join, kind_of, named_field
from socialrl.config.claims import with_sources
from socialrl.config.experiment import Experiment
from socialrl.registry import CONFIGS, WORLD, ConfigKind, Kind
from socialrl_envs import plugins
from socialrl_envs.errors import SocialRLError

RENAMED = {
    "parallel": "num_envs",
    "unroll": "unroll_length",
    "pool": "num_levels",
    "refresh": "level_refresh",
}


def to_json(experiment: Experiment) -> dict[str, Any]:
    """The experiment as JSON values, from which `from_json` makes an equal one.

    A Config is {"name": ..., **fields}; that of a plug-in has the source of its code under "plugin". Raises
    SocialRLError for what JSON cannot hold.
    """
    return _plain_fields(experiment, "")


def world_to_json(config: object) -> dict[str, Any]:
    """A world's Config as JSON values with its name, as under `world` in `to_json`."""
    return _plain(Annotated[Any, WORLD], config, "world")


def from_json(data: object) -> Experiment:
    """The experiment of JSON values that `to_json` made.

    All types are checked, and only code that is allowed is imported. Raises SocialRLError that names the
    dotted key, and the nearest known key or the expected type; NotAllowedError for a plug-in whose code may
    not be run.
    """
    if not isinstance(data, dict):
        raise SocialRLError(f"expected an experiment's keys, got {type(data).__name__}")
    for old, new in RENAMED.items():
        if old in data:
            raise SocialRLError(f"the key {old!r} is named {new!r} now", f"rename it: {renamings()}")
    claims = data.get("claims")
    return build(Experiment, data | ({} if claims is None else {"claims": with_sources(claims)}), "")


def renamings() -> str:
    """The renamed keys of an experiment as text, "parallel -> num_envs, ..."."""
    return ", ".join(f"{old} -> {new}" for old, new in RENAMED.items())


def _plain_fields(value: object, path: str) -> dict[str, Any]:
    annotations = fields_of(type(value))
    return {name: _plain(kind, getattr(value, name), join(path, name)) for name, kind in annotations.items()}


def _plain(annotation: object, value: object, path: str) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = _kind_in(annotation)
        return _plain_config(kind, value, path) if kind else _plain_named(value, path)
    if isinstance(value, tuple | list):
        return [_plain(_entry(annotation), item, join(path, str(i))) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {
            str(key): _plain(_entry(annotation), item, join(path, str(key))) for key, item in value.items()
        }
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise SocialRLError(
        f"{path}: {type(value).__name__} cannot be saved",
        "use plain numbers, strings, tuples and dataclasses",
    )


def _kind_in(annotation: object) -> ConfigKind | None:
    """The kind of config of an annotation, or of a member of a union; None without one."""
    members = (annotation, *typing.get_args(annotation))
    return next((kind for member in members if (kind := kind_of(member))), None)


def _entry(annotation: object) -> Any:
    """The annotation of the entries of a homogeneous tuple or of the values of a dict, else None."""
    for member in (annotation, *typing.get_args(annotation)):
        args = typing.get_args(member)
        if typing.get_origin(member) is tuple and args and args[-1] is Ellipsis:
            return args[0]
        if typing.get_origin(member) is dict:
            return args[1]
    return None


def _plain_config(kind: ConfigKind, value: object, path: str) -> dict[str, Any]:
    other = next((other for other in CONFIGS if other.holds(type(value))), kind)
    if other is not kind:
        raise SocialRLError(
            f"{path}: {type(value).__module__}.Config is not a {kind.word}'s Config",
            f"it is a {other.word}'s",
        )
    for taken in ("name", PLUGIN):
        if taken in fields_of(type(value)):
            raise SocialRLError(
                f"{path}: the {kind.word}'s Config has a field `{taken}`",
                "that key is taken; rename the field",
            )
    name = construct(lambda: kind.name_of(value), path)
    return {"name": name, **_source(kind, name), **_plain_fields(value, path)}


def _plain_named(value: object, path: str) -> dict[str, Any]:
    """The fields of a dataclass, and the source of the code that one of them names, e.g. a policy."""
    fields, named = _plain_fields(value, path), named_field(type(value))
    if named is None:
        return fields
    name, kind = getattr(value, named[0]), named[1]
    known = plugins.qualified(name) or name in kind.names()
    return fields | (construct(lambda: _source(kind, name), path) if known else {})


def _source(kind: Kind, name: str) -> dict[str, Any]:
    """{"plugin": the source of a plug-in's code}; {} for built-in names."""
    built_in = not plugins.qualified(name) and not kind.entry(name).package
    return {} if built_in else {PLUGIN: kind.source(name).to_json()}
