"""The registered analysis of experiments/prediction.py, on numbers whose results are known."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from socialrl.config import load_experiment
from socialrl.report.reading import Series
from socialrl_envs import plugins

FOLDER = Path(__file__).parent.parent / "experiments"


@pytest.fixture(scope="module")
def analysis():
    return plugins.load_file(FOLDER / "_prediction_analysis.py")


def test_the_sign_flip_test_is_exact(analysis):
    assert analysis.sign_flip(np.array([1.0, 2.0, 3.0])) == 2 / 8
    assert analysis.sign_flip(np.array([1.0, -1.0])) == 1


def test_holm_corrects_for_the_number_of_claims_and_keeps_their_order(analysis):
    np.testing.assert_allclose(analysis.holm([0.04, 0.01, 0.03]), [0.06, 0.03, 0.06])


def test_steps_to_half_of_the_experts_return(analysis):
    series = Series(np.array([10, 20, 30]), np.array([[0.0, 5.0], [4.9, 6.0], [4.9, 4.0]]))
    arm = SimpleNamespace(series=lambda kind, metric: series)
    np.testing.assert_array_equal(analysis.steps_to_half(arm, np.array([10.0, 10.0])), [np.inf, 10])


def test_every_claim_compares_arms_that_the_experiment_trains(analysis):
    experiment = load_experiment(FOLDER / "prediction.py")
    names = {arm.name for arm in experiment.arms}
    registered = {f"{who}_{claim[2]}" for claim in analysis.PRIMARY + analysis.SECONDARY for who in claim[:2]}
    assert registered <= names
    claimed = {(claim.arm, claim.over) for claim in experiment.claims}
    assert claimed == {
        (f"{one}_{where}", f"{other}_{where}") for one, other, where in analysis.PRIMARY + analysis.SECONDARY
    }
    assert min(experiment.seed_numbers) >= 1000
