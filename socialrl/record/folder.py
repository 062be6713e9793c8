"""The folder of a run, `runs/<experiment>/<NNN>`: its config, its lock, and where each record lies.

Nothing in here deletes or overwrites what it did not write: a folder that is in use, foreign, or of another
config is refused.
"""

import importlib.metadata
import json
import platform
from pathlib import Path
from types import TracebackType
from typing import Any

from socialrl.coerce import PLUGIN
from socialrl.config import RUN_FORMAT, RUN_VERSION, read_run_config
from socialrl.record import lock
from socialrl.record.atomic import cannot_write, is_part, make_folder, write_text
from socialrl_envs import plugins
from socialrl_envs.errors import SocialRLError

JUDGED = ("claims", "claim_seeds", "claims_in_all", "tuning")  # keys that training does not depend on


class RunFolder:
    """A run folder that is locked by this process, until `release` or the end of a `with` block."""

    def __init__(self, path: Path, config: dict[str, Any]):
        self.path = path
        self.config: dict[str, Any] = config

    @property
    def metrics(self) -> Path:
        """The file of records, one JSON line each."""
        return self.path / "metrics.jsonl"

    @property
    def timing(self) -> Path:
        """The file of timings, one JSON line per chunk: seconds, rate, memory."""
        return self.path / "timing.jsonl"

    @property
    def summary(self) -> Path:
        """The file of the final numbers of every arm, JSON."""
        return self.path / "summary.json"

    @property
    def report(self) -> Path:
        """The report, an HTML page."""
        return self.path / "report.html"

    def profile(self, arm: str) -> Path:
        """The trace of a chunk of an arm's training, for Perfetto."""
        return self.path / "profile" / f"{arm}.json.gz"

    def checkpoints(self, arm: str) -> Path:
        """The folder of an arm's checkpoints, one folder per step."""
        return self.path / "checkpoints" / arm

    def replay(self, arm: str, seed: int) -> Path:
        """The replay of one seed of an arm."""
        return self.path / "replays" / f"{arm}-seed{seed}.npz"

    def levels(self, arm: str, seed: int, step: int) -> Path:
        """The levels that the curriculum of one seed of an arm kept at a step, see `record.levels`."""
        return self.path / "levels" / arm / f"seed_{seed}" / f"step_{step}.txt"

    def note_device(self, device: str) -> None:
        """Records on which devices the run was computed, e.g. "cpu x1 (2 cores)"."""
        self.config = self.config | {"device": device}
        _write_config(self.path, self.config)

    def release(self) -> None:
        """Unlocks the folder, unless the lock is another process's."""
        lock.release(self.path)

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def create(
    experiment: dict[str, Any],
    *,
    out: Path | str | None = None,
    base: Path | str = "runs",
    device: str = "",
    command: str = "",
) -> RunFolder:
    """A new, locked run folder with its config.json.

    out: its path; None takes the next number under `base/<name of the experiment>`. experiment: by
    `config.to_json(...)`. device, command: recorded in the config. Raises SocialRLError if `out` is not
    empty.
    """
    if out is None:
        path = _next_number(Path(base) / experiment["name"])
    else:
        path = Path(out)
        _refuse_content(path)
        make_folder(path)
    lock.take(path)
    if out is not None and not _is_blank(path):
        _unlock_and_refuse(path)
    _remove_parts(path)
    config = _config(experiment, device, command)
    _write_config(path, config)
    return RunFolder(path, config)


def _config(experiment: dict[str, Any], device: str, command: str) -> dict[str, Any]:
    return {
        "format": RUN_FORMAT,
        "version": RUN_VERSION,
        "experiment": experiment,
        "versions": versions(),
        "device": device,
        "command": command,
    }


def _write_config(path: Path, config: dict[str, Any]) -> None:
    write_text(path / "config.json", json.dumps(config, indent=2, allow_nan=False) + "\n")


def resume(path: Path | str, experiment: dict[str, Any] | None = None) -> RunFolder:
    """An existing run folder, locked, to go on in.

    experiment: what the run must be of, as `config.to_json(...)`; None does not compare. Where the code of
    its plug-ins has changed and that is accepted, config.json takes the new sources. Claims may differ: the
    run keeps those that it began with. Raises SocialRLError if the folder is in use, foreign, of another
    config, or of code that has changed.
    """
    path = Path(path)
    config, changed = _compared(path, experiment)
    lock.take(path)
    _remove_parts(path)
    if changed is not None:
        there = config["experiment"]
        config["experiment"] = changed | {key: there[key] for key in JUDGED if key in there}
        _write_config(path, config)
    return RunFolder(path, config)


def share(path: Path | str, experiment: dict[str, Any], *, command: str = "") -> RunFolder:
    """A run folder of an experiment for several processes at a time, not locked; made if it is not there.

    Raises SocialRLError if it is foreign, of another config, or holds anything else.
    """
    path = Path(path)
    make_folder(path)
    if not (path / "config.json").exists():
        if any(not entry.name.startswith(".") and entry.name != "config.json" for entry in path.iterdir()):
            _refuse_content(path)
        _write_config(path, _config(experiment, "", command))
    return RunFolder(path, _compared(path, experiment)[0])


