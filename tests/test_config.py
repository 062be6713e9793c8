"""Experiments as plain data: there and back, and what is refused by name."""

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socialrl.coerce import coerce, describe
from socialrl.config import Arm, from_json, load_experiment, to_json
from socialrl_envs.errors import SocialRLError


def test_json_and_back_is_the_same_experiment(experiment, toys):
    learner, _, world = toys
    odd = learner.Config(
        lr=3e-5,
        hidden=(),
        memory="gru",
        clip=0.1,
        gpi=False,
        schedule=learner.Schedule(end=0.25),
        weights={"td": 2.0},
        start=(0.0, 1.0),
    )
    full = dataclasses.replace(
        experiment, arms=(*experiment.arms, Arm(name="odd", learner=odd, world=world.Config(size=5))), seeds=2
    )
    written = json.loads(json.dumps(to_json(full), allow_nan=False))
    assert from_json(written) == full
    assert written["arms"][2]["learner"]["name"] == "toy_learner"
    assert written["arms"][2]["world"] == {"name": "toy_world", "size": 5}
    assert written["arms"][0]["world"] is None


def test_infinite_numbers_survive_json(experiment, toys):
    bold = dataclasses.replace(
        experiment, arms=(Arm(name="bold", learner=toys[0].Config(clip=float("inf"))),)
    )
    assert from_json(json.loads(json.dumps(to_json(bold), allow_nan=False))) == bold


def test_missing_optional_keys_take_their_defaults(experiment):
    written = to_json(experiment)
    del written["steps"], written["arms"][0]["learner"]["schedule"]
    assert from_json(written) == experiment


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("sede",), 3, "unknown key 'sede' (did you mean 'seeds'?)"),
        (("seeds",), "3", "seeds: expected int, got '3'"),
        (("seeds",), 2.5, "seeds: expected int, got 2.5"),
        (("seeds",), True, "seeds: expected int, got True"),
        (("arms", 0, "learner", "lrr"), 1.0, "unknown key 'arms.0.learner.lrr' (did you mean 'lr'?)"),
        (("arms", 0, "learner", "lr"), "fast", "arms.0.learner.lr: expected float, got 'fast'"),
        (("arms", 0, "learner", "lr"), -1.0, "arms.0.learner: lr must be positive"),
        (
            ("arms", 0, "learner", "memory"),
            "gruu",
            "arms.0.learner.memory: expected one of 'none', 'gru', got 'gruu'",
        ),
        (("arms", 0, "learner", "hidden"), [1, "a"], "arms.0.learner.hidden.1: expected int, got 'a'"),
        (("arms", 0, "learner", "window"), [1], "arms.0.learner.window: expected [int, float], got [1]"),
        (("arms", 0, "learner", "clip"), "x", "arms.0.learner.clip: expected float or None, got 'x'"),
        (("arms", 0, "learner", "gpi"), 1, "arms.0.learner.gpi: expected bool, got 1"),
        (
            ("arms", 0, "learner", "schedule", "ende"),
            1,
            "unknown key 'arms.0.learner.schedule.ende' (did you mean 'end'?)",
        ),
        (
            ("arms", 0, "learner", "weights"),
            {"td": "x"},
            "arms.0.learner.weights.td: expected float, got 'x'",
        ),
        (
            ("arms", 0, "learner", "name"),
            "toy_lerner",
            "unknown learner 'toy_lerner' (did you mean 'toy_learner'?)",
        ),
        (
            ("arms", 0, "world"),
            "toy_word",
            "arms.0.world: unknown world 'toy_word' (did you mean 'toy_world'?)",
        ),
        (("world", "size"), 2, "world.size: 2 (it must be at least 3)"),
        (("world",), 7, "world: expected a world's name and settings, got 7"),
    ],
)
def test_reading_names_the_key_and_the_cure(experiment, path, value, message):
    written = to_json(experiment)
    inner = written
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(SocialRLError) as error:
        from_json(written)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_required_key_is_named(experiment):
    written = to_json(experiment)
    del written["arms"][1]["learner"]
    with pytest.raises(SocialRLError, match=r"missing key 'arms\.1\.learner' \(it holds a learner\)"):
        from_json(written)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../evil"}, "cannot name a file"),
        ({"name": ""}, "cannot name a file"),
        ({"seeds": 0}, "seeds: 0 (it must be at least 1)"),
        ({"chunk": -5}, "chunk: -5 (it must be at least 1)"),
        ({"unroll_length": True}, "unroll_length: expected int, got True"),
        ({"arms": ()}, "at least one Arm"),
    ],
)
def test_construction_refuses(experiment, changes, message):
    with pytest.raises(SocialRLError) as error:
        dataclasses.replace(experiment, **changes)
    assert message in str(error.value)


def test_arm_names_are_unique_and_no_key(experiment, toys):
    with pytest.raises(SocialRLError, match="two arms are named 'toy'"):
        dataclasses.replace(
            experiment, arms=(experiment.arms[0], dataclasses.replace(experiment.arms[0], name="TOY"))
        )
    with pytest.raises(SocialRLError, match="has the name of an experiment's key"):
        dataclasses.replace(experiment, arms=(Arm(name="world", learner=toys[0].Config()),))
    with pytest.raises(SocialRLError, match="expected a Config instance"):
        Arm(name="toy", learner="toy_learner")
    with pytest.raises(SocialRLError, match="expected a Config instance"):
        Arm(name="toy", learner=toys[0].Config)


