"""Loggers: a run's metrics in TensorBoard or W&B, record by record, while it trains.

    with open_loggers(["tensorboard", "wandb"], folder) as listeners:
        records = Records(folder.metrics, listeners)

What is logged is what metrics.jsonl holds, per arm and seed: each record's values as scalars named
`<kind>/<measure>`, with the condition's labels between the two where a record has labels, at its number of
environment steps (of an offline phase: gradient steps). Values that are not finite are left out.

tensorboard: event files in the run folder, tensorboard/<arm>/seed<k>. wandb: a W&B run per arm and seed,
grouped by run folder, below wandb/; offline unless the environment variable WANDB_MODE says otherwise.
wandb:MODULE: the same by another client whose `init(project, name, group, config)` returns a run with `log`
and `finish`.
"""

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from socialrl.formats import need
from socialrl.record import lock
from socialrl.record.folder import RunFolder, read_config
from socialrl.record.metrics import Listener, plain, read_records
from socialrl_envs.errors import SocialRLError, unknown

NAMES = ("tensorboard", "wandb")
Record = Mapping[str, Any]


def check_loggers(names: Sequence[str]) -> None:
    """Raises SocialRLError for an unknown logger, and for one that is not installed."""
    for name in names:
        kind, _, client = name.partition(":")
        if kind not in NAMES or (client and kind != "wandb"):
            raise unknown("logger", name, NAMES)
        what = f"--log {name}"
        if kind == "tensorboard":
            need("tensorboard.summary.writer.event_file_writer", "tensorboard", what)
        elif client:
            need(client, "wandb", what)
        else:
            need("wandb", "wandb", what)


@contextlib.contextmanager
def open_loggers(names: Sequence[str], folder: RunFolder) -> Iterator[tuple[Listener, ...]]:
    """Loggers of these names for a run, open until the block ends.

    One that fails later is left out from then on, with a line on stderr: training goes on.
    """
    check_loggers(names)
    made = [_Guarded(name, _make(name, folder)) for name in dict.fromkeys(names)]
    try:
        yield tuple(made)
    finally:
        for one in made:
            one.close()


def log_again(names: Sequence[str], path: Path) -> None:
    """Gives all records of a run folder to loggers of these names, as if it trained now.

    Raises SocialRLError while another process trains in the folder.
    """
    lock.refuse_in_use(path)
    folder = RunFolder(path, read_config(path))
    with open_loggers(names, folder) as listeners:
        for record in read_records(folder.metrics):
            for listener in listeners:
                listener.appended(record)


def _make(name: str, folder: RunFolder) -> "TensorBoard | Wandb":
    kind, _, client = name.partition(":")
    return TensorBoard(folder.path / "tensorboard") if kind == "tensorboard" else Wandb(folder, client)


def scalars(record: Record, seed: int) -> dict[str, float]:
    """The finite values of one seed of a record by tag, "eval/return"."""
    labels = record.get("labels", {}) if record["kind"] != "offline" else {}
    condition = ",".join(f"{name}={value}" for name, value in labels.items())
    prefix = "/".join(part for part in (record["kind"], condition) if part)
    found = {name: values[seed] for name, values in record["values"].items() if seed < len(values)}
    return {
        f"{prefix}/{name}": float(value)
        for name, value in found.items()
        if value is not None and math.isfinite(value)
    }


def count_seeds(record: Record) -> int:
    """The number of seeds in a record."""
    return max((len(values) for values in record["values"].values()), default=0)


