"""The search on seeds for tuning: equal trials for all arms, a record that experiments read, nothing from the
seeds that are reported.
"""

import contextlib
import json
import shutil

import pytest

from socialrl import tuning
from socialrl.cli import main
from socialrl.cli.commands import sweep
from socialrl.config import Arm, load_experiment
from socialrl.learners import dqn, ppo
from socialrl.report.findings import TUNING, summarise_findings
from socialrl.report.reading import read
from socialrl.sweep.pool import Ended
from socialrl.sweep.space import grid, settings, values
from socialrl.sweep.worker import work
from socialrl.tuned import as_written, best_for_all, check, tuned
from socialrl_envs import SocialRLError

LEARNER = """
import dataclasses

import jax.numpy as jnp

from socialrl.passive import passive_learner
from socialrl_envs.options import Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    lr: float = option(1e-3, "of no use")

    def build(self, spec):
        loss = {"loss/none": jnp.float32(self.lr)}
        return dataclasses.replace(passive_learner(spec), update=lambda state, seen, key: (state, loss))
"""
FILE = """
import still
from socialrl.config import Arm, Claim, Experiment
from socialrl.tuned import tuned
from socialrl_envs.worlds import coin_grid

experiment = Experiment(
    name="small",
    question="?",
    world=coin_grid.Config(size=5, colours=2, coins=1, horizon=4, experts=0),
    arms=(Arm(name="one", learner=still.Config()), Arm(name="other", learner=still.Config())),
    first_seed=1000,
    seeds=10,
    steps=16,
    num_envs=2,
    unroll_length=4,
    chunk=1,
    evaluate_every=8,
    evaluation_episodes=2,
    final_episodes=2,
    claims=(Claim(text="t", source="aim", arm="one", over="other"),),
)
experiment = tuned(experiment, __file__)
"""


class Here:
    """A worker that trains one trial after the other in this process. Ctrl-C comes after so many trials."""

    slots = 1

    def __init__(self):
        self.started, self.over, self.before_ctrl_c = [], [], None

    def room(self):
        return not self.over

    def start(self, place):
        if self.before_ctrl_c == len(self.started):
            self.before_ctrl_c = None
            raise KeyboardInterrupt
        self.started.append(place.name)
        end, text = work(place)
        self.over.append(Ended(place=place, end=end, text=text))

    def ended(self, seconds):
        over, self.over = self.over, []
        return over

    def stop(self, place):
        raise AssertionError("nothing runs between two calls")

    def kill(self):
        pass


@pytest.fixture(scope="module")
def worker():
    """The worker of all searches of this file."""
    with pytest.MonkeyPatch.context() as patch:
        here = Here()
        patch.setattr(sweep, "_pool", lambda *_: contextlib.nullcontext(here))
        yield here


@pytest.fixture(scope="module")
def searched(tmp_path_factory, worker):
    """A folder with an experiment's file, and the record of a search of two trials of one arm, which was
    stopped by Ctrl-C after the first and called again.
    """
    folder = tmp_path_factory.mktemp("tune")
    (folder / "small.py").write_text(FILE)
    (folder / "still.py").write_text(LEARNER)
    words = ["tune", str(folder / "small.py"), "--arms", "one", "--grid", "lr=1e-2,1e-4", "--seeds", "2"]
    words += ["--steps", "8", "--runs", str(folder / "runs")]
    worker.before_ctrl_c = 1
    assert main(words) == 130
    assert not (folder / "tuned").exists()
    assert main(words) == 0
    assert worker.started == ["001", "002"]
    return folder


def test_a_search_tries_every_setting_on_seeds_for_tuning(searched):
    record = json.loads((searched / "tuned" / "small.json").read_text())
    [arm] = record["arms"].values()
    assert [trial["settings"] for trial in arm["trials"]] == [{"lr": 1e-2}, {"lr": 1e-4}]
    assert all(len(trial["return"]) == len(trial["auc"]) == 2 for trial in arm["trials"])
    assert all(trial["seconds"] > 0 for trial in arm["trials"])
    assert (record["seeds"], record["steps"]) == ([0, 1], 8)
    same = "--arms one --trial-seeds 2 --trial-steps 8 --space learner.lr=1e-2,1e-4"
    assert record["command"].endswith(f"small.py --search grid --search-only {same}")
    assert record["early_stopping"] is False
    study = read(searched / "runs" / "one" / "002" / "1")
    assert study.runs[0].first_seed == 0
    assert study.runs[0].experiment["claims"] == []
    assert study.arms[0].settings["learner"]["lr"] == 1e-4


