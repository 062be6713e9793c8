"""`socialrl run` on a tiny experiment, end to end: what it writes, how it goes on after an interruption, what
it refuses.
"""

import contextlib
import dataclasses
import errno
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import socialrl.runs
from benchmarks.endurance import files, mutations
from benchmarks.endurance.children import litter
from socialrl.arm import ArmRun
from socialrl.cli import main
from socialrl.config import Arm, Experiment, load_experiment, to_json
from socialrl.learners import bc, dqn
from socialrl.record import checkpoint, folder, replay
from socialrl.record.metrics import Records
from socialrl_envs.errors import SocialRLError, Terminated
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid
from tests.formats.events import read_events

pytestmark = pytest.mark.usefixtures("kept_programs")
SMALL = {"hidden": (8,), "batch": 2, "updates": 1, "capacity": 400}
TINY = Experiment(
    name="tiny",
    question="Does all of it run?",
    world=coin_grid.Config(experts=(Seat(policy="wanderer"),), size=5, colours=2, coins=1, horizon=5),
    arms=(Arm(name="dqn", learner=dqn.Config(**SMALL)), Arm(name="bc", learner=bc.Config(**SMALL))),
    seeds=2,
    steps=200,
    num_envs=2,
    unroll_length=5,
    num_levels=8,
    chunk=5,
    evaluate_every=100,
    evaluation_episodes=3,
    final_episodes=6,
    replay_episodes=2,
    checkpoint_every=100,
)
CHUNK = 50
LOG = ("tensorboard",) if importlib.util.find_spec("tensorboard") else ()


def interrupted_after(chunks):
    """Stands in for Ctrl-C: says stop at the end of the given chunk."""

    @contextlib.contextmanager
    def interrupts():
        asked = []
        yield lambda: asked.append(True) or len(asked) >= chunks

    return interrupts


def leaves(path):
    """What a checkpoint holds: dtype, shape and checksum of every leaf."""
    return json.loads((path / "manifest.json").read_text())["leaves"]


