"""The viewer: recorded files in a window, or as pictures without one. It reads files and `socialrl_envs`,
never a learner.

    socialrl.viewer.view([Path("runs/coin_grid/001")])
    socialrl.viewer.export("psiphi-seed0.npz", Path("out.gif"))

pygame and pillow are imported when one of these is called, and are the extra `view` of the package.
"""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from socialrl_envs.errors import SocialRLError
from socialrl_envs.sprites import Real

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


def _needs(*modules: str) -> None:
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise SocialRLError(
                f"the viewer needs {module}: {error}", "pip install 'socialrl[view]'"
            ) from error


def view(paths: Sequence[Path | str], size: tuple[int, int] = (1280, 800), theme: str = "light") -> None:
    """Opens replays, or the replays of run folders, in a window until it is closed.

    Raises SocialRLError if there is no replay, a file is not a replay, there is no display, or pygame is
    missing.
    """
    _needs("pygame", "PIL")
    from socialrl.viewer.app import run

    run([Path(path) for path in paths], size, theme)


def export(
    path: Path | str,
    out: Path | str,
    episode: int = 0,
    step: int | None = None,
    size: tuple[int, int] = (1280, 800),
    fps: Real = 8,
    theme: str = "light",
    **options: Any,
) -> None:
    """Writes an episode as .gif, .mp4 or (without an ending) a folder of pictures, or one step of it (the
    first if `step` is None) as .png; needs no display. An .mp4 needs the extra `mp4`.

    What it shows is what the window shows; of a run folder it takes the first replay in which another agent
    is followed. Raises SocialRLError for another ending, or an episode or step that is not there.
    """
    _needs("pygame", "PIL")
    from socialrl.viewer.exporting import write

    write(Path(path), Path(out), episode, step, size, fps, theme, **options)
