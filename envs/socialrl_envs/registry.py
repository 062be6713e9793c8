"""Worlds and co-players by file stem: a new file in `worlds/` or `coplayers/` needs no other edit."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

from socialrl_envs.errors import SocialRLError, nearest, unknown


@cache
def discover(package: str) -> dict[str, str]:
    """File stem -> module path of every public module in a package."""
    folder = importlib.import_module(package)
    return {
        m.name: f"{package}.{m.name}"
        for m in pkgutil.iter_modules(folder.__path__)
        if not m.name.startswith("_")
    }


def load(kind: str, package: str, name: str) -> ModuleType:
    """The module of that stem; an unknown one raises SocialRLError with the nearest spelling."""
    modules = discover(package)
    if name not in modules:
        raise unknown(kind, name, modules)
    return importlib.import_module(modules[name])


def names() -> tuple[str, ...]:
    """The worlds, by name."""
    return tuple(sorted(discover("socialrl_envs.worlds")))


def coplayer_names() -> tuple[str, ...]:
    """The scripted co-players, by name."""
    return tuple(sorted(discover("socialrl_envs.coplayers")))


def world_config(name: str) -> type:
    """The Config class of a world."""
    return load("world", "socialrl_envs.worlds", name).Config


def coplayer(name: str) -> ModuleType:
    """The module of a co-player, which has `act(world, state, seat, key) -> action`."""
    return load("co-player", "socialrl_envs.coplayers", name)


def make(name: str, **config: Any) -> Any:
    """Builds a world: `make("coin_grid", novices=1, experts=2, size=9)`.

    Raises SocialRLError for an unknown world, an unknown option or an impossible value, with the nearest
    right spelling.
    """
    cls = world_config(name)
    known = cls.__dataclass_fields__
    for key in config:
        if key not in known:
            raise SocialRLError(f"{name}: unknown option {key!r}", nearest(key, known))
    return cls(**config).build()
