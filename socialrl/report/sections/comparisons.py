"""Section: learning from comparisons, from the records of the protocol `comparisons` and of reward models."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from socialrl.record.labels import Comparisons
from socialrl.report import figures
from socialrl.report.few_shot import Scores, columns
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, figure, fold, join, table, tag
from socialrl.report.reading import ArmRun, Record, Study
from socialrl.report.scores import cell
from socialrl.report.section import Body, Context, ReportSection
from socialrl.report.statistics import interquartile_mean, interval
from socialrl.report.tables import NONE, number

ENOUGH = 0.9  # of the return by the true reward
TRUE = "true reward"  # the method that needs no answers
LABELS, ACCURACY = "reward_model/labels", "reward_model/accuracy"
CALIBRATION = "reward_model/calibration_error"
NOTE = (
    "A synthetic person compares clips of the trained agent, and its preferences are inferred; nothing is "
    "trained. Interquartile mean over seeds and tasks; intervals resample seeds within each task. Dashed: "
    "the return by the true reward. Wrong: the share of answers that are the wrong way round."
)
NEEDED = f"answers to {ENOUGH:.0%}"
NEEDED_NOTE = (
    f"{NEEDED}: the fewest answers measured after which the interquartile mean of the return is {ENOUGH:.0%} "
    "of that by the true reward. Right: the share of other pairs of clips whose order is foretold."
)
MODEL_NOTE = (
    "The policy is trained on the rewards of a model, which is trained on answers in turns with it; the true "
    "return is measured, and learnt from by nobody. Accuracy and calibration error of the model are those on "
    "every fifth answer, which is held out."
)


class Line(NamedTuple):
    """The answers after which one method of an arm was measured, and the scores after each."""

    answers: np.ndarray
    scores: list[Scores]
    records: list[Record]  # of all tasks, after the most answers


Key = tuple[str, str, str]  # arm, method, queries


def render(context: Context) -> Body | None:
    """Returns against answers by method and noise, answers needed, inferred preferences, reward models."""
    parts = [part for part in (*inferred(context), *modelled(context)) if part is not None]
    return tuple(parts) if parts else None


def inferred(context: Context) -> Iterator[Markup | None]:
    """What the protocol measured; nothing if it did not run."""
    true, noises = true_returns(context.study), by_noise(context.study)
    if not noises:
        return
    names = {key: title(key) for lines in noises.values() for key in lines}
    styles = figures.arm_styles({name: name for name in names.values()})
    yield tag("p", NOTE, class_="note")
    pictures = []
    for noise, lines in noises.items():
        points = {
            names[key]: (line.answers, [interval(score) for score in line.scores])
            for key, line in lines.items()
        }
        level = interquartile_mean(np.concatenate([x.ravel() for x in true.values()])) if true else None
        words = f"{noise} % wrong"
        pictures.append(figure(Markup(figures.comparisons(points, styles, f"answers-{noise}", words, level))))
    yield tag("div", *pictures, class_="grid halves")
    yield arm_legend(list(names.values()), styles, "answers-key")
    rows = [
        (names[key], f"{noise} %", *needed(line, true.get(key[0])), right(line.records))
        for noise, lines in noises.items()
        for key, line in lines.items()
    ]
    head = ("method", "wrong", NEEDED, "after the most answers", "of the true reward's", "right")
    yield table(head, rows, numeric=(2,))
    yield tag("p", NEEDED_NOTE, class_="note")
    yield preferences(context.study)


def by_noise(study: Study) -> dict[int, dict[Key, Line]]:
    """The lines of every method, by the share of wrong answers in per cent."""
    cells: dict[int, dict[Key, dict[int, list[Record]]]] = {}
    for arm in study.arms:
        for condition, record in arm.measured(Comparisons):
            if condition.method != TRUE and "return" in record.values:
                key = (arm.label, condition.method, condition.queries)
                after = cells.setdefault(condition.noise, {}).setdefault(key, {})
                after.setdefault(condition.labels, []).append(record)
    return {
        noise: {
            key: Line(
                np.array(sorted(after)),
                [columns([one.values["return"] for one in after[count]]) for count in sorted(after)],
                after[max(after)],
            )
            for key, after in found.items()
        }
        for noise, found in sorted(cells.items())
    }


def true_returns(study: Study) -> dict[str, Scores]:
    """The returns by the true reward, by arm."""
    found = {}
    for arm in study.arms:
        tasks = [
            record.values["return"]
            for condition, record in arm.measured(Comparisons)
            if condition.method == TRUE and "return" in record.values
        ]
        if tasks:
            found[arm.label] = columns(tasks)
    return found


def title(key: Key) -> str:
    """A line's name: arm, method, and how clips were chosen where there are two ways."""
    arm, method, by = key
    return f"{arm}: {method}, {by}" if by and not method.startswith("best") else f"{arm}: {method}"


