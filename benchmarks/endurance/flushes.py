"""What it costs that a checkpoint is on the disk before it counts."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np

from socialrl.record import checkpoint

SIZES = {"30 KB": 8_000, "4 MB": 1_000_000, "64 MB": 16_000_000}  # numbers of float32


def cost(work: Path, repeats: int = 9, say: Callable[[str], None] = print) -> dict[str, tuple[float, float]]:
    """(milliseconds in flushes, milliseconds in all) of a save, by the size of the state.

    Each is the least of some repeats, that which other programs on the machine disturbed least.
    """
    found = {}
    for name, count in SIZES.items():
        tree = {f"w{i}": np.random.default_rng(i).random(count // 8, np.float32) for i in range(8)}
        taken = [_save(work / name.replace(" ", "") / str(number), tree) for number in range(repeats)]
        flushes, whole = (min(column) for column in list(zip(*taken, strict=True))[:2])
        found[name] = flushes, whole
        say(f"{name:<8}{flushes:>8.1f} ms in {taken[0][2]} flushes, {whole:>8.1f} ms in all")
    return found


def _save(path: Path, tree: dict[str, np.ndarray]) -> tuple[float, float, int]:
    """(milliseconds in flushes, milliseconds in all, number of flushes) of one save."""
    real, spent = os.fsync, []

    def fsync(file: int) -> None:
        began = time.perf_counter()
        real(file)
        spent.append(1000 * (time.perf_counter() - began))

    with mock.patch("os.fsync", fsync):
        began = time.perf_counter()
        checkpoint.save(path, tree)
        return sum(spent), 1000 * (time.perf_counter() - began), len(spent)
