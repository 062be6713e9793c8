"""Disks that are full, have a quota or cannot be written, at any moment of a run.

The run must end in one line with exit code 2, with every checkpoint whole, and, once there is room, go on to
the results of one that nobody disturbed.

Real disks are file systems in memory with so many bytes, in a mount namespace of their own. Where the system
does not let one mount these, and for what they cannot show (quotas, broken disks), every flush of a file
fails from the nth on.
"""

import errno
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.endurance import children
from socialrl.record import checkpoint
from socialrl_envs.errors import SocialRLError

NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
ROOM = 2**26  # bytes that are more than a run needs
Say = Callable[[str], None]


def undisturbed(work: Path) -> dict[str, object]:
    """The result of a run that nobody disturbs, which is made in `work` unless it is there."""
    run = work / "undisturbed"
    if not run.exists():
        _attempt(run, work)
    return children.result(run)


def _attempt(run: Path, work: Path, prepare: Callable[[], None] = lambda: None) -> tuple[int, str]:
    """(exit code, what was printed) of a run that is begun or goes on."""
    output = work / "output.txt"
    again = (
        ["--resume", str(run)] if (run / "config.json").exists() else [str(children.TINY), "--out", str(run)]
    )
    code = children.wait(children.start(["run", *again], output, prepare))
    return code, output.read_text(errors="replace")


def failing(number: int, after: int, count: Path | None = None) -> Callable[[], None]:
    """Makes every `os.fsync` after the first `after` ones fail with this error.

    count: a file to which every call adds a byte.
    """

    def prepare() -> None:
        real, calls = os.fsync, [0]

        def fsync(file: int) -> None:
            calls[0] += 1
            if count is not None:
                with count.open("ab") as counted:
                    counted.write(b".")
            if calls[0] > after:
                raise OSError(number, os.strerror(number))
            real(file)

        os.fsync = fsync

    return prepare


def faults_of(run: Path, code: int, printed: str, what: str) -> list[str]:
    """What is wrong with how a run has ended that the disk stopped."""
    lines = [line for line in re.split(r"[\r\n]+", printed) if line.strip()]
    errors = [line for line in lines if line.startswith("socialrl: error: ")]
    found = [] if code == 2 else [f"exit code {code}"]
    if len(errors) != 1 or "Traceback" in printed or lines[-1] != errors[0]:
        found.append(f"not one line: {printed[-600:]!r}")
    for arm in (run / "checkpoints").glob("*"):
        for step in checkpoint.steps(arm):
            try:
                checkpoint.verify(arm / str(step))
            except SocialRLError as error:
                found.append(str(error))
    return [f"{what}: {fault}" for fault in found]


def fail_often(count: int, work: Path, seed: int = 0, say: Say = print) -> list[str]:
    """What was wrong in so many runs whose flushes fail from a random one on."""
    wanted, rng, faults = undisturbed(work), random.Random(seed), []
    counted = work / "flushes"
    _attempt(work / "counted", work, failing(0, 10**9, counted))
    flushes = counted.stat().st_size
    say(f"a run flushes {flushes} files and folders")
    for number in range(count):
        run, after = work / f"failing{number}", rng.randrange(flushes)
        name = NUMBERS[number % len(NUMBERS)]
        what = f"{os.strerror(name)} from flush {after} of {flushes} on"
        found = faults_of(run, *_attempt(run, work, failing(name, after)), what)
        found += _goes_on(run, work, wanted, what)
        say(f"{what}: {len(found)} faults")
        faults += found
    return faults


def _goes_on(run: Path, work: Path, wanted: dict[str, object], what: str) -> list[str]:
    """What is wrong with the run once the disk is in order; one without a fault is removed."""
    code, printed = _attempt(run, work)
    found = [f"resumed: exit code {code}: {printed[-400:]!r}"] if code else []
    found += [f"resumed: {name} differs" for name in children.differences(children.result(run), wanted)]
    found += [f"resumed: {name} is left" for name in children.litter(run)]
    if not found:
        shutil.rmtree(run)
    return [f"{what}: {fault}" for fault in found]


def can_mount() -> bool:
    """Whether file systems can be mounted in a namespace of one's own."""
    command = "mount -t tmpfs -o size=1m tmpfs /mnt"
    try:
        return subprocess.run(["unshare", "-rm", "sh", "-c", command], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def in_namespace(arguments: list[str]) -> int:
    """The exit code of this program with other arguments, in a mount namespace of its own."""
    return subprocess.run(
        ["unshare", "-rm", sys.executable, "-m", "benchmarks.endurance", *arguments]
    ).returncode


def fill_often(count: int, work: Path, seed: int = 0, say: Say = print) -> list[str]:
    """What was wrong in so many runs on disks of a random size, and on one that can only be read.

    Must be called in a mount namespace.
    """
    wanted, rng, faults = undisturbed(work), random.Random(seed), []
    disk = work / "disk"
    disk.mkdir(exist_ok=True)
    used = sum(file.stat().st_blocks for file in (work / "undisturbed").rglob("*")) * 512
    for number in range(count):
        size = 4096 * rng.randrange(2, used // 4096)
        what = f"a disk of {size // 1024} KiB"
        with _Mounted(disk, size) as mounted:
            run = disk / f"run{number}"
            code, printed = _attempt(run, work)
            found = [] if code == 0 else faults_of(run, code, printed, what)
            mounted.remount(f"size={ROOM}")
            found += _goes_on(run, work, wanted, what)
        say(f"{what}: exit code {code}, {len(found)} faults")
        faults += found
    with _Mounted(disk, ROOM) as mounted:
        run = disk / "run"
        _attempt(run, work, failing(errno.EIO, 60))
        mounted.remount("ro")
        for place in (run, disk / "new"):
            faults += faults_of(place, *_attempt(place, work), f"read-only, {place.name}")
        mounted.remount("rw")
        faults += _goes_on(run, work, wanted, "read-only")
        say("a disk that can only be read: done")
    return faults


class _Mounted:
    """A file system in memory of so many bytes, in a `with` block."""

    def __init__(self, place: Path, size: int):
        self.place, self.size = place, size

    def __enter__(self) -> "_Mounted":
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", str(self.place)], check=True
        )
        return self

    def remount(self, options: str) -> None:
        """Changes its options."""
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.place)], check=True)

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self.place)], check=True)
