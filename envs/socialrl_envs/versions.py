"""The modules `socialrl_envs.<world>_v0`, one for every world in the registry, by PettingZoo's conventions.

No file is written for them: a finder makes each one when it is imported, so that a new world needs no other
edit. Each has `parallel_env`, `env` and `raw_env`. Importing one imports PettingZoo; importing
`socialrl_envs` does not.
"""

import importlib
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from socialrl_envs import registry

PACKAGE = "socialrl_envs"
VERSION = "_v0"
ENTRIES = ("parallel_env", "env", "raw_env")


def world_of(module: str) -> str | None:
    """The world behind a module's name within this package ("coin_grid_v0" -> "coin_grid"), None if there is
    none.
    """
    world = module.removesuffix(VERSION)
    return world if world != module and world in registry.names() else None


def names() -> tuple[str, ...]:
    """All such modules: ("coin_grid_v0", ...)."""
    return tuple(f"{world}{VERSION}" for world in registry.names())


def _entry(adapter: ModuleType, function: str, world: str, module: str) -> Callable[..., Any]:
    """The adapter's function with its world filled in; importable by its own name, so it can be pickled."""
    general = getattr(adapter, function)

    def entry(**config: object) -> Any:
        return general(world, **config)

    entry.__name__ = entry.__qualname__ = function
    entry.__module__ = module
    entry.__doc__ = (
        f"{general.__doc__.rstrip()}\n\n    Here: {world}.\n\n    {registry.world_config(world).__doc__}"
    )
    return entry


class WorldModules(MetaPathFinder, Loader):
    """Finds and loads `socialrl_envs.<world>_v0`."""

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, module = fullname.rpartition(".")
        if package != PACKAGE or world_of(module) is None:
            return None
        return ModuleSpec(fullname, self, origin=f"{PACKAGE}.versions")

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        world = world_of(module.__name__.rpartition(".")[2])
        assert world is not None
        adapter = importlib.import_module(f"{PACKAGE}.pettingzoo")
        module.__doc__ = f"{world} for PettingZoo: {', '.join(ENTRIES)}."
        module.__dict__["__all__"] = list(ENTRIES)
        for function in ENTRIES:
            setattr(module, function, _entry(adapter, function, world, module.__name__))


def install() -> None:
    """Puts the finder in place, once."""
    if not any(isinstance(finder, WorldModules) for finder in sys.meta_path):
        sys.meta_path.append(WorldModules())
