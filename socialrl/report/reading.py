"""Run folders as tidy data: a `Study` holds the arms of one run or several, read from their files."""

import dataclasses
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int

from socialrl.config import REPORTING, read_run_config
from socialrl.record import labels
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json

JsonObject = dict[str, Any]
ROSTER = ("novices", "experts", "coplayers")  # settings of a world that say who lives there
L = TypeVar("L", bound=labels.Labels)
T = TypeVar("T")
_REPLAY = re.compile(r"(?P<arm>.+)-seed(?P<seed>\d+)\.npz")


def without_seats(world: Any) -> Any:
    """A world's settings without those of who lives there; what is no object as it is."""
    return {k: v for k, v in world.items() if k not in ROSTER} if isinstance(world, dict) else world


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One line of metrics.jsonl.

    kind: "train", "eval", "final", or a protocol's own, such as "few_shot".
    step: environment steps per seed before it.
    labels: the condition of a protocol's record, else empty.
    values: one number per seed, by measure; NaN where the file has null.
    """

    kind: str
    step: int
    labels: JsonObject
    values: dict[str, Float[np.ndarray, " seeds"]]


@dataclasses.dataclass(frozen=True)
class Series:
    """A metric over training: environment steps per seed, and values, NaN where a seed has none."""

    steps: Int[np.ndarray, " points"]
    values: Float[np.ndarray, "points seeds"]

    def __len__(self) -> int:
        return len(self.steps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArmRun:
    """One arm of one run.

    label: its name on the page, after the run's name if several runs share the page.
    settings: the resolved ones of this arm: `learner`, `world` (its own or the experiment's), and the
    experiment's.
    timing: the lines of timing.jsonl.
    replays: path by the position of the seed, 0 for the first.
    first_seed: the number of the first seed; the others follow.
    """

    label: str
    name: str
    run: str
    settings: JsonObject
    records: tuple[Record, ...]
    timing: tuple[dict[str, int | float], ...]
    replays: dict[int, Path]
    first_seed: int = 0

    @property
    def finished(self) -> bool:
        """Whether the final evaluation is recorded."""
        return any(record.kind == "final" for record in self.records)

    def of(self, kind: str) -> tuple[Record, ...]:
        """The records of a kind, by step."""
        return tuple(sorted((r for r in self.records if r.kind == kind), key=lambda r: r.step))

    def measured(self, schema: type[L], phases: bool = False) -> list[tuple[L, Record]]:
        """The records of a schema's kind whose labels it can read, with these labels: the latest of each
        condition, or with `phases` all, by step.
        """
        pairs = ((labels.read(schema, record.labels), record) for record in self.of(schema.kind))
        found = [(condition, record) for condition, record in pairs if condition is not None]
        return found if phases else list(dict(found).items())

    def plain(self, kind: str) -> tuple[Record, ...]:
        """The records of a kind without labels: those of the experiment's own evaluations."""
        return tuple(record for record in self.of(kind) if not record.labels)

    def metrics(self, kind: str) -> tuple[str, ...]:
        """Names of the metrics of a kind, in order of first appearance."""
        return tuple(dict.fromkeys(name for record in self.plain(kind) for name in record.values))

    def series(self, kind: str, metric: str) -> Series:
        """A metric over the steps; of a step that was recorded twice, the later line."""
        at = {record.step: record.values[metric] for record in self.plain(kind) if metric in record.values}
        seeds = max((len(values) for values in at.values()), default=0)
        rows = [np.pad(values, (0, seeds - len(values)), constant_values=np.nan) for values in at.values()]
        return Series(np.array(list(at), np.int64), np.array(rows, float).reshape(len(at), seeds))

    def latest(self) -> Record | None:
        """The final evaluation; of an unfinished arm the last evaluation during training, or else its last
        training record; None if no return is recorded.
        """
        for kind in ("final", "eval", "train"):
            found = [record for record in self.plain(kind) if "return" in record.values]
            if found:
                return found[-1]
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run folder: its config.json, and notes about incomplete files.

    name: the shortest tail of the folder's path that tells it from the other folders of the page.
    experiment: the experiment as JSON.
    """

    folder: Path
    name: str
    experiment: JsonObject
    versions: JsonObject
    device: str
    command: str
    notes: tuple[str, ...]

    @property
    def first_seed(self) -> int:
        """The number of the first seed."""
        return _first_seed(self.experiment)

    @property
    def reporting(self) -> bool:
        """Whether no seed is one of those for tuning. People are none."""
        return self.of_people or self.first_seed >= REPORTING

    @property
    def of_people(self) -> bool:
        """Whether the arms are groups of participants of a study, each of which stands where a seed does."""
        return self.experiment.get("people") is True

    @property
    def seeds(self) -> str:
        """The seeds in words, e.g. "5 seeds (1000 to 1004)"."""
        count = self.experiment.get("seeds", "?")
        if self.of_people:
            return "1 participant" if count == 1 else f"{count} participants"
        if count == 1:
            return f"1 seed ({self.first_seed})"
        if not isinstance(count, int):
            return f"{count} seeds"
        return f"{count} seeds ({self.first_seed} to {self.first_seed + count - 1})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """The runs of a page and all their arms, the reference arm first."""

    runs: tuple[Run, ...]
    arms: tuple[ArmRun, ...]

    @property
    def title(self) -> str:
        """The names of the experiments."""
        return " · ".join(dict.fromkeys(str(run.experiment.get("name", run.name)) for run in self.runs))

    @property
    def groups(self) -> dict[str, tuple[ArmRun, ...]]:
        """The comparable arms, by experiment: those of all its runs."""
        names = {run.name: str(run.experiment.get("name", run.name)) for run in self.runs}
        of_arm = [names[arm.run] for arm in self.arms]
        return {
            name: tuple(arm for arm, its in zip(self.arms, of_arm, strict=True) if its == name)
            for name in dict.fromkeys(of_arm)
        }

    @property
    def questions(self) -> tuple[str, ...]:
        """The experiments' questions, each once."""
        return tuple(
            dict.fromkeys(
                str(run.experiment["question"]) for run in self.runs if run.experiment.get("question")
            )
        )


def read(folders: Path | str | Sequence[Path | str]) -> Study:
    """The study of one run folder or several.

    Raises SocialRLError that names the file, and the line, if one is missing, of another format, or damaged.
    """
    several = [folders] if isinstance(folders, Path | str) else list(folders)
    paths = [Path(folder) for folder in several]
    if not paths:
        raise SocialRLError("report: no run folder given", "name one, such as runs/coin_grid/001")
    names = _names(paths)
    runs, arms = [], []
    for path, name in zip(paths, names, strict=True):
        run, its_arms = _read_run(path, name, prefix=f"{name}/" if len(paths) > 1 else "")
        runs.append(run)
        arms += its_arms
    return Study(runs=tuple(runs), arms=tuple(arms))


def _names(paths: list[Path]) -> list[str]:
    """The shortest tails of the paths that tell the folders apart."""
    parts = [path.resolve().parts for path in paths]
    if len(set(parts)) < len(parts):
        raise SocialRLError("report: a run folder was given twice", "name each folder once")
    depth = 1
    while len({p[-depth:] for p in parts}) < len(parts):
        depth += 1
    return ["/".join(p[-depth:]) for p in parts]


def _read_run(folder: Path, name: str, prefix: str) -> tuple[Run, list[ArmRun]]:
    """A run and its arms. prefix: in front of their labels."""
    if not folder.is_dir():
        raise SocialRLError(f"{folder}: no such run folder", "name a folder that `socialrl run` wrote")
    if not (folder / "config.json").exists():
        raise SocialRLError(
            f"{folder}: not a run folder, it has no config.json", "name a folder such as runs/coin_grid/001"
        )
    config = whole(read_run_config(folder / "config.json"))
    experiment = config["experiment"]
    if not isinstance(experiment, dict):
        raise SocialRLError(f"{folder / 'config.json'}: `experiment` is not an object")
    notes: list[str] = []
    lines = _read_lines(folder / "metrics.jsonl", _record, notes)
    timing = _read_lines(folder / "timing.jsonl", _timing, notes)
    replays = _find_replays(folder)
    settings = _settings(experiment)
    names = list(dict.fromkeys([*settings, *(arm for arm, _ in lines)]))
    arms = [
        ArmRun(
            label=prefix + arm,
            name=arm,
            run=name,
            settings=settings.get(arm, {}),
            records=tuple(record for owner, record in lines if owner == arm),
            timing=tuple(line for owner, line in timing if owner == arm),
            replays=replays.get(arm, {}),
            first_seed=_first_seed(experiment),
        )
        for arm in names
    ]
    unfinished = [arm.name for arm in arms if not arm.finished]
    if unfinished:
        notes.append(
            f"{name}: no final evaluation of {', '.join(unfinished)} (the run was interrupted, or is not "
            "finished)."
        )
    versions = config.get("versions")
    run = Run(
        folder=folder,
        name=name,
        experiment=experiment,
        versions=versions if isinstance(versions, dict) else {},
        device=str(config.get("device", "")),
        command=str(config.get("command", "")),
        notes=tuple(notes),
    )
    return run, arms


def _first_seed(experiment: JsonObject) -> int:
    """The experiment's `first_seed`; 0 if it has none, or no whole number."""
    first = experiment.get("first_seed", 0)
    return first if isinstance(first, int) and not isinstance(first, bool) else 0


def _settings(experiment: JsonObject) -> dict[str, JsonObject]:
    """The resolved settings of every arm, by arm, in the experiment's order."""
    arms = experiment.get("arms")
    shared = {
        key: value
        for key, value in experiment.items()
        if key not in ("name", "question", "arms", "world", "claims")
    }
    result = {}
    for arm in arms if isinstance(arms, list) else []:
        if isinstance(arm, dict) and isinstance(arm.get("name"), str):
            world = arm.get("world") if arm.get("world") is not None else experiment.get("world")
            own = {key: value for key, value in arm.items() if key not in ("name", "world")}
            result[arm["name"]] = {**own, "world": world, **shared}
    return result


def _read_lines(path: Path, parse: Callable[[JsonObject], T], notes: list[str]) -> list[tuple[str, T]]:
    """(arm, parsed) of every line. A last line that was cut during writing is left out, and a note added."""
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SocialRLError(f"{path}: not a readable text file ({error})") from error
    lines = text.split("\n")
    result = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            data = whole(read_json(line, "this line"))
            result.append((_text(data, "arm"), parse(data)))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            if number == len(lines):  # no newline after it
                notes.append(f"{path.name}, line {number} was cut short while being written and is left out.")
                break
            problem = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
            raise SocialRLError(
                f"{path}, line {number}: {problem}", "the file is damaged, or not a run's"
            ) from error
    return result


def whole(value: object) -> Any:
    """A JSON value whose strings are valid UTF-8: half a surrogate pair, which JSON may hold, becomes "?"."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {whole(key): whole(item) for key, item in value.items()}
    return value


def _text(data: object, key: str) -> str:
    """The text under a key of a JSON object."""
    if not isinstance(data, dict):
        raise TypeError("not a JSON object")
    if not isinstance(data[key], str):
        raise TypeError(f"`{key}` is not a string")
    return data[key]


def _record(data: JsonObject) -> Record:
    """A line of metrics.jsonl; raises TypeError or KeyError if it is not one."""
    kind = _text(data, "kind")
    step, condition, values = data["step"], data.get("labels") or {}, data["values"]
    if type(step) is not int or not 0 <= step < 2**53:
        raise TypeError("`step` is not a whole number from 0 to 2^53")
    if not isinstance(condition, dict) or not isinstance(values, dict):
        raise TypeError("`labels` and `values` must be objects")
    return Record(
        kind=kind,
        step=step,
        labels=condition,
        values={name: _numbers(name, value) for name, value in values.items()},
    )


def _numbers(name: str, values: object) -> Float[np.ndarray, " seeds"]:
    """One number per seed, NaN for null; raises TypeError for anything else."""
    if not isinstance(values, list) or not all(
        v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values
    ):
        raise TypeError(f"values of {name!r} are not a list of one number per seed")
    return np.array([math.nan if v is None else v for v in values], float)


def _timing(data: JsonObject) -> dict[str, int | float]:
    """The numbers of a line of timing.jsonl."""
    return {
        key: value
        for key, value in data.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _find_replays(folder: Path) -> dict[str, dict[int, Path]]:
    """Paths of a run's replays by arm and position of the seed."""
    found: dict[str, dict[int, Path]] = {}
    for path in sorted((folder / "replays").glob("*.npz")):
        match = _REPLAY.fullmatch(path.name)
        if match:
            found.setdefault(match["arm"], {})[int(match["seed"])] = path
    return found
