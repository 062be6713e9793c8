"""What runs survive: kills, full disks, mutated files, long processes, many worlds.

    python -m benchmarks.endurance kills --n 200
    python -m benchmarks.endurance disk --n 20
    python -m benchmarks.endurance trouble
    python -m benchmarks.endurance mutations --n 100000
    python -m benchmarks.endurance memory
    python -m benchmarks.endurance worlds --n 100
    python -m benchmarks.endurance fsync

Each prints what it does and ends with a table and with what was wrong; the exit code is 1 if anything was.
The folder of --work keeps what was found. No command needs a GPU; `disk` mounts a file system of its own,
where the system lets it.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax

from benchmarks.endurance import children, disk, files, flushes, kills, memory, mutations, trouble, worlds
from socialrl.cli import main as cli
from socialrl_envs import programs


def main() -> int:
    """The exit code: 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=tuple(COMMANDS))
    parser.add_argument("--n", type=int, help="how many kills, disks, mutated files or worlds")
    parser.add_argument("--seed", type=int, default=0, help="of the random choices")
    parser.add_argument("--maps", type=int, help="worlds: as if a process could have so many memory maps")
    parser.add_argument("--work", type=Path, help="an empty folder to work in (default: a temporary one)")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="endurance"))
    work.mkdir(parents=True, exist_ok=True)
    if options.maps:
        programs.LIMIT = work / "max_map_count"
        programs.LIMIT.write_text(str(options.maps))
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
        counts = f"{found.refused[kind]:>8,} refused{found.read[kind]:>8,} read"
        print(f"{kind:<20}{counts}{found.seconds[kind]:>8.1f} s")
    return _verdict(f"{n or 100_000:,} files", found.faults, work)


def _disk(n: int | None, seed: int, work: Path) -> int:
    count = n or 20
    children.share_programs(work / "programs")
    print(f"{count} runs whose flushes fail")
    code = _verdict(f"{count} runs", disk.fail_often(count, work, seed), work)
    if not disk.can_mount():
        print("no file system can be mounted here: left out")
        return code
    arguments = ["full", "--n", str(count), "--seed", str(seed), "--work", str(work)]
    return max(code, disk.in_namespace(arguments))


def _full(n: int | None, seed: int, work: Path) -> int:
    count = n or 20
    children.share_programs(work / "programs")
    print(f"{count} runs on small disks")
    return _verdict(f"{count} runs, and a read-only folder", disk.fill_often(count, work, seed), work)


def _trouble(n: int | None, seed: int, work: Path) -> int:
    children.share_programs(work / "programs")
    return _verdict(f"{len(trouble.SCENARIOS)} kinds of trouble", trouble.all_of_it(work), work)


def _memory(n: int | None, seed: int, work: Path) -> int:
    children.share_programs(work / "programs")
    points = memory.curve(work, n or memory.EVALUATIONS)
    grown = memory.growth(points) if len(points) > 20 else float("inf")
    print("\n".join(f"{done:>6} evaluations  {mib:.1f} MiB" for done, mib in points[::5]))
    faults = [f"memory has grown by {grown:.1%}"] if grown > memory.GROWTH else []
    return _verdict(f"memory changed by {grown:+.2%} from the second tenth to the last", faults, work)


def _worlds(n: int | None, seed: int, work: Path) -> int:
    jax.config.update("jax_platforms", "cpu")
    points = worlds.build_many(n or 100)
    most, allowed = max(point.maps for point in points), programs.most_maps()
    faults = [f"{most:,} of {allowed:,} maps"] if most > 0.7 * allowed else []
    return _verdict(f"{len(points)} worlds, at most {most:,} of {allowed:,} maps", faults, work)


def _fsync(n: int | None, seed: int, work: Path) -> int:
    flushes.cost(work, n or 9)
    return 0


def _verdict(done: str, faults: list[str], work: Path) -> int:
    print(f"{done}: {len(faults)} faults", *faults, sep="\n")
    if faults:
        print(f"kept in {work}")
    return int(bool(faults))


COMMANDS: dict[str, Callable[[int | None, int, Path], int]] = {
    "kills": _kills,
    "disk": _disk,
    "full": _full,  # the second half of `disk`, in a mount namespace
    "trouble": _trouble,
    "mutations": _mutations,
    "memory": _memory,
    "worlds": _worlds,
    "fsync": _fsync,
}

if __name__ == "__main__":
    sys.exit(main())
