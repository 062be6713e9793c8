"""The summary of a study as JSON values: what summary.json holds."""

import math
from typing import NotRequired, TypedDict

import numpy as np
from jaxtyping import Float

from socialrl.report.reading import ArmRun, Record, Study
from socialrl.report.statistics import Estimate, interval


class Entry(TypedDict):
    """A measure: interquartile mean, ends of its 95 % interval, and each seed; None for a missing number.

    kind, step: of the evaluation that it is taken from.
    """

    iqm: float | None
    low: float | None
    high: float | None
    seeds: list[float | None]
    kind: NotRequired[str]
    step: NotRequired[int]


Summary = dict[str, dict[str, Entry]]  # by arm and measure


def summarise_study(study: Study) -> Summary:
    """The measures of every arm's final evaluation, or of the latest one of an arm that is not finished."""
    return {arm.label: summarise_record(record) for arm in study.arms if (record := arm.latest()) is not None}


def summarise_record(record: Record) -> dict[str, Entry]:
    """The summary of all metrics of one evaluation."""
    return {metric: _entry(values, record) for metric, values in record.values.items()}


def estimate(arm: ArmRun, metric: str = "return") -> Estimate | None:
    """The estimate of an arm's latest metric, or None if it has none."""
    record = arm.latest()
    return interval(record.values[metric]) if record is not None and metric in record.values else None


def _entry(values: Float[np.ndarray, " seeds"], record: Record) -> Entry:
    return {**as_json(values), "kind": record.kind, "step": record.step}


def as_json(values: Float[np.ndarray, " seeds"]) -> Entry:
    """The entry of a measure, without kind and step."""
    result = interval(values)
    return {
        "iqm": _json(result.value),
        "low": _json(result.low),
        "high": _json(result.high),
        "seeds": [_json(float(value)) for value in values],
    }


def _json(number: float) -> float | None:
    return number if math.isfinite(number) else None
