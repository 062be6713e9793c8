"""Claims: exact verdicts, escaping, and what is not measured."""

import dataclasses
import json

import numpy as np
import pytest

from socialrl.config import Claim, from_json, load_experiment, to_json
from socialrl.record.folder import RunFolder
from socialrl.report import format_claims, summarise_claims, write_report
from socialrl.report.findings import Finding, findings
from socialrl.report.reading import read
from socialrl.runs import finish
from socialrl_envs import SocialRLError
from tests.report.fake_run import line, write_run
from tests.report.test_page import Page

HIGH, LOW = np.arange(5.0, 15.0), np.array([1.0, 1, 2, 2, 3, 1, 1, 2, 2, 3])
BOTH = Claim(text="t", source="ours", arm="a", over="b")


@pytest.mark.parametrize(
    ("better", "worse", "changes", "expected"),
    [
        (HIGH, LOW, {}, "reproduced"),
        (LOW, HIGH, {}, "opposite"),
        (HIGH, HIGH[::-1], {}, "undecided"),
        (HIGH[:9], LOW[:9], {}, "too few seeds"),
        (HIGH, np.where(LOW == 3, np.nan, LOW), {}, "too few seeds"),  # two seeds have no number
        (HIGH, LOW, {"needed": 20}, "too few seeds"),  # twenty were declared
        (HIGH, LOW, {"reporting": False}, "tuning only"),
        (HIGH, None, {"reporting": False}, "not measured"),
    ],
)
def test_the_verdict_follows_the_interval(better, worse, changes, expected):
    assert Finding(BOTH, "run", better, worse, **changes).verdict == expected


def test_the_corrected_interval_decides():
    """A difference that is told from 0 by itself, and is not as one of twenty claims."""
    rng = np.random.default_rng(1)
    better, worse = rng.normal(0.6, 1.0, 10), rng.normal(0.0, 1.0, 10)
    alone, among = (Finding(BOTH, "run", better, worse, level=level) for level in (0.05, 0.05 / 20))
    assert 0.05 / 20 < alone.gap.p < 0.05
    assert (alone.verdict, among.verdict) == ("reproduced", "undecided")
    assert alone.raw == among.raw
    assert among.corrected.low < 0 < alone.corrected.low
    assert among.detectable > alone.detectable > 0


CLAIMS = [
    {"text": "<b>a over\nb", "source": "paper", "paper": "<i>s", "arm": "a", "over": "b"},
    {"text": "half", "source": "aim", "arm": "a", "over": "b", "labels": [["presence", "half"]]},
    {"text": "low", "source": "aim", "arm": "b", "value": 7.5, "below": True},
    {"text": "twice", "source": "aim", "arm": "b", "over": "a", "times": 0.5},
]


def run_of(folder, more=(), **changes):
    """Two arms of ten seeds, a far above b, and four claims of which the second was not measured."""
    lines = [line("a", "final", 9, HIGH.tolist()), line("b", "final", 9, LOW.tolist()), *more]
    arms = [{"name": "a"}, {"name": "b"}]
    experiment = {"name": "x", "question": "q", "arms": arms, "claims": CLAIMS, "scale": "tiny"}
    experiment |= {"seeds": 10, "first_seed": 1000} | changes
    return write_run(folder, lines, experiment=experiment)


def test_the_page_shows_escaped_claims(tmp_path):
    page = Page(write_report(run_of(tmp_path / "run")))
    assert "<b>a over" not in page.source
    assert "<i>s" not in page.source
    first = page.row("<b>a over\nb <i>s")
    assert first[1:4] == ["reproduced", "a 9.50 [7.20, 11.80]", "b 1.70 [1.10, 2.40]"]
    assert first[4].startswith("7.80 [")
    assert first[6:] == ["-", "1, in all pairs", "10 of 10"]
    raw, corrected = (np.array(json.loads(text[text.index("[") :])) for text in first[4:6])
    assert corrected[0] < raw[0] < 7.8 < raw[1] < corrected[1]
    assert page.row("half aim")[1:] == ["not measured", *"-------"]
    assert page.row("low aim")[3] == "7.50"
    twice = page.row("twice aim")
    assert twice[1:3] == ["opposite", "b 1.70 [1.10, 2.40]"]
    assert twice[3].startswith("0.5 times a: 4.75 [")
    assert twice[7].startswith("0.03 ")  # of 100 pairs, two are above and two are equal
    assert twice[8] == "0 of 10"
    assert page.row("low aim")[8] == "10 of 10"  # all are below 7.5, as claimed
    assert "tiny" in page.source


def test_on_seeds_for_tuning_nothing_is_decided_and_the_page_says_so(tmp_path):
    run = run_of(tmp_path / "run", first_seed=0)
    assert {one["verdict"] for one in summarise_claims(run)} == {"tuning only", "not measured"}
    told = "run: seeds for tuning (10 seeds (0 to 9)), so its claims have no verdict"
    assert told in format_claims(run)
    assert told in Page(write_report(run)).source
    assert "seeds for tuning" not in format_claims(run_of(tmp_path / "fresh"))


