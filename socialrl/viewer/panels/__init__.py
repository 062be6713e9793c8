"""The panels of the viewer, one file each with a `PANEL`, found by file: a new file needs no other edit."""

from functools import cache

from socialrl.registry import PANEL
from socialrl.viewer.panel import Panel, Slot


@cache
def found() -> tuple[tuple[str, Panel], ...]:
    """(name, panel) of every panel there is, built in and of plug-ins."""
    return tuple(PANEL.items(Panel))


def panels(slot: Slot) -> tuple[Panel, ...]:
    """The panels of a slot, in order; equal orders are sorted by name."""
    here = sorted((panel.order, name, i) for i, (name, panel) in enumerate(found()) if panel.slot == slot)
    return tuple(found()[i][1] for _, _, i in here)
