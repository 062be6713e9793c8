"""All checks, as a contributor and the automatic build run them: `python -m tests`. Arguments go to
pytest.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def tool(name: str) -> str:
    """The program of this environment, wherever else one of that name is installed."""
    found = shutil.which(name, path=str(BIN))
    if found is None:
        sys.exit(f"{name} is not installed in {BIN.parent}: pip install -e '.[dev]'")
    return found


def environment(scratch: Path) -> dict[str, str]:
    """The variables of all checks. Programs that XLA compiles are shared by the processes of one run; so is
    Python's bytecode where the caller wants none beside the sources.
    """
    shared = os.environ | {"SOCIALRL_TEST_PROGRAMS": str(scratch / "programs")}
    if shared.pop("PYTHONDONTWRITEBYTECODE", ""):  # else each of twenty processes compiles jax's sources
        shared |= {"PYTHONPYCACHEPREFIX": str(scratch / "bytecode")}
    return shared


def check(name: str, command: list[str], env: dict[str, str], quiet: bool) -> str:
    """The name if the check fails, else "". quiet: what it prints appears when it ends, not before."""
    began = time.monotonic()
    if not quiet:
        print(f"== {name}", flush=True)
    pipe = subprocess.PIPE if quiet else None
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, env=env, stdout=pipe, stderr=pipe and subprocess.STDOUT
    )
    shown = f"\n{done.stdout.decode(errors='replace')}" if quiet else ""
    verdict = "failed" if done.returncode else "passed"
    print(f"{shown}== {name}: {verdict} in {time.monotonic() - began:.0f} s", flush=True)
    return name if done.returncode else ""


def main() -> int:
    workers = str(min(os.cpu_count() or 1, 4))
    first = {
        "ruff check": [tool("ruff"), "check", "."],
        "ruff format": [tool("ruff"), "format", "--check", "."],
    }
    meanwhile = {  # each keeps one core busy for a while, beside the start of pytest
        "pyright": [tool("pyright"), "--pythonpath", sys.executable],
        "import directions": [tool("lint-imports")],
    }
    pytest = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "loadscope", "--no-loadscope-reorder"]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(1) as beside:
        env = environment(Path(scratch))
        failed = [check(name, command, env, quiet=False) for name, command in first.items()]
        others = [beside.submit(check, name, command, env, quiet=True) for name, command in meanwhile.items()]
        failed.append(check("pytest", [*pytest, *sys.argv[1:]], env, quiet=False))
        failed += [other.result() for other in others]
    failed = [name for name in failed if name]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