def test_steps_round_up_to_whole_chunks(experiment):
    assert (
        dataclasses.replace(experiment, steps=1601, num_envs=16, unroll_length=10, chunk=5).total_steps
        == 2400
    )
    assert (
        dataclasses.replace(experiment, steps=1600, num_envs=16, unroll_length=10, chunk=5).total_steps
        == 1600
    )


def test_an_arm_is_trained_for_its_share_of_the_steps_in_whole_chunks(experiment):
    whole = experiment.arms[0]
    part = dataclasses.replace(whole, name="part", share=0.3)
    sized = dataclasses.replace(
        experiment, arms=(whole, part), steps=1600, num_envs=16, unroll_length=10, chunk=1
    )
    assert [sized.total_of(arm) for arm in sized.arms] == [1600, 480]
    assert sized.steps_at("part", 0.5) == 320  # of 480, in chunks of 160
    with pytest.raises(SocialRLError, match="share"):
        dataclasses.replace(whole, share=0.0)


def test_a_config_from_nowhere_cannot_be_saved(experiment):
    @dataclasses.dataclass(frozen=True)
    class Config:
        lr: float = 1.0

    homeless = dataclasses.replace(experiment, arms=(Arm(name="a", learner=Config()),))
    with pytest.raises(
        SocialRLError, match=r"arms\.0\.learner: .*<locals>\.Config cannot be saved .*at the top of a file"
    ):
        to_json(homeless)


FILE = """
from socialrl.config import Arm, Experiment
from socialrl.learners import toy_learner
from socialrl_envs.worlds import toy_world

experiment = Experiment(
    name="trial", question="Does it?", world=toy_world.Config(),
    arms=(Arm(name="toy", learner=toy_learner.Config(lr=1)),),
)
"""


def test_loads_a_file_and_settles_its_types(in_tmp, toys):
    (in_tmp / "trial.py").write_text(FILE)
    loaded = load_experiment(in_tmp / "trial.py")
    assert loaded.name == "trial"
    assert type(loaded.arms[0].learner.lr) is float


def test_loads_a_run_folder(in_tmp, experiment):
    content = {"format": "socialrl-run", "version": 1, "experiment": to_json(experiment)}
    (in_tmp / "config.json").write_text(json.dumps(content))
    assert load_experiment(in_tmp) == experiment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "it defines no experiment"),
        ("x = 1\ny = x.foo\n", "line 2: AttributeError: 'int' object has no attribute 'foo'"),
        ("x = (\n", "SyntaxError"),
        (FILE.replace("toy_world.Config()", "toy_world.Config(size=1)"), "size: 1 (it must be at least 3)"),
        (FILE.replace("lr=1", "lr=0"), "line 8: ValueError: lr must be positive"),
        (FILE.replace("lr=1", "gpi='yes'"), "arms.0.learner.gpi: expected bool, got 'yes'"),
        (FILE.replace("lr=1", "lrr=1"), "line 8: TypeError"),
    ],
)
def test_a_broken_file_is_one_line(in_tmp, toys, text, message):
    (in_tmp / "trial.py").write_text(text)
    with pytest.raises(SocialRLError) as error:
        load_experiment("trial.py")
    assert str(error.value).startswith("trial.py")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_offers_the_nearest(in_tmp):
    (in_tmp / "coin_grid.py").touch()
    with pytest.raises(
        SocialRLError, match=r"coin_gird\.py: no such experiment \(did you mean 'coin_grid'\?\)"
    ):
        load_experiment("coin_gird.py")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": "other"}', '{"format": "socialrl-run", "experiment": {}}']
)
def test_a_foreign_or_torn_config_json_is_refused_by_name(in_tmp, content):
    (in_tmp / "config.json").write_text(content)
    with pytest.raises(SocialRLError, match=r"config\.json"):
        load_experiment(in_tmp)


@pytest.mark.parametrize("bracket", ["[", '{"a": '])
def test_deeply_nested_brackets_are_refused_in_one_line(in_tmp, bracket):
    (in_tmp / "config.json").write_text(bracket * 100_000)
    with pytest.raises(SocialRLError, match=r"config\.json: damaged: .*nested more than 64 deep") as error:
        load_experiment(in_tmp)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("parallel", "num_envs"),
        ("unroll", "unroll_length"),
        ("pool", "num_levels"),
        ("refresh", "level_refresh"),
    ],
)
def test_an_old_run_is_told_the_new_names_of_its_keys(experiment, old, new):
    written = to_json(experiment)
    written[old] = written.pop(new)
    with pytest.raises(SocialRLError, match=f"the key '{old}' is named '{new}' now .*{old} -> {new}"):
        from_json(written)


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_in_a_config_is_read_or_refused(experiment, data):
    """One value, anywhere, is replaced by any JSON value."""
    written = to_json(experiment)
    place: object = written
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    place[key] = data.draw(
        st.recursive(plain, lambda e: st.lists(e, max_size=3) | st.dictionaries(st.text(), e))
    )
    try:
        again = from_json(written)
    except SocialRLError:
        return
    assert from_json(json.loads(json.dumps(to_json(again)))) == again


def test_coerce_keeps_what_fits_exactly():
    assert coerce(int | float, 2.0, "x") == 2.0
    assert type(coerce(int | float, 2.0, "x")) is float
    assert type(coerce(int, 3e5, "x")) is int
    assert coerce(tuple[tuple[int, ...], ...], [[1], []], "x") == ((1,), ())
    assert coerce(dict[str, tuple[int, ...]], {"a": [1]}, "x") == {"a": (1,)}
    assert describe(int | tuple[float, ...] | None) == "int or a list of float or None"
