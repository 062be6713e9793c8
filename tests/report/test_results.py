"""Results that are committed: collected from a run, read back, and filled into the marks of a page."""

import json
from pathlib import Path

import numpy as np
import pytest

from socialrl.report import numbers, papers, results
from socialrl.report.gallery import page_of
from socialrl_envs import SocialRLError
from tests.report.fake_run import full_run, line, write_run

HALF = {"world": "home", "policy": "greedy", "company": "trained", "presence": "half"}
SPEEDS = {"head": ["b", "rate/s"], "rows": [["1", "400,000"], ["1,024", "2,500,000"]]}


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """(a folder of results, those of the experiment `one`)."""
    base = tmp_path_factory.mktemp("results")
    seeds = [float(i) for i in range(10)]
    lines = [
        *(line("a", "eval", step, [step * s / 4 for s in seeds]) for step in (0, 2, 4)),
        line(
            "a", "social", 4, {"return": [2.0] * 10, "influence/3": [0.5] * 10, "choice/2": [None] * 10}, HALF
        ),
        line("a", "final", 4, {"return": seeds, "cumulants/red": [1 / 3] * 10}),
        line("b", "final", 4, [10.0 - s / 9 for s in seeds]),
    ]
    claims = [{"text": "a is below b", "source": "aim", "arm": "a", "over": "b", "below": True}]
    experiment = {"name": "one", "question": "?", "arms": [{"name": "a"}, {"name": "b"}], "claims": claims}
    experiment |= {"seeds": 10, "first_seed": 1000, "steps": 4, "tuning": "9 trials"}
    run = write_run(base / "run", lines, experiment=experiment)
    (run / "timing.jsonl").write_text('{"arm": "a", "step": 4, "seconds": 90.0, "compile_seconds": 6.0}\n')
    results.write(results.collect(run), base / "json")
    return base / "json", results.read_results(base / "json")


def test_results_hold_every_seed_and_no_parts_of_curves(collected):
    _, known = collected
    one = known["one"]
    assert (one["reporting"], one["finished"], one["first_seed"], one["tuning"]) == (
        True,
        True,
        1000,
        "9 trials",
    )
    assert results.find(one, "a", "return", {}).tolist() == list(range(10))
    assert results.find(one, "a", "auc", {}).tolist() == [s / 2 for s in range(10)]
    assert results.find(one, "a", "cumulants/red", {})[0] == 0.33333
    assert results.find(one, "a", "return", {"presence": "half"}).tolist() == [2.0] * 10
    assert np.isnan(results.find(one, "a", "choice/2", {"presence": "half"})).all()
    assert one["cost"] == {
        "a": {"seconds": 90.0, "compile_seconds": 6.0},
        "b": {"seconds": 0, "compile_seconds": 0.0},
    }
    assert [claim["verdict"] for claim in one["claims"]] == ["reproduced"]
    for missing in (("c", "return", {}), ("a", "retrun", {}), ("a", "influence/3", {"presence": "half"})):
        with pytest.raises(SocialRLError, match="one: "):
            results.find(one, *missing)


