"""Returns on new tasks after a few episodes, from the records of the protocol `few_shot`."""

import numpy as np
from jaxtyping import Float, Int

from socialrl.record.labels import FewShot
from socialrl.report import figures
from socialrl.report.figures import Styles
from socialrl.report.reading import Study
from socialrl.report.statistics import Estimate, interval

Key = tuple[str, str]  # arm and method
Scores = Float[np.ndarray, "seeds tasks"]
Points = dict[
    str, tuple[np.ndarray, list[Estimate]]
]  # by method: numbers of episodes, and the return after each


def curves(study: Study) -> dict[Key, tuple[Int[np.ndarray, " points"], list[Scores]]]:
    """Numbers of episodes, and scores after each, by arm and method."""
    cells: dict[Key, dict[int, dict[tuple[float, ...], np.ndarray]]] = {}
    for arm in study.arms:
        for condition, record in arm.measured(FewShot):
            if "return" in record.values:
                points = cells.setdefault((arm.label, condition.method), {})
                points.setdefault(condition.episodes, {})[condition.preference] = record.values["return"]
    return {
        key: (np.array(sorted(points)), [columns(list(points[count].values())) for count in sorted(points)])
        for key, points in cells.items()
    }


def columns(tasks: list[np.ndarray]) -> Scores:
    """Scores of several tasks, one number per seed each, side by side; NaN where a task has fewer seeds."""
    seeds = max(len(task) for task in tasks)
    return np.stack([np.pad(task, (0, seeds - len(task)), constant_values=np.nan) for task in tasks], axis=1)


def methods(study: Study, arm_styles: Styles) -> tuple[Points, dict[str, figures.Style]]:
    """The returns of each method and its style; both are empty if nothing was measured."""
    found = curves(study)
    names = {key: key[0] if key[1] in ("", key[0]) else f"{key[0]}: {key[1]}" for key in found}
    styles: dict[str, figures.Style] = {}
    for arm in dict.fromkeys(arm for arm, _ in found):
        own = [name for key, name in names.items() if key[0] == arm]
        styles |= dict(zip(own, figures.variants(arm_styles[arm], len(own)), strict=True))
    points = {
        names[key]: (episodes, [interval(score) for score in scores])
        for key, (episodes, scores) in found.items()
    }
    return points, styles
