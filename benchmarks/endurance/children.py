"""Commands of `socialrl` in child processes that begin where imports have ended, and what they leave."""

import importlib
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import jax

from socialrl.cli import main
from socialrl.record import checkpoint

for module in ("socialrl.api", "socialrl.arm", "socialrl.report.page", "socialrl.runs"):
    importlib.import_module(module)  # before the fork, so that a child need not

TINY = Path(__file__).with_name("tiny.py")
RESULTS = ("metrics.jsonl", "summary.json")


def share_programs(folder: Path) -> None:
    """Lets this process and its children share compiled programs, which are compiled quickly."""
    jax.config.update("jax_disable_most_optimizations", True)  # as in the tests: much is compiled, little run
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def start(arguments: list[str], output: Path, prepare: Callable[[], None] = lambda: None) -> int:
    """The process id of a child that runs a command of `socialrl` and writes what it prints to a file.

    prepare: called in the child before the command. This process must not have used a device yet.
    """
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jax warns of forks, which are harmless before a device is used
        pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        prepare()
        code = main(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(pid: int) -> int:
    """The exit code of a child that has ended; of one that was killed the signal's number, negative."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def result(run: Path) -> dict[str, object]:
    """What must be equal in two runs: records and replays byte by byte, checkpoints leaf by leaf."""
    files = [run / name for name in RESULTS] + sorted((run / "replays").glob("*"))
    found: dict[str, object] = {
        str(file.relative_to(run)): file.read_bytes() if file.is_file() else None for file in files
    }
    for arm in sorted((run / "checkpoints").glob("*")):
        for step in checkpoint.steps(arm):
            manifest = json.loads((arm / str(step) / "manifest.json").read_text(encoding="utf-8"))
            found[f"{arm.name}/{step}"] = manifest["leaves"]
    return found


def litter(run: Path) -> list[str]:
    """What a run that has ended must not leave in its folder: its lock, and halves of files and folders."""
    return sorted(
        str(path.relative_to(run))
        for path in run.rglob("*")
        if path.name.startswith(".") or path.name.endswith((".part", ".partial", ".old", ".gone"))
    )


def differences(one: dict[str, object], two: dict[str, object]) -> list[str]:
    """The names of what differs between two results."""
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
