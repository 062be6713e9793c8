"""Replays as one HTML page for browsers, see `socialrl.web`.

It needs no pygame; where that is installed, the plots of plug-ins are on the page, too.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from socialrl.record.atomic import write_bytes
from socialrl.scene import Scene, check_state
from socialrl.scene.plots import PLOTS, Plotter
from socialrl.viewer import files
from socialrl.web.page import page


def write_page(paths: list[Path], out: Path, episode: int | None = None, step: int | None = None) -> None:
    """Writes a page with the replays behind these paths.

    episode, step: what it shows first; None takes the start of an episode in which another agent is followed.
    Raises SocialRLError for an episode or a step that does not exist, or a path without a replay.
    """
    replays, names = files.read(paths)
    which, opening = files.opening(replays)
    first, t = opening if episode is None else episode, step or 0
    check_state(replays[which], first, t)
    scene = Scene(replays=replays, names=names, which=which, episode=first, t=t)
    write_bytes(out, page(scene, _plots()).encode("utf-8", "replace"))


def _plots() -> Mapping[str, Plotter]:
    """The plots of all tabs that are plots, by title; without pygame those of the package."""
    if importlib.util.find_spec("pygame") is None:
        return PLOTS
    from socialrl.viewer.panels import panels

    return {panel.title: panel.plot for panel in panels("tab") if panel.plot is not None}
