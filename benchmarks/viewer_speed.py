"""How fast the viewer is: opening a replay of 10,000 steps, the first frame, and scrubbing at 1280 x 800.

python benchmarks/viewer_speed.py
python benchmarks/viewer_speed.py --steps 10000 --frames 300
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")

from socialrl.record.replay import load, save
from socialrl.scene import Scene
from socialrl.viewer.app import App
from socialrl.viewer.panels import panels
from tests.record.synthetic import make_replay


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=120, help="frames per panel")
    options = parser.parse_args()
    influence = np.random.default_rng(0).random((1, options.steps, 1)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.npz"
        save(path, make_replay((options.steps,), influence=influence))
        print(
            f"{options.steps:,} steps, 4 seats: "
            f"{path.stat().st_size / options.steps / 4:.1f} bytes per step and seat"
        )
        began = time.perf_counter()
        replay = load(path)
        read = time.perf_counter()
    app = App(Scene(replays=(replay, replay), names=("long", "long")))
    shown = time.perf_counter()
    print(f"read {read - began:.2f} s, first frame {shown - read:.2f} s, together {shown - began:.2f} s")
    titles = [panel.title for panel in panels("tab")]
    print(f"{'scrubbing':14} {'frames/s':>9} {'slowest':>9}")
    for tab, title in enumerate(titles):
        report(title, app, Scene(replays=(replay, replay), names=("long", "long"), tab=tab), options.frames)
    report(
        "side by side", app, Scene(replays=(replay, replay), names=("long", "long"), beside=1), options.frames
    )


def report(title: str, app: App, scene: Scene, frames: int) -> None:
    """One row: the cursor is dragged back and forth over the whole episode."""
    app.scene = scene
    app.draw()
    times = []
    for i in range(frames):
        began = time.perf_counter()
        app.scene = scene.at(i * 7919 % scene.steps)
        app.draw()
        times.append(time.perf_counter() - began)
    print(f"{title:14} {1 / np.mean(times):9.0f} {max(times) * 1000:6.1f} ms")


if __name__ == "__main__":
    main()
