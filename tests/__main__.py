"""All checks, as a contributor and the automatic build run them: `python -m tests`. Arguments go to
pytest.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def tool(name: str) -> str:
    """The program of this environment, wherever else one of that name is installed."""
    found = shutil.which(name, path=str(BIN))
    if found is None:
        sys.exit(f"{name} is not installed in {BIN.parent}: pip install -e '.[dev]'")
    return found


def main() -> int:
    workers = str(min(os.cpu_count() or 1, 4))
    checks = {
        "ruff check": [tool("ruff"), "check", "."],
        "ruff format": [tool("ruff"), "format", "--check", "."],
        "pyright": [tool("pyright"), "--pythonpath", sys.executable],
        "import directions": [tool("lint-imports")],
        "pytest": [
            sys.executable,
            "-m",
            "pytest",
            "-n",
            workers,
            "--dist",
            "loadscope",
            "--no-loadscope-reorder",
            *sys.argv[1:],
        ],
    }
    failed = []
    for name, command in checks.items():
        print(f"== {name}", flush=True)
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as programs:
            shared = os.environ | {"SOCIALRL_TEST_PROGRAMS": programs}
            done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, env=shared)
        print(
            f"== {name}: {'failed' if done.returncode else 'passed'} in {time.monotonic() - began:.0f} s",
            flush=True,
        )
        failed += [name] * (done.returncode != 0)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
