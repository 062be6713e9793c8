"""Trouble of other kinds: signals, clocks, several runs at once, numbers that are none, hostile configs.

Every scenario returns what was wrong, one line each; () where nothing was.
"""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.endurance import children
from benchmarks.endurance.disk import undisturbed
from benchmarks.endurance.kills import Seen, records_seen
from socialrl.arm import ArmRun
from socialrl.record import checkpoint

DAY = 86_400.0


def _begin(run: Path, output: Path, prepare: Callable[[], None] = lambda: None) -> int:
    return children.start(["run", str(children.TINY), "--out", str(run)], output, prepare)


def _resume(run: Path, output: Path, prepare: Callable[[], None] = lambda: None) -> int:
    return children.start(["run", "--resume", str(run)], output, prepare)


def _until(seen: Seen, run: Path, pid: int, wanted: int = 1) -> None:
    """Waits until a child has got so far, or has ended."""
    while seen(run, "") < wanted and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.01)


def _ends_equal(run: Path, work: Path, pid: int) -> list[str]:
    """What is wrong with a run that must end well and have the results of an undisturbed one."""
    code = children.wait(pid)
    found = [f"exit code {code}"] if code else []
    found += [f"{name} differs" for name in children.differences(children.result(run), undisturbed(work))]
    return found + [f"{name} is left" for name in children.litter(run)]


def terminated(work: Path) -> list[str]:
    """SIGTERM, as a cluster sends it: the run saves, ends with 143 and goes on."""
    run, output = work / "terminated", work / "output.txt"
    pid = _begin(run, output)
    _until(records_seen("train"), run, pid)
    os.kill(pid, signal.SIGTERM)
    code, printed = children.wait(pid), output.read_text()
    found = [] if code == 143 else [f"exit code {code}"]
    if "saved at step" not in printed or "Traceback" in printed:
        found.append(f"not saved: {printed[-300:]!r}")
    if checkpoint.latest(run / "checkpoints" / "dqn") is None:
        found.append("no checkpoint")
    return found + _ends_equal(run, work, _resume(run, output))


def clock_set_back(work: Path) -> list[str]:
    """The clock of the day goes back by a day in the middle, and what there was before is from the future."""

    def prepare() -> None:
        real, began = time.time, time.monotonic()

        def back() -> float:
            return real() - (DAY if time.monotonic() - began > 1 else 0)

        time.time, time.time_ns = back, lambda: int(back() * 1e9)

    run, output = work / "clock", work / "output.txt"
    pid = _begin(run, output, prepare)
    _until(records_seen("train"), run, pid, 5)
    os.kill(pid, signal.SIGKILL)
    children.wait(pid)
    later = time.time() + 365 * DAY
    for file in run.rglob("*"):
        os.utime(file, (later, later))
    return _ends_equal(run, work, _resume(run, output, prepare))


def two_at_once(work: Path) -> list[str]:
    """A second process in a folder that is in use is refused, and the first one is none the worse."""
    run, output, other = work / "two", work / "output.txt", work / "other.txt"
    pid = _begin(run, output)
    _until(records_seen("train"), run, pid)
    found = []
    for start in (_resume, _begin):
        code, printed = children.wait(start(run, other)), other.read_text()
        if code != 2 or printed.count("\n") != 1 or "in use" not in printed:
            found.append(f"the second one: exit code {code}: {printed[-300:]!r}")
    return found + _ends_equal(run, work, pid)


def eight_at_once(work: Path, count: int = 8) -> list[str]:
    """Runs that start at the same moment in one `runs/` get a folder each, and all end well."""
    place = work / "eight"
    place.mkdir()
    outputs = [work / f"eight{number}.txt" for number in range(count)]
    pids = [
        children.start(["run", str(children.TINY)], output, lambda: os.chdir(place)) for output in outputs
    ]
    codes = [children.wait(pid) for pid in pids]
    runs = sorted((place / "runs" / "tiny").glob("*"))
    found = [
        f"exit code {code}: {o.read_text()[-300:]!r}" for code, o in zip(codes, outputs, strict=True) if code
    ]
    if [run.name for run in runs] != [f"{number + 1:03d}" for number in range(count)]:
        found.append(f"folders {[run.name for run in runs]}")
    for run in runs:
        found += [
            f"{run.name}: {n} differs" for n in children.differences(children.result(run), undisturbed(work))
        ]
    return found


def not_a_number(work: Path) -> list[str]:
    """A loss that is NaN in the middle ends the run in one line, and what was saved before goes on."""

    def prepare() -> None:
        real = ArmRun._record

        def record(self, kind, step, metrics, labels=None):
            values = real(self, kind, step, metrics, labels)
            return values | ({"loss/td": np.full(2, np.nan)} if (kind, step) == ("train", 250) else {})

        ArmRun._record = record

    run, output = work / "nan", work / "output.txt"
    code = children.wait(_begin(run, output, prepare))
    errors = re.findall(r"socialrl: error: .*", output.read_text())
    found = (
        []
        if code == 2 and len(errors) == 1 and "not finite at step 250" in errors[0]
        else [f"{code}: {errors}"]
    )
    steps = checkpoint.steps(run / "checkpoints" / "dqn")
    found += [] if steps == (100, 200) else [f"checkpoints {steps}"]
    return found + _ends_equal(run, work, _resume(run, output))


def nested_config(work: Path) -> list[str]:
    """A config.json of 200,000 brackets is refused in one line."""
    run, output = work / "nested", work / "output.txt"
    run.mkdir()
    (run / "config.json").write_text("[" * 200_000 + "]" * 200_000)
    code, printed = children.wait(_resume(run, output)), output.read_text()
    return (
        []
        if code == 2 and printed.count("\n") == 1 and "nested" in printed
        else [f"{code}: {printed[-300:]!r}"]
    )


SCENARIOS: Sequence[Callable[[Path], list[str]]] = (
    terminated,
    clock_set_back,
    two_at_once,
    eight_at_once,
    not_a_number,
    nested_config,
)


def all_of_it(work: Path, say: Callable[[str], None] = print) -> list[str]:
    """What was wrong in all scenarios."""
    faults: list[str] = []
    for scenario in SCENARIOS:
        found = scenario(work)
        say(f"{scenario.__name__.replace('_', ' ')}: {len(found)} faults")
        faults += [f"{scenario.__name__}: {fault}" for fault in found]
    for path in work.glob("*"):
        if not faults and path.is_dir() and path.name not in ("programs", "undisturbed"):
            shutil.rmtree(path)
    return faults
