"""What searches on seeds for tuning have in common: the usual axes, a trial's experiment, what it found, and
the record.

The usual search has two axes, the step size and the number of gradient steps, as factors of what the
experiment's file says. How it is carried out is in `sweep.search`.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from socialrl.config import Arm, Experiment
from socialrl.overrides import apply
from socialrl.record.atomic import write_text
from socialrl.report.budgets import area, seconds_at
from socialrl.report.reading import ArmRun
from socialrl_envs.errors import SocialRLError

Settings = dict[str, Any]  # key of the learner -> value
MEASURES = ("return", "auc")


@dataclasses.dataclass(frozen=True)
class Axis:
    """A direction of the grid: values of the first key of `either` that a learner has, as factors of its own,
    and of `along` with it.
    """

    either: tuple[str, ...]
    factors: tuple[float, ...]
    along: tuple[str, ...] = ()


AXES = (
    Axis(("lr",), (1.0, 1 / 3, 3.0), along=("lr_end",)),
    Axis(("updates", "epochs"), (1.0, 2.0, 4.0)),
)


def key_of(axis: Axis, arm: Arm, own: Mapping[str, Any]) -> str:
    """The key of an axis that an arm's learner has, whose own values are given; SocialRLError if it has
    none.
    """
    key = next((key for key in axis.either if key in own), None)
    if key is None:
        raise SocialRLError(
            f"arm {arm.name}: its learner has no {' or '.join(axis.either)}",
            "leave the arm out by --arms, or name keys that all have: --grid, in a sweep --space",
        )
    return key


def scaled(value: int | float, factor: float) -> float | int:
    """A number times a factor: a whole number stays one and is at least 1, others have three digits."""
    if isinstance(value, int):
        return max(1, round(value * factor))
    return float(f"{value * factor:.3g}")


def trial_of(experiment: Experiment, settings: Mapping[str, Settings], seeds: int, steps: int) -> Experiment:
    """The experiment in which every arm has these settings, on seeds for tuning, without claims and
    protocols. All arms are trained for all of its steps.
    """
    words = [
        word
        for arm, own in settings.items()
        for key, value in own.items()
        for word in (f"--{arm}.learner.{key}", json.dumps(value))
    ]
    short = dataclasses.replace(
        experiment,
        seeds=seeds,
        first_seed=0,
        steps=steps,
        arms=tuple(dataclasses.replace(arm, share=1.0) for arm in experiment.arms),
        claims=(),
        claims_in_all=0,
        protocols=(),
        tuning="",
        replay_episodes=1,
        checkpoint_every=max(steps, experiment.checkpoint_every),
    )
    return apply(short, words)


def scores(arm: ArmRun) -> dict[str, Any]:
    """What a trial found: per seed return at the end and auc; the seconds of training all seeds."""
    final, curve = next(iter(arm.plain("final"))), area(arm)
    spent = seconds_at(arm, [final.step])
    return {
        "return": [short(value) for value in final.values["return"]],
        "auc": None if curve is None else [short(value) for value in curve],
        "seconds": None if spent is None else short(spent[0]),
    }


def short(value: float) -> float | None:
    """A number of five digits as JSON holds it; None if it is not finite."""
    return float(f"{value:.5g}") if np.isfinite(value) else None


def best(trials: Sequence[Mapping[str, Any]], measure: str) -> Settings:
    """The settings of the trial with the highest mean over seeds, the earliest of equal ones; a seed without
    a number makes it the lowest.
    """

    def mean(trial: Mapping[str, Any]) -> float:
        values = trial[measure]
        return -np.inf if values is None or None in values else float(np.mean(values))

    return max(trials, key=mean)["settings"]


def write(search: Mapping[str, Any], path: Path) -> None:
    """Writes a search, one trial per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {key: value for key, value in search.items() if key != "arms"}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    arms = []
    for name, arm in search["arms"].items():
        trials = ",\n".join(f"   {json.dumps(trial)}" for trial in arm["trials"])
        best_line = f'   "best": {json.dumps(arm["best"])},'
        arms.append(f'  {json.dumps(name)}: {{\n{best_line}\n   "trials": [\n{trials}\n   ]\n  }}')
    body = ",\n".join(arms)
    write_text(path, "\n".join(["{", *lines, ' "arms": {', body, " }", "}"]) + "\n")


def shown(search: Mapping[str, Any]) -> str:
    """The best settings of every arm as lines, with the means of what was written and of the best, and a note
    where the best one lies at the edge of the grid. Ends without a newline.
    """
    measure, lines = search["measure"], []
    for name, arm in search["arms"].items():
        first, top = arm["trials"][0], next(t for t in arm["trials"] if t["settings"] == arm["best"])
        known = (trial[measure] for trial in (first, top) if None not in (trial[measure] or [None]))
        means = [float(np.mean(values)) for values in known]
        settings = ", ".join(
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in arm["best"].items()
        )
        lines.append(f"{name}: {settings}: {' -> '.join(f'{mean:.2f}' for mean in means)}{edge(arm)}")
    return "\n".join(lines)


def edge(arm: Mapping[str, Any]) -> str:
    """A note that names the keys whose best value is the lowest or the highest that was tried; "" if none
    is.
    """
    tried = {key: {trial["settings"][key] for trial in arm["trials"]} for key in arm["best"]}
    at_edge = [
        key
        for key, values in tried.items()
        if len(values) > 1
        and all(isinstance(value, int | float) for value in values)
        and arm["best"][key] in (min(values), max(values))
    ]
    return f" (at the edge: {', '.join(at_edge)})" if at_edge else ""