def test_it_goes_on_where_it_stopped(searched, worker, capsys):
    worker.started.clear()
    words = ["tune", str(searched / "small.py"), "--arms", "one", "--grid", "lr=1e-2,1e-4", "--seeds", "2"]
    more = ["--steps", "8", "--runs", str(searched / "runs"), "--out", str(searched / "again.json")]
    assert main([*words, *more]) == 0
    assert worker.started == []
    first, again = (json.loads((searched / f).read_text()) for f in ("tuned/small.json", "again.json"))
    assert first["arms"] == again["arms"]
    assert main([*words, *more, "--measure", "auc", "--steps", "16"]) == 2  # not the trials that lie there
    assert "task.json: of another experiment" in capsys.readouterr().err
    assert main([*words, *more, "--grid", "lr=1.0"]) == 2
    assert "trials.json: a search over other keys or values" in capsys.readouterr().err


def test_an_arm_that_comes_later_joins_the_trials_that_are_done(searched, worker, tmp_path):
    shutil.copytree(searched / "runs", tmp_path / "runs")
    first = json.loads((searched / "tuned" / "small.json").read_text())["arms"]
    words = ["tune", str(searched / "small.py"), "--grid", "lr=1e-2,1e-4", "--seeds", "2", "--steps", "8"]
    out = ["--trials", "1", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "again.json")]
    worker.started.clear()
    assert main([*words, *out]) == 0
    assert worker.started == ["001"]
    again = json.loads((tmp_path / "again.json").read_text())["arms"]
    assert again["one"]["trials"] == first["one"]["trials"][:1]
    assert len(again["other"]["trials"]) == 1
    assert [arm.name for arm in read(tmp_path / "runs" / "other" / "001" / "1").arms] == ["other"]


def test_the_experiment_takes_the_best_and_says_how_it_was_found(searched):
    record = json.loads((searched / "tuned" / "small.json").read_text())
    experiment = load_experiment(searched / "small.py")
    one, other = experiment.arms
    assert one.learner.lr == record["arms"]["one"]["best"]["lr"]
    assert other.learner.lr == 1e-3
    assert experiment.tuning == "2 trials per arm of lr, each of 8 steps on seeds 0 to 1; as written: other"
    written = as_written(experiment, searched / "small.py")
    assert (written.tuning, written.arms[0].learner.lr) == ("", 1e-3)


def test_a_trial_decides_no_claim(searched):
    """Seeds for tuning carry no verdict, whatever is claimed of them."""
    path = searched / "runs" / "one" / "001" / "1" / "config.json"
    before = path.read_text()
    content = json.loads(before)
    content["experiment"]["claims"] = [{"text": "t", "source": "aim", "arm": "one", "value": -9.0}]
    path.write_text(json.dumps(content))
    [claim] = summarise_findings(read(path.parent))
    path.write_text(before)
    assert claim["verdict"] == TUNING


def test_the_grid_is_of_one_size_for_all_learners_and_begins_as_written():
    arms = [Arm(name="a", learner=dqn.Config(lr=1e-3)), Arm(name="b", learner=ppo.Config(lr_end=1e-4))]
    spaces = [values(arm, {}) for arm in arms]
    value_based, on_policy = ([settings(space, one) for one in grid(space)] for space in spaces)
    assert len(value_based) == len(on_policy) == 9
    assert value_based[0] == {"lr": 1e-3, "updates": 8}
    assert {point["updates"] for point in value_based} == {8, 16, 32}
    assert on_policy[-1] == {"lr": 3e-3, "lr_end": 3e-4, "epochs": 4}
    few = grid(spaces[0], 4)
    assert few == grid(spaces[0], 6)[:4]
    assert len({json.dumps(point) for point in few}) == 4
    numbers = [[grid(space).index(point) for point in grid(space, 4)] for space in spaces]
    assert numbers[0] == numbers[1]
    assert numbers[0][0] == 0
    with pytest.raises(SocialRLError, match="trials: 10"):
        grid(spaces[0], 10)
    with pytest.raises(SocialRLError, match="arm a: its learner has no epochs"):
        values(arms[0], {"learner.epochs": ["1", "2"]})
    with pytest.raises(SocialRLError, match=r"learner.lr: a range"):
        values(arms[0], {"learner.lr": ["1e-4:1e-2"]})