def needed(line: Line, true: Scores | None) -> tuple[object, object, object]:
    """The answers to ENOUGH, the return after the most, and its share of that by the true reward, as
    cells.
    """
    last = cell(interval(line.scores[-1]))
    if true is None:
        return NONE, last, NONE
    wanted = ENOUGH * interquartile_mean(true)
    enough = [
        n for n, score in zip(line.answers, line.scores, strict=True) if interquartile_mean(score) >= wanted
    ]
    share = interquartile_mean(line.scores[-1]) / interquartile_mean(true)
    return (f"{enough[0]}" if enough else f"over {line.answers[-1]}"), last, f"{share:.0%}"


def right(records: list[Record]) -> object:
    """The share of pairs whose order is foretold, as a cell."""
    found = [one.values["accuracy"] for one in records if "accuracy" in one.values]
    return cell(interval(columns(found))) if found else NONE


def preferences(study: Study) -> Markup | None:
    """The inferred preferences beside the true ones, after the most answers."""
    rows = []
    for noise, lines in by_noise(study).items():
        for key, line in lines.items():
            for record in line.records:
                if "cosine" in record.values:
                    rows.append(
                        (title(key), f"{noise} %", vectors(record), cell(interval(record.values["cosine"])))
                    )
    if not rows:
        return None
    head = ("method", "wrong", "inferred ± its standard deviation (true)", "cosine")
    note = "Means over seeds, scaled to the length of the true preferences; answers tell no scale of rewards."
    return fold("Inferred preferences", table(head, rows), tag("p", note, class_="note"))


def vectors(record: Record) -> str:
    """The inferred weight of each cumulant, e.g. "red -0.95 ± 0.10 (-1.00)"."""
    names = [name.removeprefix("w/") for name in record.values if name.startswith("w/")]

    def mean(word: str, name: str) -> float:
        return float(np.nanmean(record.values[f"{word}/{name}"]))

    return ", ".join(
        f"{name} {mean('w', name):+.2f} ± {mean('w_std', name):.2f} ({mean('true', name):+.2f})"
        for name in names
    )


def modelled(context: Context) -> Iterator[Markup | None]:
    """Arms that learnt from the rewards of a model: labels, quality of the model, true return."""
    arms = [arm for arm in context.study.arms if LABELS in arm.metrics("train")]
    if not arms:
        return
    rows = [(arm.label, *quality(arm)) for arm in arms]
    head = ("arm", "answers", "accuracy", "calibration error", "return")
    curves = {arm.label: arm.series("train", ACCURACY) for arm in arms}
    picture = Markup(figures.diagnostic(curves, context.styles, "model-accuracy", "accuracy, held out"))
    legend = arm_legend([arm.label for arm in arms], context.styles, "model-key")
    yield join([tag("h3", "Reward models"), figure(picture, legend=legend), table(head, rows, numeric=(1,))])
    yield tag("p", MODEL_NOTE, class_="note")


def quality(arm: ArmRun) -> tuple[object, ...]:
    """Answers, accuracy and calibration error at the end, and the true return, as cells."""
    last = arm.latest()
    asked, *found = (arm.series("train", name).values[-1] for name in (LABELS, ACCURACY, CALIBRATION))
    returns = NONE if last is None else cell(interval(last.values["return"]))
    return number(float(np.nanmax(asked)), 0), *(cell(interval(one)) for one in found), returns


SECTION = ReportSection(
    title="Comparisons", anchor="comparisons", order=135, render=render, kinds=(Comparisons.kind,)
)
