"""Fields of configs that carry their own meaning and bounds, and the base class that checks them.

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Options):
        size: int = option(9, "cells along each side, walls included", low=5, high=64)

`--help`, the docs and the check of values all read the same metadata.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from socialrl_envs.errors import SocialRLError, nearest

META = "socialrl"  # the key of a field's metadata under which its Meaning stands


@dataclasses.dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a field means and which values it takes: low <= value <= high, above < value < below, or a choice.

    Bounds hold for every entry of a tuple. choices: the allowed values, or a function that returns them (for
    names that are discovered late). words: the bound in words where these are clearer than the numbers.
    """

    help: str
    low: int | float | None = None
    high: int | float | None = None
    above: int | float | None = None
    below: int | float | None = None
    choices: tuple[Any, ...] | Callable[[], Iterable[Any]] | None = None
    words: str = ""

    @property
    def bound(self) -> str:
        """The allowed values in words, e.g. "in 0..1", "above 0", "one of none, gru, lstm"; "" if any will
        do.
        """
        if self.words:
            return self.words
        if self.choices is not None:
            return f"one of {', '.join(map(str, self.allowed()))}"
        if self.low is not None and self.high is not None:
            return f"in {self.low:g}..{self.high:g}"
        ends = {"at least": self.low, "at most": self.high, "above": self.above, "below": self.below}
        return " and ".join(f"{word} {end:g}" for word, end in ends.items() if end is not None)

    def allowed(self) -> tuple[Any, ...]:
        """The values of `choices`; empty if there are none."""
        return tuple(self.choices() if callable(self.choices) else self.choices or ())

    def takes(self, value: object) -> bool:
        """Whether the value, or every entry of a tuple, is within the bounds. None and text have no
        bounds.
        """
        if isinstance(value, tuple | list):
            return all(self.takes(entry) for entry in value)
        if self.choices is not None:
            return value in self.allowed()
        if isinstance(value, bool) or not isinstance(value, int | float):
            return True
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )


def option(default: object = dataclasses.MISSING, help: str = "", **bounds: Any) -> Any:
    """A dataclass field with this default (none: the field is required), meaning, and bounds as in
    `Meaning`.
    """
    return dataclasses.field(default=default, metadata={META: Meaning(help=help, **bounds)})


def meaning(field: dataclasses.Field[Any]) -> Meaning | None:
    """The Meaning of a field that `option` made, else None."""
    return field.metadata.get(META)


def meanings(config: type) -> dict[str, Meaning]:
    """Field -> Meaning, for the fields of a dataclass that have one. A field that only gives another default,
    `size: int = 7`, keeps the Meaning that a base class declares.
    """
    found = {field.name: _declared(config, field.name) for field in dataclasses.fields(config)}
    return {name: what for name, what in found.items() if what is not None}


def _declared(config: type, name: str) -> Meaning | None:
    """The Meaning of a field in the first class that declares one."""
    for cls in config.__mro__:
        field = cls.__dict__.get("__dataclass_fields__", {}).get(name)
        if field is not None and meaning(field) is not None:
            return meaning(field)
    return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Base of every config: values out of the bounds of their fields raise SocialRLError that names the key.

    A subclass with rules about several fields extends `__post_init__` and calls super().__post_init__()
    first.
    """

    def __post_init__(self) -> None:
        for name, what in meanings(type(self)).items():
            value = getattr(self, name)
            if not what.takes(value):
                near = nearest(value, map(str, what.allowed())) if isinstance(value, str) else ""
                raise SocialRLError(f"{name}: {value!r}", near or f"it must be {what.bound}")


def require(condition: bool, key: str, value: object, bound: str) -> None:
    """Raises SocialRLError naming the key, the value and its bound, unless the condition holds."""
    if not condition:
        raise SocialRLError(f"{key}: {value!r}", f"it must be {bound}")


def param(help: str, **bounds: Any) -> Any:
    """A required field of a world's Params: an array that a curriculum may vary, with its meaning and
    bounds.
    """
    return option(help=help, **bounds)
