"""Metrics in TensorBoard and W&B, as these programs read them, and one of them that fails."""

import json
import sys
import time
import types

import pytest

from socialrl.cli import main
from socialrl.formats.loggers import check_loggers, log_again, open_loggers
from socialrl.record.folder import RUN_FORMAT, RUN_VERSION, RunFolder
from socialrl.record.metrics import Records
from socialrl_envs.errors import SocialRLError
from tests.formats.events import read_events, read_wandb

CONFIG = {
    "format": RUN_FORMAT,
    "version": RUN_VERSION,
    "experiment": {
        "name": "tiny",
        "question": "?",
        "seeds": 2,
        "arms": [{"name": "a", "learner": {"lr": 0.1}}],
    },
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "001"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG))
    return RunFolder(path, CONFIG)


def record(step, kind="train", labels=None, **values):
    facts = {"arm": "a", "kind": kind, "step": step} | ({"labels": labels} if labels else {})
    return facts | {"values": values or {"return": [step / 10, float("nan")], "loss/td": [0.5, 0.25]}}


def test_tensorboard_reads_them_while_they_are_written(folder):
    pytest.importorskip("tensorboard")
    with open_loggers(["tensorboard"], folder) as listeners:
        records = Records(folder.metrics, listeners)
        records.append(record(0, "offline", {"gradient_steps": 250}, loss=[3.0, 2.0]))
        records.append(record(10))
        records.append(record(20))
        found = read_events(folder.path / "tensorboard" / "a" / "seed0")  # nothing is closed yet
        assert found == {"train/return": {10: 1.0, 20: 2.0}, "train/loss/td": {10: 0.5, 20: 0.5}}
        records.append(record(20, "social", {"company": "good"}, gain=[1.0, 2.0]))
    found = read_events(folder.path / "tensorboard" / "a" / "seed1")
    assert found["social/company=good/gain"] == {20: 2.0}
    assert "train/return" not in found  # it never was finite
    offline = read_events(folder.path / "tensorboard" / "a" / "seed0" / "offline")
    assert offline == {"offline/loss": {250: 3.0}}


def test_tensorboard_forgets_what_a_resumed_run_forgets(folder):
    pytest.importorskip("tensorboard")
    for steps, lost in (((10, 20, 30), None), ((20, 30, 40), 10)):
        with open_loggers(["tensorboard"], folder) as listeners:
            records = Records(folder.metrics, listeners)
            if lost is not None:
                records.truncate_after("a", lost)
            for step in steps:
                records.append(record(step, value=[1.0 if lost is None else 2.0]))
    found = read_events(folder.path / "tensorboard" / "a" / "seed0")
    assert found == {"train/value": {10: 1.0, 20: 2.0, 30: 2.0, 40: 2.0}}
    log_again(["tensorboard"], folder.path)
    assert read_events(folder.path / "tensorboard" / "a" / "seed0") == found


def test_wandb_keeps_them_offline(folder, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with open_loggers(["wandb"], folder) as listeners:
        records = Records(folder.metrics, listeners)
        records.append(record(0, "offline", {"gradient_steps": 250}, loss=[3.0]))
        records.append(record(10, value=[1.5]))
        records.append(record(10, "final", value=[2.5]))
    (file,) = (folder.path / "wandb").glob("offline-run-*/run-*.wandb")
    facts, rows = {}, []
    until = time.monotonic() + 30
    while len(rows) < 3 and time.monotonic() < until:  # W&B's own process writes the file
        time.sleep(0.05)
        facts, rows = read_wandb(file)
    assert (facts["name"], facts["group"]) == ("a-seed0", "tiny-001")
    assert (facts["config"]["arm"], facts["config"]["seed"]) == ({"name": "a", "learner": {"lr": 0.1}}, 0)
    assert rows == [
        {"env_steps": 0, "gradient_steps": 250, "offline/loss": 3.0},
        {"env_steps": 10, "train/value": 1.5},
        {"env_steps": 10, "final/value": 2.5},
    ]


class Client(types.ModuleType):
    """A client like W&B's, with no more than is asked of one; its runs break at step 20."""

    def __init__(self):
        super().__init__("client_like_wandb")
        self.lines = []

    def init(self, **facts):
        self.lines.append(f"init {facts['name']} of {facts['group']}")
        return self

    def log(self, values):
        if values["env_steps"] == 20:
            raise OSError("no space\nleft")
        self.lines.append(values)

    def finish(self):
        self.lines.append("finish")


def test_another_client_can_take_its_place_and_one_that_fails_ends_nothing(folder, monkeypatch, capsys):
    client = Client()
    monkeypatch.setitem(sys.modules, client.__name__, client)
    with open_loggers([f"wandb:{client.__name__}"], folder) as listeners:
        records = Records(folder.metrics, listeners)
        for step in (10, 20, 30):
            records.append(record(step, value=[1.0]))
    assert client.lines == ["init a-seed0 of tiny-001", {"env_steps": 10, "train/value": 1.0}]
    assert len(records.records()) == 3
    (line,) = capsys.readouterr().err.split("\n")[1:-1]
    assert line.startswith("socialrl: warning: --log wandb:client_like_wandb failed and is left out")
    assert line.endswith("OSError: no space left")


def test_what_is_unknown_or_not_installed_is_said_before_a_folder_is_made(in_tmp, capsys, monkeypatch):
    with pytest.raises(SocialRLError, match=r"unknown logger 'tensorbord' \(did you mean 'tensorboard'"):
        check_loggers(["tensorbord"])
    with pytest.raises(SocialRLError, match="unknown logger 'tensorboard:x'"):
        check_loggers(["tensorboard:x"])
    with pytest.raises(SocialRLError, match="needs no_such_client, which is not installed"):
        check_loggers(["wandb:no_such_client"])
    monkeypatch.setitem(sys.modules, "wandb", None)
    (in_tmp / "tiny.py").write_text("from tests.test_studies import TINY as experiment\n")
    assert main(["run", "tiny.py", "--log", "wandb"]) == 2
    assert "pip install 'socialrl[wandb]'" in capsys.readouterr().err
    assert not (in_tmp / "runs").exists()
