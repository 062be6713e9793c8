"""SIGKILL at random moments: a run of two arms is killed and resumed until it ends, and must have the results
of one that nobody disturbed.

Most kills aim at a phase: they wait until it can be seen from outside that it has begun (by what the run
prints, and by the files in its folder), and then for a random while.
"""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.endurance import children

Seen = Callable[[Path, str], int]  # (run folder, what was printed) -> how far the phase has got; 0: not begun


def records_seen(kind: str) -> Seen:
    """How many records of a kind a run has written."""

    def seen(run: Path, text: str) -> int:
        file = run / "metrics.jsonl"
        return file.read_bytes().count(f'"kind": "{kind}"'.encode()) if file.exists() else 0

    return seen


def _saving(run: Path, text: str) -> int:
    return sum(1 for arm in (run / "checkpoints").glob("*") for _ in arm.glob(".*"))


@dataclass(frozen=True)
class Phase:
    """A phase of a run.

    seen: how it shows from outside. longest: wait after that, in seconds of CPU. most: how often it surely
    comes again. every: seconds between two looks.
    """

    seen: Seen
    longest: float
    most: int = 1
    every: float = 0.01


PHASES = {
    "starting": Phase(lambda run, text: int(bool(text)), 0.1),
    "compiling": Phase(lambda run, text: text.count("compiling"), 1.0, 2),
    "training": Phase(records_seen("train"), 0.03, 3),
    "saving": Phase(_saving, 0.1, every=0.002),
    "evaluating": Phase(records_seen("eval"), 0.03, 3),
    "writing replays": Phase(lambda run, text: sum(1 for _ in (run / "replays").glob("*")), 0.03, 2),
    "reporting": Phase(lambda run, text: text.count("interquartile mean"), 1.5),
}


@dataclass
class Found:
    """What the kills came to. kills: by phase. runs: how many ended. faults: one line each."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    faults: list[str] = field(default_factory=list)


def attempt(run: Path, output: Path, phase: str, rng: random.Random, length: float) -> int:
    """The exit code of one start of the run, -SIGKILL if it was killed in this phase; `""` kills nobody.

    length: of an undisturbed run in seconds of CPU, within which kills at "any" moment fall.
    """
    fresh = ["run", str(children.TINY), "--out", str(run)]
    again = ["run", "--resume", str(run)]
    output.unlink(missing_ok=True)
    before = {name: one.seen(run, "") for name, one in PHASES.items()}
    pid = children.start(again if (run / "config.json").exists() else fresh, output)
    if phase:
        _aim(pid, run, output, phase, rng, length, before)
    return children.wait(pid)


def _aim(
    pid: int, run: Path, output: Path, phase: str, rng: random.Random, length: float, before: dict[str, int]
) -> None:
    """Kills a child in the phase, unless it ends before. before: how far the phases had got without it."""
    longest, every = length, 0.01
    if phase != "any":
        one = PHASES[phase]
        wanted = before[phase] + rng.randint(1, one.most)
        while not _ended(pid) and one.seen(run, output.read_text() if output.exists() else "") < wanted:
            time.sleep(one.every)
        longest, every = one.longest, one.every
    until = used(pid) + rng.uniform(0, longest)
    while not _ended(pid) and used(pid) < until:
        time.sleep(every)
    if not _ended(pid):
        os.kill(pid, signal.SIGKILL)


def used(pid: int) -> float:
    """The seconds of CPU that a process has used: the clock of kills, whatever else the machine does."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("inf")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill_often(
    kills: int, work: Path, seed: int = 0, say: Callable[[str], None] = print, cold: float = 0.03
) -> Found:
    """What so many kills came to, spread over as many runs as that takes.

    cold: the share of runs that find no compiled programs, and so are long in compiling them.
    """
    rng, found, programs = random.Random(seed), Found(), work / "programs"
    children.share_programs(programs)
    undisturbed, output, length = work / "undisturbed", work / "output.txt", 0.0
    for _ in range(2):  # the second one finds all programs, and tells how long a run takes
        shutil.rmtree(undisturbed, ignore_errors=True)
        before = os.times()
        code = attempt(undisturbed, output, "", rng, 0)
        length = os.times().children_user - before.children_user
        assert code == 0, output.read_text()
    wanted = children.result(undisturbed)
    while found.kills.total() < kills:
        run = work / f"run{found.runs}"
        if rng.random() < cold:
            shutil.rmtree(programs, ignore_errors=True)
        for _ in range(min(rng.randint(1, 8), kills - found.kills.total())):
            phase = rng.choice(("any", *PHASES))
            code = attempt(run, output, phase, rng, length)
            if code != -signal.SIGKILL:
                break
            found.kills[phase] += 1
        code = attempt(run, output, "", rng, length)
        found.runs += 1
        _compare(found, run, code, output, wanted)
        say(f"{found.kills.total()} kills, {found.runs} runs, {len(found.faults)} faults")
    return found


def _compare(found: Found, run: Path, code: int, output: Path, wanted: dict[str, object]) -> None:
    """Adds what is wrong with a run that has ended; one that is as it should be is removed."""
    faults = [f"exit code {code}: {output.read_text()[-500:]}"] if code else []
    faults += [f"{name} differs" for name in children.differences(children.result(run), wanted)]
    faults += [f"{name} is left" for name in children.litter(run)]
    found.faults += [f"{run.name}: {fault}" for fault in faults]
    if not faults:
        shutil.rmtree(run)
