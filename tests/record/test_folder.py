"""Run folders: numbered, locked, and never taken from anybody."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from socialrl.config import to_json
from socialrl.record import folder
from socialrl_envs.errors import SocialRLError

PLAIN = {"name": "trial", "seeds": 3, "arms": [{"name": "toy", "learner": {"name": "dqn", "lr": 0.001}}]}


def contents(path):
    return {p: p.read_bytes() if p.is_file() else None for p in path.rglob("*")}


def dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_runs_are_numbered(in_tmp):
    paths = [folder.create(PLAIN).path for _ in range(2)]
    (in_tmp / "runs" / "trial" / "009").mkdir()
    paths.append(folder.create(PLAIN).path)
    assert [str(path) for path in paths] == ["runs/trial/001", "runs/trial/002", "runs/trial/010"]
    assert str(folder.latest("runs", "trial")) == "runs/trial/010"


def test_the_config_says_what_ran(in_tmp, experiment):
    made = folder.create(to_json(experiment), device="cpu x1", command="socialrl run trial.py")
    config = json.loads((made.path / "config.json").read_text())
    assert config["format"] == "socialrl-run"
    assert config["version"] == 1
    assert config["experiment"] == to_json(experiment)
    assert config["device"] == "cpu x1"
    assert config["command"] == "socialrl run trial.py"
    assert set(config["versions"]) >= {"socialrl", "jax", "python"}
    assert folder.read_config(made.path) == config == made.config


def test_places_of_the_records(in_tmp):
    made = folder.create(PLAIN, out="here")
    assert str(made.metrics) == "here/metrics.jsonl"
    assert str(made.replay("psiphi", 2)) == "here/replays/psiphi-seed2.npz"
    assert str(made.checkpoints("psiphi")) == "here/checkpoints/psiphi"


def test_a_locked_folder_is_in_use_until_released(in_tmp):
    with folder.create(PLAIN, out="here") as made:
        assert (made.path / ".lock").read_text().split()[0] == str(os.getpid())
        before = contents(in_tmp)
        with pytest.raises(SocialRLError, match=rf"here: in use by process {os.getpid()}"):
            folder.resume("here", PLAIN)
        with pytest.raises(SocialRLError, match="in use"):
            folder.create(PLAIN, out="here")
        assert contents(in_tmp) == before
    assert not (made.path / ".lock").exists()
    folder.resume("here", PLAIN).release()


@pytest.mark.parametrize(
    "text",
    [
        "{dead}",
        "{dead}\n{host}\n12345\n",
        "{self}\n{host}\n1\n",
        "",
        "0",
        "rubbish",
        "\u00b2",
        "9" * 5000,
        "\udcff",
    ],
)
def test_a_lock_of_nobody_alive_is_taken_over(in_tmp, text):
    folder.create(PLAIN, out="here").release()
    written = text.format(dead=dead_process(), host=socket.gethostname(), self=os.getpid())
    (in_tmp / "here" / ".lock").write_bytes(written.encode(errors="surrogateescape"))
    folder.resume("here", PLAIN)
    assert (in_tmp / "here" / ".lock").read_text().split()[0] == str(os.getpid())


@pytest.mark.parametrize("text", ["{self}", "{parent}\n{host}\n", "1", "{dead}\nanother-machine\n5\n"])
def test_a_lock_of_somebody_who_may_be_alive_holds(in_tmp, text):
    folder.create(PLAIN, out="here").release()
    words = {
        "dead": dead_process(),
        "host": socket.gethostname(),
        "self": os.getpid(),
        "parent": os.getppid(),
    }
    (in_tmp / "here" / ".lock").write_text(text.format(**words))
    before = contents(in_tmp)
    with pytest.raises(SocialRLError, match=r"here: in use by process \d+"):
        folder.resume("here", PLAIN)
    assert contents(in_tmp) == before


def test_release_leaves_anothers_lock(in_tmp):
    made = folder.create(PLAIN, out="here")
    (made.path / ".lock").write_text("1\n")
    made.release()
    assert (made.path / ".lock").read_text() == "1\n"


def test_another_process_keeps_its_folder(in_tmp):
    make = "from socialrl.record import folder; folder.create({'name': 't'}, out='here')"
    code = f"{make}; print(1, flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout.readline() == "1\n"
        with pytest.raises(SocialRLError, match=f"in use by process {other.pid}"):
            folder.resume("here")
        other.kill()
        other.wait()
        assert folder.resume("here").path.name == "here"


def test_eight_that_start_at_once_get_a_folder_each(in_tmp):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: folder.create(PLAIN), range(8)))
    assert sorted(str(one.path) for one in made) == [f"runs/trial/{number:03d}" for number in range(1, 9)]
    assert all(folder.read_config(one.path)["experiment"] == PLAIN for one in made)


def test_a_folder_that_cannot_be_made_is_named(in_tmp):
    (in_tmp / "runs").write_text("a file")
    for out in (None, "runs/here"):
        with pytest.raises(SocialRLError, match=r"runs/\w+: cannot write this file: Not a directory"):
            folder.create(PLAIN, out=out)


def test_an_empty_folder_is_welcome_and_parents_are_made(in_tmp):
    (in_tmp / "empty").mkdir()
    assert folder.create(PLAIN, out="empty").path.name == "empty"
    assert (folder.create(PLAIN, out="a/b/c").path / "config.json").exists()


def test_what_is_there_is_never_touched(in_tmp):
    (in_tmp / "photos").mkdir()
    (in_tmp / "photos" / "cat.png").write_bytes(b"cat")
    (in_tmp / "file").write_text("text")
    folder.create(PLAIN, out="done").release()
    (in_tmp / "torn").mkdir()
    (in_tmp / "torn" / "config.json").write_text('{"format": "socialrl-run"')
    before = contents(in_tmp)
    for out, message in {
        "photos": "photos: not empty and not a run folder",
        "file": "file: a file, where a run folder should be made",
        "done": "done: holds a run already .*--resume done",
        "torn": r"torn/config\.json: damaged",
    }.items():
        with pytest.raises(SocialRLError, match=message):
            folder.create(PLAIN, out=out)
    for path, message in {
        "photos": "photos: not a run folder",
        "torn": "damaged",
        "nowhere": "not a run folder",
    }.items():
        with pytest.raises(SocialRLError, match=message):
            folder.resume(path, PLAIN)
    assert contents(in_tmp) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 4}, "seeds is 3 there, 4 here"),
        ({"seeds": 3.0}, "seeds is 3 there, 3.0 here"),
        (
            {"arms": [{"name": "toy", "learner": {"name": "dqn", "lr": 0.1}}]},
            "toy.learner.lr is 0.001 there, 0.1 here",
        ),
        ({"arms": PLAIN["arms"] * 2}, 'arms is ["toy"] there, ["toy", "toy"] here'),
        ({"extra": 1}, "extra is missing there, 1 here"),
    ],
)
def test_another_config_is_refused_by_its_first_key(in_tmp, change, message):
    folder.create(PLAIN, out="here").release()
    before = contents(in_tmp)
    with pytest.raises(SocialRLError) as error:
        folder.resume("here", PLAIN | change)
    assert message in str(error.value)
    assert str(error.value).startswith("here: run of another config")
    assert contents(in_tmp) == before


def test_the_same_config_resumes_also_with_tuples(in_tmp):
    folder.create(PLAIN, out="here").release()
    assert folder.resume("here", PLAIN | {"arms": tuple(PLAIN["arms"])}).config["experiment"] == PLAIN


def test_a_run_keeps_the_claims_that_it_began_with(in_tmp):
    """What is claimed may change in the file, and a run goes on with what was written before it began."""
    began = PLAIN | {"claims": [{"text": "before"}], "claim_seeds": 10}
    folder.create(began, out="here").release()
    with folder.resume("here", PLAIN | {"claims": [{"text": "after looking"}], "tuning": "x"}) as opened:
        assert opened.config["experiment"] == began
    assert folder.read_config("here")["experiment"] == began


def test_nothing_to_resume_is_said(in_tmp):
    with pytest.raises(SocialRLError, match="runs/trial: no run to resume"):
        folder.latest("runs", "trial")
