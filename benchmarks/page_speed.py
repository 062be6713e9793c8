"""How large and how fast the page of a replay is, in a headless Chromium (CHROMIUM names it).

Bytes, milliseconds until it can be used, frames per second while it plays, and CPU time per frame.

python benchmarks/page_speed.py
python benchmarks/page_speed.py --steps 4000 --seats 40 --episodes 1
"""

import argparse
import contextlib
import dataclasses
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float

from socialrl.record.replay import Replay
from socialrl.scene import Scene
from socialrl.web.page import page
from socialrl_envs.picture import seat_colours
from tests.record.synthetic import make_policy_replay, make_replay
from tests.report import browser

SIZES = ((1280, 800, 1), (390, 844, 3), (1920, 1080, 1), (3840, 2160, 1))  # width, height, pixels per point
SHOWN = """new Promise(done => { const shown = () => setTimeout(() => done(performance.now()), 0);
  const look = () => document.querySelector('.srl-total')?.textContent ? requestAnimationFrame(shown)
    : setTimeout(look, 2); look(); })"""
PRESS = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: KEY, bubbles: true}))"
FRAMES = """new Promise(done => { const times = []; const note = now => { times.push(now);
  if (now - times[0] < 1000 * SECONDS) requestAnimationFrame(note); else done(times); };
  requestAnimationFrame(note); })"""


def full_replay(steps: tuple[int, ...], seats: int = 4) -> Replay:
    """A replay with every array that there is. seats: from 4 on; further ones wander as the first ones do."""
    replay, policy, rng = make_replay(steps), make_policy_replay(steps), np.random.default_rng(0)
    episodes, longest = replay.action.shape[:2]
    replay = dataclasses.replace(
        replay,
        influence=policy.influence,
        observed=policy.observed,
        prediction=policy.prediction,
        occupancy=(rng.random((episodes, longest, 1, *replay.tiles.shape[2:])) ** 4 * 255).astype(np.uint8),
        spread=np.abs(rng.normal(0, 0.1, replay.values.shape)).astype(np.float32),
    )
    return replay if seats <= 4 else crowded(replay, seats)


def crowded(replay: Replay, seats: int) -> Replay:
    """The replay with its co-players again and again, all of whom can be followed."""
    more = 1 + np.arange(seats - 1) % 3
    everyone = [0, *more.tolist()]
    names = ("novice_0", *(f"other_{i}" for i in range(1, seats)))
    again = {name: vars(replay)[name][:, :, everyone] for name in ("action", "reward", "heading", "present")}
    rows = {name: vars(replay)[name][:, :, :, everyone] for name in ("values", "spread")}
    return dataclasses.replace(
        replay,
        **again,
        **rows,
        position=replay.position[:, :, everyone],
        agents=names,
        sources=("self", *names[1:]),
        source_seats=(None, *range(1, seats)),
        preferences=None,
        colours=seat_colours(seats),
        source=(np.arange(replay.source.size).reshape(replay.source.shape) // 7 % seats).astype(np.int8),
    )


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
