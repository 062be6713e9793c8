"""A sweep in processes of this machine: lost workers, Ctrl-C and shards end in the run of one process."""

import dataclasses
import json
import shutil
import time
from collections import deque

import jax
import pytest

import socialrl.runs
from socialrl.cli import main
from socialrl.config import load_experiment, to_json
from socialrl.devices import kind_and_number
from socialrl.overrides import apply
from socialrl.record import folder
from socialrl.record.metrics import Records, read_records
from socialrl.sweep import worker
from socialrl.sweep.joining import join, together
from socialrl.sweep.plan import Plan, experiment_of, write_plan, write_task
from socialrl.sweep.pool import Ended, Queue, carry_out
from socialrl.sweep.processes import Processes, environments
from socialrl.sweep.progress import progress
from socialrl_envs import SocialRLError
from tests.sweep.small import FAST, trained, written

pytestmark = pytest.mark.usefixtures("kept_programs")


class Watcher:
    """Keeps what is said of tasks."""

    def __init__(self):
        self.lines = []

    def said(self, place, text):
        self.lines.append(f"{place.name}: {text}")

    def tick(self):
        pass


class Here:
    """Workers that train in this process: they end as `ends` says, in this order, and then as they should."""

    slots = 1

    def __init__(self, *ends):
        self.ends, self.over = deque(ends), []

    def room(self):
        return not self.over

    def start(self, place):
        end = self.ends.popleft() if self.ends else None
        calls = []
        stop = None if end is None else lambda: calls.append(1) or len(calls) > 20
        ended = worker.work(place, interrupted=stop or (lambda: False))
        self.over.append(Ended(place=place, end=end or ended[0], text=end or ended[1]))

    def ended(self, seconds):
        over, self.over = self.over, []
        return over

    def stop(self, place):
        raise AssertionError

    def kill(self):
        self.over = []


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """(experiment, folder of the run of one process)."""
    base = tmp_path_factory.mktemp("alone")
    experiment = apply(load_experiment(written(base, steps=400)), ["--arms", "one"])
    with folder.create(to_json(experiment), out=base / "run") as opened:
        socialrl.runs.run(experiment, opened, progress=False)
    return experiment, base / "run"


def tasks_of(experiment, run):
    """The folders of the tasks of one seed, with their experiments."""
    return {task.place(run): experiment_of(experiment, task) for task in Plan(block=1).tasks(experiment)}


@pytest.fixture(scope="module")
def swept(alone):
    """(folder of a run whose two tasks are complete, what was said of them): the first one was lost once."""
    experiment, whole = alone
    path, watcher = whole.parent / "swept", Watcher()
    with folder.create(to_json(experiment), out=path):
        tasks = tasks_of(experiment, path)
        write_plan(path, Plan(block=1))
        for place, own in tasks.items():
            write_task(place, own)
        queue = Queue(tasks, waiting=deque(tasks))
        assert carry_out(queue, Here("lost"), retries=0, watcher=watcher) == {}
    return path, watcher.lines


def trained_last(run):
    """What a run trained, without the checkpoints before the last ones: a lost task may have one fewer."""
    return {name: what for name, what in trained(run).items() if "/320/" not in name}


def test_a_lost_task_goes_on_from_its_checkpoint_and_tasks_join_to_the_run_of_one_process(
    alone, swept, tmp_path
):
    experiment, whole = alone
    path, said = swept
    assert said == [
        "1000-1000: lost (lost); goes on from step 160",
        "1000-1000: done",
        "1001-1001: done",
    ]
    shutil.copytree(path, tmp_path / "run")
    tasks = tasks_of(experiment, tmp_path / "run")
    assert [progress(place, own).attempt for place, own in tasks.items()] == [2, 1]
    with folder.resume(tmp_path / "run") as run:
        [first, second] = tasks
        second.rename(tmp_path / "aside")
        assert join(run, experiment, Plan(block=1)) == ["one"]
        (tmp_path / "aside").rename(second)
        assert join(run, experiment, Plan(block=1)) == []
        assert run.config["device"] == kind_and_number(jax.devices())
        assert trained_last(run.path) == trained_last(whole)
        assert not first.exists()
        timing = [json.loads(line) for line in run.timing.read_text().splitlines()]
        assert (len(timing), timing[-1]["step"]) == (50, 400)
        assert join(run, experiment, Plan(block=1)) == []  # what is complete stays


