"""The page's sections about how a run was made: each arm's settings, versions, seeds, speed, commands."""

import json
import os
import shlex
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from socialrl.report.markup import Markup, Section, escape, fold, join, section, table, tag
from socialrl.report.reading import ArmRun, Run, Study
from socialrl.report.tables import NONE

COLUMNS = 4  # arms that stand side by side; of more, those that agree are named together


def settings(study: Study) -> Section | None:
    """What differs between the arms, open; everything, folded."""
    flat = {arm.label: flatten(arm.settings) for arm in study.arms if arm.settings}
    if not flat:
        return None
    keys = list(dict.fromkeys(key for values in flat.values() for key in values))
    different = [key for key in keys if differs(key, flat)]
    if len(flat) <= COLUMNS:
        head = ("setting", *flat)
        everything = [(key, *(values.get(key, NONE) for values in flat.values())) for key in keys]
    else:
        head = ("setting", "value, and which arms have it")
        everything = [(key, by_value(key, flat)) for key in keys]
    parts: list[Markup] = []
    if len(flat) > 1:
        rows = [row for row, key in zip(everything, keys, strict=True) if key in different]
        note = "What at least two arms have and set differently."
        parts.append(
            join(
                [tag("h3", "Differences between the arms"), tag("p", note, class_="note"), table(head, rows)]
            )
            if rows
            else tag("p", "The arms have equal settings.")
        )
    marked = [i for i, key in enumerate(keys) if key in different]
    parts.append(fold(f"All {len(keys)} settings", table(head, everything, marked=marked)))
    return section(
        "Settings",
        tag("div", *parts, class_="settings" if len(flat) <= COLUMNS else "settings joint"),
        anchor="settings",
    )


def by_value(key: str, flat: Mapping[str, Mapping[str, str]]) -> Markup:
    """The values of a setting, a line each with the arms that have it, the most common one first; a value
    alone if all do.
    """
    arms: dict[str, list[str]] = {}
    for arm, values in flat.items():
        if key in values:
            arms.setdefault(values[key], []).append(arm)
    if list(map(len, arms.values())) == [len(flat)]:
        return escape(next(iter(arms)))
    missing = len(flat) - sum(map(len, arms.values()))
    lines = []
    for value, names in sorted(arms.items(), key=lambda item: -len(item[1])):
        most = len(names) > 2 and not missing and not lines
        who = f"the other {len(names)} arms" if most else ", ".join(names)
        lines.append(tag("div", value, tag("span", who, class_="source")))
    return join(lines)


def differs(key: str, flat: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether two arms that both have the key give it different values."""
    return len({values[key] for values in flat.values() if key in values}) > 1


def flatten(value: Any, path: str = "") -> dict[str, str]:
    """Dotted keys to JSON text; a list stays one value unless it holds objects."""
    if isinstance(value, dict) and value:
        items = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = [(f"{path}.{i}", item) for i, item in enumerate(value)]
    else:
        return {path: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}
    return {key: text for name, item in items for key, text in flatten(item, name).items()}


def reproduce(study: Study) -> Section:
    """Commands, versions, device, seeds and speed of every run."""
    commands = [run.command for run in study.runs if run.command]
    commands.append(shlex.join(["socialrl", "report", *(_place(run) for run in study.runs)]))
    facts = [_facts(run) for run in study.runs]
    keys = list(dict.fromkeys(key for fact in facts for key in fact))
    rows = [(key, *(fact.get(key, NONE) for fact in facts)) for key in keys]
    head = ("", *(run.name for run in study.runs))
    return section(
        "To reproduce", tag("pre", "\n".join(commands)), table(head, rows), speed(study), anchor="reproduce"
    )


def _facts(run: Run) -> dict[str, str]:
    facts = {"seeds": str(run.experiment.get("seeds", NONE)), "device": run.device or NONE}
    return facts | {str(name): str(version) for name, version in run.versions.items()}


def _place(run: Run) -> str:
    """The run folder as one would name it from here; no more of this machine's paths than that."""
    folder = Path(os.path.relpath(run.folder))
    return str(folder) if ".." not in folder.parts else run.name


def speed(study: Study) -> Markup | None:
    """What each arm cost, from timing.jsonl."""
    rows = [(arm.label, *_cost(arm)) for arm in study.arms if arm.timing]
    if not rows:
        return None
    head = ("arm", "env steps per second (all seeds)", "training, s", "compiling, s", "peak memory, MB")
    return join([tag("h3", "Speed"), table(head, rows, numeric=(1, 2, 3, 4))])


def _cost(arm: ArmRun) -> tuple[str, ...]:
    """Training alone: lines of timing.jsonl are chunks, their compile_seconds a running sum (from 0 again
    after a resume).
    """

    def known(key: str) -> list[float]:
        return [line[key] for line in arm.timing if key in line]

    rates, compiling, seconds, peak = (
        known(key) for key in ("env_steps_per_second", "compile_seconds", "seconds", "peak_memory_mb")
    )
    return (
        f"{statistics.median(rates):,.0f}" if rates else NONE,
        f"{sum(seconds):,.1f}" if seconds else NONE,
        f"{max(compiling):.1f}" if compiling else NONE,
        f"{max(peak):,.0f}" if peak else NONE,
    )
