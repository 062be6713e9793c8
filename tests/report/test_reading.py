"""Run folders: what is read, and how what cannot be read is named."""

import json

import numpy as np
import pytest

from socialrl.report.reading import read
from socialrl_envs import SocialRLError
from tests.report.fake_run import line, write_run


def test_reads_arms_in_the_experiments_order(tmp_path):
    study = read(write_run(tmp_path / "r", [line("b", "final", 10, [1.0]), line("a", "final", 10, [2.0])]))
    assert [arm.label for arm in study.arms] == ["a", "b"]
    assert study.arms[0].settings["learner"] == {"name": "a", "lr": 1e-3, "gpi": True}
    assert study.arms[0].settings["world"]["name"] == "coin_grid"
    assert study.arms[0].settings["steps"] == 30_000


def test_null_is_a_missing_number(tmp_path):
    arm = read(write_run(tmp_path / "r", [line("a", "final", 10, [1.0, None])])).arms[0]
    np.testing.assert_array_equal(arm.latest().values["return"], [1.0, np.nan])


def test_series_are_in_step_order_and_padded(tmp_path):
    lines = [line("a", "eval", step, values) for step, values in ((20, [3.0]), (10, [1.0, 2.0]), (20, [4.0]))]
    series = read(write_run(tmp_path / "r", lines)).arms[0].series("eval", "return")
    np.testing.assert_array_equal(series.steps, [10, 20])
    np.testing.assert_array_equal(series.values, [[1.0, 2.0], [4.0, np.nan]])


def test_labelled_records_are_not_the_experiments_own(tmp_path):
    lines = [line("a", "final", 10, [1.0]), line("a", "final", 10, [9.0], {"presence": "never"})]
    arm = read(write_run(tmp_path / "r", lines)).arms[0]
    assert arm.latest().values["return"] == [1.0]
    assert len(arm.of("final")) == 2


@pytest.mark.parametrize(("kinds", "expected"), [(("train", "eval"), "eval"), (("train",), "train")])
def test_an_interrupted_run_falls_back(tmp_path, kinds, expected):
    study = read(write_run(tmp_path / "r", [line("a", kind, 10, [1.0]) for kind in kinds], ("a",)))
    assert study.arms[0].latest().kind == expected
    assert not study.arms[0].finished
    assert "no final evaluation of a" in study.runs[0].notes[0]


def test_a_torn_last_line_is_left_out_with_a_note(tmp_path):
    folder = write_run(tmp_path / "r", [line("a", "final", 10, [1.0])], ("a",))
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('{"arm": "a", "ki')
    study = read(folder)
    assert len(study.arms[0].records) == 1
    assert study.runs[0].notes == (
        "metrics.jsonl, line 2 was cut short while being written and is left out.",
    )


GOOD = json.dumps(line("a", "final", 10, [1.0]))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{not json", "Expecting property name"),
        ("[1, 2]", "not a JSON object"),
        ('{"kind": "final", "step": 1, "values": {}}', "`arm` is missing"),
        ('{"arm": "a", "kind": 3, "step": 1, "values": {}}', "`kind` is not a string"),
        ('{"arm": "a", "kind": "final", "step": 1.5, "values": {}}', "`step` is not a whole number"),
        ('{"arm": "a", "kind": "final", "step": -1, "values": {}}', "`step` is not a whole number"),
        ('{"arm": "a", "kind": "final", "step": 1, "values": {"return": [1' + "0" * 400 + "]}}", "too large"),
        ('{"arm": "a", "kind": "final", "step": 1, "values": {"return": "high"}}', "values of 'return'"),
        ('{"arm": "a", "kind": "final", "step": 1, "values": {"return": [true]}}', "values of 'return'"),
    ],
)
def test_a_broken_line_is_named_with_its_file_and_number(tmp_path, bad, says):
    folder = write_run(tmp_path / "r", [])
    (folder / "metrics.jsonl").write_text(f"{GOOD}\n{bad}\n{GOOD}\n")
    with pytest.raises(SocialRLError) as error:
        read(folder)
    assert f"{folder}/metrics.jsonl, line 2" in error.value.message
    assert says in error.value.message


def test_foreign_folders_are_refused(tmp_path):
    with pytest.raises(SocialRLError, match="no such run folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(SocialRLError, match="not a run folder"):
        read(tmp_path)
    (tmp_path / "config.json").write_text('{"format": "other"}')
    with pytest.raises(SocialRLError, match=r"config\.json: not the config of a run"):
        read(tmp_path)
    with pytest.raises(SocialRLError, match="no run folder given"):
        read([])


def test_several_runs_get_the_shortest_names_that_tell_them_apart(tmp_path):
    one = write_run(tmp_path / "coin_grid" / "001", [line("a", "final", 10, [1.0])], ("a",))
    two = write_run(tmp_path / "coin_grid" / "002", [line("a", "final", 10, [2.0])], ("a",))
    three = write_run(tmp_path / "goal_cycle" / "001", [line("a", "final", 10, [3.0])], ("a",))
    assert [arm.label for arm in read([one, two]).arms] == ["001/a", "002/a"]
    assert [arm.label for arm in read([one, three]).arms] == ["coin_grid/001/a", "goal_cycle/001/a"]
    with pytest.raises(SocialRLError, match="given twice"):
        read([one, one])
