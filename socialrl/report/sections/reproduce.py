"""Section: commands, seeds, device and versions of the runs, and what each arm cost."""

import os
import shlex
import statistics
from pathlib import Path

from socialrl.report.markup import Markup, join, table, tag
from socialrl.report.reading import ArmRun, Run, Study
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.tables import NONE


def render(context: Context) -> Body:
    """The commands, then a column per run, then a row per arm."""
    study = context.study
    commands = [run.command for run in study.runs if run.command]
    commands.append(shlex.join(["socialrl", "report", *(_place(run) for run in study.runs)]))
    facts = [_facts(run) for run in study.runs]
    keys = list(dict.fromkeys(key for fact in facts for key in fact))
    rows = [(key, *(fact.get(key, NONE) for fact in facts)) for key in keys]
    head = ("", *(run.name for run in study.runs))
    return tag("pre", "\n".join(commands)), table(head, rows), speed(study)


def _facts(run: Run) -> dict[str, str]:
    """Seeds, device and versions of a run."""
    seeds = {"seeds": str(run.experiment.get("seeds", NONE)), "first seed": str(run.first_seed)}
    tuning = run.experiment.get("tuning")
    facts = seeds | {"tuning": str(tuning) if tuning else "none recorded", "device": run.device or NONE}
    return facts | {str(name): str(version) for name, version in run.versions.items()}


def _place(run: Run) -> str:
    """The run folder relative to the working directory; its name alone if it lies outside."""
    folder = Path(os.path.relpath(run.folder))
    return str(folder) if ".." not in folder.parts else run.name


def speed(study: Study) -> Markup | None:
    """Speed, time and memory of each arm, from timing.jsonl; None if nothing was timed."""
    rows = [(arm.label, *_cost(arm)) for arm in study.arms if arm.timing]
    if not rows:
        return None
    head = ("arm", "env steps per second, all seeds", "training, s", "compiling, s", "peak memory, MB")
    return join([tag("h3", "Speed"), table(head, rows, numeric=(1, 2, 3, 4))])


def _cost(arm: ArmRun) -> tuple[str, ...]:
    """Median speed, seconds of training, seconds of compiling and peak memory of training, as cells.

    The lines of timing.jsonl are chunks; their compile_seconds is a running sum, which restarts on a resume.
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


SECTION = ReportSection(title="Reproduction", anchor="reproduce", order=160, render=render)