def test_what_all_tasks_of_an_arm_have_is_joined_when_a_sweep_stops(alone, swept, tmp_path):
    experiment, _ = alone
    shutil.copytree(swept[0], tmp_path / "run")
    [place, _] = tasks_of(experiment, tmp_path / "run")
    [attempt] = [path for path in place.iterdir() if path.is_dir()]
    Records(attempt / "metrics.jsonl").truncate_after("one", 328, ("final",))
    with folder.resume(tmp_path / "run") as run:
        assert join(run, experiment, Plan(block=1)) == ["one"]
        assert not run.metrics.read_text()
        assert join(run, experiment, Plan(block=1), partial=True) == ["one"]
        records = read_records(run.metrics)
    assert {record["step"] for record in records} == {0, *range(8, 329, 8)}
    assert all(len(record["values"]["return"]) == 2 for record in records)
    assert place.exists()


def test_a_task_is_given_up_when_it_is_lost_again_and_again_and_an_error_is_not_tried_again(tmp_path):
    class Losing(Here):
        def start(self, place):
            self.over.append(Ended(place=place, end=self.ends.popleft(), text="why"))

    experiment = load_experiment(written(tmp_path, steps=8))
    queue = Queue({}, waiting=deque([tmp_path / "a", tmp_path / "b"]))
    queue.experiments.update(dict.fromkeys(queue.waiting, experiment))
    watcher = Watcher()
    failed = carry_out(queue, Losing("lost", "lost", "lost", "failed"), retries=2, watcher=watcher)
    assert failed == {
        tmp_path / "a": "lost 3 times without getting further: why",
        tmp_path / "b": "why",
    }
    assert watcher.lines[0] == "a: lost (why); goes on from step 0"


def test_a_worker_that_was_taken_for_dead_finds_its_folder_no_more(tmp_path):
    first = worker.claim(tmp_path)
    (first / "config.json").write_text("{}")
    (first / ".lock").write_text("1 elsewhere")
    records = Records(first / "metrics.jsonl")
    second = worker.claim(tmp_path)
    assert (second.name, worker.latest(tmp_path), (second / ".lock").exists()) == ("2", second, False)
    with pytest.raises(SocialRLError, match="there is no folder"):
        records.append({"arm": "a"})


def test_only_what_all_tasks_have_is_joined():
    def record(step, *values):
        return {"arm": "a", "kind": "train", "step": step, "values": {"x": list(values)}}

    found = together([[record(1, 0.5), record(2, 1.0)], [record(1, None, 2.0)]])
    assert found == [record(1, 0.5, None, 2.0)]
    assert together([[record(1, 0.5)], [record(2, 0.5)]]) == []


def test_each_process_gets_its_share_of_the_gpus():
    quarter = environments(None, 1, 0.25, 2)
    assert [one["CUDA_VISIBLE_DEVICES"] for one in quarter] == ["0", "1"] * 4
    assert {one["JAX_PLATFORMS"] for one in quarter} == {""}
    assert {one["XLA_PYTHON_CLIENT_MEM_FRACTION"] for one in quarter} == {"0.225"}
    assert [one["CUDA_VISIBLE_DEVICES"] for one in environments(None, 1, 2.0, 5)] == ["0,1", "2,3"]
    assert len(environments(3, 1, 0.0, 0)) == 3
    with pytest.raises(SocialRLError, match="no GPU that jax finds"):
        environments(None, 1, 0.5, 0)


