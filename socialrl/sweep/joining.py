"""The run folders of tasks as one: records, checkpoints and replays as if one process had trained all."""

import dataclasses
import itertools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from socialrl.config import Experiment
from socialrl.record import checkpoint, replay
from socialrl.record.folder import RunFolder, read_config
from socialrl.record.metrics import read_records, write_records
from socialrl.sweep.plan import PLAN, TASKS, Plan, Task
from socialrl.sweep.worker import latest
from socialrl_envs.errors import SocialRLError

Record = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Joined:
    """The records of an arm on all its seeds, as far as all its tasks have come.

    parts: the run folder of each task.
    """

    records: list[Record]
    timing: list[Record]
    parts: tuple[Path, ...]

    @property
    def whole(self) -> bool:
        """Whether all tasks of the arm are complete."""
        return any(record["kind"] == "final" for record in self.records)


def join(
    run: RunFolder,
    experiment: Experiment,
    plan: Plan,
    others: Sequence[Path] = (),
    *,
    partial: bool = False,
) -> list[str]:
    """Writes the arms whose tasks are complete into the run folder; returns the names of those that are not.

    others: further folders of the same sweep in which tasks are looked for, copied from other machines.
    partial: whether arms that are not complete are written as far as all their tasks have come; no worker may
    be at them. What is complete in the run folder already stays. The tasks of complete arms are removed.
    """
    before, timed = read_records(run.metrics), read_records(run.timing)
    kept = {record["arm"] for record in before if record["kind"] == "final"}
    tasks = plan.tasks(experiment)
    _note_devices(run, [place_of(task, run.path, others) for task in tasks])
    records: list[Record] = []
    timing: list[Record] = []
    unfinished: list[str] = []
    for arm in experiment.arms:
        there = [record for record in before if record["arm"] == arm.name]
        of_arm = [place_of(task, run.path, others) for task in tasks if task.arm == arm.name]
        found = None if arm.name in kept else joined(of_arm)
        if found and (found.whole or (partial and len(found.records) > len(there))):
            _write_files(run, experiment, arm.name, found)
            records, timing = records + found.records, timing + found.timing
        else:
            records += there
            timing += [record for record in timed if record["arm"] == arm.name]
        if arm.name not in kept and not (found and found.whole):
            unfinished.append(arm.name)
    write_records(run.timing, timing)
    write_records(run.metrics, records)
    for task in tasks:
        if task.arm not in unfinished:
            shutil.rmtree(task.place(run.path), ignore_errors=True)
    return unfinished


def _note_devices(run: RunFolder, attempts: Sequence[Path | None]) -> None:
    """Records the devices on which tasks were computed, each kind once, such as "cpu x1 (2 cores)"."""
    begun = [path for path in attempts if path is not None and (path / "config.json").exists()]
    known = [run.config["device"], *(str(read_config(path)["device"]) for path in begun)]
    text = ", ".join(dict.fromkeys(kind for one in known for kind in one.split(", ") if kind))
    if text != run.config["device"]:
        run.note_device(text)


def place_of(task: Task, run: Path, others: Sequence[Path] = ()) -> Path | None:
    """The run folder of the last attempt at a task: the one that is further, if there are several."""
    attempts = [attempt for folder in (run, *others) if (attempt := latest(task.place(folder)))]
    return max(attempts, key=lambda attempt: len(read_records(attempt / "metrics.jsonl")), default=None)


def joined(parts: Sequence[Path | None]) -> Joined | None:
    """The arm whose tasks these run folders are, in the order of their seeds; None if one has not begun."""
    folders = [part for part in parts if part is not None]
    if len(folders) < len(parts):
        return None
    records = together([read_records(part / "metrics.jsonl") for part in folders])
    if not records:
        return None
    last = records[-1]["step"]
    timing = timed([read_records(part / "timing.jsonl") for part in folders])
    return Joined(
        records=records, timing=[line for line in timing if line["step"] <= last], parts=tuple(folders)
    )


def together(parts: Sequence[Sequence[Record]]) -> list[Record]:
    """The records that all parts have, in their order, with the values of all seeds."""
    found = []
    for same in zip(*parts, strict=False):
        heads = [{key: value for key, value in record.items() if key != "values"} for record in same]
        if any(head != heads[0] or list(head) != list(heads[0]) for head in heads):
            break
        values = [record["values"] for record in same]
        if any(list(each) != list(values[0]) for each in values):
            raise SocialRLError(f"record {heads[0]}: not of the same measures in all tasks")
        joint = {name: list(itertools.chain(*(each[name] for each in values))) for name in values[0]}
        found.append(heads[0] | {"values": joint})
    return found


def timed(parts: Sequence[Sequence[Record]]) -> list[Record]:
    """The timings that all parts have: seconds are those of all workers, the memory is the largest."""
    found = []
    for same in zip(*parts, strict=False):
        steps = sum(line["env_steps_per_second"] * line["seconds"] for line in same)
        seconds = sum(line["seconds"] for line in same)
        found.append(
            dict(same[0])
            | {
                "seconds": seconds,
                "compile_seconds": sum(line["compile_seconds"] for line in same),
                "env_steps_per_second": steps / seconds if seconds else 0.0,
                "peak_memory_mb": max(line["peak_memory_mb"] for line in same),
            }
        )
    return found


def _write_files(run: RunFolder, experiment: Experiment, arm: str, found: Joined) -> None:
    """Writes the checkpoints that all tasks have of steps that are recorded, and replays of a whole arm."""
    last = found.records[-1]["step"]
    steps = set.intersection(*(set(checkpoint.steps(_checkpoints(part, arm))) for part in found.parts))
    for step in sorted(step for step in steps if step <= last):
        checkpoint.join(
            [_checkpoints(part, arm) / str(step) for part in found.parts],
            run.checkpoints(arm) / str(step),
            keep=experiment.keep_checkpoints,
        )
    if found.whole:
        first = experiment.first_seed
        for part in found.parts:
            own = read_config(part)["experiment"]
            _copy_replays(run, part, arm, own["first_seed"] - first, own["seeds"])


def _checkpoints(part: Path, arm: str) -> Path:
    return RunFolder(part, {}).checkpoints(arm)


def _copy_replays(run: RunFolder, part: Path, arm: str, first: int, count: int) -> None:
    """Writes the replays of a task under the places of its seeds among all."""
    for seed in range(count):
        here = run.replay(arm, first + seed)
        here.parent.mkdir(exist_ok=True)
        replay.save(
            here, dataclasses.replace(replay.load(RunFolder(part, {}).replay(arm, seed)), seed=first + seed)
        )


def clear(run: Path) -> None:
    """Removes the folder of the tasks, once all are joined."""
    shutil.rmtree(run / TASKS, ignore_errors=True)


def has_tasks(run: Path) -> bool:
    """Whether a run folder holds tasks that are not all joined."""
    return (run / TASKS / PLAN).is_file()