def test_a_page_is_filled_in_and_then_stays(collected, tmp_path, capsys):
    folder, known = collected
    page = tmp_path / "page.md"
    page.write_text(
        "before <!--n one a return-->?<!--/n-->, <!--n one a return form=worst digits=0--><!--/n-->\n"
        "<!--n one a return form=count--><!--/n-->\n"
        "<!--n one a return form=percent presence=half--> x\ny <!--/n-->\n"
        "<!--table arms one return,auc--><!--/table-->\n<!--table claims one--><!--/table-->\n"
        "<!--table summary--><!--/table--> after\n"
    )
    arguments = [str(page), "--results", str(folder)]
    assert numbers.main([*arguments, "--check"]) == 1
    assert "?" in page.read_text()
    assert numbers.main(arguments) == 0
    text = page.read_text()
    assert "before <!--n one a return-->4.5 (2.2 to 6.8)<!--/n-->, " in text
    assert "digits=0-->0<!--/n-->" in text
    assert "form=count-->9 of 10<!--/n-->" in text
    assert "presence=half-->200 %<!--/n-->" in text
    assert "| a | 4.50 (2.20 to 6.80) | 2.25 (1.10 to 3.40) | 0.00 | 90 |" in text
    assert "a is below b" in text
    assert "**reproduced, n = 10**" in text
    assert "| [one](experiments.md#one) | 10 from 1000 | 9 trials | 1 | 0 | 0 | - |" in text
    assert text.endswith(" after\n")
    assert numbers.main([*arguments, "--check"]) == 0
    capsys.readouterr()
    page.write_text("<!--n two a return--><!--/n-->")
    assert numbers.main(arguments) == 2
    assert (
        "page.md: <!--n two a return-->: no results of two (socialrl reproduce two)"
        in capsys.readouterr().err
    )
    files = numbers.Files(known, {"s": SPEEDS})
    for text, filled in (
        ("n speed s rate/s b=1,024", "2,500,000"),
        ("n speed s rate/s b=1 in=millions", "0.4"),
        ("table speed s rate/s", "\n\n| rate/s |\n| --- |\n| 400,000 |\n| 2,500,000 |\n\n"),
    ):
        kind = text.split()[0]
        assert numbers.fill(f"<!--{text}--><!--/{kind}-->", files) == f"<!--{text}-->{filled}<!--/{kind}-->"
    for mark in (
        "n one a",
        "n speed s rate/s",
        "n speed s rate/s b=2",
        "n speed s other b=1",
        "n speed s rate/s b=1 in=dozens",
        "n speed t rate/s b=1",
        "table speed s other",
        "n one a return form=x",
        "table arms",
        "table arms one x",
        "table other z",
    ):
        kind = mark.split()[0]
        with pytest.raises(SocialRLError, match="p: <!--"):
            numbers.fill(f"<!--{mark}--><!--/{kind}-->", files, "p")


def test_what_is_no_result_is_told_by_its_file(tmp_path):
    for name, text in {"bad.json": "{", "list.json": "[]", "other.json": '{"format": "x"}'}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(SocialRLError, match=name):
            results.read_result(tmp_path / name)
    result = results.collect(full_run(tmp_path / "run", seeds=2, points=4))
    moved = results.write(result, tmp_path).rename(tmp_path / "moved.json")
    with pytest.raises(SocialRLError, match=r"moved.json: experiment is 'coin_grid'"):
        results.read_result(moved)


def test_a_claim_of_a_paper_has_the_verdict_of_its_experiment(collected, tmp_path):
    _, known = collected
    entry = {
        "paper": "P",
        "claim": "c",
        "tested": "ours",
        "how": "h",
        "experiment": "one",
        "text": "a is below b",
    }
    gap, decided = papers.outcome(entry, known)
    assert decided == "**reproduced, n = 10**"
    assert gap.startswith("5.00 [")
    assert papers.outcome(entry, {})[1] == "not run yet"
    for changes in ({"tested": "yes"}, {"tested": "not tested"}, {"extra": 1}):
        (tmp_path / "papers.json").write_text(json.dumps([entry | changes]))
        with pytest.raises(SocialRLError, match=r"papers.json: 0"):
            papers.read(tmp_path / "papers.json")


def test_the_page_has_a_chapter_per_experiment(collected):
    _, known = collected
    text = page_of(known, "pictures")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [f"## {name}" for name in known]
    assert "a is below b" in text


def test_commands_of_a_reproduction_name_the_experiment_alone(tmp_path):
    command = "socialrl reproduce --runs /far/away x"
    run = write_run(tmp_path / "x", [], experiment={"name": "x"}, command=command)
    assert results.collect(run)["command"] == "socialrl reproduce x"
    assert Path(results.write(results.collect(run), tmp_path / "out")).read_text().startswith("{\n")


def test_the_command_of_a_sweep_keeps_what_it_changed(tmp_path):
    command = "socialrl sweep experiments/x.py --gpus 0.1 --first_seed 1000 --out /far/away"
    run = write_run(tmp_path / "x", [], experiment={"name": "x"}, command=command)
    kept = "socialrl sweep experiments/x.py --gpus 0.1 --first_seed 1000"
    assert results.collect(run)["command"] == kept
