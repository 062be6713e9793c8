"""The public API: a run from an Experiment object, what it recorded, its agents, evaluation and export."""

import dataclasses
import json
import subprocess
import sys

import jax
import numpy as np
import pytest

import socialrl
from socialrl.assemble import assemble, root_keys
from socialrl.cli import main
from socialrl.config import Arm, Experiment, load_experiment
from socialrl.evaluation import evaluator
from socialrl.learners import dqn, psiphi
from socialrl.play.cast import cast
from socialrl.protocols import few_shot, social
from socialrl.record.metrics import Records
from socialrl.web import notebook
from socialrl_envs.errors import SocialRLError
from socialrl_envs.worlds import coin_grid

pytestmark = pytest.mark.usefixtures("kept_programs")
SMALL = {"hidden": (8,), "batch": 2, "updates": 1, "capacity": 100}
WORLD = coin_grid.Config(size=5, colours=2, coins=1, horizon=5, experts=1)
TINY = Experiment(
    name="tiny",
    question="Is a < b?",
    world=WORLD,
    arms=(Arm(name="dqn", learner=dqn.Config(**SMALL)),),
    seeds=2,
    steps=20,
    num_envs=2,
    unroll_length=5,
    num_levels=4,
    chunk=1,
    evaluate_every=10,
    evaluation_episodes=2,
    final_episodes=2,
    replay_episodes=1,
    checkpoint_every=10,
    protocols=(social.Config(episodes=2, policies=("greedy",), companies=(), transfer=()),),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return socialrl.run(TINY, tmp_path_factory.mktemp("runs") / "001", first_seed=1000, progress=False)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    return socialrl.export(run, tmp_path_factory.mktemp("files") / "agent.npz", seed=1)


def test_importing_it_imports_nothing_heavy():
    code = "import sys, socialrl; assert not {'jax', 'numpy', 'flax'} & sys.modules.keys(); dir(socialrl)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_is_what_there_is():
    assert all(callable(getattr(socialrl, name)) for name in socialrl.__all__)
    assert set(socialrl.__all__) <= set(dir(socialrl))
    assert all(getattr(socialrl, name).__doc__ for name in socialrl.__all__)
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = socialrl.runn


def test_a_run_is_opened_as_it_was_returned(run, capsys):
    opened = socialrl.open_run(run.path)
    assert opened.arms == run.arms == ("dqn",)
    assert opened.experiment == dataclasses.replace(TINY, first_seed=1000)
    assert opened.config["first_seed"] == 1000
    assert repr(opened) == f"Run('{run.path}': tiny, arms dqn, 2 seeds)"
    assert [(one.arm, one.seed, one.episodes) for one in opened.replays()] == [("dqn", 0, 1), ("dqn", 1, 1)]
    assert opened.report().read_text().startswith("<!DOCTYPE html>")
    assert capsys.readouterr().out == ""


def test_without_progress_nothing_is_printed_and_resuming_a_finished_run_is_fine(run, capsys):
    before = (run.path / "metrics.jsonl").read_bytes()
    again = socialrl.run(run.path, run.path, resume=True, progress=False)
    assert again.path == run.path
    assert (run.path / "metrics.jsonl").read_bytes() == before
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_seeds_begin_with_the_first_seed():
    roots = root_keys(dataclasses.replace(TINY, first_seed=1000))
    assert [jax.random.key_data(key).tolist() for key in roots] == [
        jax.random.key_data(jax.random.key(seed)).tolist() for seed in (1000, 1001)
    ]
    with pytest.raises(SocialRLError, match=r"first_seed: -1 \(it must be 0 or more\)"):
        socialrl.run(TINY, first_seed=-1)


def test_metrics_are_columns(run):
    records = Records(run.path / "metrics.jsonl").records()
    columns = run.metrics()
    assert {len(column) for column in columns.values()} == {2 * len(records)}
    assert list(columns)[:4] == ["arm", "kind", "step", "seed"]
    chosen = run.metrics("dqn", "eval")
    assert chosen["step"].tolist() == [0, 0, 10, 10, 20, 20]
    assert chosen["seed"].tolist() == [0, 1] * 3
    wanted = [value for record in records if record["kind"] == "eval" for value in record["values"]["return"]]
    np.testing.assert_array_equal(chosen["return"], wanted)
    tested = run.metrics(kind="social")
    assert tested["label/presence"].tolist() == ["full", "full", "half", "half", "never", "never"]
    assert np.isnan(columns["loss/td"][columns["kind"] == "eval"]).all()
    assert columns["label/presence"][columns["kind"] == "eval"].tolist() == [""] * 6
    assert {len(column) for column in run.metrics(kind="none").values()} == {0}
    with pytest.raises(SocialRLError, match="did you mean 'dqn'"):
        run.metrics(arm="dqm")


def test_a_data_frame_is_asked_for_and_needs_pandas(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SocialRLError, match="pandas is not installed"):
        run.metrics(as_pandas=True)


def test_a_notebook_shows_a_run_as_a_table_with_curves(run):
    shown = run._repr_html_()
    assert "<svg" in shown
    assert "polyline" in shown
    assert "Is a &lt; b?" in shown
    assert "http" not in shown


def test_an_agent_of_a_run_shows_its_recorded_episodes(run, exported):
    agent = socialrl.load_agent(run, seed=1)
    assert "<figure>" in agent._repr_html_()
    assert len(agent._replays()) == 1
    assert "<figure>" not in socialrl.load_agent(exported)._repr_html_()
    shown = agent._display_()
    if not isinstance(shown, notebook.Still):  # anywidget is installed
        assert dict(shown.facts["rows"])["world"] == "coin_grid"


def test_evaluating_an_agent_is_evaluating_its_learner(run, exported):
    """Greedy episodes of the loaded agent are those of the learner in its own rollout, on the same levels."""
    made = assemble(run.experiment, run.experiment.arms[0])
    state = made.restored(run.path, run.path / "checkpoints" / "dqn")[0][1].learner
    wanted, _ = jax.jit(evaluator(made.rollout, made.world.spec, 4))(state, jax.random.key(5))
    for agent in (run.load_agent("dqn", 1), socialrl.load_agent(exported)):
        found = socialrl.evaluate(agent, WORLD, episodes=4, seed=5)
        assert found == {"greedy": {name: float(value) for name, value in sorted(wanted.items())}}


def test_evaluating_under_a_protocol_is_what_the_run_recorded(run):
    """The study of one seed finds what `socialrl run` wrote for that seed."""
    recorded = run.metrics(kind="social")
    found = socialrl.evaluate(run.load_agent(seed=1), WORLD, TINY.protocols[0], seed=1001)
    assert list(found) == [
        f"world=home, policy=greedy, company=trained, presence={name}" for name in ("full", "half", "never")
    ]
    second = recorded["seed"] == 1
    for name in ("return", "penalties"):
        np.testing.assert_array_equal(
            [measures[name] for measures in found.values()], recorded[name][second].astype(np.float32)
        )


def test_what_evaluate_refuses(run):
    agent = run.load_agent()
    with pytest.raises(SocialRLError, match="learnt with obs_shape"):
        socialrl.evaluate(agent, "coin_grid")
    with pytest.raises(SocialRLError, match="did you mean 'coin_grid'"):
        socialrl.evaluate(agent, "coin_gird")
    for protocol in (None, TINY.protocols[0]):
        with pytest.raises(SocialRLError, match="episodes: 0"):
            socialrl.evaluate(agent, WORLD, protocol, episodes=0)
    with pytest.raises(SocialRLError, match="a loaded agent acts, and does not learn"):
        socialrl.evaluate(agent, WORLD, few_shot.Config(preferences=((1.0, -1.0),), shots=(0, 1), episodes=2))
    with pytest.raises(SocialRLError, match="it has no novice"):
        socialrl.evaluate(agent, dataclasses.replace(WORLD, novices=0))


def test_what_is_not_there_is_refused(tmp_path, run, exported):
    with pytest.raises(SocialRLError, match="not a run folder"):
        socialrl.open_run(tmp_path)
    with pytest.raises(SocialRLError, match="cannot read this agent"):
        socialrl.load_agent(tmp_path / "agent.npz")
    with pytest.raises(SocialRLError, match="arm, seed, novice and generation are of an agent in a run"):
        socialrl.load_agent(exported, arm="dqn")
    with pytest.raises(SocialRLError, match="holds a run already"):
        socialrl.run(TINY, run.path)
    broken = dataclasses.replace(TINY, arms=(Arm(name="p", learner=psiphi.Config(following="always")),))
    alone = dataclasses.replace(broken, world=dataclasses.replace(WORLD, novices=0))
    with pytest.raises(SocialRLError, match=r"^p\.learner\.novices"):
        socialrl.run(alone, tmp_path / "none")
    assert not (tmp_path / "none").exists()


# The command, and where a file goes.


def test_export_writes_a_file_and_says_so(run, tmp_path, capsys):
    out = tmp_path / "agent.npz"
    assert main(["export", f"{run.path}:dqn:1", str(out), "--dtype", "float16"]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: dqn, seed 1, step 20 of tiny, ")
    assert out.stat().st_size < 300_000
    assert socialrl.load_agent(out).facts == run.load_agent("dqn", 1).facts
    by_address = socialrl.export(f"{run.path}:dqn:1", tmp_path / "other.npz", dtype="float16")
    with np.load(out) as one, np.load(by_address) as other:
        assert all(np.array_equal(one[name], other[name]) for name in one.files)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN:dqm", "a.npz"], "unknown arm 'dqm' (did you mean 'dqn'?)"),
        (["RUN:dqn:7", "a.npz"], "the run has seeds 0..1"),
        (["nowhere", "a.npz"], "not a run folder"),
        (["RUN", "a.pickle"], "an agent's file ends in .npz"),
        (["RUN", "none/a.npz"], "there is no folder none"),
        (["RUN", "a.npz", "--dtype", "int8"], "--dtype"),
        (["RUN"], "required: FILE"),
    ],
)
def test_what_export_refuses_is_one_line(run, in_tmp, capsys, arguments, message):
    assert main(["export", *(word.replace("RUN", str(run.path)) for word in arguments)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not list(in_tmp.iterdir())


def test_an_exported_agent_plays_in_its_world(exported, tmp_path):
    who = cast(None, str(exported))
    assert (who.agent, who.step, who.config) == ("dqn, seed 1, step 20 of tiny", 20, WORLD)
    with pytest.raises(SocialRLError, match="learnt with obs_shape"):
        cast("coin_grid", str(exported))


def test_a_run_that_names_an_unknown_learner_still_shows_its_records(run, tmp_path):
    path = tmp_path / "001"
    path.mkdir()
    config = json.loads((run.path / "config.json").read_text())
    config["experiment"]["arms"][0]["learner"] = {"name": "mine"}
    (path / "config.json").write_text(json.dumps(config))
    (path / "metrics.jsonl").write_bytes((run.path / "metrics.jsonl").read_bytes())
    opened = socialrl.open_run(path)
    np.testing.assert_array_equal(opened.metrics()["step"], run.metrics()["step"])
    assert opened.replays() == ()
    with pytest.raises(SocialRLError, match="unknown learner 'mine'"):
        opened.load_agent()
    assert load_experiment(run.path) == run.experiment
