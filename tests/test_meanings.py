"""Every setting says what it means, for --help and the docs."""

import dataclasses

import pytest

from socialrl.config import Arm, Claim, Experiment
from socialrl.registry import CONFIGS
from socialrl_envs.options import meanings
from socialrl_envs.types import Seat

PARTS = [(cls.__name__, cls) for cls in (Experiment, Arm, Claim, Seat)]
BUILT_IN = [(f"{kind.word} {name}", kind.config(name)) for kind in CONFIGS for name in kind.modules()]


def nested(cls: type) -> list[type]:
    """The class, and the dataclasses of the same module that are its fields' defaults or entries of them."""
    defaults = [field.default for field in dataclasses.fields(cls)]
    held = [one for value in defaults for one in (value if isinstance(value, tuple) else (value,))]
    inside = [type(one) for one in held if dataclasses.is_dataclass(one)]
    return [cls, *(one for one in inside if one.__module__ == cls.__module__)]


@pytest.mark.parametrize(("name", "cls"), [pytest.param(*pair, id=pair[0]) for pair in PARTS + BUILT_IN])
def test_every_field_has_a_meaning(name, cls):
    for one in nested(cls):
        known = meanings(one)
        for field in dataclasses.fields(one):
            assert field.name in known, f"{name}: {one.__qualname__}.{field.name} has no meaning"
            text = known[field.name].help
            assert text.strip() == text != ""
            assert "\n" not in text
            assert not text.endswith("."), f"{name}: {field.name} is a phrase, without a full stop"
