"""How replays show themselves in notebooks: in the player where anywidget is installed, else in pictures.

What is shown is made by `bundle` for Jupyter and VS Code, which take from it what they can show, and by
`display` for marimo, which asks for one object.
"""

import dataclasses
import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Any

from socialrl.record.filmstrip import episode_to_show
from socialrl.record.replay import Replay
from socialrl.scene import Scene
from socialrl.web.page import packed_scene, script, style

MOST = 2_000_000  # characters of the replays of one output, which the notebook keeps


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """A table that stands above the player: title, a line of text, and rows of cells, the first its head."""

    title: str = ""
    text: str = ""
    rows: Sequence[Sequence[str]] = ()


@dataclasses.dataclass(frozen=True)
class Still:
    """HTML that stands for the player."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


@cache
def installed() -> bool:
    """Whether anywidget is."""
    return importlib.util.find_spec("anywidget") is not None


def widget(replays: Sequence[Replay], names: Sequence[str], facts: Facts | None = None) -> Any:
    """An anywidget with the player. Raises ImportError without anywidget."""
    scene = Scene(replays=tuple(replays), names=tuple(names), episode=episode_to_show(replays[0]))
    settings, packed = packed_scene(scene, most=MOST)
    return _widget_class()(settings=settings, packed=packed, facts=dataclasses.asdict(facts) if facts else {})


def bundle(replays: Sequence[Replay], names: Sequence[str], facts: Facts | None = None) -> Any:
    """What `_repr_mimebundle_` returns: (data, metadata) of the player; None without anywidget or replays, so
    that still pictures are shown.
    """
    if not replays or not installed():
        return None
    return widget(replays, names, facts)._repr_mimebundle_()


def display(replays: Sequence[Replay], names: Sequence[str], still: str, facts: Facts | None = None) -> Any:
    """What `_display_` returns: the player, or the HTML `still` without anywidget or replays."""
    return widget(replays, names, facts) if replays and installed() else Still(still)


@cache
def _widget_class() -> Any:
    import anywidget
    import traitlets

    class Player(anywidget.AnyWidget):
        """The player. settings, packed: as the page has them. facts: the fields of Facts, or nothing."""

        _esm = f"{script()}export default {{ render: renderWidget }};\n"
        _css = style()
        settings = traitlets.Unicode().tag(sync=True)
        packed = traitlets.List(traitlets.Unicode()).tag(sync=True)
        facts = traitlets.Dict().tag(sync=True)

    return Player
