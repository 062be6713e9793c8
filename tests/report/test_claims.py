"""Claims: exact verdicts, escaping, and what is not measured."""

import dataclasses

import numpy as np
import pytest

from socialrl.config import Claim, from_json, load_experiment, to_json
from socialrl.report import write_report
from socialrl.report.claims import verdict
from socialrl_envs import SocialRLError
from tests.report.fake_run import line, write_run


@pytest.mark.parametrize(
    ("better", "worse", "expected"),
    [
        ([5, 6, 7, 8, 9], [1, 1, 2, 2, 3], "reproduced"),
        ([1, 1, 2, 2, 3], [5, 6, 7, 8, 9], "opposite"),
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], "undecided"),
        ([5, 6, 7, 8], [1, 1, 2, 2], "too few seeds"),
    ],
)
def test_the_verdict_follows_the_interval(better, worse, expected):
    assert verdict(np.array(better, float), np.array(worse, float)) == expected


def test_the_page_shows_escaped_claims(tmp_path):
    claims = [
        {"text": "<b>a over b", "source": "s", "arm": "a", "over": "b"},
        {"text": "t", "source": "s", "arm": "a", "over": "b", "labels": [["presence", "half"]]},
    ]
    lines = [line("a", "final", 9, [5.0, 6, 7, 8, 9]), line("b", "final", 9, [1.0, 1, 2, 2, 3])]
    run = write_run(
        tmp_path / "run",
        lines,
        experiment={"name": "x", "question": "q", "arms": [{"name": "a"}, {"name": "b"}], "claims": claims, "scale": "tiny"},
    )
    page = write_report(run).read_text()
    assert "&lt;b&gt;a over b" in page
    assert "<b>a over b" not in page
    assert ">reproduced<" in page
    assert ">not measured<" in page
    assert "tiny" in page


def test_claims_survive_json_and_name_known_arms():
    experiment = load_experiment("experiments/goal_cycle.py")
    assert experiment.claims
    assert from_json(to_json(experiment)) == experiment
    with pytest.raises(SocialRLError, match="unknown arm 'sociap'"):
        dataclasses.replace(experiment, claims=(Claim(text="t", source="s", arm="sociap", over="ppo"),))