def contents(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


MOMENTS = {  # moment -> whether a run folder shows it
    "at once": lambda run: True,
    "saving": lambda run: any(run.glob("checkpoints/dqn/.200.partial/manifest.json")),
    "writing replays": lambda run: any(run.glob("replays/.bc-seed1*.part")),
}


class Camera:
    """Stands in for `os.fsync`, and copies a run folder at the first flush to the disk in every moment.

    A copy is what SIGKILL at that moment would have left.
    """

    def __init__(self, run, copies):
        self.run, self.copies, self.fsync = run, copies, os.fsync

    def __call__(self, file):
        for moment, shows in MOMENTS.items():
            if not (self.copies / moment).exists() and shows(self.run):
                shutil.copytree(self.run, self.copies / moment)
        self.fsync(file)


@pytest.fixture(scope="module")
def killed(whole):
    """The folder of copies of the uninterrupted run, as if each was killed at its moment."""
    copies = whole.parent / "copies"
    for moment in MOMENTS:
        (copies / moment / ".lock").write_text(f"999999999\n{socket.gethostname()}\n1\n")
    return copies


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted run."""
    path = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", Camera(path, path.parent / "copies"))
        with folder.create(to_json(TINY), out=path) as opened:
            socialrl.runs.run(TINY, opened)
    return path


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """The folder of a run that was stopped after three chunks, between two checkpoints, and then went on."""
    path = tmp_path_factory.mktemp("resumed") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socialrl.runs, "_interrupts", interrupted_after(3))
        with folder.create(to_json(TINY), out=path) as opened, pytest.raises(KeyboardInterrupt):
            socialrl.runs.run(TINY, opened, log=LOG)
    assert checkpoint.steps(path / "checkpoints" / "dqn") == (2 * CHUNK, 3 * CHUNK)
    assert not (path / "checkpoints" / "bc").exists()
    assert not (path / "summary.json").exists()
    with folder.resume(path, to_json(TINY)) as opened:
        socialrl.runs.run(TINY, opened, resume=True, log=LOG)
    return path


def test_a_run_writes_all_that_is_promised(whole):
    for name in ("config.json", "metrics.jsonl", "timing.jsonl", "summary.json", "report.html"):
        assert (whole / name).stat().st_size > 0, name
    assert not (whole / ".lock").exists()
    for arm in ("dqn", "bc"):
        assert checkpoint.latest(whole / "checkpoints" / arm).name == "200"
    assert sorted(p.name for p in (whole / "replays").iterdir()) == [
        f"{arm}-seed{k}.npz" for arm in ("bc", "dqn") for k in (0, 1)
    ]
    assert load_experiment(whole) == TINY


def test_records_are_complete_and_per_seed(whole):
    records = list(Records(whole / "metrics.jsonl").records())
    for arm in ("dqn", "bc"):
        mine = [record for record in records if record["arm"] == arm]
        steps = {kind: [r["step"] for r in mine if r["kind"] == kind] for kind in ("train", "eval", "final")}
        assert steps == {"train": [50, 100, 150, 200], "eval": [0, 100, 200], "final": [200]}
        for record in mine:
            assert all(len(values) == TINY.seeds for values in record["values"].values())
        final = next(r["values"] for r in mine if r["kind"] == "final")
        assert {"return", "return_expert_0", "share/self", "cumulants/red", "cumulants/green"} <= set(final)
        np.testing.assert_allclose(final["share/self"], 1.0)
        losses = [r["values"] for r in mine if r["kind"] == "train"]
        assert all(
            np.all(np.isfinite(values[f"loss/{'td' if arm == 'dqn' else 'cloning'}"])) for values in losses
        )
    text = (whole / "metrics.jsonl").read_text()
    assert "seconds" not in text  # no clock in what must be bit-equal


@pytest.mark.skipif(not LOG, reason="tensorboard is not installed")
def test_tensorboard_has_the_metrics_of_a_run_that_was_interrupted(resumed):
    records = Records(resumed / "metrics.jsonl").records()
    for arm, seed in (("dqn", 0), ("bc", 1)):
        found = read_events(resumed / "tensorboard" / arm / f"seed{seed}")
        for kind in ("train", "eval", "final"):
            mine = [r for r in records if (r["arm"], r["kind"]) == (arm, kind)]
            finite = [(r["step"], r["values"]["share/self"][seed]) for r in mine]
            assert found[f"{kind}/share/self"] == pytest.approx(dict(finite)), kind


def test_the_final_score_is_that_of_the_recorded_numbers(whole):
    summary = json.loads((whole / "summary.json").read_text())
    assert set(summary) == {"dqn", "bc"}
    records = [r for r in Records(whole / "metrics.jsonl").records() if r["kind"] == "final"]
    for record in records:
        score = summary[record["arm"]]["return"]
        np.testing.assert_allclose(score["seeds"], record["values"]["return"])
        assert score["low"] <= score["iqm"] <= score["high"]
        assert np.isfinite([score["low"], score["iqm"], score["high"]]).all()


def test_replays_load_and_agree_with_their_world(whole):
    for arm in ("dqn", "bc"):
        for seed in range(2):
            loaded = replay.load(whole / "replays" / f"{arm}-seed{seed}.npz")
            assert (loaded.arm, loaded.seed, loaded.step, loaded.experiment) == (arm, seed, 200, "tiny")
            assert loaded.length.tolist() == [5, 5]
            assert loaded.agents == ("novice_0", "expert_0")
            assert loaded.sources == ("self",)
            assert not loaded.terminated.any()
            assert loaded.truncated.tolist() == [[False] * 4 + [True]] * 2
            np.testing.assert_array_equal(loaded.source, 0)
            assert np.isfinite(loaded.values).all()
            move = np.abs(np.diff(loaded.position.astype(int), axis=1)).sum(-1)
            assert move.max() <= 1


def test_resumed_is_uninterrupted_bit_for_bit(whole, resumed):
    assert (resumed / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    for arm in ("dqn", "bc"):
        last = [checkpoint.latest(path / "checkpoints" / arm) for path in (whole, resumed)]
        assert leaves(last[0]) == leaves(last[1])
        assert last[0].name == last[1].name
    assert (resumed / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()


@pytest.mark.parametrize("moment", ["saving", "writing replays"])
def test_killed_and_resumed_is_undisturbed_bit_for_bit(whole, killed, moment):
    path = killed / moment
    assert litter(path)
    with folder.resume(path, to_json(TINY)) as opened:
        socialrl.runs.train(TINY, opened, resume=True, progress=False)
    assert litter(path) == []
    for name in (
        "metrics.jsonl",
        *(f"replays/{arm}-seed{seed}.npz" for arm in ("dqn", "bc") for seed in (0, 1)),
    ):
        assert (path / name).read_bytes() == (whole / name).read_bytes(), name
    for arm in ("dqn", "bc"):
        assert checkpoint.steps(path / "checkpoints" / arm) == (100, 200)
        for step in (100, 200):
            ours, theirs = (leaves(run / "checkpoints" / arm / str(step)) for run in (path, whole))
            assert ours == theirs


def test_a_run_that_is_killed_at_once_leaves_its_folder_to_the_next(killed, in_tmp):
    path = Path("runs", "tiny", "001")
    shutil.copytree(killed / "at once", path)
    assert litter(path)
    with pytest.raises(SocialRLError, match="no run to resume"):
        folder.latest("runs", "tiny")
    with folder.create(to_json(TINY), out=path) as opened:
        assert litter(path) == [".lock"]
        assert folder.latest("runs", "tiny") == opened.path == path


def test_mutated_files_of_a_run_are_refused_in_one_line_or_read(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    targets = files.targets(tmp_path / "run", tmp_path)
    found = mutations.mutate_all(targets, 20 * len(targets), tmp_path / "kept")
    assert found.faults == []
    assert all(found.refused[kind] > 2 for kind in targets)


def test_seeds_differ_and_the_same_seed_does_not(whole):
    values = [
        r["values"]
        for r in Records(whole / "metrics.jsonl").records()
        if r["arm"] == "dqn" and r["kind"] == "train"
    ]
    assert all(value["loss/td"][0] != value["loss/td"][1] for value in values)


def test_resuming_a_finished_run_changes_nothing(resumed, capsys):
    before = contents(resumed)
    assert main(["run", "--resume", str(resumed)]) == 0
    assert capsys.readouterr().out.count("done already") == 2
    after = contents(resumed)
    assert set(after) == set(before)
    changed = {name for name in before if after[name] != before[name]}
    assert changed <= {"report.html"}  # it is drawn anew, from the same records


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(whole, tmp_path):
    """Taken up again at the end of its training with an absurd step size; the config's check is not what is
    tested.
    """
    path = tmp_path / "run"
    shutil.copytree(whole, path)
    kept = contents(path / "checkpoints")
    wild = dataclasses.replace(
        TINY,
        steps=400,
        arms=(dataclasses.replace(TINY.arms[0], learner=dataclasses.replace(TINY.arms[0].learner, lr=1e30)),),
    )
    lines = (path / "metrics.jsonl").read_text().splitlines(keepends=True)
    (path / "metrics.jsonl").write_text("".join(line for line in lines if '"final"' not in line))
    with folder.resume(path) as opened, pytest.raises(SocialRLError) as error:
        socialrl.runs.run(wild, opened, resume=True)
    assert re.search(
        r"^dqn: (loss/td|gradient_norm) is not finite at step 250, seeds \[0, 1\]", error.value.message
    )
    assert "--dqn.learner.lr" in error.value.hint
    assert contents(path / "checkpoints") == kept


def test_a_gradient_that_is_not_finite_stops_it_before_a_loss_shows_it(tmp_path):
    with folder.create(to_json(TINY), out=tmp_path / "run") as opened:
        arm = ArmRun(
            TINY, TINY.arms[0], opened, Records(opened.metrics), Records(opened.timing), lambda: False
        )
        arm._check_finite(
            50, {"return": np.array([np.nan, 1.0]), "loss/td": np.array([1.0, 2.0])}
        )  # no episode ended: fine
        with pytest.raises(
            SocialRLError, match=r"dqn: gradient_norm is not finite at step 50, seeds \[1\] \(try a smaller"
        ):
            arm._check_finite(50, {"gradient_norm": np.array([1.0, np.inf]), "loss/td": np.array([1.0, 2.0])})


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_ctrl_c_and_sigterm_raise_a_flag_once(number, raised):
    before = signal.getsignal(number)
    with socialrl.runs._interrupts() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), number)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt) as stop:  # the second one stops at once
            os.kill(os.getpid(), number)
        assert stop.type is raised
    assert signal.getsignal(number) is before


def test_what_stops_after_sigterm_ends_with_its_code(capsys, monkeypatch):
    def run():
        with socialrl.runs._interrupts() as interrupted:
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupted()
            raise KeyboardInterrupt("saved")

    with pytest.raises(Terminated, match="saved"):
        run()
    capsys.readouterr()
    for stop, code in ((Terminated("saved"), 143), (KeyboardInterrupt("saved"), 130)):
        monkeypatch.setattr("socialrl.cli._run", failing_with(stop))
        assert main(["run"]) == code
        assert capsys.readouterr().err == "\nsocialrl: stopped: saved\n"


def failing_with(error):
    """A function that raises this."""

    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_a_disk_refuses_anywhere_is_one_line(capsys, monkeypatch, number):
    monkeypatch.setattr("socialrl.cli._run", failing_with(OSError(number, os.strerror(number), "here/file")))
    assert failure(capsys, ["run"]) == f"socialrl: error: here/file: {os.strerror(number)}\n"
    monkeypatch.setattr("socialrl.cli._run", failing_with(OSError(errno.ENOENT, "a bug")))
    with pytest.raises(OSError, match="a bug"):
        main(["run"])


def test_in_a_thread_nothing_listens_for_signals():
    with ThreadPoolExecutor() as pool:

        def asked():
            with socialrl.runs._interrupts() as interrupted:
                return interrupted()

        assert pool.submit(asked).result() is False


def test_a_disk_that_fills_up_stops_a_run_in_one_line_that_says_how_to_go_on(
    whole, tmp_path, capsys, monkeypatch
):
    path = tmp_path / "run"
    shutil.copytree(whole, path)
    monkeypatch.setattr(os, "fsync", failing_with(OSError(errno.ENOSPC, "No space left on device")))
    monkeypatch.setattr("socialrl.record.lock.take", lambda path: None)
    line = failure(capsys, ["run", "--resume", str(path)])
    assert (
        "summary.json: cannot write this file: No space left on device (make room on the disk; then go on"
        in line
    )
    assert litter(path) == []


FILE = """
from socialrl.config import Arm, Experiment
from socialrl.learners import bc, dqn
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

experiment = Experiment(
    name="tiny",
    question="Does all of it run?",
    world=coin_grid.Config(experts=(Seat(policy="planner"),), size=5, colours=2, coins=1),
    arms=(Arm(name="dqn", learner=dqn.Config()), Arm(name="bc", learner=bc.Config())),
)
"""
WALLS = "#####\n#####\n#####\n#####\n#####\n"


@pytest.fixture
def tiny(in_tmp):
    (in_tmp / "tiny.py").write_text(FILE)
    (in_tmp / "walls.txt").write_text(WALLS)
    return in_tmp


def failure(capsys, arguments):
    """The one line of a command that must end with code 2."""
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("socialrl: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("change", "arguments", "messages"),
    [
        (("", ""), ["--learner.gama", "0.5"], ["--learner.gama", "did you mean 'gamma'?"]),
        (("", ""), ["--world.sise", "7"], ["--world.sise", "did you mean 'size'?"]),
        (("", ""), ["--dqn.learner", "dqm"], ["unknown learner 'dqm'", "did you mean 'dqn'?"]),
        (("", ""), ["--world", "coin_gird"], ["unknown world 'coin_gird'", "did you mean 'coin_grid'?"]),
        (
            ('policy="planner"', 'policy="planer"'),
            [],
            ["unknown co-player", "'planer'", "did you mean 'planner'?"],
        ),
        (
            ('policy="planner"', 'policy="planner", preferences=(1.0, 2.0, 3.0)'),
            [],
            ["expert_0.preferences", "3 numbers", "one per colour, 2"],
        ),
        (("", ""), ["--world.layout", "walls.txt"], ["walls.txt"]),
        (("", ""), ["--world.layout", "nowhere.txt"], ["nowhere.txt", "No such file"]),
        (("", ""), ["--world.experts", "0"], ["bc.learner.experts", "at least 1"]),
        (("", ""), ["--world.size", "3"], ["--world.size: 3"]),
        (("", ""), ["--learner.memory", "gruu"], ["--learner.memory", "'gru'"]),
    ],
)
def test_a_mistake_ends_in_one_line_and_makes_no_folder(tiny, capsys, change, arguments, messages):
    (tiny / "tiny.py").write_text(FILE.replace(*change))
    line = failure(capsys, ["run", "tiny.py", *arguments])
    for message in messages:
        assert message in line
    assert not (tiny / "runs").exists()


def test_a_truncated_checkpoint_is_named_and_nothing_is_destroyed(whole, tmp_path, capsys):
    path = tmp_path / "run"
    shutil.copytree(whole, path)
    lines = (path / "metrics.jsonl").read_text().splitlines(keepends=True)
    (path / "metrics.jsonl").write_text("".join(line for line in lines if '"final"' not in line))
    torn = max(
        (path / "checkpoints" / "dqn" / "200" / "state").rglob("*"),
        key=lambda p: p.stat().st_size if p.is_file() else 0,
    )
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    before = contents(path / "checkpoints")
    line = failure(capsys, ["run", "--resume", str(path)])
    assert "checkpoints/dqn/200" in line
    assert "damaged checkpoint" in line
    assert contents(path / "checkpoints") == before


def test_a_folder_in_use_or_of_another_config_is_left_alone(whole, tmp_path, capsys, tiny):
    path = tmp_path / "run"
    shutil.copytree(whole, path)
    before = contents(path)
    assert "holds a run already" in failure(capsys, ["run", "tiny.py", "--out", str(path)])
    line = failure(capsys, ["run", "--resume", str(path), "--seeds", "3"])
    assert "seeds is 2 there, 3 here" in line
    with folder.resume(path):
        assert "in use" in failure(capsys, ["run", "--resume", str(path)])
    assert contents(path) == before
