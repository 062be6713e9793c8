"""The viewer: replays in a window, or exported as pictures. It reads files and runs no learner.

    socialrl.viewer.view([Path("runs/coin_grid/001")])
    socialrl.viewer.export("psiphi-seed0.npz", Path("out.gif"))

pygame and pillow, the extra `view` of the package, are imported when one of these is called.
"""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from socialrl_envs.errors import SocialRLError
from socialrl_envs.sprites import Real

if TYPE_CHECKING:
    from socialrl.scene import SceneOptions
    from socialrl.scene.what_if import Explain

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


def _needs(*modules: str) -> None:
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise SocialRLError(
                f"the viewer needs {module}: {error}", "pip install 'socialrl[view]'"
            ) from error


def view(
    paths: Sequence[Path | str],
    size: tuple[int, int] = (1280, 800),
    theme: str = "light",
    explain: "Explain | None" = None,
) -> None:
    """Shows replays, or the replays of run folders, in a window until it is closed.

    size: of the window, in pixels. theme: "light" or "dark". explain: answers what-if questions, such as
    `socialrl.explaining.answers(socialrl.viewer.files.find(paths))`; None: they cannot be asked.
    Raises SocialRLError if there is no replay, a file is not a replay, there is no display, or pygame is
    missing.
    """
    _needs("pygame", "PIL")
    from socialrl.viewer.app import run

    run([Path(path) for path in paths], size, theme, explain)


def export(
    path: Path | str,
    out: Path | str,
    episode: int = 0,
    step: int | None = None,
    size: tuple[int, int] = (1280, 800),
    fps: Real = 8,
    theme: str = "light",
    **options: "Unpack[SceneOptions]",
) -> None:
    """Writes an episode to a file as the window shows it, or a page for browsers; needs no display.

    path: a replay, or a run folder, of which the first replay is taken in which another agent is followed.
    out: ends in .gif, .mp4 (which needs the extra `mp4`), .png for one step (`step`, or the first), in
    nothing for a folder of pictures, or in .html for a page with all replays and episodes, see `export_page`.
    fps: steps per second.
    Raises SocialRLError for another ending, or an episode or step that does not exist.
    """
    if Path(out).suffix.lower() == ".html":
        export_page([path], out, episode, step)
        return
    _needs("pygame", "PIL")
    from socialrl.viewer.exporting import write

    write(Path(path), Path(out), episode, step, size, fps, theme, **options)


def export_page(
    paths: Sequence[Path | str], out: Path | str, episode: int | None = None, step: int | None = None
) -> None:
    """Writes replays, or those of run folders, into one HTML file that browsers show without a network.

    The page plays the episodes with all that the window shows, by keys, mouse and touch. episode, step: what
    it shows first; None takes an episode in which another agent is followed. What would make the page larger
    than 8 MB is left out, and the page says so. Raises SocialRLError for a path without a replay, or an
    episode or step that does not exist.
    """
    from socialrl.viewer.pages import write_page

    write_page([Path(path) for path in paths], Path(out), episode, step)
