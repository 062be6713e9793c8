"""Searches without Ray: what is drawn, what is stopped early, what the record says, and how one goes on. The
workers are played: a trial's return is the better, the nearer its step size is to 2e-3.
"""

import math

import numpy as np
import pytest

from socialrl.config import Arm, Experiment
from socialrl.learners import dqn
from socialrl.record import folder
from socialrl.record.metrics import Records
from socialrl.sweep import stopping
from socialrl.sweep.pool import Ended
from socialrl.sweep.search import Method, reported, search
from socialrl.sweep.space import space
from socialrl.sweep.tune import Reporter
from socialrl.sweep.worker import claim
from socialrl.tuned import read
from socialrl.tuning import write
from socialrl_envs import SocialRLError
from socialrl_envs.safe_json import read_json
from socialrl_envs.worlds import coin_grid

pytest.importorskip("optuna")
EXPERIMENT = Experiment(
    name="searched",
    question="?",
    world=coin_grid.Config(size=5),
    arms=(Arm(name="one", learner=dqn.Config()),),
    steps=36_000,
)
GIVEN = {"learner.lr": ["1e-4:1e-2:log"]}


class Played:
    """Workers that take a trial one evaluation further at each look; `crash` of them end without a word."""

    slots = 2

    def __init__(self, folders, crash=0):
        self.experiments, self.running, self.started = folders, {}, []
        self.crash, self.over = crash, []

    def room(self):
        return len(self.running) < self.slots

    def start(self, place):
        attempt = claim(place)
        if not (attempt / "config.json").exists():
            with folder.create(self.experiments(place), out=attempt, device="cpu x1"):
                pass
        self.running[place] = Records(attempt / "metrics.jsonl")
        self.started.append(place.name)

    def ended(self, seconds):
        for place, records in list(self.running.items()):
            if self.crash:
                self.crash -= 1
                self.over.append(Ended(place=place, end="lost", text="crash"))
                del self.running[place]
                continue
            step = max((record["step"] for record in records.records()), default=-4000) + 4000
            lr = self.experiments(place)["arms"][0]["learner"]["lr"]
            value = -abs(math.log(lr / 2e-3)) + step * 1e-6
            record = {"arm": "one", "kind": "eval", "step": step}
            records.append(record | {"values": {"return": np.full(3, value)}})
            if step >= 36_000:
                records.append(record | {"kind": "final", "values": {"return": np.full(3, value)}})
                self.over.append(Ended(place=place, end="done"))
                del self.running[place]
        over, self.over = self.over, []
        return over

    def stop(self, place):
        del self.running[place]
        self.over.append(Ended(place=place, end="stopped"))

    def kill(self):
        self.running.clear()


def searched(base, pool=None, trials=12):
    """(record, pool): a search of so many trials of one arm by played workers."""

    def experiment(place):
        text = (place / "task.json").read_text()
        return read_json(text, "task.json")

    pool = pool or Played(experiment)
    pool.experiments = experiment
    options = {"trials": trials, "seeds": 3, "steps": 36_000, "base": base, "command": "socialrl sweep"}
    method = Method(space=space, searched=stopping.searched)
    return search(EXPERIMENT, GIVEN, pool, method, **options), pool


def test_bad_trials_are_stopped_and_the_best_is_one_that_came_to_its_end(tmp_path):
    record, _ = searched(tmp_path / "trials", Played(None, crash=1))
    [arm] = record["arms"].values()
    steps = [trial["steps"] for trial in arm["trials"]]
    assert arm["trials"][0]["settings"] == {"lr": 1e-3}
    assert len(steps) == 12
    assert {4000, 36_000} <= set(steps)
    assert sum(steps) < 0.7 * 12 * 36_000
    best = min(
        (t for t in arm["trials"] if t["steps"] == 36_000),
        key=lambda t: abs(math.log(t["settings"]["lr"] / 2e-3)),
    )
    assert arm["best"] == best["settings"]
    assert abs(math.log(arm["best"]["lr"] / 2e-3)) < math.log(2)
    assert (record["seeds"], record["device"], record["early_stopping"]) == ([0, 1, 2], "cpu x1", True)
    write(record, tmp_path / "searched.json")
    assert read(tmp_path / "searched.json") == record
    found = reported(EXPERIMENT, record)
    assert (found.first_seed, found.arms[0].learner.lr) == (1000, arm["best"]["lr"])
    assert found.tuning == "12 trials per arm of lr, each of at most 36,000 steps on seeds 0 to 2"


def test_a_search_goes_on_with_the_trials_that_are_there(tmp_path):
    first, _ = searched(tmp_path, trials=6)
    listed = (tmp_path / "one" / "trials.json").read_text()
    again, pool = searched(tmp_path, trials=8)
    assert set(pool.started) <= {"007", "008"}
    assert again["arms"]["one"]["trials"][:6] == first["arms"]["one"]["trials"]
    assert (tmp_path / "one" / "trials.json").read_text().startswith(listed.rstrip("]\n"))


def test_a_search_of_which_nothing_comes_to_its_end_says_so(tmp_path):
    with pytest.raises(SocialRLError, match="arm one: no trial came to its end"):
        searched(tmp_path, Played(None, crash=1000), trials=2)


def test_ray_tune_is_told_of_each_evaluation_once_and_of_the_end_by_the_final_one():
    told = []
    reporter = Reporter(lambda step, value: told.append((step, value)), "auc", total=20)
    for kind, step, value in (("train", 10, 9.0), ("eval", 0, 0.0), ("eval", 10, 1.0), ("eval", 20, 3.0)):
        reporter.appended({"kind": kind, "step": step, "values": {"return": np.full(2, value)}})
    reporter.appended({"kind": "final", "step": 20, "values": {"return": np.full(2, 9.0)}})
    assert told == [(0, 0.0), (10, 0.5), (20, 1.25)]
    reporter.truncated("one", 0)
    assert reporter.seen == [(0, 0.0)]
