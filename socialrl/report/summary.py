"""The numbers of the report: what summary.json holds and what every table shows."""

import math
from typing import Any

import numpy as np

from socialrl.report.reading import ArmRun, Record, Study
from socialrl.report.statistics import Estimate, interval


def summarise_study(study: Study) -> dict[str, Any]:
    """{arm: {metric: {"iqm", "low", "high", "seeds", "kind", "step"}}}: JSON values, null for what has no
    number.

    kind and step say which evaluation it is: "final", or the latest that an interrupted run has.
    """
    return {arm.label: summarise_record(record) for arm in study.arms if (record := arm.latest()) is not None}


def summarise_record(record: Record) -> dict[str, Any]:
    """The summary of every metric of one evaluation."""
    return {metric: _entry(values, record) for metric, values in record.values.items()}


def estimate(arm: ArmRun, metric: str = "return") -> Estimate | None:
    """The estimate behind an arm's entry, or None if the arm has no such number yet."""
    record = arm.latest()
    return interval(record.values[metric]) if record is not None and metric in record.values else None


def _entry(values: np.ndarray, record: Record) -> dict[str, Any]:
    return as_json(values) | {"kind": record.kind, "step": record.step}


def as_json(values: np.ndarray) -> dict[str, Any]:
    """A measure, one number per seed, as {"iqm", "low", "high", "seeds"}."""
    result = interval(values)
    numbers = {"iqm": result.value, "low": result.low, "high": result.high}
    return {
        **{key: _json(number) for key, number in numbers.items()},
        "seeds": [_json(float(value)) for value in values],
    }


def _json(number: float) -> float | None:
    return number if math.isfinite(number) else None
