"""Panels, one file each, found by file stem: a new file needs no other edit.

A panel module has SLOT      "main" (the large place), "side" (stacked beside it, by ORDER), "tab" (one at a
time below those), or "overlay" (over everything) ORDER     panels with lower numbers come first TITLE     for
"tab": a word height(scene, width) -> Real           for "side": the height it would like, in lengths of a
1280 x 800 window draw(brush, rect, scene) -> None and may have click(rect, scene, point) -> Scene     what a
click into it does is_open(scene) -> bool                 for "overlay": whether it is there now; it takes all
clicks then
"""

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def panels(slot: str) -> tuple[ModuleType, ...]:
    """The panels of a slot, in order."""
    stems = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    modules = [importlib.import_module(f"{__name__}.{stem}") for stem in stems]
    return tuple(
        sorted((module for module in modules if slot == module.SLOT), key=lambda module: module.ORDER)
    )
