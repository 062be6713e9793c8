"""What runs survive: kills, full disks, mutated files, long processes, many worlds.

    python -m benchmarks.endurance kills --n 200
    python -m benchmarks.endurance disk --n 20
    python -m benchmarks.endurance trouble
    python -m benchmarks.endurance mutations --n 100000
    python -m benchmarks.endurance memory
    python -m benchmarks.endurance worlds --n 100
    python -m benchmarks.endurance fsync

Each prints what it does and ends with a table and with what was wrong; the exit code is 1 if anything was. The
folder of --work keeps what was found. No command needs a GPU; `disk` mounts a file system of its own, where the
system lets it.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.endurance import children, files, kills, mutations
from socialrl.cli import main as cli


def main() -> int:
    """The exit code: 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(COMMANDS))
    parser.add_argument("--n", type=int, help="how many kills, disks, mutated files or worlds")
    parser.add_argument("--seed", type=int, default=0, help="of the random choices")
    parser.add_argument("--work", type=Path, help="an empty folder to work in (default: a temporary one)")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="endurance"))
    work.mkdir(parents=True, exist_ok=True)
    return COMMANDS[options.what](options.n, options.seed, work.resolve())


def _kills(n: int | None, seed: int, work: Path) -> int:
    found = kills.kill_often(n or 200, work, seed)
    print("\n".join(f"{phase:<16}{count}" for phase, count in sorted(found.kills.items())))
    return _verdict(f"{found.kills.total()} kills over {found.runs} runs", found.faults, work)


def _mutations(n: int | None, seed: int, work: Path) -> int:
    children.share_programs(work / "programs")
    if not (work / "run").exists():
        cli(["run", str(children.TINY), "--out", str(work / "run")])
    shutil.copytree(work / "run", work / "mutated")
    found = mutations.mutate_all(files.targets(work / "mutated", work), n or 100_000, work / "kept", seed)
    for kind in sorted(found.seconds):
        print(f"{kind:<20}{found.refused[kind]:>8,} refused{found.read[kind]:>8,} read{found.seconds[kind]:>8.1f} s")
    return _verdict(f"{n or 100_000:,} files", found.faults, work)


def _verdict(done: str, faults: list[str], work: Path) -> int:
    print(f"{done}: {len(faults)} faults", *faults, sep="\n")
    if faults:
        print(f"kept in {work}")
    return int(bool(faults))


COMMANDS: dict[str, Callable[[int | None, int, Path], int]] = {"kills": _kills, "mutations": _mutations}

if __name__ == "__main__":
    sys.exit(main())