def test_claims_that_are_not_measured_or_left_out_count_in_the_correction(tmp_path):
    four, forty = (
        findings(read(run_of(tmp_path / name, **changes)))
        for name, changes in (("four", {}), ("forty", {"claims_in_all": 40}))
    )
    assert sorted(one.level for one in four) == pytest.approx([0.05 / 4, 0.05 / 4, 0.05 / 3, 0.05 / 2])
    assert min(one.level for one in forty) == pytest.approx(0.05 / 40)


def test_only_the_declared_seeds_decide(tmp_path):
    """Ten more seeds, on which b is far above a, come too late."""
    lines = [("a", [*HIGH, *LOW]), ("b", [*LOW, *(99 + HIGH)])]
    more = [line(arm, "final", 9, [float(x) for x in scores]) for arm, scores in lines]
    claims = [{"text": "t", "source": "aim", "arm": "a", "over": "b"}]
    for declared, expected in ((10, "reproduced"), (20, "opposite")):
        run = run_of(tmp_path / str(declared), claims=claims, seeds=20, claim_seeds=declared)
        (run / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in more))
        [found] = summarise_claims(run)
        assert (found["verdict"], found["seeds"], found["seeds_needed"]) == (expected, declared, declared)


def test_a_source_of_before_the_rules_becomes_ours(tmp_path):
    old = [{"text": "t", "source": "Somebody 2021", "arm": "a", "over": "b"}]
    run = run_of(tmp_path / "run", claims=old)
    assert "ours, after Somebody 2021" in format_claims(run)
    [found] = summarise_claims(run)
    assert (found["source"], found["paper"]) == ("ours", "Somebody 2021")
    with pytest.raises(SocialRLError, match="no paper"):
        Claim(text="t", source="paper", arm="a", over="b")


def curves(arm, last, seconds):
    """An arm that learns in a straight line from 0 to `last` in 10 steps, two chunks of so many seconds."""
    ends = [line(arm, "eval", step, [step / 10 * last] * 10) for step in (0, 5, 10)]
    timing = [{"arm": arm, "step": step, "seconds": seconds} for step in (5, 10)]
    return [*ends, line(arm, "final", 10, [last] * 10)], timing


def test_learners_are_compared_by_area_and_after_equal_time_too(tmp_path):
    """b is higher after equal steps, and a after equal seconds, of which it needs a tenth."""
    (a, quick), (b, slow) = curves("a", 4.0, 1.0), curves("b", 6.0, 10.0)
    claims = [
        {"text": "end", "source": "aim", "arm": "a", "over": "b"},
        {"text": "sooner", "source": "aim", "arm": "a", "over": "b", "measure": "auc"},
    ]
    experiment = {"name": "x", "arms": [{"name": "a"}, {"name": "b"}], "claims": claims, "first_seed": 1000}
    run = write_run(tmp_path / "run", [*a, *b], experiment=experiment)
    (run / "timing.jsonl").write_text("".join(json.dumps(one) + "\n" for one in [*quick, *slow]))
    end, sooner = summarise_claims(run)
    assert (end["difference"], sooner["difference"]) == pytest.approx((-2.0, -1.0))
    assert end["same_time"] == pytest.approx([4.0 - 0.6] * 3)  # b has had 2 of 20 seconds
    assert sooner["same_time"] is None
    assert Page(write_report(run)).row("end aim")[6] == "3.40 [3.40, 3.40]"


def test_seeds_without_a_number_are_not_counted(tmp_path):
    values = {"precision": [1.0, None, 0.5, 1.0, 1.0]}
    followed = line("a", "following", 9, values, {"company": "x", "seen": 1})
    labels = [["protocol", "following"], ["seen", "1"]]
    claim = {
        "text": "precise",
        "source": "aim",
        "arm": "a",
        "value": 0.9,
        "measure": "precision",
        "labels": labels,
    }
    page = Page(write_report(run_of(tmp_path / "run", [followed], claims=[claim])))
    assert page.row("precise aim")[8] == "3 of 4"


def test_each_run_of_a_page_has_its_own_claims(tmp_path):
    one, two = (
        run_of(tmp_path / name, claims=claims) for name, claims in (("001", CLAIMS), ("002", CLAIMS[2:3]))
    )
    page = Page(write_report([one, two]))
    assert page.row("001: low aim")[1] == "reproduced"
    assert page.row("002: low aim")[1] == "reproduced"


