"""The panels of the viewer, one file each with a `PANEL`, found by file: a new file needs no other edit."""

import importlib
import pkgutil
from functools import cache

from socialrl.viewer.panel import Panel, Slot


@cache
def found() -> tuple[tuple[str, Panel], ...]:
    """(name, panel) of every panel there is."""
    stems = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    return tuple((stem, importlib.import_module(f"{__name__}.{stem}").PANEL) for stem in stems)


def panels(slot: Slot) -> tuple[Panel, ...]:
    """The panels of a slot, in order; equal orders are sorted by name."""
    here = sorted((panel.order, name, i) for i, (name, panel) in enumerate(found()) if panel.slot == slot)
    return tuple(found()[i][1] for _, _, i in here)
