"""What it costs that a checkpoint is on the disk before it counts."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np

from socialrl.record import checkpoint

SIZES = {"30 KB": 8_000, "4 MB": 1_000_000, "64 MB": 16_000_000}  # numbers of float32


def cost(work: Path, repeats: int = 7, say: Callable[[str], None] = print) -> dict[str, tuple[float, float]]:
    """Median milliseconds of a save with and without flushes, by the size of the state."""
    found = {}
    for name, count in SIZES.items():
        tree = {f"w{i}": np.random.default_rng(i).random(count // 8, np.float32) for i in range(8)}
        taken: dict[bool, list[float]] = {True: [], False: []}
        for number in range(2 * repeats):
            flushed = number % 2 == 0
            with mock.patch("os.fsync", os.fsync if flushed else lambda file: None):
                began = time.perf_counter()
                checkpoint.save(work / name.replace(" ", "") / str(number), tree)
                taken[flushed].append(1000 * (time.perf_counter() - began))
        found[name] = statistics.median(taken[True]), statistics.median(taken[False])
        say(f"{name:<8}{found[name][0]:>8.1f} ms with, {found[name][1]:>8.1f} ms without flushes")
    return found
