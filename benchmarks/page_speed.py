"""How large and how fast the page of a replay is, in a headless Chromium (CHROMIUM names it).

Bytes, milliseconds until it can be used, frames per second while it plays, and CPU time per frame.

python benchmarks/page_speed.py
python benchmarks/page_speed.py --steps 4000 --seats 40 --episodes 1
"""

import argparse
import contextlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float

from socialrl.scene import Scene
from socialrl.web.page import page
from tests.report import browser
from tests.web.full import full_replay

SIZES = ((1280, 800, 1), (390, 844, 3), (1920, 1080, 1), (3840, 2160, 1))  # width, height, pixels per point
SHOWN = """new Promise(done => { const shown = () => setTimeout(() => done(performance.now()), 0);
  const look = () => document.querySelector('.srl-total')?.textContent ? requestAnimationFrame(shown)
    : setTimeout(look, 2); look(); })"""
PRESS = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: KEY, bubbles: true}))"
FRAMES = """new Promise(done => { const times = []; const note = now => { times.push(now);
  if (now - times[0] < 1000 * SECONDS) requestAnimationFrame(note); else done(times); };
  requestAnimationFrame(note); })"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--steps", type=int, default=250, help="per episode")
    parser.add_argument("--seats", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=4, help="of play for each row")
    options = parser.parse_args()
    found = browser.find()
    if found is None:
        parser.error("no Chromium here; set CHROMIUM to its path")
    replay = full_replay((options.steps,) * options.episodes, options.seats)
    began = time.perf_counter()
    text = page(Scene(replays=(replay,), names=("replay",)))
    print(f"{options.episodes} episodes of {options.steps:,} steps, {options.seats} seats: ", end="")
    print(f"{len(text) / 1e6:.2f} MB, written in {time.perf_counter() - began:.1f} s")
    columns = ("window", "usable after", "speed", "frames/s", "median", "slowest 1 %", "main thread", "all")
    print("{:>12} {:>13} {:>6} {:>9} {:>9} {:>12} {:>12} {:>9}".format(*columns))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(text, encoding="utf-8")
        with browser.tab(found, Path(folder) / "profile") as tab:
            tab.call("Performance.enable", timeDomain="threadTicks")
            for width, height, ratio in SIZES:
                tab.open(file, width, height)  # once, so that the browser has warmed up
                measure(tab, file, (width, height, ratio), options.seconds)


def measure(tab: browser.Tab, file: Path, size: tuple[int, int, int], seconds: float) -> None:
    """Prints a row for each speed."""
    width, height, ratio = size
    tab.open(file, width, height)
    usable = tab.ask(SHOWN)
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=height,
        deviceScaleFactor=ratio,
        mobile=False,
    )
    for key, speed in (("ArrowUp", 8), ("ArrowUp", 16), ("ArrowUp", 32)):
        tab.ask(PRESS.replace("KEY", f"'{key}'"))
        tab.ask(PRESS.replace("KEY", "'Home'"))
        tab.ask(PRESS.replace("KEY", "' '"))
        before = spent(tab)
        times = np.diff(tab.ask(FRAMES.replace("SECONDS", str(seconds))))
        main, everything = (spent(tab) - before) * 1000 / len(times)
        tab.ask(PRESS.replace("KEY", "' '"))
        numbers = (usable, speed, 1000 / times.mean(), np.median(times), np.quantile(times, 0.99))
        row = "{:10.0f} ms {:6} {:9.1f} {:6.1f} ms {:9.1f} ms {:9.1f} ms {:6.1f} ms"
        print(f"{f'{width}x{height}@{ratio}':>12}", row.format(*numbers, main, everything))


def spent(tab: browser.Tab) -> Float[np.ndarray, " 2"]:
    """Seconds of CPU so far: of the page's main thread, and of all processes of the browser.

    A machine that is busy with something else shows fewer frames, and yet these stay the same.
    """
    metrics = {one["name"]: one["value"] for one in tab.call("Performance.getMetrics")["metrics"]}
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().rpartition(")")
            if "chrom" in name:
                ticks += sum(map(int, rest.split()[11:13]))
    return np.array([metrics["TaskDuration"], ticks / os.sysconf("SC_CLK_TCK")])


if __name__ == "__main__":
    main()
