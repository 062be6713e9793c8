"""Results of experiments as small files that are committed: `experiments/results/<experiment>.json`.

A file holds what pages of the documentation say about a run: per arm the measures of every seed, cost, and
the verdicts on claims. It is made from a run folder, and pages are made from it, so that every number on
them can be traced.
"""

import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from socialrl.record.atomic import write_text
from socialrl.report.budgets import area
from socialrl.report.findings import summarise_findings
from socialrl.report.reading import ArmRun, JsonObject, Record, Run, read
from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json

FORMAT, VERSION = "socialrl-results", 1
FOLDER = Path("experiments/results")
COSTS = "costs"  # the file of what runs cost that were made to measure it
DIGITS = 5  # of every number
OWN = ("--out", "--resume", "--platform")  # options of run and sweep that do not belong to the experiment


def collect(folder: Path | str) -> JsonObject:
    """The results of a run folder as JSON values. Raises SocialRLError if a file cannot be read."""
    study = read(folder)
    (run,) = study.runs
    experiment = run.experiment
    kept = ("question", "scale", "seeds", "first_seed", "claim_seeds", "claims_in_all", "steps", "tuning")
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": study.title,
        **{key: experiment[key] for key in kept if key in experiment},
        "reporting": run.reporting,
        "finished": all(arm.finished for arm in study.arms),
        "command": command(run),
        "device": run.device,
        "versions": run.versions,
        "cost": {arm.name: cost(arm) for arm in study.arms},
        "arms": {arm.name: measures(arm) for arm in study.arms},
        "claims": [rounded(dict(claim)) for claim in summarise_findings(study)],
    }


def measures(arm: ArmRun) -> list[JsonObject]:
    """Each evaluation after training: its kind, labels, and measures of every seed; parts of a curve over
    an episode are left out. The first one is the final evaluation, with `auc`, the area under the learning
    curve.
    """
    curve, records = area(arm), [record for record in arm.records if record.kind not in ("train", "eval")]
    found = [entry(record) for record in sorted(records, key=lambda record: record.kind != "final")]
    if curve is not None and found and found[0]["kind"] == "final":
        found[0]["values"]["auc"] = rounded(curve.tolist())
    return found


def entry(record: Record) -> JsonObject:
    """A record with rounded values."""
    values = {name: rounded(scores.tolist()) for name, scores in record.values.items() if not is_bin(name)}
    return {"kind": record.kind, "labels": record.labels, "values": values}


def is_bin(name: str) -> bool:
    """Whether a measure is a part of a curve over an episode, such as influence/3."""
    return name.rpartition("/")[2].isdigit() and not name.startswith("choice")


def cost(arm: ArmRun) -> JsonObject:
    """Seconds of training and of compiling, of all seeds together; compiling counts anew after a resume."""
    training = sum(line.get("seconds", 0.0) for line in arm.timing)
    compiling = max((line.get("compile_seconds", 0.0) for line in arm.timing), default=0.0)
    return {"seconds": rounded(training), "compile_seconds": rounded(compiling)}


def command(run: Run) -> str:
    """The command that makes such a run, without its output folder."""
    try:
        words = shlex.split(run.command)
    except ValueError:  # an open quotation mark: not what `socialrl run` notes
        words = []
    if words[:2] == ["socialrl", "reproduce"]:
        words = [*words[:2], str(run.experiment.get("name"))]
    elif words[:2] not in (["socialrl", "run"], ["socialrl", "sweep"]):
        words = ["socialrl", "run", f"experiments/{run.experiment.get('name')}.py"]
    return without(words, OWN)


def without(words: Sequence[str], options: Sequence[str]) -> str:
    """The words of a command as one line, without these options and their values."""
    kept: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.partition("=")[0] not in options:
            kept.append(word)
        elif "=" not in word and rest and not rest[0].startswith("--"):
            rest.pop(0)
    return " ".join(shlex.join(kept).split())


def rounded(value: Any) -> Any:
    """JSON values whose numbers have DIGITS significant digits; None for those that are not finite."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def write(result: JsonObject, folder: Path = FOLDER) -> Path:
    """Writes the results of an experiment, one evaluation and one claim per line; returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f" {json.dumps(key)}: {json.dumps(value)},"
        for key, value in result.items()
        if key not in ("arms", "claims")
    ]
    arms = ",\n".join(
        f"  {json.dumps(arm)}: {_listed(entries, 3)}" for arm, entries in result["arms"].items()
    )
    text = "\n".join(
        ["{", *lines, ' "arms": {', arms, " },", f' "claims": {_listed(result["claims"], 2)}', "}"]
    )
    path = folder / f"{file_name(result['experiment'])}.json"
    write_text(path, text + "\n")
    return path


def file_name(experiment: str) -> str:
    """The stem of an experiment's files, whatever its name is."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", experiment)


def _listed(items: list[Any], indent: int) -> str:
    """A list as JSON text, an item per line."""
    if not items:
        return "[]"
    lines = ",\n".join(" " * indent + json.dumps(item, allow_nan=False) for item in items)
    return f"[\n{lines}\n{' ' * (indent - 1)}]"


def read_results(folder: Path = FOLDER) -> dict[str, JsonObject]:
    """All results of a folder by experiment. Raises SocialRLError that names a file that is none."""
    files = sorted(file for file in folder.glob("*.json") if file.stem != COSTS)
    return {file.stem: read_result(file) for file in files}


def read_result(file: Path) -> JsonObject:
    """The results in a file. Raises SocialRLError that names it if it is not one."""
    content = _object(file)
    if content.get("format") != FORMAT or content.get("version") != VERSION:
        raise SocialRLError(f"{file}: not results", f'they have "format": "{FORMAT}", "version": {VERSION}')
    if file_name(str(content.get("experiment"))) != file.stem:
        raise SocialRLError(f"{file}: experiment is {content.get('experiment')!r}", "name the file after it")
    return content


def read_costs(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """{experiment: {"cpu" or "gpu": how long it took, in words}} of costs.json; empty without a file."""
    file = folder / f"{COSTS}.json"
    return _object(file) if file.is_file() else {}


def _object(file: Path) -> JsonObject:
    try:
        content = read_json(file.read_bytes(), str(file))
    except OSError as error:
        raise SocialRLError(f"{file}: {error.strerror}") from error
    if not isinstance(content, dict):
        raise SocialRLError(f"{file}: not a JSON object")
    return content


def find(result: JsonObject, arm: str, measure: str, labels: Mapping[str, str]) -> np.ndarray:
    """A measure of every seed of an arm, NaN where there is none.

    labels: those of the evaluation, and its `kind` where it is not that of the social protocol; none takes
    the final one. Raises SocialRLError that names what is missing.
    """
    where = f"{result['experiment']}: {arm}"
    if arm not in result["arms"]:
        raise SocialRLError(f"{where}: no such arm", f"known: {', '.join(result['arms'])}")
    wanted = dict(labels)
    kind = wanted.pop("kind", "social" if wanted else "final")
    for one in result["arms"][arm]:
        fits = all(str(one["labels"].get(key)) == value for key, value in wanted.items())
        if one["kind"] == kind and fits:
            if measure not in one["values"]:
                raise SocialRLError(f"{where}: no measure {measure}", f"known: {', '.join(one['values'])}")
            return as_scores(one["values"][measure])
    raise SocialRLError(f"{where}: no evaluation {kind} {wanted}")


def as_scores(values: Sequence[float | None]) -> np.ndarray:
    """The numbers of the seeds as an array, NaN for None."""
    return np.array([math.nan if value is None else value for value in values], float)
