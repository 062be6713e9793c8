"""What a panel of the viewer is, and how it is drawn and clicked so that a faulty one does no harm.

A panel is a `PANEL` at the top of a file in `panels/`, or the object of an entry point `socialrl.panels`:

    PANEL = Panel(title="Rewards", slot="tab", order=10, draw=draw)
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import pygame

from socialrl.scene import Scene
from socialrl.scene.plots import Plotter
from socialrl.viewer.paint import Brush
from socialrl_envs.sprites import Real

Slot = Literal["main", "side", "tab", "overlay"]
Click = Callable[[pygame.Rect, Scene, tuple[int, int]], Scene]
UNKNOWN_HEIGHT = 120  # of a panel whose height cannot be told, in lengths of a 1280 x 800 window


def _nothing(scene: Scene) -> str:
    return ""


def _never(scene: Scene) -> bool:
    return False


def _medium(scene: Scene, width: Real) -> Real:
    return 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel: where it stands in the window, and the functions that draw it and answer clicks.

    title: a word; the title of its tab, and its name in errors. slot: "main", the large card; "side", a card
    beside it; "tab", one of several below the side cards, shown one at a time; "overlay", over the window
    while it is open. order: panels of a slot are sorted by it.
    draw(brush, rect, scene): draws the scene into the rectangle of the brush's surface.
    missing(scene): what the replay lacks for this panel, as a line that is shown in its place; "" if it has
    all.
    height(scene, width): of a side panel, the height that it would like, in lengths of a 1280 x 800 window.
    click(rect, scene, point): the scene after a click into the rectangle; None if the panel takes no clicks.
    is_open(scene): whether an overlay is shown; it then gets all clicks.
    plot(scene): of a panel that is nothing but a plot, what it plots; the page for browsers draws it too. See
    `plot.plot_panel`.
    """

    title: str
    slot: Slot
    draw: Callable[[Brush, pygame.Rect, Scene], None]
    order: int = 100
    missing: Callable[[Scene], str] = _nothing
    height: Callable[[Scene, Real], Real] = _medium
    click: Click | None = None
    is_open: Callable[[Scene], bool] = _never
    plot: Plotter | None = None


def draw_panel(panel: Panel, brush: Brush, rect: pygame.Rect, scene: Scene) -> None:
    """Draws a panel, or one line in its place if the replay lacks what it needs or the panel raises."""
    clip = brush.surface.get_clip()
    try:
        line = panel.missing(scene)
        if not line:
            panel.draw(brush, rect, scene)
            return
    except Exception as error:  # the panel may be anybody's
        line = failure(panel, error)
        brush.surface.set_clip(clip)
        brush.surface.fill(brush.theme.card, rect)
    brush.text(line, rect.topleft, 14, brush.theme.quiet, width=rect.width)


def failure(panel: Panel, error: Exception) -> str:
    """The line that is shown in the place of a panel that raised this error."""
    cause = str(error).strip().partition("\n")[0]
    return f"{panel.title} cannot be shown: {type(error).__name__}" + (f": {cause}" if cause else "")


def panel_height(panel: Panel, scene: Scene, width: Real) -> Real:
    """The height that a side panel would like, or a usual one if it raises."""
    try:
        return panel.height(scene, width)
    except Exception:  # drawing it says what is wrong
        return UNKNOWN_HEIGHT


def click_panel(panel: Panel, rect: pygame.Rect, scene: Scene, point: tuple[int, int]) -> Scene:
    """The scene after a click; the same if the panel takes no clicks or raises."""
    if panel.click is None:
        return scene
    try:
        return panel.click(rect, scene, point)
    except Exception:  # the panel may be anybody's
        return scene


def shown(panel: Panel, scene: Scene) -> bool:
    """Whether an overlay is open; one that raises is closed."""
    try:
        return panel.is_open(scene)
    except Exception:  # the panel may be anybody's
        return False
