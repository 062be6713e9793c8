"""The page's section about few-shot transfer to new tasks."""

import numpy as np

from socialrl.report import figures
from socialrl.report.legends import arm_legend
from socialrl.report.markup import Markup, Section, figure, fold, section, table
from socialrl.report.reading import Study
from socialrl.report.scores import cell
from socialrl.report.statistics import interval


def few_shot(study: Study) -> Section | None:
    """Return on new tasks against the episodes seen of them, by arm and method."""
    curves = few_shot_curves(study)
    if not curves:
        return None
    styles = figures.arm_styles(list(curves))
    picture = Markup(
        figures.few_shot({m: (e, [interval(s) for s in scores]) for m, (e, scores) in curves.items()}, styles, "few")
    )
    rows = []
    for method, (episodes, scores) in curves.items():
        for count, score in zip(episodes, scores, strict=True):
            rows.append((method, f"{count:,}", cell(interval(score)), str(score.shape[1])))
    text = "Interquartile mean over seeds and tasks; intervals resample seeds within each task (stratified bootstrap)."
    return section(
        "Few-shot transfer",
        figure(picture, text, arm_legend(list(curves), styles, "few-key")),
        fold("Numbers", table(("method", "episodes", "return", "tasks"), rows, numeric=(1, 3))),
        anchor="few-shot",
    )


def few_shot_curves(study: Study) -> dict[str, tuple[np.ndarray, list[np.ndarray]]]:
    """Arm and method -> (episodes (points,), scores of shape (seeds, tasks) per point)."""
    cells: dict[tuple[str, str], dict[int, dict[str, np.ndarray]]] = {}
    for arm in study.arms:
        for record in arm.of("few_shot"):
            episodes = record.labels.get("episodes")
            if "return" in record.values and isinstance(episodes, int | float):
                key = (arm.label, str(record.labels.get("method", "")))
                task = str(record.labels.get("preference", ""))
                cells.setdefault(key, {}).setdefault(int(episodes), {})[task] = record.values["return"]
    curves = {}
    for (arm, method), points in cells.items():
        name = arm if method in ("", arm) else f"{arm}: {method}"
        episodes = sorted(points)
        curves[name] = (np.array(episodes), [_columns(list(points[n].values())) for n in episodes])
    return curves


def _columns(tasks: list[np.ndarray]) -> np.ndarray:
    seeds = max(len(task) for task in tasks)
    return np.stack([np.pad(task, (0, seeds - len(task)), constant_values=np.nan) for task in tasks], axis=1)
