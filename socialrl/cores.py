"""The cores of this machine that a process may use."""

import os


def usable_cores() -> int:
    """The number of cores that this process may use: those of its affinity where the system has one, as
    `taskset` and the schedulers of clusters set it, else all of the machine.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
