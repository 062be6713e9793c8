"""Transfer worlds: variations of a world's config, how two configs differ, and whether a learner fits a
world.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from socialrl.registry import WORLD
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import WorldSpec

Setting = object  # the value of a config's field


@runtime_checkable
class WorldConfig(Protocol):
    """A world's `Config`: a frozen dataclass of options from which the world is built."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def build(self) -> Any:  # a World
        ...


def settings(config: WorldConfig) -> dict[str, Setting]:
    """Field -> value of a world's config."""
    return {field.name: vars(config)[field.name] for field in dataclasses.fields(config)}


def misfit(trained: WorldSpec, new: WorldSpec) -> str | None:
    """Why a learner that was built for one world cannot act in another, in words; None if it can."""
    needed = {
        "obs_shape": (trained.obs_shape, new.obs_shape),
        "channels": (trained.channels, new.channels),
        "actions": (trained.actions, new.actions),
    }
    for name, (before, now) in needed.items():
        if before != now:
            return f"{name} {now} are not those of its training, {before}"
    return None if new.novices else "it has no novice"


def standard_transfer(home: WorldConfig, trained: WorldSpec) -> list[WorldConfig]:
    """The standard variations of `home` that exist, differ from it, and fit a learner that was built for
    `trained`.
    """
    found = []
    for variation in variations(settings(home)):
        try:
            config = dataclasses.replace(home, **variation)
            fits = misfit(trained, config.build().spec) is None
        except SocialRLError:
            continue
        if fits and config != home:
            found.append(config)
    return found


def variations(home: Mapping[str, Setting]) -> list[dict[str, Setting]]:
    """The standard variations: one and two more goals where there are goals, four rooms, a maze, a larger
    grid.
    """
    size, goals = home["size"], home.get("goals", 0)
    assert isinstance(size, int)
    assert isinstance(goals, int)
    more_goals: list[dict[str, Setting]] = [{"goals": goals + 1}, {"goals": goals + 2}] if goals else []
    return [*more_goals, {"layout": "four_rooms"}, {"layout": "maze"}, {"size": size + size // 3}]


def differences(home: WorldConfig, other: WorldConfig) -> str:
    """What differs in another world, e.g. "goals=4" or "goal_search size=9"; "same" if nothing does.

    Fields that only the other world has are compared with their defaults.
    """
    name, other_name = WORLD.name_of(home), WORLD.name_of(other)
    reference = {field.name: field.default for field in dataclasses.fields(other)} | settings(home)
    changed = [
        f"{key}={_in_words(value)}" for key, value in settings(other).items() if reference[key] != value
    ]
    return " ".join([other_name] * (name != other_name) + changed) or "same"


def _in_words(value: Setting) -> str:
    return f"{len(value)} seats" if isinstance(value, tuple) else str(value)
