"""Learners at equal budgets: the area under a learning curve, and returns after equal seconds of training.

Seconds are those of timing.jsonl: of training alone, all seeds of an arm side by side, without compilation
and evaluation. They depend on the machine, so that arms are comparable within one run, on one machine that
did nothing else.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from socialrl.record.labels import AS_TRAINED, Regret
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


def during(arm: ArmRun, measure: str, share: float) -> PerSeed | None:
    """A measure of the evaluation that is nearest to this share of training; None if there is none."""
    curve = arm.series("eval", measure)
    if not len(curve):
        return None
    return curve.values[np.argmin(np.abs(curve.steps - share * curve.steps[-1]))]


def steps_to_half(arm: ArmRun) -> PerSeed | None:
    """Environment steps until the return on held-out levels is first half of the return of a planner in the
    novice's seat, between two evaluations in proportion; None without a curve or the protocol `regret`.

    A seed that never gets so far has the number of all steps, which is less than it needs. NaN where a
    planner earns nothing.
    """
    curve = arm.series("eval", "return")
    found = [record for labels, record in arm.measured(Regret) if labels.condition == AS_TRAINED]
    if len(curve) < 2 or not found or "planner_return" not in found[0].values:
        return None
    return np.array(
        [
            first_above(curve.steps, values, planner / 2) if planner > 0 else np.nan
            for values, planner in zip(curve.values.T, found[0].values["planner_return"], strict=True)
        ]
    )


def first_above(
    steps: Int[np.ndarray, " points"], values: Float[np.ndarray, " points"], level: float
) -> float:
    """Where a curve first reaches a level, between two points in proportion; its end if it never does."""
    reached = np.flatnonzero(values >= level)
    if not len(reached):
        return float(steps[-1])
    at = int(reached[0])
    if at == 0:
        return float(steps[0])
    low, high = values[at - 1], values[at]
    share = (level - low) / (high - low) if np.isfinite(low) else 1.0
    return float(steps[at - 1] + share * (steps[at] - steps[at - 1]))


def timed(arm: ArmRun, arms: Sequence[ArmRun]) -> PerSeed | None:
    """The return of an arm after as many seconds as the quickest of the arms in its world took for all their
    training; None if curves or seconds are missing. arms: of its run.
    """
    together = [one for one in arms if one.settings.get("world") == arm.settings.get("world")]
    found = at_equal_time(together)
    return None if found is None else found[[one.name for one in together].index(arm.name)]


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
