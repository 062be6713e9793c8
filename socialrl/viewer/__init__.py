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
    from socialrl.viewer.scene import SceneOptions
    from socialrl.viewer.what_if import Explain

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
    """Writes an episode to a file as the window shows it; needs no display.

    path: a replay, or a run folder, of which the first replay is taken in which another agent is followed.
    out: ends in .gif, .mp4 (which needs the extra `mp4`), .png for one step (`step`, or the first), or in
    nothing for a folder of pictures. fps: steps per second.
    Raises SocialRLError for another ending, or an episode or step that does not exist.
    """
    _needs("pygame", "PIL")
    from socialrl.viewer.exporting import write

    write(Path(path), Path(out), episode, step, size, fps, theme, **options)