def _compared(path: Path, experiment: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """(config.json, experiment): what a run folder holds, and the experiment as it is now if the code of its
    plug-ins has changed and that is accepted, else None. Raises SocialRLError as `resume` does.
    """
    config = read_config(path)
    there, now = config["experiment"], None if experiment is None else _as_json(experiment)
    if now is None:
        return config, None
    if difference := first_difference(_trained(there), _trained(now)):
        key, old, new = difference
        raise SocialRLError(
            f"{path}: run of another config: {key} is {old} there, {new} here",
            "resume with its settings, or start a new run",
        )
    changed = first_difference(_code_and_training(there), _code_and_training(now))
    if changed is not None and not plugins.changes_accepted():
        raise SocialRLError(
            f"{path}: the code of {changed[0].partition(f'.{PLUGIN}')[0]} has changed since the run began",
            "use it as it is now: --accept-changes",
        )
    return config, None if changed is None else now


def _code_and_training(experiment: dict[str, Any]) -> dict[str, Any]:
    """What the experiment trains and measures, without how it is judged."""
    return _given({key: value for key, value in experiment.items() if key not in JUDGED})


def _given(value: object) -> Any:
    """The JSON values without nulls: an option that a run has not heard of is None today."""
    if isinstance(value, list):
        return [_given(item) for item in value]
    if isinstance(value, dict):
        return {key: _given(item) for key, item in value.items() if item is not None}
    return value


def _trained(experiment: dict[str, Any]) -> Any:
    """The same without the sources of plug-ins."""
    return _without(_code_and_training(experiment))


def _without(value: object) -> Any:
    """The JSON values without the sources of plug-ins."""
    if isinstance(value, list):
        return [_without(item) for item in value]
    if isinstance(value, dict):
        return {key: _without(item) for key, item in value.items() if key != PLUGIN}
    return value


def latest(base: Path | str, name: str) -> Path:
    """The run folder of the highest number under `base/name`; raises SocialRLError if there is none.

    A folder whose run was killed before it had a config.json does not count.
    """
    folder = Path(base) / name
    numbers = {number: path for number, path in _numbers(folder).items() if not _is_blank(path)}
    if not numbers:
        raise SocialRLError(
            f"{folder}: no run to resume", "leave --resume out to start one, or name its folder"
        )
    return max(numbers.items())[1]


def read_config(path: Path | str) -> dict[str, Any]:
    """A run folder's config.json.

    Raises SocialRLError naming the file if it is missing, damaged or foreign.
    """
    file = Path(path) / "config.json"
    if not file.is_file():
        raise SocialRLError(f"{path}: not a run folder", "it has no config.json")
    return read_run_config(file)


def versions() -> dict[str, str]:
    """The versions of socialrl, jax, numpy and Python."""
    return {name: importlib.metadata.version(name) for name in ("socialrl", "jax", "numpy")} | {
        "python": platform.python_version()
    }


def first_difference(there: object, here: object, path: str = "") -> tuple[str, str, str] | None:
    """The first key in which two experiments differ, and both values; None if they are equal.

    For example ("psiphi.learner.lr", "0.001", "0.0003").
    """
    if isinstance(there, dict) and isinstance(here, dict):
        for key in [*there, *(key for key in here if key not in there)]:
            inner = f"{path}.{key}" if path else str(key)
            found = first_difference(there.get(key, _Missing), here.get(key, _Missing), inner)
            if found:
                return found
        return None
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        for i, (a, b) in enumerate(zip(there, here, strict=True)):
            arm = (
                path == "arms"
                and isinstance(a, dict)
                and isinstance(b, dict)
                and a.get("name") == b.get("name")
            )
            if found := first_difference(a, b, a["name"] if arm else f"{path}.{i}"):
                return found
        return None
    return None if there == here and type(there) is type(here) else (path, _short(there), _short(here))


class _Missing:
    """The value of a key that is missing."""


def _short(value: object) -> str:
    if value is _Missing:
        return "missing"
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        value = [item["name"] for item in value]
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _as_json(experiment: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(experiment, allow_nan=False))


def _numbers(folder: Path) -> dict[int, Path]:
    return (
        {int(p.name): p for p in folder.iterdir() if p.name.isascii() and p.name.isdecimal() and p.is_dir()}
        if folder.is_dir()
        else {}
    )


def _next_number(folder: Path) -> Path:
    """A new folder of the next free number; two processes never get the same one."""
    make_folder(folder)
    while True:
        path = folder / f"{max(_numbers(folder), default=0) + 1:03d}"
        try:
            path.mkdir()
            return path
        except FileExistsError:
            continue
        except OSError as error:
            raise cannot_write(path, error) from error


def _is_blank(path: Path) -> bool:
    """Whether a folder holds nothing but what a run that was killed at once leaves: its lock, half a file."""
    return all(entry.name == lock.LOCK or is_part(entry) for entry in path.iterdir())


def _remove_parts(path: Path) -> None:
    """Removes the halves of files that a killed run has left in a folder that this process has locked."""
    for place in (path, path / "replays", *path.glob("levels/*/*")):
        for entry in place.glob(".*"):
            if is_part(entry):
                entry.unlink(missing_ok=True)


def _refuse_content(path: Path) -> None:
    """Raises SocialRLError unless the path does not exist or is an empty folder."""
    if path.is_file():
        raise SocialRLError(f"{path}: a file, where a run folder should be made", "choose another --out")
    if not path.is_dir() or not any(path.iterdir()):
        return
    if _is_blank(path):
        lock.refuse_in_use(path)
        return
    if (path / "config.json").exists():
        read_config(path)
        lock.refuse_in_use(path)
        raise SocialRLError(
            f"{path}: holds a run already", f"continue it by --resume {path}, or choose another --out"
        )
    raise SocialRLError(f"{path}: not empty and not a run folder", "choose another --out")


def _unlock_and_refuse(path: Path) -> None:
    (path / lock.LOCK).unlink(missing_ok=True)
    _refuse_content(path)
