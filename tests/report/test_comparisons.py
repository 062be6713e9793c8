"""The section about comparisons: answers needed by hand, what was inferred, and reward models."""

import numpy as np

from socialrl.report.page import context_of
from socialrl.report.reading import read
from socialrl.report.sections import comparisons
from socialrl.report.sections.comparisons import SECTION, by_noise, needed, true_returns
from tests.report.fake_run import line, write_run

TASK = [1.0, -1.0]
METHOD = "w, learnt cumulants"


def record(labels, returns, method=METHOD, queries="disagreement", noise=0, **more):
    where = {"preference": TASK, "method": method, "queries": queries, "noise": noise, "labels": labels}
    return line("a", "comparisons", 9, {"return": returns, **more}, where)


LINES = [
    record(0, [10.0, 10.0], "true reward", ""),
    record(0, [1.0, 2.0]),
    record(10, [8.0, 9.5]),
    record(20, [9.0, 9.4], accuracy=[0.75, 0.75]),
    record(
        50,
        [9.5, 9.7],
        accuracy=[0.875, 0.875],
        cosine=[0.96, 0.98],
        **{"w/red": [0.9, 1.0], "w_std/red": [0.1, 0.2], "true/red": [1.0, 1.0]},
    ),
    record(0, [1.0, 1.0], "best of 4", "random"),
    record(50, [5.0, 6.0], "best of 4", "random"),
]


def study_of(tmp_path, lines):
    return read(write_run(tmp_path / "run", lines, ("a",)))


def shown(study):
    body = SECTION.render(context_of(study, frozenset(SECTION.kinds)))
    return "" if body is None else "".join(map(str, body))


def test_the_fewest_answers_that_give_nine_tenths(tmp_path):
    study = study_of(tmp_path, LINES)
    lines, true = by_noise(study)[0], true_returns(study)["a"]
    first, _, share = needed(lines["a", METHOD, "disagreement"], true)
    assert (first, share) == ("20", "96%")  # a mean of 8.75 after 10 answers, 9.2 after 20
    assert needed(lines["a", "best of 4", "random"], true)[0] == "over 50"
    assert needed(lines["a", METHOD, "disagreement"], None)[0] == "-"


def test_methods_preferences_and_their_uncertainty_are_shown(tmp_path):
    text = shown(study_of(tmp_path, LINES))
    for part in ("a: w, learnt cumulants, disagreement", "a: best of 4", "over 50", "0 % wrong", "0.88"):
        assert part in text
    assert "red +0.95 ± 0.15 (+1.00)" in text


def test_reward_models_are_shown_along_training(tmp_path):
    lines = [
        line(
            "a",
            "train",
            step,
            {
                "reward_model/labels": [step / 10] * 2,
                "reward_model/accuracy": [0.5 + step / 1_000] * 2,
                "reward_model/calibration_error": [0.125] * 2,
            },
        )
        for step in (100, 200, 300)
    ]
    text = shown(study_of(tmp_path, [*lines, line("a", "final", 300, [4.0, 5.0])]))
    for part in ("Reward models", ">30<", "0.80", "0.12", "4.50", "accuracy, held out"):
        assert part in text


def test_without_either_there_is_no_section(tmp_path):
    assert shown(study_of(tmp_path, [line("a", "final", 9, [1.0])])) == ""
    assert np.isclose(comparisons.ENOUGH, 0.9)
