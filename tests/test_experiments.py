"""Every file in experiments/: it loads, survives JSON, builds what it names, can be trained. New files are
tested, too.
"""

import ast
import functools
import json
from pathlib import Path
from unittest import mock

import jax
import numpy as np
import pytest

from socialrl import tuned
from socialrl.assemble import assemble
from socialrl.config import from_json, load_experiment, to_json
from socialrl.overrides import apply, keys
from socialrl.report import papers

FILES = sorted((Path(__file__).parent.parent / "experiments").glob("[!_]*.py"))
TINY = {
    "seeds": "1",
    "steps": "12",
    "num_envs": "2",
    "unroll_length": "3",
    "num_levels": "4",
    "chunk": "1",
    "generations.count": "2",
    "evaluation_episodes": "2",
    "final_episodes": "2",
    "replay_episodes": "1",
    "learner.hidden": "8",
    "learner.updates": "1",
    "learner.batch": "2",
    "learner.capacity": "24",
    "learner.bptt_length": "0",
    "learner.minibatches": "1",
    "learner.clip_length": "1",
}

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def tiny(file):
    """The experiment in a size for tests, by overrides of the keys that it has."""
    experiment = load_experiment(file)
    known = keys(experiment)
    return apply(
        experiment, [part for key, value in TINY.items() if key in known for part in (f"--{key}", value)]
    )


def test_the_quick_start_is_there():
    assert "coin_grid" in {file.stem for file in FILES}


@every_file
def test_it_is_named_by_its_file_and_begins_with_its_question(file):
    experiment = load_experiment(file)
    assert experiment.name == file.stem
    assert experiment.question.endswith("?")
    headline = (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
    assert 10 < len(headline) < 140


@every_file
def test_json_and_back(file):
    experiment = load_experiment(file)
    assert from_json(json.loads(json.dumps(to_json(experiment), allow_nan=False))) == experiment


@every_file
def test_it_compares_at_least_two_arms_over_at_least_ten_seeds(file):
    """Fewer seeds carry no verdict; the report refuses one."""
    experiment = load_experiment(file)
    assert len(experiment.arms) >= 2
    assert experiment.seeds >= max(10, experiment.claim_seeds)


@every_file
def test_a_search_of_its_settings_is_one_of_all_its_arms(file):
    """What the experiment reads lies beside it, is fair, and names no arm that is gone."""
    experiment = load_experiment(file)
    search = tuned.place(experiment, file)
    if search.is_file():
        assert set(tuned.read(search)["arms"]) <= {arm.name for arm in experiment.arms}
        assert experiment.tuning
    else:
        assert experiment.tuning == ""


KNOWN: set[str] = set()  # settings of learners and worlds that have been traced, by `traces_alike`
# Settings that do not matter to a chunk, so that experiments with the same arms share what is traced.
UNTRACED = {"scale": "", "tuning": "", "evaluate_every": 1, "checkpoint_every": 1, "first_seed": 0}


def first_chunk(settings):
    """key -> metrics of the first chunk of an experiment of one arm, given as JSON."""
    experiment = from_json(json.loads(settings))
    [arm] = experiment.arms
    trainer = assemble(experiment, arm).trainer
    return lambda key: trainer.chunk(trainer.start(key))[1]


def trained(settings):
    """Those metrics, as numbers."""
    return jax.device_get(jax.jit(first_chunk(settings))(jax.random.key(0)))


@functools.cache
def shared(build, config):
    """The world of a config; what it does is traced once for all arms that live in it."""
    world = build(config)
    for name in ("sample_level", "reset", "step", "observe"):
        setattr(world, name, jax.jit(getattr(world, name)))
    return world


@functools.cache
def traced(settings):
    """Those metrics, as shapes; nothing is compiled. Arms of one setting are traced once."""
    cls = type(from_json(json.loads(settings)).world)
    usual = cls.build
    with mock.patch.object(cls, "build", lambda config: shared(usual, config)):
        return jax.eval_shape(first_chunk(settings), jax.random.key(0))


def traces_alike(part):
    """The settings as JSON in which any fraction other than 0 and 1 is the same: what it is changes nothing
    in which operations are traced.
    """

    def alike(value):
        if isinstance(value, dict):
            return {key: alike(one) for key, one in value.items()}
        if isinstance(value, list):
            return [alike(one) for one in value]
        return 0.5 if isinstance(value, float) and value not in (0, 1) else value

    return json.dumps(alike(part), sort_keys=True)


def settings_of(experiment):
    """(arm's name, its learner, settings of that arm alone as JSON)."""
    for arm in experiment["arms"]:
        parts = {part: arm[part] or experiment[part] for part in ("world", "curriculum")}
        bare = {"name": "arm", "world": None, "curriculum": None, "partners": None}
        one = {**experiment, **parts, "arms": [arm | bare]}
        alike = {**one, "name": "alike", "question": "?", "protocols": [], "claims": []} | UNTRACED
        yield arm["name"], arm["learner"], json.dumps(alike, sort_keys=True)


@every_file
def test_every_arm_can_be_trained(file):
    """Traced, each that has a learner's settings or a world that none before it has, in this experiment or
    another. That every learner trains is tested with the learners, that every world runs with the worlds."""
    for name, learner, settings in settings_of(to_json(tiny(file))):
        parts = {traces_alike(part) for part in (learner, json.loads(settings)["world"])}
        if parts <= KNOWN:
            continue
        losses = {key: value for key, value in traced(settings).items() if key.startswith("loss/")}
        assert losses, name
        assert all(value.shape == () for value in losses.values()), name
        KNOWN.update(parts)


@pytest.mark.parametrize("name", ["coin_grid", "goal_cycle"])
def test_the_first_arm_trains(name):
    """An off-policy learner in one, a recurrent policy in the other."""
    [file] = [file for file in FILES if file.stem == name]
    _, _, settings = next(settings_of(to_json(tiny(file))))
    losses = [value for key, value in trained(settings).items() if key.startswith("loss/")]
    assert losses
    assert all(np.isfinite(value) for value in losses)


def test_claims_of_papers_are_claims_of_experiments():
    for entry in papers.read(FILES[0].parent / papers.FILE.name):
        if "experiment" in entry:
            claims = load_experiment(FILES[0].parent / f"{entry['experiment']}.py").claims
            [claim] = [claim for claim in claims if claim.text == entry["text"]]
            assert (claim.source == "paper") == (entry["tested"] in ("as stated", "scaled")), entry["text"]
            assert claim.paper.split(" arXiv ")[-1] == entry["paper"].split(" arXiv ")[-1], entry["text"]
