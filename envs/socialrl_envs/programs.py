"""Compiled programs, for which a process has only so much room.

XLA maps every program that it compiles for a CPU into memory piece by piece: one step of a world takes some
200 memory maps, and Linux grants a process about 65,000. A process that asks for more dies inside of LLVM.
Therefore `make_room` is called wherever a world is made: it counts them, and once there are many, lets JAX
forget what it has compiled. What is still in use is compiled again when it is called next.
"""

import gc
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.core import Tracer

MAPS, LIMIT = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
SHARE = 0.4  # of the limit: where there are more memory maps, programs are forgotten
MORE = 0.2  # of the limit: as many more than were left the last time, as not all of them are programs
_lock = threading.Lock()
_left = 0  # memory maps after the last time that programs were forgotten


def count_maps() -> int:
    """The number of memory maps of this process; 0 where the system does not tell."""
    try:
        return MAPS.read_bytes().count(b"\n")
    except OSError:
        return 0


def most_maps() -> int:
    """How many memory maps a process may have; 0 where the system does not tell."""
    try:
        return int(LIMIT.read_text())
    except (OSError, ValueError):
        return 0


def make_room() -> bool:
    """Whether there were so many programs that JAX was made to forget them; never while it traces."""
    global _left
    with _lock:
        count, most = count_maps(), most_maps()
        if not most or count < max(SHARE * most, _left + MORE * most) or _traced():
            return False
        jax.clear_caches()
        gc.collect()  # what was compiled refers to itself in circles
        _left = count_maps()
        return True


def _traced() -> bool:
    """Whether a function is being traced, whose caches must stay."""
    return isinstance(jnp.zeros(()), Tracer)
