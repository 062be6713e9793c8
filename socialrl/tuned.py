"""Settings that a search on seeds for tuning found, and how an experiment takes them from its file.

`socialrl tune` writes `experiments/tuned/<experiment>.json`; the experiment's file ends with

    experiment = tuned(experiment, __file__)

so that its arms have the best settings of that search, if there is one, and reports say how it was done.
With `together` several arms, such as those of one learner in several worlds, have the same settings: the ones
that did best in all of them.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from socialrl.config import REPORTING, Experiment
from socialrl.overrides import apply
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json

FORMAT, VERSION = "socialrl-tuning", 1
FOLDER = "tuned"  # beside the experiments' files
_written: dict[Path, Experiment] = {}  # by the place of its search: the experiment as its file has it


def as_written(experiment: Experiment, file: str | Path) -> Experiment:
    """The experiment without the settings that `tuned` gave it when its file was loaded."""
    return _written.get(place(experiment, file), experiment)


def tuned(
    experiment: Experiment, file: str | Path, together: Callable[[str], str] | None = None
) -> Experiment:
    """The experiment with the best settings of its search for every arm that took part in it.

    file: that of the experiment; the search lies in `tuned/<experiment>.json` beside it. Without one
    the experiment is returned as it is. Arms that the search does not know keep their
    settings, and `Experiment.tuning` names them. together: from an arm's name to that of its group; the
    arms of a group, also those that took no part, have the settings that `best_for_all` finds for them.
    Raises SocialRLError that names the search's file if it is damaged, or if a setting does not exist.
    """
    path = place(experiment, file)
    _written[path] = experiment
    if not path.is_file():
        return experiment
    search = read(path)
    try:
        best = _best(search, [arm.name for arm in experiment.arms], together)
        settings = [
            word
            for arm, own in best.items()
            for key, value in own.items()
            for word in (f"--{arm}.learner.{key}", json.dumps(value))
        ]
        found = apply(experiment, settings)
    except SocialRLError as error:
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error
    missing = [arm.name for arm in experiment.arms if arm.name not in best]
    text = in_words(search, missing)
    if together is not None:
        text += f"; one set of settings for all arms of a group, tried on {', '.join(search['arms'])}"
    return dataclasses.replace(found, tuning=text)


def _best(
    search: Mapping[str, Any], arms: Sequence[str], together: Callable[[str], str] | None
) -> dict[str, dict[str, Any]]:
    """The best settings of each of these arms that has any."""
    tried = search["arms"]
    if together is None:
        return {arm: tried[arm]["best"] for arm in arms if arm in tried}
    groups: dict[str, list[Any]] = {}
    for arm, found in tried.items():
        groups.setdefault(together(arm), []).append(found["trials"])
    best = {group: best_for_all(found, search.get("measure", "return")) for group, found in groups.items()}
    return {arm: best[together(arm)] for arm in arms if together(arm) in best}


def best_for_all(arms: Sequence[Sequence[Mapping[str, Any]]], measure: str) -> dict[str, Any]:
    """The settings with the highest mean over the arms of their scaled returns.

    arms: the trials of each, with the same settings in the same order. The returns of an arm are scaled so
    that its worst trial is 0 and its best is 1. Trials without a number, or stopped early, count as the
    worst; of equal settings the earliest are taken. Raises SocialRLError where arms tried different ones.
    """
    settings = [trial["settings"] for trial in arms[0]]
    if any([trial["settings"] for trial in arm] != settings for arm in arms):
        raise SocialRLError("arms: those of a group tried different settings", "name them alike: --grid")
    return dict(settings[int(np.argmax(np.sum([_scaled(arm, measure) for arm in arms], axis=0)))])


def _scaled(trials: Sequence[Mapping[str, Any]], measure: str) -> Float64[np.ndarray, " trials"]:
    """The mean over seeds of each trial, scaled to 0..1; 0 for those that were not trained to the end."""
    most = max(trial.get("steps", 0) for trial in trials)
    found = [trial.get(measure) if trial.get("steps", 0) == most else None for trial in trials]
    means = np.array([np.mean(values) if values and None not in values else np.nan for values in found])
    if np.isnan(means).all():
        return np.zeros(len(trials))
    low, high = np.nanmin(means), np.nanmax(means)
    return np.nan_to_num((means - low) / max(high - low, 1e-9))


def place(experiment: Experiment, file: str | Path) -> Path:
    """Where the search of an experiment lies, whose own file this is."""
    return Path(file).resolve().parent / FOLDER / f"{experiment.name}.json"


def read(path: Path) -> dict[str, Any]:
    """The content of a search's file. Raises SocialRLError that names it, and the key, if it is not one."""
    try:
        content = read_json(path.read_bytes(), str(path))
    except OSError as error:
        raise SocialRLError(f"{path}: {error.strerror}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != VERSION:
        raise SocialRLError(f"{path}: not a search", f'it needs "format": "{FORMAT}", "version": {VERSION}')
    check(content, str(path))
    return content


def check(search: dict[str, Any], where: str) -> None:
    """Raises SocialRLError unless all arms had the same number of trials on the same seeds for tuning."""
    arms, seeds = search.get("arms"), search.get("seeds")
    if not isinstance(arms, dict) or not all(isinstance(arm, dict) for arm in arms.values()):
        raise SocialRLError(f"{where}: arms: not an object of objects", "write it by `socialrl tune`")
    if not isinstance(seeds, list) or not all(isinstance(seed, int) for seed in seeds):
        raise SocialRLError(f"{where}: seeds: not a list of whole numbers", "write it by `socialrl tune`")
    if any(seed >= REPORTING for seed in seeds):
        raise SocialRLError(
            f"{where}: seeds: tuned on seeds of {REPORTING} and above", "these are for what is reported"
        )
    counts = {name: len(arm.get("trials", ())) for name, arm in arms.items()}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise SocialRLError(f"{where}: arms: unequal numbers of trials ({shown})", "tune all arms together")
    for name, arm in arms.items():
        tried = [trial.get("settings") for trial in arm.get("trials", ()) if isinstance(trial, dict)]
        if arm.get("best") not in tried:
            raise SocialRLError(f"{where}: arms.{name}.best: not tried", "write it by `socialrl tune`")


def in_words(search: dict[str, Any], missing: list[str]) -> str:
    """How the arms were tuned, in a sentence. missing: arms that were not."""
    arms = search["arms"].values()
    trials = max((len(arm["trials"]) for arm in arms), default=0)
    keys = ", ".join(dict.fromkeys(key for arm in arms for key in arm["best"]))
    steps, seeds = f"{search['steps']:,} steps", f"seeds {search['seeds'][0]} to {search['seeds'][-1]}"
    most = "at most " if search.get("early_stopping") else ""
    text = f"{trials} trials per arm of {keys}, each of {most}{steps} on {seeds}"
    return f"{text}; as written: {', '.join(missing)}" if missing else text
