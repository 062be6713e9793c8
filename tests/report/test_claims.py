"""Claims: exact verdicts, escaping, and what is not measured."""

import dataclasses
import json

import numpy as np
import pytest

from socialrl.config import Claim, from_json, load_experiment, to_json
from socialrl.record.folder import RunFolder
from socialrl.report import format_claims, summarise_claims, write_report
from socialrl.report.findings import verdict
from socialrl.runs import finish
from socialrl_envs import SocialRLError
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page


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


CLAIMS = [
    {"text": "<b>a over\nb", "source": "<i>s", "arm": "a", "over": "b"},
    {"text": "half", "source": "s", "arm": "a", "over": "b", "labels": [["presence", "half"]]},
    {"text": "low", "source": "s", "arm": "b", "value": 7.5, "below": True},
    {"text": "twice", "source": "s", "arm": "b", "over": "a", "times": 0.5},
]


def run_of(folder, more=(), **changes):
    """Two arms of five seeds, a far above b, and four claims of which the second was not measured."""
    lines = [line("a", "final", 9, [5.0, 6, 7, 8, 9]), line("b", "final", 9, [1.0, 1, 2, 2, 3]), *more]
    arms = [{"name": "a"}, {"name": "b"}]
    experiment = {"name": "x", "question": "q", "arms": arms, "claims": CLAIMS, "scale": "tiny"} | changes
    return write_run(folder, lines, experiment=experiment)


def test_the_page_shows_escaped_claims(tmp_path):
    page = Page(write_report(run_of(tmp_path / "run")))
    assert "<b>a over" not in page.source
    assert "<i>s" not in page.source
    first = [
        "<b>a over\nb <i>s",
        "reproduced",
        "a 7.00 [5.30, 8.70]",
        "b 1.70 [1.00, 2.70]",
        "1, in all pairs",
        "5 of 5",
    ]
    assert page.row("<b>a over\nb <i>s") == first
    assert page.row("half s")[1:] == ["not measured", "-", "-", "-", "-"]
    assert page.row("low s")[3] == "7.50"
    twice = page.row("twice s")
    assert twice[1:4] == ["opposite", "b 1.70 [1.00, 2.70]", "0.5 times a: 3.50 [2.65, 4.35]"]
    assert twice[4].startswith("0.06 ")  # of 25 pairs, one is above and one is equal
    assert twice[5] == "0 of 5"
    assert page.row("low s")[5] == "5 of 5"  # all are below 7.5, as claimed
    assert "tiny" in page.source


def test_seeds_without_a_number_are_not_counted(tmp_path):
    followed = line(
        "a", "following", 9, {"precision": [1.0, None, 0.5, 1.0, 1.0]}, {"company": "x", "seen": 1}
    )
    labels = [["protocol", "following"], ["seen", "1"]]
    claim = {
        "text": "precise",
        "source": "s",
        "arm": "a",
        "value": 0.9,
        "measure": "precision",
        "labels": labels,
    }
    page = Page(write_report(run_of(tmp_path / "run", [followed], claims=[claim])))
    assert page.row("precise s")[5] == "3 of 4"


def test_each_run_of_a_page_has_its_own_claims(tmp_path):
    one, two = (
        run_of(tmp_path / name, claims=claims) for name, claims in (("001", CLAIMS), ("002", CLAIMS[2:3]))
    )
    page = Page(write_report([one, two]))
    assert page.row("001: low s")[1] == "reproduced"
    assert page.row("002: low s")[1] == "reproduced"


def test_verdicts_for_terminal_and_summary(tmp_path):
    run = run_of(tmp_path / "run")
    lines = format_claims(run).splitlines()
    assert lines[0].split() == ["claim", "source", "found", "against", "verdict"]
    assert [line.split()[-1] for line in lines[2:]] == ["reproduced", "measured", "reproduced", "opposite"]
    assert lines[2] == "<b>a over b  <i>s    7.00   1.70     reproduced"
    first, second, *_ = summarise_claims(run)
    assert first["verdict"] == "reproduced"
    assert (first["seeds_in_line"], second["seeds_in_line"]) == (5, None)
    assert first["found"]["seeds"] == [5.0, 6.0, 7.0, 8.0, 9.0]
    assert second["found"] is None
    json.dumps(summarise_claims(run), allow_nan=False)
    assert format_claims(run_of(tmp_path / "none", claims=[])) == ""


def test_a_finished_run_keeps_its_verdicts_in_the_summary(tmp_path, capsys):
    run = run_of(tmp_path / "run")
    finish(RunFolder(run, {}))
    content = json.loads((run / "summary.json").read_text())
    assert set(content) == {"a", "b", "claims"}
    assert [claim["verdict"] for claim in content["claims"]] == [
        "reproduced",
        "not measured",
        "reproduced",
        "opposite",
    ]
    assert format_claims(run) in capsys.readouterr().out


def test_a_claim_that_is_none_is_told_by_file_and_key(tmp_path):
    run = run_of(tmp_path / "run", claims=[{"text": "t", "source": "s"}])
    with pytest.raises(SocialRLError, match=r"config.json: claims.0.*arm"):
        write_report(run)


def test_claims_survive_json_and_name_known_arms():
    experiment = load_experiment("experiments/goal_cycle.py")
    assert experiment.claims
    assert from_json(to_json(experiment)) == experiment
    with pytest.raises(SocialRLError, match="unknown arm 'sociap'"):
        dataclasses.replace(experiment, claims=(Claim(text="t", source="s", arm="sociap", over="ppo"),))


def test_the_experts_are_those_that_stay_whatever_the_novices_condition(tmp_path):
    full, half = (
        {"world": "home", "policy": "greedy", "company": "trained", "presence": p} for p in ("full", "half")
    )
    more = [
        line(
            "a", "social", 9, {"return": [8.0] * 5, "return_coplayers": [10.0, 10.1, 10.2, 10.1, 10.0]}, full
        ),
        line("a", "social", 9, {"return": [7.0, 7.1, 7.2, 7.1, 7.0], "return_coplayers": [5.0] * 5}, half),
    ]
    claim = {
        "text": "nine tenths",
        "source": "s",
        "arm": "a",
        "over": "expert",
        "times": 0.9,
        "labels": [["presence", "half"]],
    }
    [found] = summarise_claims(run_of(tmp_path / "run", more, claims=[claim]))
    assert found["verdict"] == "opposite"
    assert found["against"]["iqm"] == pytest.approx(9.06, abs=0.05)
