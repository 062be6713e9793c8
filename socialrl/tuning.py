"""The same small search for every arm that is compared: a grid of settings, tried on seeds for tuning.

Every arm has the same number of trials, the same steps and the same seeds. The default grid has two axes, the
step size and the number of gradient steps, as factors of what the experiment's file says. A trial is a run
folder of all arms, so that an interrupted search goes on where it stopped, and arms that the experiment gets
later join the trials that are done.
"""

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from socialrl.config import REPORTING, Arm, Experiment, to_json
from socialrl.overrides import apply
from socialrl.record import folder
from socialrl.record.atomic import write_text
from socialrl.report.budgets import area, seconds_at
from socialrl.report.reading import ArmRun, read
from socialrl.runs import train
from socialrl.tuned import FORMAT, VERSION, check
from socialrl_envs.errors import SocialRLError
from socialrl_envs.options import require

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


def grid(arm: Arm, axes: Sequence[Axis] = AXES) -> list[Settings]:
    """All settings of an arm's grid, the one of the experiment's file first.

    Raises SocialRLError that names arm and keys if its learner has no key of an axis.
    """
    own = {field.name: getattr(arm.learner, field.name) for field in dataclasses.fields(arm.learner)}
    directions: list[list[Settings]] = []
    for axis in axes:
        key = key_of(axis, arm, own)
        keys = (key, *(one for one in axis.along if one in own))
        directions.append([{one: scaled(own[one], factor) for one in keys} for factor in axis.factors])
    return [
        dict(itertools.chain(*(part.items() for part in parts))) for parts in itertools.product(*directions)
    ]


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


def values_grid(arm: Arm, values: Mapping[str, Sequence[Any]]) -> list[Settings]:
    """The settings of an arm by values that are given for keys of its learner, all combinations."""
    known = {field.name for field in dataclasses.fields(arm.learner)}
    for key in values:
        if key not in known:
            raise SocialRLError(f"arm {arm.name}: its learner has no {key}", "leave the arm out by --arms")
    return [dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())]


def drawn(settings: list[Settings], trials: int | None) -> list[Settings]:
    """So many of the settings, the first one among them; the others are drawn alike for all arms."""
    if trials is None:
        return settings
    require(
        1 <= trials <= len(settings), "trials", trials, f"from 1 to {len(settings)}, the size of the grid"
    )
    rest = np.random.default_rng(0).permutation(len(settings) - 1)[: trials - 1] + 1
    return [settings[i] for i in (0, *sorted(rest.tolist()))]


def trial_of(experiment: Experiment, settings: Mapping[str, Settings], seeds: int, steps: int) -> Experiment:
    """The experiment in which every arm has these settings, on seeds for tuning, without claims and
    protocols.
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
        claims=(),
        protocols=(),
        tuning="",
        replay_episodes=1,
        checkpoint_every=max(steps, experiment.checkpoint_every),
    )
    return apply(short, words)


def search(
    experiment: Experiment,
    settings: Mapping[str, Sequence[Settings]],
    *,
    seeds: int,
    steps: int,
    base: Path,
    measure: str = "return",
    command: str = "",
    device: str = "",
) -> dict[str, Any]:
    """Runs all trials and returns the search as JSON values, see `tuned.read`.

    settings: those of every arm, equally many. base: the folder of the trials' run folders, which are resumed
    if they exist. measure: of which the mean over seeds decides; "return" at the end, or "auc".
    """
    require(measure in MEASURES, "measure", measure, " or ".join(MEASURES))
    require(1 <= seeds <= REPORTING, "seeds", seeds, f"from 1 to {REPORTING}")
    count = len(next(iter(settings.values())))
    found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in settings}
    for number in range(count):
        chosen = {arm: own[number] for arm, own in settings.items()}
        print(f"\ntrial {number + 1} of {count}", flush=True)
        path = run_trial(
            trial_of(experiment, chosen, seeds, steps), base / f"{number + 1:03d}", command, device
        )
        for arm in read(path).arms:
            found[arm.name].append({"settings": chosen[arm.name]} | scores(arm))
    result = {
        "format": FORMAT,
        "version": VERSION,
        "experiment": experiment.name,
        "command": command,
        "seeds": list(range(seeds)),
        "steps": steps,
        "measure": measure,
        "device": device,
        "versions": folder.versions(),
        "arms": {arm: {"best": best(trials, measure), "trials": trials} for arm, trials in found.items()},
    }
    check(result, "search")
    return result


def run_trial(experiment: Experiment, path: Path, command: str, device: str) -> Path:
    """Trains a trial in its run folder, or goes on with it, also with arms that the experiment did not have
    then, and returns the folder.
    """
    data, exists = to_json(experiment), (path / "config.json").exists()
    opened = (
        folder.resume(path, data, more_arms=True)
        if exists
        else folder.create(data, out=path, device=device, command=command)
    )
    with opened:
        train(experiment, opened, resume=exists)
    return path


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
