"""`socialrl eval` end to end: the records of a run's own protocol once more, again and again, and what it
refuses.
"""

import dataclasses
import json
import shutil

import pytest

import socialrl.runs
from socialrl.cli import main
from socialrl.config import Arm, Experiment, to_json
from socialrl.curricula import adr
from socialrl.learners import dqn
from socialrl.protocols import social
from socialrl.record import folder
from socialrl.record.metrics import Records
from socialrl.registry import PROTOCOL
from socialrl_envs.worlds import coin_grid

pytestmark = pytest.mark.usefixtures("kept_programs")
SMALL = dqn.Config(hidden=(8,), batch=2, updates=1, capacity=400)
WORLD = coin_grid.Config(size=5, colours=2, coins=1, horizon=6, experts=1)
TINY = Experiment(
    name="tiny",
    question="Is it tested?",
    world=WORLD,
    arms=(Arm(name="dqn", learner=SMALL), Arm(name="idle", learner=SMALL)),
    seeds=2,
    steps=20,
    num_envs=2,
    unroll_length=5,
    num_levels=4,
    chunk=2,
    evaluation_episodes=2,
    final_episodes=2,
    replay_episodes=1,
    protocols=(social.Config(episodes=3, policies=("greedy",), companies=("wanderer",), transfer=()),),
    curriculum=adr.Config(
        ranges=(adr.Range(param="skill", start=(1.0, 1.0), limits=(0.5, 1.0), step=0.1),)
    ),  # it has a state
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of one arm, of an experiment that has a second one."""
    path = tmp_path_factory.mktemp("runs") / "001"
    with folder.create(to_json(TINY), out=path) as opened:
        socialrl.runs.run(dataclasses.replace(TINY, arms=TINY.arms[:1]), opened)
    return path


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "001")


def found_in(path):
    return [record for record in Records(path / "metrics.jsonl").records() if record["kind"] == "social"]


def failure(capsys, *arguments):
    """The one line on stderr of a command that must fail with code 2."""
    assert main(["eval", *map(str, arguments)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("socialrl: error: ")
    assert err.count("\n") == 1
    return err


def test_it_finds_what_the_run_recorded_and_replaces_it(copy, capsys):
    recorded = found_in(copy)
    assert [(r["labels"]["company"], r["labels"]["presence"]) for r in recorded] == [
        ("trained", "full"),
        ("trained", "half"),
        ("trained", "never"),
        ("wanderer", "full"),
        ("wanderer", "half"),
    ]
    others = [record for record in Records(copy / "metrics.jsonl").records() if record["kind"] != "social"]
    assert main(["eval", str(copy), "--arms", "dqn", "--out", str(copy / "numbers.json"), "--phases"]) == 0
    printed = capsys.readouterr().out
    assert "Return with the company present throughout (full)" in printed
    assert found_in(copy) == recorded
    assert [
        record for record in Records(copy / "metrics.jsonl").records() if record["kind"] != "social"
    ] == others
    assert (copy / "numbers.json").read_bytes() == (copy / "evaluation.json").read_bytes()
    assert len(json.loads((copy / "numbers.json").read_text())["dqn"]) == 5
    assert "Social learning" in (copy / "report.html").read_text()
    assert not (copy / ".lock").exists()


def test_fewer_seeds_are_the_first_ones(copy):
    recorded = found_in(copy)
    assert main(["eval", str(copy), "--arms", "dqn", "--seeds", "1"]) == 0
    for all_seeds, one_seed in zip(recorded, found_in(copy), strict=True):
        assert one_seed["values"] == {name: values[:1] for name, values in all_seeds["values"].items()}


def test_what_it_refuses_is_one_line_and_changes_nothing(copy, capsys, tmp_path):
    before = (copy / "metrics.jsonl").read_bytes()
    assert "unknown arm 'dqm' (did you mean 'dqn'?)" in failure(capsys, copy, "--arms", "dqm")
    assert "arm idle has no checkpoint (socialrl run --resume" in failure(capsys, copy)
    assert "--seeds: 3 (the run has 2)" in failure(capsys, copy, "--arms", "dqn", "--seeds", "3")
    assert "--episodes: 0 (it must be at least 1)" in failure(
        capsys, copy, "--arms", "dqn", "--episodes", "0"
    )
    assert "not a run folder" in failure(capsys, tmp_path / "nowhere")
    assert "required: RUN" in failure(capsys)
    with folder.resume(copy):
        assert "in use" in failure(capsys, copy, "--arms", "dqn")
    assert (copy / "metrics.jsonl").read_bytes() == before


def test_a_world_that_the_arms_cannot_see_is_named(copy, capsys):
    config = json.loads((copy / "config.json").read_text())
    config["experiment"]["protocols"][0]["transfer"] = [config["experiment"]["world"] | {"size": 7}]
    (copy / "config.json").write_text(json.dumps(config))
    assert "social, world size=7: obs_shape" in failure(capsys, copy, "--arms", "dqn")


@pytest.mark.parametrize("name", [name for name in PROTOCOL.names() if name != "social"])
def test_every_protocol_measures_or_says_in_one_line_what_it_needs(copy, capsys, name):
    """The arm is a dqn among coins: no hidden order to probe, no preferences or goals that it infers."""
    reasons = {
        "memory": "coin_grid has no hidden order",
        "inverse_rl": "inverse_rl: nothing to measure in dqn (it needs a learner that infers rewards",
        "goal_inference": "goal_inference: nothing to measure in dqn (it needs a learner that infers goals",
        "comparisons": "comparisons: nothing to measure in dqn (it needs a few-shot learner",
        "generations": "generations: nothing to measure in dqn (it needs ",
        "lifetimes": "lifetimes: nothing to measure in dqn (it needs a learner with a memory",
        "reference": "reference: nothing to measure in dqn (it needs a learner with a reference policy",
        "held_out": "held_out, level bottleneck: a learner of coin_grid at size 5: obs_shape",
        "interventions": "interventions: nothing to measure in dqn (it needs a learner that reads concepts",
        "worth_of_following": "nothing to measure in dqn (it needs a learner that follows other sources",
    }
    command = (copy, "--arms", "dqn", "--protocol", name, "--episodes", "2")
    if name in reasons:
        assert reasons[name] in failure(capsys, *command)
        return
    assert main(["eval", *map(str, command)]) == 0
    found = [record for record in Records(copy / "metrics.jsonl").records() if record["kind"] == name]
    assert found
    assert all(len(values) == 2 for record in found for values in record["values"].values())
    assert all(record["labels"] for record in found)
