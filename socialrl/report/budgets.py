"""Learners at equal budgets: the area under a learning curve, and returns after equal seconds of training.

Seconds are those of timing.jsonl: of training alone, all seeds of an arm side by side, without compilation
and evaluation. They depend on the machine, so that arms are comparable within one run, on one machine that
did nothing else.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from socialrl.report.reading import ArmRun, Series

PerSeed = Float[np.ndarray, " seeds"]


def area(arm: ArmRun) -> PerSeed | None:
    """The mean of each seed's return on held-out levels over the steps of training, by the trapezoidal rule;
    None with fewer than two evaluations. NaN for a seed without a number in one of them.

    In units of the return: a learner that is at its final return from the first step on has that return.
    """
    curve = arm.series("eval", "return")
    if len(curve) < 2 or curve.steps[-1] == curve.steps[0]:
        return None
    return np.trapezoid(curve.values, curve.steps, axis=0) / (curve.steps[-1] - curve.steps[0])


def seconds_at(arm: ArmRun, steps: Sequence[int] | np.ndarray) -> Float[np.ndarray, " points"] | None:
    """The seconds of training until each of these steps; None if one of them was not timed.

    Between the ends of two chunks time passes evenly.
    """
    lines = sorted((line["step"], line["seconds"]) for line in arm.timing if {"step", "seconds"} <= set(line))
    if not lines or max(steps) > lines[-1][0]:
        return None
    ends = np.array([0, *(step for step, _ in lines)], float)
    passed = np.concatenate([[0.0], np.cumsum([seconds for _, seconds in lines])])
    return np.interp(np.asarray(steps, float), ends, passed)


def at_equal_time(arms: Sequence[ArmRun]) -> list[PerSeed] | None:
    """The return of each arm on held-out levels after as many seconds as the quickest of them took for all
    its training, between two evaluations in proportion to the time; None if curves or seconds are missing.
    """
    curves: list[tuple[np.ndarray, Series]] = []
    for arm in arms:
        curve = arm.series("eval", "return")
        seconds = seconds_at(arm, curve.steps) if len(curve) > 1 else None
        if seconds is None:
            return None
        curves.append((seconds, curve))
    budget = min((seconds[-1] for seconds, _ in curves), default=0.0)
    return [
        np.array([np.interp(budget, seconds, values) for values in curve.values.T])
        for seconds, curve in curves
    ]
