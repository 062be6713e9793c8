"""Searches of all arms alike on seeds for tuning, and their record, which experiments' files read.

Every arm has the same number of trials on the same seeds, of which the first is the arm as it is written.
They are drawn by Optuna (`stopping`, on a Ray cluster `tune`), and bad ones are stopped early (asynchronous
successive halving: Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning); or they are those
of a grid (`listed`). Only a trial that was trained to the end can be the best.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from socialrl import tuning
from socialrl.config import REPORTING, Arm, Experiment
from socialrl.overrides import apply
from socialrl.record import folder, lock
from socialrl.report.reading import ArmRun, read
from socialrl.sweep.pool import Pool
from socialrl.sweep.space import Space, Trials
from socialrl.sweep.worker import latest
from socialrl.tuned import FORMAT, VERSION, check, in_words
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import require

Given = Mapping[str, Sequence[str]]  # values, as text, or a range, by key of the learners


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """A way to search. space: (arm, given) -> what its settings are drawn from. searched: (trials, workers,
    how many, retries), has the workers train trials. stops: whether bad trials are stopped early.
    """

    space: Callable[[Arm, Given], Space]
    searched: Callable[[Trials, Pool, int, int], None]
    stops: bool = True


def search(
    experiment: Experiment,
    given: Given,
    pool: Pool,
    method: Method,
    *,
    trials: int,
    seeds: int,
    steps: int,
    base: Path,
    measure: str = "return",
    command: str = "",
    retries: int = 3,
) -> dict[str, Any]:
    """Searches the settings of all arms, one after the other, and returns the record, see `tuned.read`.

    given: what is drawn from, see `space.space`. trials: of each arm. base: the folder of the trials, in
    which an interrupted search goes on. measure: of which the mean over seeds decides; "return" at the end,
    or "auc". Raises SocialRLError if an arm needs agents of another.
    """
    experiment.check_apart()
    require(measure in tuning.MEASURES, "measure", measure, " or ".join(tuning.MEASURES))
    require(1 <= seeds <= REPORTING, "seeds", seeds, f"from 1 to {REPORTING}")
    spaces = {arm.name: method.space(arm, given) for arm in experiment.arms}
    base.mkdir(parents=True, exist_ok=True)
    lock.take(base)
    try:
        found = {}
        for arm in experiment.arms:
            own = Trials(
                base / arm.name,
                experiment,
                arm,
                spaces[arm.name],
                seeds=seeds,
                steps=steps,
                measure=measure,
                stops=method.stops,
            )
            method.searched(own, pool, trials, retries)
            found[arm.name] = outcomes(own, trials)
    finally:
        lock.release(base)
    result = {
        "format": FORMAT,
        "version": VERSION,
        "experiment": experiment.name,
        "command": command,
        "seeds": list(range(seeds)),
        "steps": steps,
        "measure": measure,
        "early_stopping": method.stops,
        "device": device(base),
        "versions": folder.versions(),
        "arms": {name: {"best": best(name, own, measure), "trials": own} for name, own in found.items()},
    }
    check(result, "search")
    return result


def outcomes(trials: Trials, count: int) -> list[dict[str, Any]]:
    """What each trial found, as JSON values: its settings, what `tuning.scores` says, and after how many
    steps.
    """
    return [{"settings": trials.settings(n)} | outcome(trials, trials.place(n)) for n in range(count)]


def outcome(trials: Trials, place: Path) -> dict[str, Any]:
    """What one trial found: of one that was stopped, its last evaluation; None for one that failed."""
    attempt = latest(place)
    arms = read(attempt).arms if attempt and (attempt / "metrics.jsonl").exists() else ()
    arm: ArmRun | None = next(iter(arms), None)
    nothing = {"return": None, "auc": None, "seconds": None, "steps": 0}
    if arm is None:
        return nothing
    if arm.finished:
        return tuning.scores(arm) | {"steps": trials.steps}
    seen = arm.plain("eval")
    if not seen:
        return nothing
    returns = [tuning.short(value) for value in seen[-1].values["return"]]
    return nothing | {"return": returns, "steps": seen[-1].step}


def best(name: str, trials: Sequence[Mapping[str, Any]], measure: str) -> tuning.Settings:
    """The best settings among the trials that were trained to the end; raises SocialRLError without one."""
    most = max(trial["steps"] for trial in trials)
    whole = [trial for trial in trials if trial["steps"] == most and trial[measure] is not None]
    if not whole:
        raise SocialRLError(f"arm {name}: no trial came to its end", "see log.txt in the trials' folders")
    return tuning.best(whole, measure)


def device(base: Path) -> str:
    """The devices of all trials, each kind once."""
    files = sorted(base.glob("*/*/*/config.json"))
    return ", ".join(dict.fromkeys(json.loads(file.read_text(encoding="utf-8"))["device"] for file in files))


def reported(experiment: Experiment, search: Mapping[str, Any]) -> Experiment:
    """The experiment with the best settings of a search, on seeds that no search may use."""
    words = [
        word
        for arm, found in search["arms"].items()
        for key, value in found["best"].items()
        for word in (f"--{arm}.learner.{key}", json.dumps(value))
    ]
    first = max(experiment.first_seed, REPORTING)
    return dataclasses.replace(apply(experiment, words), first_seed=first, tuning=in_words(dict(search), []))