def test_verdicts_for_terminal_and_summary(tmp_path):
    run = run_of(tmp_path / "run")
    lines = format_claims(run).splitlines()
    head = ["claim", "source", "found", "against", "difference,", "95", "%", "corrected", "verdict"]
    assert lines[0].split() == head
    assert [line.split()[-1] for line in lines[2:]] == ["reproduced", "measured", "reproduced", "opposite"]
    assert lines[2].split()[:6] == ["<b>a", "over", "b", "<i>s", "9.50", "1.70"]
    first, second, *_ = summarise_claims(run)
    assert first["verdict"] == "reproduced"
    assert (first["seeds_in_line"], second["seeds_in_line"]) == (10, None)
    assert first["found"]["seeds"] == HIGH.tolist()
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
    run = run_of(tmp_path / "run", claims=[{"text": "t", "source": "aim"}])
    with pytest.raises(SocialRLError, match=r"config.json: claims.0.*arm"):
        write_report(run)


def test_claims_survive_json_and_name_known_arms():
    experiment = load_experiment("experiments/goal_cycle.py")
    assert experiment.claims
    assert from_json(to_json(experiment)) == experiment
    with pytest.raises(SocialRLError, match="unknown arm 'sociap'"):
        dataclasses.replace(experiment, claims=(Claim(text="t", source="aim", arm="sociap", over="ppo"),))


def test_the_experts_are_those_that_stay_whatever_the_novices_condition(tmp_path):
    full, half = (
        {"world": "home", "policy": "greedy", "company": "trained", "presence": p} for p in ("full", "half")
    )
    earned = [7.0, 7.1, 7.2, 7.1, 7.0] * 2
    theirs = [10.0, 10.1, 10.2, 10.1, 10.0] * 2
    more = [
        line("a", "social", 9, {"return": [8.0] * 10, "return_coplayers": theirs}, full),
        line("a", "social", 9, {"return": earned, "return_coplayers": [5.0] * 10}, half),
    ]
    claim = {
        "text": "nine tenths",
        "source": "aim",
        "arm": "a",
        "over": "expert",
        "times": 0.9,
        "labels": [["presence", "half"]],
    }
    [found] = summarise_claims(run_of(tmp_path / "run", more, claims=[claim]))
    assert found["verdict"] == "opposite"
    assert found["against"]["iqm"] == pytest.approx(9.06, abs=0.05)


def three_evaluations(folder, claims, worlds=(None, None)):
    """A run of two arms with three evaluations, at 0, 10 and 20 steps, that took 2 and 4 seconds."""
    a, b = np.arange(10.0), 2 * np.arange(10.0)
    lines = [
        line(arm, "eval", step, (share * top).tolist())
        for arm, top in (("a", a), ("b", b))
        for step, share in ((0, 0.0), (10, 0.5), (20, 1.0))
    ]
    labels = {"condition": "as trained"}
    lines += [
        line(arm, "regret", 20, {"return": top.tolist(), "planner_return": [8.0] * 10}, labels)
        for arm, top in (("a", a), ("b", b))
    ]
    experiment = {"name": "x", "question": "q", "seeds": 10, "first_seed": 1000, "claims": claims}
    experiment["world"] = {"name": "coin_grid"}
    experiment["arms"] = [{"name": name, "world": world} for name, world in zip("ab", worlds, strict=True)]
    run = write_run(folder, lines, experiment=experiment)
    timing = [
        {"arm": arm, "step": step, "seconds": seconds}
        for arm, seconds in (("a", 1.0), ("b", 2.0))
        for step in (10, 20)
    ]
    (run / "timing.jsonl").write_text("".join(json.dumps(one) + "\n" for one in timing))
    return read(run)


def claim(**options):
    return {"text": str(options), "source": "ours", "arm": "a", "over": "b"} | options


def test_a_claim_about_a_share_of_training_takes_the_nearest_evaluation(tmp_path):
    study = three_evaluations(tmp_path / "run", [claim(at=0.4), claim(at=0.9), claim()])
    found = [one.found for one in findings(study)]
    np.testing.assert_array_equal(found[0], np.arange(10.0) / 2)
    np.testing.assert_array_equal(found[1], np.arange(10.0))
    assert found[2] is None  # no final evaluation
    with pytest.raises(SocialRLError, match="leave out `at`"):
        Claim(text="t", source="ours", arm="a", at=0.5, labels=(("protocol", "regret"),))


def test_steps_to_half_of_a_planner_and_returns_after_equal_seconds(tmp_path):
    """a reaches 4 of 8 at step 20 in seed 4, at 10 in seed 8; b trains half as fast, and is there earlier."""
    claims = [claim(measure="steps_to_half", below=True), claim(measure="timed")]
    study = three_evaluations(tmp_path / "run", claims)
    half, same = findings(study)
    expected = [20.0 if top < 4 else 20 * 4 / top for top in range(10)]
    np.testing.assert_allclose(half.found, expected)
    np.testing.assert_allclose(half.against[[1, 2, 9]], [20.0, 20.0, 20 * 4 / 18])
    np.testing.assert_allclose(same.found, np.arange(10.0))
    np.testing.assert_allclose(same.against, np.arange(10.0))  # half of its training
    apart = three_evaluations(tmp_path / "apart", [claim(measure="timed")], ({"name": "p"}, {"name": "q"}))
    np.testing.assert_allclose(findings(apart)[0].against, 2 * np.arange(10.0))  # another world