def a_search(**changes):
    trials = [
        {"settings": {"lr": lr}, "return": [mean, mean + 1.0]} for lr, mean in ((1e-3, 1.0), (1e-2, 3.0))
    ]
    arm = {"best": {"lr": 1e-2}, "trials": trials}
    head = {"format": "socialrl-tuning", "version": 1, "measure": "return", "seeds": [0, 1], "steps": 9}
    return head | {"arms": {"one": arm}} | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": [1000]}, "seeds of 1000 and above"),
        ({"arms": {"a": {"best": {}, "trials": []}}}, "arms.a.best: not tried"),
        ({"arms": a_search()["arms"] | {"b": {"best": {}, "trials": [{"settings": {}}]}}}, "unequal numbers"),
    ],
)
def test_an_unfair_search_is_refused(changes, message):
    check(a_search(), "x.json")
    with pytest.raises(SocialRLError, match=message):
        check(a_search(**changes), "x.json")


def test_a_setting_that_does_not_exist_is_told_by_file_and_key(searched, tmp_path):
    experiment = load_experiment(searched / "small.py")
    bad = a_search()
    bad["arms"]["one"]["best"] = bad["arms"]["one"]["trials"][0]["settings"] = {"lrr": 1.0}
    tuning.write(bad, tmp_path / "tuned" / "small.json")
    with pytest.raises(SocialRLError, match=r"small.json: unknown key --one.learner.lrr"):
        tuned(experiment, tmp_path / "small.py")


def test_what_was_found_is_shown_with_its_edge():
    assert tuning.best(a_search()["arms"]["one"]["trials"], "return") == {"lr": 1e-2}
    assert tuning.shown(a_search()) == "one: lr 0.01: 1.50 -> 3.50 (at the edge: lr)"
    dead = [{"settings": {"lr": 1.0}, "return": [9.0, None]}, {"settings": {"lr": 2.0}, "return": [1.0, 1.0]}]
    assert tuning.best(dead, "return") == {"lr": 2.0}


def trials_of(*means):
    return [{"settings": {"lr": float(n)}, "return": [mean, mean]} for n, mean in enumerate(means)]


def test_arms_of_a_group_share_what_is_best_for_all_of_them():
    """Each arm counts alike, however large its returns are."""
    assert best_for_all([trials_of(0.0, 100.0, 90.0), trials_of(0.0, 0.1, 1.0)], "return") == {"lr": 2.0}
    dead = [{"settings": {"lr": 0.0}, "return": [9.0, None]}, *trials_of(0.0, 1.0, 2.0)[1:]]
    assert best_for_all([dead], "return") == {"lr": 2.0}
    stopped = [*trials_of(0.0, 1.0), trials_of(0.0, 1.0, 9.0)[2] | {"steps": 4}]
    whole = [trial | {"steps": 8} for trial in stopped[:2]]
    assert best_for_all([[*whole, stopped[2]]], "return") == {"lr": 1.0}
    with pytest.raises(SocialRLError, match="different settings"):
        best_for_all([trials_of(1.0, 2.0), trials_of(1.0)], "return")


def test_an_arm_that_was_not_tried_has_the_settings_of_its_group(searched, tmp_path):
    experiment = load_experiment(searched / "small.py")
    found = a_search()
    tuning.write(found, tmp_path / "tuned" / "small.json")
    alike = tuned(experiment, tmp_path / "small.py", together=lambda arm: "any")
    assert [arm.learner.lr for arm in alike.arms] == [found["arms"]["one"]["best"]["lr"]] * 2
    assert "one set of settings for all arms of a group, tried on one" in alike.tuning
    alone = tuned(experiment, tmp_path / "small.py", together=lambda arm: arm)
    assert alone.arms[1].learner.lr == 1e-3
    assert "as written: other" in alone.tuning
