"""Workers of a Ray cluster, each a process of its own for one task.

Ray only says where a task runs and whether its worker still lives; what it trains and what comes of it is in
the folder of the task, which all machines see.
"""

import contextlib
import logging
import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from socialrl.sweep.pool import Ended
from socialrl_envs.errors import SocialRLError

QUIET = {  # before ray is imported
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # workers use the environment that is there
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}
STORE = 100_000_000  # bytes of shared memory of a cluster on this machine: next to nothing is sent


@contextlib.contextmanager
def connected(address: str, cores: int = 1, gpus: float = 0.0) -> Iterator[Any]:
    """The module `ray`, connected to a cluster until the block ends.

    address: HOST:PORT, "auto" for the cluster that this machine is part of, "local" for a new one of this
    machine alone. Raises SocialRLError if there is none, or none of its machines can hold a task with so many
    cores and so large a share of a GPU.
    """
    ray = need_ray()
    _connect(ray, address)
    try:
        _refuse_too_small(ray, address, cores, gpus)
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    """Connects to a cluster or starts one, twice if need be: Ray gives a new one half a minute, which is
    little on a busy machine.
    """
    size: dict[str, Any] = {"object_store_memory": STORE, "include_dashboard": False}
    size, tries = (size, 2) if address == "local" else ({}, 1)
    for left in reversed(range(tries)):
        try:
            with warnings.catch_warnings():  # a new cluster's processes are forked, and replaced at once
                warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called", category=RuntimeWarning)
                ray.init(address, logging_level=logging.ERROR, log_to_driver=False, **size)
            return
        except Exception as error:  # what did not start in time is a bare Exception of Ray
            ray.shutdown()
            if left:
                continue
            text = " ".join(str(error).split())[:200]
            cure = "call it again when the machine is less busy, or without --ray"
            cure = cure if address == "local" else "start one: ray start --head; or --ray local"
            raise SocialRLError(f"--ray {address}: no cluster answers ({text})", cure) from error


def need_ray() -> Any:
    """The module `ray`; raises SocialRLError if it is not installed."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise SocialRLError(
            "--ray needs ray, which is not installed", "pip install 'socialrl[ray]', on every machine"
        ) from error
    return ray


def _refuse_too_small(ray: Any, address: str, cores: int, gpus: float) -> None:
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(m.get("CPU", 0) >= cores and m.get("GPU", 0) >= gpus for m in machines):
        there = "; ".join(f"{m.get('CPU', 0):g} cores, {m.get('GPU', 0):g} GPUs" for m in machines)
        raise SocialRLError(
            f"--ray {address}: no machine has {cores} cores and {gpus:g} GPUs for a task ({there})",
            "lower --cores or --gpus",
        )


def has_gpus(ray: Any) -> bool:
    """Whether any machine of the cluster has a GPU."""
    return ray.cluster_resources().get("GPU", 0) > 0


def prepared(folder: str, gpus: float) -> None:
    """Makes a process of a cluster ready for work, before it imports jax.

    folder: the working folder of the sweep, to which relative paths refer. gpus: its share of a GPU.
    """
    if Path(folder).is_dir():
        os.chdir(folder)
    os.environ["JAX_PLATFORMS"] = "" if gpus else "cpu"  # "": jax chooses
    if 0 < gpus < 1:
        os.environ["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{0.9 * gpus:.3f}"


def node_here() -> str:
    """The machine of this process in words, as Ray counts machines."""
    import ray

    return f"node {ray.get_runtime_context().get_node_id()[:6]}"


def refuse_unseen(place: str) -> None:
    """Raises SocialRLError if this machine does not see the folder of a task."""
    if not Path(place).is_dir():
        raise SocialRLError(
            f"{place}: not there on {os.uname().nodename}",
            "put the run folder where all machines see it: --out",
        )


def train_task(place: str, folder: str, gpus: float, options: dict[str, Any]) -> tuple[str, str]:
    """What a worker of the cluster does: (end, text) of `worker.work`, saving where it is cancelled."""
    try:
        prepared(folder, gpus)
        refuse_unseen(place)
        from socialrl.sweep.worker import stop_at, work

        asked = stop_at(signal.SIGINT)  # how Ray cancels a task
        return work(Path(place), where=node_here(), interrupted=asked.is_set, **options)
    except SocialRLError as error:
        return "failed", str(error)
    except KeyboardInterrupt:
        return "stopped", ""


class Cluster:
    """A pool of the workers of a Ray cluster. It takes all tasks at once: machines that join later get some.

    ray: the connected module. cores, gpus: of each task. plugins, accept_changes: as of `worker.work`.
    """

    def __init__(
        self,
        ray: Any,
        *,
        cores: int = 1,
        gpus: float = 0.0,
        plugins: Sequence[str] = (),
        accept_changes: bool = False,
    ):
        self.ray, self.cores, self.gpus = ray, cores, gpus
        self.options = {"plugins": tuple(plugins), "accept_changes": accept_changes}
        # Ray itself tries nothing again: the sweep counts attempts and shows them. A process trains one task.
        self.train = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=0, max_calls=1)(train_task)
        there = ray.cluster_resources()
        shares = [there.get("CPU", 1) // cores] + ([there.get("GPU", 0) // gpus] if gpus else [])
        self._slots = max(1, int(min(shares)))
        self.running: dict[Any, Path] = {}

    @property
    def slots(self) -> int:
        """How many tasks the cluster can train at a time now."""
        return self._slots

    def room(self) -> bool:
        """Always True: Ray lets tasks wait."""
        return True

    def start(self, place: Path) -> None:
        """Submits a task."""
        reference = self.train.remote(str(place.absolute()), os.getcwd(), self.gpus, self.options)
        self.running[reference] = place

    def ended(self, seconds: float) -> list[Ended]:
        """The tasks that are over, or whose worker or machine is gone."""
        over, _ = self.ray.wait(list(self.running), num_returns=1, timeout=seconds)
        more, _ = self.ray.wait(list(self.running), num_returns=len(self.running), timeout=0)
        return [self._outcome(reference) for reference in dict.fromkeys([*over, *more])]

    def _outcome(self, reference: Any) -> Ended:
        place, errors = self.running.pop(reference), self.ray.exceptions
        try:
            end, text = self.ray.get(reference)
            return Ended(place=place, end=end, text=text)
        except errors.TaskCancelledError:
            return Ended(place=place, end="stopped")
        except errors.RayTaskError as error:  # a mistake in the code: it would come again
            return Ended(place=place, end="failed", text=_line(error))
        except errors.OutOfMemoryError:
            return Ended(place=place, end="lost", text="its machine ran out of memory")
        except errors.RayError as error:
            return Ended(place=place, end="lost", text=_line(error))

    def stop(self, place: Path) -> None:
        """Cancels a task: it saves and ends, or never begins."""
        for reference, running in self.running.items():
            if running == place:
                self.ray.cancel(reference, force=False)

    def kill(self) -> None:
        """Ends all workers at once."""
        for reference in self.running:
            with contextlib.suppress(self.ray.exceptions.RayError):
                self.ray.cancel(reference, force=True)
        self.running.clear()


def _line(error: Exception) -> str:
    """An error of Ray in one line: the last one of its text that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, Exception) and type(error).__name__.endswith(("CrashedError", "DiedError")):
        return {"WorkerCrashedError": "its worker is gone", "NodeDiedError": "its machine is gone"}.get(
            type(error).__name__, lines[0][:160] if lines else type(error).__name__
        )
    return (lines[-1] if lines else type(error).__name__)[:200]