def test_a_process_is_killed_and_another_one_saves_when_its_input_ends(alone, tmp_path, monkeypatch):
    _, whole = alone
    for name, value in FAST.items():
        monkeypatch.setenv(name, value)
    experiment = dataclasses.replace(load_experiment(whole.parent / "small.py"), steps=40_000)
    [place, *_] = tasks = tasks_of(apply(experiment, ["--arms", "one"]), tmp_path)
    write_task(place, tasks[place])
    pool = Processes(slots=1, words=["--plugin", str(whole.parent / "small.py")])
    pool.start(place)
    assert not pool.room()
    pool.running[place][0].kill()
    [ended] = pool.ended(60.0)
    assert (ended.end, ended.text) == ("lost", f"its worker was ended by SIGKILL; see {place / 'log.txt'}")
    pool.start(place)
    while not (begun := progress(place, tasks[place])).step:
        time.sleep(0.05)
    pool.stop(place)
    [ended] = pool.ended(120.0)
    state = progress(place, tasks[place])
    assert (ended.end, ended.text) == ("stopped", "")
    assert (state.saved, state.pid, state.done) == (state.step, begun.pid, False)
    assert state.step >= begun.step
    assert "saved at step" in (place / "log.txt").read_text()


def test_after_ctrl_c_the_workers_save(tmp_path):
    class Running(Here):
        def start(self, place):
            self.begun = place

        def stop(self, place):
            self.over.append(Ended(place=place, end="stopped"))

    class Interrupting(Watcher):
        def tick(self):
            raise KeyboardInterrupt

    place, watcher = tmp_path / "a", Interrupting()
    queue = Queue({}, waiting=deque([place]))
    with pytest.raises(KeyboardInterrupt):
        carry_out(queue, Running(), watcher=watcher)
    assert watcher.lines == ["a: saved"]
    assert not queue.running


def test_shards_are_merged_and_what_is_missing_is_named(alone, swept, tmp_path, capsys, monkeypatch):
    _, whole = alone
    run, file = tmp_path / "run", str(whole.parent / "small.py")

    class Copying(Here):
        """Workers that have done it elsewhere already."""

        def start(self, place):
            shutil.copytree(swept[0] / place.relative_to(run), place, dirs_exist_ok=True)
            self.over.append(Ended(place=place, end="done"))

    monkeypatch.setattr("socialrl.sweep.processes.Processes", lambda **options: Copying())
    words = ["sweep", file, "--arms", "one", "--block", "1", "--out", str(run)]
    assert main([*words, "--shard", "1/2"]) == 0
    assert main(["merge", str(run)]) == 1
    assert "one/1001-1001: 0 of 400 steps, shard 2/2" in capsys.readouterr().out
    assert main(["sweep", "--resume", str(run)]) == 2
    assert "its tasks are divided into 2 shards" in capsys.readouterr().err
    assert main([*words, "--shard", "2/2"]) == 0
    assert main(["merge", str(run)]) == 0
    assert trained_last(run) == trained_last(whole)
    assert {path.name for path in run.iterdir()} >= {"report.html", "summary.json"}
    assert not (run / "tasks").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shard", "3/2", "--out", "x"], "there are only 2"),
        (["--shard", "1/2"], "--shard needs --out DIR"),
        (["--shard", "1/2", "--out", "x", "--ray"], "--shard goes without --ray and --search"),
        (["--search", "optuna", "--grid", "learner.lr=1"], "--search goes without --grid and --resume"),
        (["--block", "0"], "--block 0: at least 1"),
        (["--grid", "learner.lr"], "--grid learner.lr: not KEY=VALUE,VALUE"),
        (["--sead", "1"], "unknown key --sead"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(alone, words, message, capsys, in_tmp):
    assert main(["sweep", str(alone[1].parent / "small.py"), *words]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(in_tmp.iterdir())
