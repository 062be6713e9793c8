"""Records: what is written is what is read, also after a crash."""

import errno
import json
import math
import os

import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.record.metrics import Records, read_records
from socialrl_envs.errors import SocialRLError


def record(arm, step, kind="train", **values):
    return {"arm": arm, "kind": kind, "step": step, "values": values or {"return": [1.0]}}


def test_records_come_back_in_order(tmp_path):
    records = Records(tmp_path / "metrics.jsonl")
    for step in (10, 20):
        records.append(record("a", step))
    assert Records(tmp_path / "metrics.jsonl").records() == [record("a", 10), record("a", 20)]


def test_no_file_is_no_records(tmp_path):
    assert read_records(tmp_path / "none.jsonl") == []
    assert not (tmp_path / "none.jsonl").exists()


def test_arrays_are_lists_and_what_is_not_a_number_is_null(tmp_path):
    records = Records(tmp_path / "metrics.jsonl")
    values = {
        "jax": jnp.array([0.1, jnp.nan], jnp.float32),
        "numpy": np.array([1, 2]),
        "scalar": np.float32(0.1),
        "list": [math.nan, math.inf, -math.inf, 0.5],
        "flag": np.bool_(True),
    }
    records.append(record("a", np.int64(10), **values))
    line = (tmp_path / "metrics.jsonl").read_text()
    assert "NaN" not in line
    assert "Infinity" not in line
    assert json.loads(line)["values"] == {
        "jax": [0.1, None],
        "numpy": [1, 2],
        "scalar": 0.1,
        "list": [None, None, None, 0.5],
        "flag": True,
    }


def test_float32_comes_back_bit_for_bit(tmp_path):
    numbers = np.random.default_rng(0).normal(size=1000).astype(np.float32) * np.float32(1e-3)
    records = Records(tmp_path / "metrics.jsonl")
    records.append(record("a", 1, x=numbers))
    assert np.array_equal(np.array(records.records()[0]["values"]["x"], np.float32), numbers)


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_dropped(tmp_path, cut):
    path = tmp_path / "metrics.jsonl"
    records = Records(path)
    records.append(record("a", 10))
    whole = path.read_bytes()
    records.append(record("a", 20))
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_records(path) == [record("a", 10)]
    reopened = Records(path)
    assert path.read_bytes() == whole
    reopened.append(record("a", 20))
    assert [r["step"] for r in read_records(path)] == [10, 20]


def test_a_record_that_finds_no_room_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "metrics.jsonl"
    records = Records(path)
    records.append(record("a", 10))
    before, write = path.read_bytes(), os.write

    def full(file, data):
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:20])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(
        SocialRLError, match=r"metrics\.jsonl: cannot write this file: No space left .*make room"
    ):
        records.append(record("a", 20))
    monkeypatch.undo()
    assert path.read_bytes() == before


def test_zeros_that_a_power_cut_left_are_a_torn_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    Records(path).append(record("a", 10))
    path.write_bytes(path.read_bytes() + b"\0" * 50)
    assert Records(path).records() == [record("a", 10)]


def test_a_broken_line_inside_is_refused_and_kept(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"arm": "a", "step": 1}\nrubbish\n{"arm": "a", "step": 2}\n')
    before = path.read_bytes()
    with pytest.raises(SocialRLError, match=r"metrics\.jsonl, line 2"):
        Records(path)
    assert path.read_bytes() == before


def test_truncation_forgets_one_arms_later_records(tmp_path):
    path = tmp_path / "metrics.jsonl"
    records = Records(path)
    for arm, step, kind in (
        ("a", 10, "train"),
        ("b", 30, "train"),
        ("a", 20, "final"),
        ("a", 20, "train"),
        ("a", 30, "eval"),
    ):
        records.append(record(arm, step, kind))
    records.truncate_after("a", 20)
    assert [(r["arm"], r["step"]) for r in records.records()] == [("a", 10), ("b", 30), ("a", 20), ("a", 20)]
    records.truncate_after("a", 20, drop_kinds=("final",))
    assert [(r["arm"], r["kind"]) for r in records.records()] == [
        ("a", "train"),
        ("b", "train"),
        ("a", "train"),
    ]


def test_a_resumed_file_has_the_same_bytes(tmp_path):
    straight, resumed = Records(tmp_path / "straight.jsonl"), Records(tmp_path / "resumed.jsonl")
    for step in (10, 20, 30, 40):
        straight.append(record("a", step, loss=[step / 3]))
    for step in (10, 20, 30):
        resumed.append(record("a", step, loss=[step / 3]))
    resumed = Records(resumed.path)
    resumed.truncate_after("a", 20)
    for step in (30, 40):
        resumed.append(record("a", step, loss=[step / 3]))
    assert resumed.path.read_bytes() == straight.path.read_bytes()
