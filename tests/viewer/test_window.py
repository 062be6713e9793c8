"""A real window on a virtual screen, driven by synthetic keys and the mouse. Needs Xvfb, xdotool and
ImageMagick's import.
"""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from socialrl.record.replay import save
from tests.record.synthetic import make_replay

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("Xvfb", "xdotool", "import")),
    reason="there is no virtual screen",
)


@pytest.fixture
def screen():
    """The environment of programs on a virtual screen."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1000x700x24"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    environment = {name: value for name, value in os.environ.items() if name != "SDL_VIDEODRIVER"}
    yield environment | {"DISPLAY": f":{number}"}
    server.terminate()
    server.wait()


def until(condition, seconds: float = 60.0) -> None:
    """Waits until it holds; fails if it never does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def test_a_window_takes_keys_and_the_mouse(screen, tmp_path):
    save(tmp_path / "one.npz", make_replay((40, 25)))
    code = f"import socialrl.viewer; socialrl.viewer.view([{str(tmp_path / 'one.npz')!r}], (640, 400))"
    window = subprocess.Popen([sys.executable, "-c", code], env=screen)

    def tool(*arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], env=screen, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def under() -> str:
        return tool("getmouselocation", "--shell").rpartition("WINDOW=")[2].split("\n")[0]

    def title() -> str:
        return tool("getwindowname", under())

    def shown(name: str) -> np.ndarray:
        subprocess.run(["import", "-window", under(), tmp_path / f"{name}.png"], env=screen, check=True)
        return np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"))

    try:
        tool("mousemove", "500", "350")
        until(lambda: title().startswith("one · episode"))
        assert title() == "one · episode 1 · socialrl"
        before = shown("open")
        assert before.shape == (400, 640, 3)
        tool("windowfocus", under())
        tool("key", "n")
        until(lambda: title() == "one · episode 2 · socialrl")
        tool("key", "p")
        until(lambda: title() == "one · episode 1 · socialrl")
        tool("key", "t")
        until(lambda: shown("dark").mean() < 100 < before.mean())
        dark = shown("dark")
        tool("mousemove", "--window", under(), "500", "350", "click", "1")  # on the timeline
        until(lambda: (shown("scrubbed") != dark).mean() > 0.01)
        tool("key", "q")
        assert window.wait(timeout=60) == 0
    finally:
        window.kill()
