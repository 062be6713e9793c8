"""Memory over a long run: millions of steps, and an evaluation after every chunk.

The memory that a run holds is read from outside, once per evaluation; after the first tenth, in which
programs are compiled and buffers filled, it must not grow.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.endurance import children
from benchmarks.endurance.kills import records_seen

STEPS, EVALUATIONS = 10_000_000, 1_000
ENVS, UNROLL = 250, 20  # steps between updates: few updates, for these take most of the time
GROWTH = 0.02  # of the memory after a tenth of the run


def settings(steps: int, evaluations: int) -> list[str]:
    """The arguments of a run of one arm with so many steps and evaluations."""
    every = steps // evaluations
    values = {
        "arms": "dqn",
        "steps": steps,
        "seeds": 1,
        "num_envs": ENVS,
        "unroll_length": UNROLL,
        "chunk": every // (ENVS * UNROLL),
        "evaluate_every": every,
        "checkpoint_every": steps // 10,
        "dqn.learner.capacity": 20_000,
    }
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


def curve(
    work: Path, evaluations: int = EVALUATIONS, say: Callable[[str], None] = print
) -> list[tuple[int, float]]:
    """(evaluations, MiB) of a run from its first evaluation on, in steps of about a hundredth of it."""
    run, points = work / "long", []
    steps = STEPS * evaluations // EVALUATIONS
    command = ["run", str(children.TINY), "--out", str(run), *settings(steps, evaluations)]
    pid = children.start(command, work / "output.txt")
    seen = records_seen("eval")
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        done = seen(run, "")
        if done and (not points or done >= points[-1][0] + evaluations / 100):
            points.append((done, resident(pid)))
            if done % (evaluations // 10 or 1) < 3:
                say(f"{done:>6} evaluations  {points[-1][1]:.1f} MiB")
        time.sleep(0.1)
    code = children.wait(pid)
    if code:
        say((work / "output.txt").read_text()[-500:])
    return points if code == 0 else []


def resident(pid: int) -> float:
    """The memory in MiB that a process holds; 0 where it has ended or the system does not tell.

    pid: of the process; 0 is this one.
    """
    try:
        pages = int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(points: list[tuple[int, float]]) -> float:
    """By what share the memory is larger in the last tenth of a run than in its second one."""
    held = np.array([mib for _, mib in points])
    tenth = max(1, len(held) // 10)
    return float(np.median(held[-tenth:]) / np.median(held[tenth : 2 * tenth]) - 1)
