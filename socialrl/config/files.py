"""Experiments in files: Python files that define one, and the config.json of run folders."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from socialrl.config.as_json import RENAMED, from_json, renamings, to_json
from socialrl.config.experiment import Experiment
from socialrl_envs import plugins
from socialrl_envs.errors import SocialRLError, nearest
from socialrl_envs.safe_json import read_json

RUN_FORMAT, RUN_VERSION = "socialrl-run", 1


def load_experiment(path: Path | str) -> Experiment:
    """The experiment of a file that defines `experiment = Experiment(...)`, or of a run folder's config.json.

    A file is executed, and names that it and the modules next to it define may be used from then on. No code
    of a run folder is executed. Raises SocialRLError that names the file.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "config.json"
    if not path.exists():
        near = (
            nearest(path.stem, [file.stem for file in path.parent.glob("*.py")])
            if path.parent.is_dir()
            else None
        )
        raise SocialRLError(f"{path}: no such experiment", near)
    if path.suffix == ".json":
        return _named(path, lambda: from_json(read_run_config(path)["experiment"]))
    experiment = vars(_execute(path)).get("experiment")
    if not isinstance(experiment, Experiment):
        raise SocialRLError(
            f"{path}: it defines no experiment", "end the file with `experiment = Experiment(...)`"
        )
    return _named(path, lambda: from_json(to_json(experiment)))


def _named(path: Path, make: Callable[[], Experiment]) -> Experiment:
    """The result of `make`, whose errors begin with the path."""
    try:
        return make()
    except SocialRLError as error:
        if error.message.startswith(str(path)):
            raise
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error


def _execute(path: Path) -> ModuleType:
    """The executed file as a module; errors about renamed keys of Experiment name the new ones."""
    try:
        return plugins.load_file(path)
    except SocialRLError as error:
        old = next((old for old in RENAMED if f"unexpected keyword argument '{old}'" in error.message), None)
        if old is None:
            raise
        raise SocialRLError(error.message, f"{old!r} is named {RENAMED[old]!r} now: {renamings()}") from error


def read_run_config(path: Path) -> dict[str, Any]:
    """The content of a run folder's config.json.

    Raises SocialRLError naming the file if it is damaged or foreign.
    """
    try:
        content = read_json(path.read_bytes(), f"{path}: damaged")
    except OSError as error:
        raise SocialRLError(f"{path}: {error.strerror}") from error
    if (
        not isinstance(content, dict)
        or content.get("format") != RUN_FORMAT
        or not isinstance(content.get("experiment"), dict)
    ):
        raise SocialRLError(f"{path}: not the config of a run", f'it has no "format": "{RUN_FORMAT}"')
    if content.get("version") != RUN_VERSION:
        raise SocialRLError(
            f"{path}: written in format version {content.get('version')!r}",
            f"this version reads {RUN_VERSION}",
        )
    return content
