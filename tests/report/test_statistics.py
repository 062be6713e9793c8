"""Estimators against numbers computed by hand, and intervals against how often they hold the truth."""

import math

import numpy as np
import pytest

from socialrl.report import statistics
from socialrl.report.statistics import (
    compare,
    difference,
    holm,
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


def test_an_interval_excludes_0_exactly_if_the_p_value_is_at_most_its_level():
    rng = np.random.default_rng(5)
    outcomes = set()
    for shift in np.linspace(0.0, 2.0, 25):
        found = compare(rng.normal(shift, 1.0, 10), rng.normal(size=10), resamples=1_000)
        for level in (0.05, 0.01, 0.05 / 3, 0.2):
            one = found.interval(level)
            outside = one.low > 0 or one.high < 0
            assert outside == (found.p <= level), (found.p, level)
            outcomes.add(outside)
    assert outcomes == {True, False}
    assert compare(np.array([1.0]), np.array([1.0, 2.0])) is None


def test_a_comparison_is_a_little_more_careful_than_a_difference():
    a, b = np.random.default_rng(2).normal(size=(2, 8))
    found, usual = compare(a, b[:7]).interval(), difference(a, b[:7])  # unpaired, both
    assert found.value == usual.value
    assert found.low < usual.low < usual.high < found.high
    assert found.high - found.low < 1.3 * (usual.high - usual.low)


def test_levels_finer_than_the_resamples_widen_the_interval():
    ten, spread = np.arange(10.0), np.array([0.5, 0.4, 0.6, 0.5, 0.5, 0.4, 0.6, 0.5, 0.4, 0.6])
    far, near = compare(ten + 100.0, ten, resamples=1_000), compare(ten + 7.0, ten, resamples=1_000)
    for found in (far, near):
        for level in (1e-3, 1e-4, 1e-6, 1e-9):
            one = found.interval(level)
            assert (one.low > 0) == (found.p <= level)
    assert far.p < 1e-9 < near.p
    certain = compare(ten * 0 + 2.0, spread * 0)
    assert certain.p < 1e-9
    assert certain.interval(1e-6).low == pytest.approx(2.0)


def test_holm_by_hand():
    """The example of four hypotheses: 0.01 and 0.013 are rejected, 0.03 is not at 0.05 / 2."""
    p = [0.03, 0.01, 0.04, 0.013]
    assert holm(p) == pytest.approx([0.025, 0.0125, 0.025, 0.05 / 3])
    assert [value <= level for value, level in zip(p, holm(p), strict=True)] == [False, True, False, True]
    assert holm([0.01, math.nan]) == pytest.approx([0.025, 0.025])
    assert holm([0.01], family=10) == pytest.approx([0.005])
    assert holm([]) == []


def test_few_experiments_of_ten_claims_have_a_false_verdict():
    """Of experiments in which ten claims are void, at most about one in twenty decides any of them."""
    rng, wrong, rounds = np.random.default_rng(7), 0, 120
    for _ in range(rounds):
        arms = rng.normal(size=(20, 10))
        p = [compare(a, b, resamples=1_000).p for a, b in zip(arms[::2], arms[1::2], strict=True)]
        wrong += any(value <= level for value, level in zip(p, holm(p), strict=True))
    assert 0.005 <= wrong / rounds <= 0.075


def test_effects_of_the_detectable_size_are_found_in_four_of_five_experiments():
    rng = np.random.default_rng(11)
    size = np.median([compare(*rng.normal(size=(2, 10))).detectable() for _ in range(50)])
    found = [compare(rng.normal(size, 1.0, 10), rng.normal(size=10), 1_000).p <= 0.05 for _ in range(200)]
    assert 0.7 <= np.mean(found) <= 0.9


@pytest.mark.parametrize("number", [10, 20])
@pytest.mark.parametrize("scores", ["normal", "lognormal", "bimodal"])
def test_tails_hold_their_level(scores, number):
    """How often no difference is told from 0 at a level: no more often than it says, within chance."""
    rng = np.random.default_rng(number)

    def draw():
        drawn = rng.normal(size=number)
        shapes = {"lognormal": np.exp(drawn), "bimodal": drawn + 5.0 * (rng.random(number) < 0.5)}
        return shapes.get(scores, drawn)

    p = np.array([compare(draw(), draw(), resamples=1_000).p for _ in range(250)])
    assert np.mean(p <= 0.05) <= 0.08
    assert np.mean(p <= 0.005) <= 0.02
