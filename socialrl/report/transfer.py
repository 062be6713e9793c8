"""The page's section about few-shot transfer to new tasks."""

import numpy as np

from socialrl.report import figures
from socialrl.report.figures import Styles
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, Section, figure, fold, section, table
from socialrl.report.reading import Study
from socialrl.report.scores import cell
from socialrl.report.statistics import Estimate, interval
from socialrl.report.tables import SHARE

Key = tuple[str, str]  # arm and method
Points = dict[
    str, tuple[np.ndarray, list[Estimate]]
]  # by method: after how many episodes, and the return then


def few_shot(study: Study, arm_styles: Styles) -> Section | None:
    """Return on new tasks against the episodes seen of them, by arm and method."""
    curves, (points, styles) = few_shot_curves(study), methods(study, arm_styles)
    if not curves:
        return None
    picture = Markup(figures.few_shot(points, styles, "few"))
    rows = [
        (name, f"{count:,}", cell(interval(score)), str(score.shape[1]))
        for name, (episodes, scores) in zip(points, curves.values(), strict=True)
        for count, score in zip(episodes, scores, strict=True)
    ]
    text = "Interquartile mean over seeds and tasks; intervals resample seeds within each task (stratified bootstrap)."
    return section(
        "Few-shot transfer",
        figure(picture, text, arm_legend(list(points), styles, "few-key")),
        fold("Numbers", table(("method", "episodes", "return", "tasks"), rows, numeric=(1, 3))),
        followed(study),
        anchor="few-shot",
    )


def methods(study: Study, arm_styles: Styles) -> tuple[Points, dict[str, figures.Style]]:
    """The return of every method after some episodes of the new tasks, and how each is drawn; empty if
    nothing was measured.
    """
    curves = few_shot_curves(study)
    names = {key: key[0] if key[1] in ("", key[0]) else f"{key[0]}: {key[1]}" for key in curves}
    styles: dict[str, figures.Style] = {}
    for arm in dict.fromkeys(arm for arm, _ in curves):
        own = [name for key, name in names.items() if key[0] == arm]
        styles |= dict(zip(own, figures.variants(arm_styles[arm], len(own)), strict=True))
    points = {
        names[key]: (episodes, [interval(score) for score in scores])
        for key, (episodes, scores) in curves.items()
    }
    return points, styles


def followed(study: Study) -> Markup | None:
    """Whom each novice that follows anybody followed on each new task, means over seeds; None if no one did."""
    rows = []
    for arm in study.arms:
        for record in arm.of("few_shot"):
            shares = {
                name[len(SHARE) :]: values for name, values in record.values.items() if name.startswith(SHARE)
            }
            means = {
                source: float(np.nanmean(values))
                for source, values in shares.items()
                if np.isfinite(values).any()
            }
            if (
                any(share > 0 for source, share in means.items() if source != "self")
                and "return" in record.values
            ):
                sources = ", ".join(
                    f"{source} {share:.0%}" for source, share in means.items() if share >= 0.005
                )
                task, count = record.labels.get("preference", ""), record.labels.get("episodes", "")
                rows.append(
                    (arm.label, str(task), str(count), f"{np.nanmean(record.values['return']):.1f}", sources)
                )
    if not rows:
        return None
    head = ("arm", "new task", "episodes of it", "return", "steps followed")
    return fold("Whom it followed on each new task", table(head, rows, numeric=(2, 3)))


def few_shot_curves(study: Study) -> dict[Key, tuple[np.ndarray, list[np.ndarray]]]:
    """Arm and method -> (episodes (points,), scores of shape (seeds, tasks) per point)."""
    cells: dict[Key, dict[int, dict[str, np.ndarray]]] = {}
    for arm in study.arms:
        for record in arm.of("few_shot"):
            episodes = record.labels.get("episodes")
            if "return" in record.values and isinstance(episodes, int):
                key = (arm.label, str(record.labels.get("method", "")))
                task = str(record.labels.get("preference", ""))
                cells.setdefault(key, {}).setdefault(episodes, {})[task] = record.values["return"]
    return {
        key: (np.array(sorted(points)), [_columns(list(points[count].values())) for count in sorted(points)])
        for key, points in cells.items()
    }


def _columns(tasks: list[np.ndarray]) -> np.ndarray:
    seeds = max(len(task) for task in tasks)
    return np.stack([np.pad(task, (0, seeds - len(task)), constant_values=np.nan) for task in tasks], axis=1)
