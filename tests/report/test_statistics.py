"""Estimators against numbers computed by hand, and intervals against how often they hold the truth."""

import math

import numpy as np
import pytest

from socialrl.report import statistics
from socialrl.report.statistics import (
    difference,
    interquartile_mean,
    interval,
    intervals,
    paired,
    probability_of_improvement,
)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([7.0], 7.0),
        ([1.0, 3.0], 2.0),
        ([0.0, 1.0, 5.0], (0.25 * 0 + 1 + 0.25 * 5) / 1.5),
        ([100.0, 1.0, 2.0, -50.0], 1.5),
        ([5.0, 1.0, 2.0, 4.0, 3.0], 3.0),
        ([0.0, 10.0, 11.0, 13.0, 100.0], (0.75 * 10 + 11 + 0.75 * 13) / 2.5),
        ([0.0, 0.0, 1.0, 2.0, 3.0, 6.0, 9.0, 9.0], 3.0),
    ],
)
def test_interquartile_mean_by_hand(scores, expected):
    assert interquartile_mean(np.array(scores)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("count", range(1, 12))
def test_weights_sum_to_one_and_are_symmetric(count):
    weights = statistics.trim_weights(count)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(weights, weights[::-1], atol=1e-15)


def test_iqm_is_rliables_where_four_divides_the_count():
    scores = np.random.default_rng(0).normal(size=12)
    assert interquartile_mean(scores) == pytest.approx(np.sort(scores)[3:9].mean())


def test_missing_scores_are_left_out():
    assert interquartile_mean(np.array([np.nan, 1.0, 3.0, np.inf])) == 2.0
    assert math.isnan(interquartile_mean(np.array([np.nan])))
    assert interval(np.array([np.nan, 1.0, 3.0])) == interval(np.array([1.0, 3.0]))


def test_two_scores_give_the_interval_between_them():
    assert interval(np.array([1.0, 3.0])) == statistics.Estimate(2.0, 1.0, 3.0)


def test_one_seed_gives_no_interval():
    result = interval(np.array([4.0]))
    assert result.value == 4.0
    assert not result.bounded
    assert not interval(np.array([[4.0, 5.0]])).bounded  # one seed of each of two tasks


def test_no_score_gives_nothing():
    assert math.isnan(interval(np.array([np.nan, np.nan])).value)
    assert math.isnan(difference(np.array([np.nan]), np.array([1.0, 2.0])).value)
    assert math.isnan(probability_of_improvement(np.array([np.nan]), np.array([1.0])).value)


def test_the_same_scores_give_the_same_interval():
    scores = np.random.default_rng(3).normal(size=5)
    assert interval(scores) == interval(scores)


def test_strata_keep_tasks_apart():
    """Two tasks that differ by 100 and whose seeds agree: with strata there is nothing to resample."""
    scores = np.array([[0.0, 100.0]] * 4)
    result = interval(scores)
    assert (result.low, result.value, result.high) == (50.0, 50.0, 50.0)
    assert interval(scores.ravel()).high > 60.0


def test_pairing_cancels_what_a_seed_does_to_both_arms():
    seeds = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    result = difference(seeds + 1.0, seeds)
    assert paired(seeds + 1.0, seeds)
    assert (result.low, result.value, result.high) == pytest.approx((1.0, 1.0, 1.0))
    alone = difference(seeds[:4] + 1.0, seeds)
    assert not paired(seeds[:4], seeds)
    assert alone.low < -10 < 10 < alone.high


def test_unpaired_if_a_seed_is_missing():
    assert not paired(np.array([1.0, np.nan]), np.array([1.0, 2.0]))


def test_probability_of_improvement_by_hand():
    result = probability_of_improvement(np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0]))
    assert result.value == pytest.approx((0 + 1 + 0.5 + 1 + 1 + 1) / 6)
    assert 0.0 <= result.low <= result.value <= result.high <= 1.0
    assert probability_of_improvement(np.array([2.0, 3.0]), np.array([0.0, 1.0])).value == 1.0


def test_intervals_of_a_curve():
    curve = np.array([[1.0, 3.0], [2.0, 2.0], [np.nan, 5.0]])
    bands = intervals(curve)
    assert bands.shape == (3, 3)
    np.testing.assert_allclose(bands[:2], [[2, 1, 3], [2, 2, 2]])
    assert bands[2, 0] == 5.0
    assert np.isnan(bands[2, 1:]).all()


@pytest.mark.parametrize(("seeds", "low", "high"), [(3, 0.69, 0.81), (5, 0.85, 0.95), (10, 0.90, 0.98)])
def test_coverage_is_what_the_report_says(seeds, low, high):
    """How often the interval of normal scores holds their true IQM, 0; and that of a difference too."""
    rng = np.random.default_rng(seeds)
    rounds = 500
    held = [interval(rng.normal(size=seeds), resamples=500, seed=i) for i in range(rounds)]
    gaps = [
        difference(rng.normal(size=seeds), rng.normal(size=seeds), resamples=500, seed=i)
        for i in range(rounds)
    ]
    assert low <= np.mean([e.low <= 0 <= e.high for e in held]) <= high
    assert low <= np.mean([e.low <= 0 <= e.high for e in gaps]) <= high
