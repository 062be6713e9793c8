"""Gridworlds that host expert and novice agents, good and bad ones, each with goals of its own.

    import socialrl_envs
    world = socialrl_envs.make("coin_grid", novices=1, experts=2, size=9)

A world is four pure functions over frozen states (see `types.World`); `hosting.host` drives the co-players.
For PettingZoo there is a module per world, which alone imports PettingZoo:

    from socialrl_envs import coin_grid_v0
    env = coin_grid_v0.parallel_env(novices=1, experts=2, size=9)
"""

import importlib
from typing import TYPE_CHECKING, Any

from socialrl_envs import registry, versions
from socialrl_envs.errors import SocialRLError
from socialrl_envs.registry import coplayer_names, make, names

if TYPE_CHECKING:
    from socialrl_envs.hosting import host
    from socialrl_envs.types import Level, Outcome, Seat, State, World, WorldSpec

__all__ = [
    "Level",
    "Outcome",
    "Seat",
    "SocialRLError",
    "State",
    "World",
    "WorldSpec",
    "coplayer_names",
    "host",
    "make",
    "names",
]

# What needs jax, and the module it is in: imported when it is asked for, so that a viewer of pictures starts
# without jax.
LATER = dict.fromkeys(("Level", "Outcome", "Seat", "State", "World", "WorldSpec"), "types") | {
    "host": "hosting"
}

versions.install()


def __getattr__(name: str) -> Any:
    """The names in LATER, this package's own modules, and `socialrl_envs.<world>_v0`, imported when they are
    asked for.
    """
    if name in LATER:
        value = getattr(importlib.import_module(f"{__name__}.{LATER[name]}"), name)
        globals()[name] = value
        return value
    if name not in registry.discover(__name__) and versions.world_of(name) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER, *versions.names()})