class TensorBoard:
    """Event files, one folder per arm and seed. What a resumed run forgets, TensorBoard is told to forget."""

    def __init__(self, path: Path):
        self.path = path
        self._writers: dict[str, Any] = {}
        self._from: dict[str, int] = {}  # the first step that a resumed arm writes anew

    def appended(self, record: Record) -> None:
        """Writes a record's scalars and flushes them."""
        offline = record["kind"] == "offline"
        step = record["labels"]["gradient_steps"] if offline else record["step"]
        for seed in range(count_seeds(record)):
            run = f"{record['arm']}/seed{seed}" + ("/offline" if offline else "")
            writer = self._writer(run, 0 if offline else self._from.get(record["arm"], 0))
            writer.add_event(self._event(step, scalars(record, seed)))
            writer.flush()

    def truncated(self, arm: str, step: int) -> None:
        """Notes that an arm goes on after this step, so that later events are dropped."""
        self._from[arm] = step + 1

    def close(self) -> None:
        """Closes all files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, run: str, first: int) -> Any:
        """The writer of a run; where there are events already it begins by dropping those from `first` on."""
        if run not in self._writers:
            writing = need("tensorboard.summary.writer.event_file_writer", "tensorboard", "--log tensorboard")
            before = any((self.path / run).glob("events.*"))
            self._writers[run] = writing.EventFileWriter(str(self.path / run))
            if before:
                proto = need("tensorboard.compat.proto.event_pb2", "tensorboard", "--log tensorboard")
                start = proto.SessionLog(status=proto.SessionLog.START)
                self._writers[run].add_event(_now(proto.Event(step=first, session_log=start)))
        return self._writers[run]

    @staticmethod
    def _event(step: int, values: Mapping[str, float]) -> Any:
        proto = need("tensorboard.compat.proto.event_pb2", "tensorboard", "--log tensorboard")
        event = proto.Event(step=step)
        for tag, value in values.items():
            event.summary.value.add(tag=tag, simple_value=value)
        return _now(event)


def _now(event: Any) -> Any:
    """The event with the time of day, which TensorBoard shows beside the step."""
    event.wall_time = time.time()
    return event


class Wandb:
    """A W&B run per arm and seed, grouped by run folder; those of an arm end with its last record.

    client: the module to use in place of wandb, "" for wandb itself.
    """

    def __init__(self, folder: RunFolder, client: str = ""):
        self.folder, self.client = folder, client
        self._runs: dict[tuple[str, int], Any] = {}

    def appended(self, record: Record) -> None:
        """Logs a record's scalars with `env_steps`, of an offline phase with `gradient_steps`."""
        offline = record["kind"] == "offline"
        at = {"env_steps": record["step"]} | (dict(record["labels"]) if offline else {})
        for seed in range(count_seeds(record)):
            self._run(record["arm"], seed).log(at | scalars(record, seed))
        if record["kind"] == "final":
            self._finish(record["arm"])

    def truncated(self, arm: str, step: int) -> None:
        """Nothing: W&B cannot forget, so a resumed arm is a new W&B run, from where it goes on."""

    def close(self) -> None:
        """Ends all runs."""
        for arm in {arm for arm, _ in self._runs}:
            self._finish(arm)

    def _finish(self, arm: str) -> None:
        for key in [key for key in self._runs if key[0] == arm]:
            self._runs.pop(key).finish()

    def _run(self, arm: str, seed: int) -> Any:
        key = (arm, seed)
        if key not in self._runs:
            self._runs[key] = self._begun(arm, seed)
        return self._runs[key]

    def _begun(self, arm: str, seed: int) -> Any:
        """A new run of the client."""
        experiment = self.folder.config["experiment"]
        own = next((one for one in experiment.get("arms", []) if one["name"] == arm), {})
        facts: dict[str, Any] = {
            "project": os.environ.get("WANDB_PROJECT", "socialrl"),
            "name": f"{arm}-seed{seed}",
            "group": f"{experiment['name']}-{self.folder.path.name}",
            "config": {**experiment, "arms": None, "arm": own, "seed": seed},
        }
        if self.client:
            return need(self.client, "wandb", f"--log wandb:{self.client}").init(**facts)
        wandb = need("wandb", "wandb", "--log wandb")
        run = wandb.init(
            **facts,
            job_type=arm,
            dir=str(self.folder.path),
            mode=os.environ.get("WANDB_MODE", "offline"),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
        run.define_metric("*", step_metric="env_steps")
        run.define_metric("offline/*", step_metric="gradient_steps")
        return run


class _Guarded:
    """A logger that is left out, with one line on stderr, once it has failed."""

    def __init__(self, name: str, logger: TensorBoard | Wandb):
        self.name, self.logger, self.failed = name, logger, False

    def appended(self, record: Record) -> None:
        found: Any = plain(record)
        self._try(lambda: self.logger.appended(found))

    def truncated(self, arm: str, step: int) -> None:
        self._try(lambda: self.logger.truncated(arm, step))

    def close(self) -> None:
        self._try(self.logger.close)

    def _try(self, call: Callable[[], None]) -> None:
        if self.failed:
            return
        try:
            call()
        except Exception as error:  # whatever a foreign client raises must not end a training
            self.failed = True
            cause = error.message if isinstance(error, SocialRLError) else f"{type(error).__name__}: {error}"
            line = " ".join(f"--log {self.name} failed and is left out from here on: {cause}".split())
            print(f"\nsocialrl: warning: {line}", file=sys.stderr)
