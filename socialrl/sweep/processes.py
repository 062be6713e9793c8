"""Workers as processes of this machine, each with a share of a GPU or without one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from socialrl.cores import usable_cores
from socialrl.sweep.pool import Ended
from socialrl_envs.errors import SocialRLError

LOG = "log.txt"  # in the folder of a task: what its workers print
ANY_DEVICE = {"JAX_PLATFORMS": ""}  # jax chooses, whatever the process that looks on computes on
MEMORY = 0.9  # of its share of a GPU's memory is what a worker takes


class Processes:
    """A pool of at most `slots` processes.

    cores: of this machine per task. gpus: share of a GPU per task, 0 for none. devices: how many GPUs there
    are. words: arguments of every worker, such as --plugin.
    """

    def __init__(
        self,
        *,
        slots: int | None = None,
        cores: int = 1,
        gpus: float = 0.0,
        devices: int = 0,
        words: Sequence[str] = (),
    ):
        self.environments = environments(slots, cores, gpus, devices)
        self.words = tuple(words)
        self.running: dict[Path, tuple[subprocess.Popen[bytes], int]] = {}

    @property
    def slots(self) -> int:
        """How many processes run at a time."""
        return len(self.environments)

    def room(self) -> bool:
        """Whether a process is free."""
        return len(self.running) < self.slots

    def start(self, place: Path) -> None:
        """Starts the worker of a task; Ctrl-C in a terminal does not reach it."""
        taken = {slot for _, slot in self.running.values()}
        slot = min(set(range(self.slots)) - taken)
        place.mkdir(parents=True, exist_ok=True)
        with open(place / LOG, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "socialrl.sweep.worker", str(place), *self.words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | self.environments[slot],
                start_new_session=True,
            )
        self.running[place] = process, slot

    def ended(self, seconds: float) -> list[Ended]:
        """The attempts whose processes have ended."""
        until = time.monotonic() + seconds
        while True:
            over = [place for place, (process, _) in self.running.items() if process.poll() is not None]
            if over or time.monotonic() >= until:
                return [self._outcome(place) for place in over]
            time.sleep(0.05)

    def _outcome(self, place: Path) -> Ended:
        process, _ = self.running.pop(place)
        assert process.stdout is not None
        with process.stdout as output:
            lines = output.read().decode(errors="replace").splitlines()
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            content = json.loads(lines[-1])
            return Ended(place=place, end=content["end"], text=content["text"])
        except (IndexError, ValueError, KeyError, TypeError):
            return Ended(place=place, end="lost", text=f"{_cause(process.returncode)}; see {place / LOG}")

    def stop(self, place: Path) -> None:
        """Ends the input of a worker, which then saves and ends."""
        process, _ = self.running[place]
        if process.stdin is not None and not process.stdin.closed:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def kill(self) -> None:
        """Kills all workers."""
        for process, _ in self.running.values():
            process.kill()
        for process, _ in self.running.values():
            process.wait()
        self.running.clear()


def _cause(code: int) -> str:
    """Why a process ended, by its exit code."""
    if code >= 0:
        return f"its worker ended with exit code {code}"
    try:
        return f"its worker was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"its worker was ended by signal {-code}"


def environments(slots: int | None, cores: int, gpus: float, devices: int) -> list[dict[str, str]]:
    """The environment variables of each process that may run at a time.

    slots: how many, None for as many as there are usable cores or shares of GPUs.
    """
    if gpus == 0:
        count = slots or max(1, usable_cores() // cores)
        return [{"JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS", "cpu")}] * count
    if devices == 0:
        raise SocialRLError(f"--gpus {gpus:g}: this machine has no GPU that jax finds", "leave --gpus out")
    each, at_once = max(1, int(1 / gpus)), max(1, int(gpus))
    groups = [range(first, first + at_once) for first in range(0, devices - at_once + 1, at_once)]
    share = {} if gpus >= 1 else {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{MEMORY / each:.3f}"}
    made = [{"CUDA_VISIBLE_DEVICES": ",".join(map(str, group)), **ANY_DEVICE, **share} for group in groups]
    made *= each
    return made[: slots or len(made)]


def count_gpus() -> int:
    """How many GPUs jax finds, asked in a process of its own: this one takes no memory of theirs."""
    code = "import jax; print(sum(d.platform != 'cpu' for d in jax.local_devices()))"
    own = os.environ | ANY_DEVICE
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=own)
    return int(asked.stdout.split()[-1]) if asked.returncode == 0 and asked.stdout.split() else 0
