"""Overrides: who they reach, which wins, and what each mistake is told."""

import dataclasses
from pathlib import Path

import pytest

from socialrl.config import Arm, Claim, load_experiment
from socialrl.overrides import apply, keys, parse
from socialrl_envs.errors import SocialRLError


def arm(experiment, name):
    return next(arm for arm in experiment.arms if arm.name == name)


def test_tokens_become_pairs():
    assert parse(["--seeds", "3", "--world.penalty", "-1.5", "--learner.lr=1e-3"]) == [
        ("seeds", "3"),
        ("world.penalty", "-1.5"),
        ("learner.lr", "1e-3"),
    ]


def test_a_learner_key_reaches_every_arm_that_has_it(experiment):
    both = apply(experiment, ["--learner.lr", "3e-4"])
    assert [a.learner.lr for a in both.arms] == [3e-4, 3e-4]
    one = apply(experiment, ["--learner.depth", "5"])
    assert arm(one, "other").learner.depth == 5
    assert arm(one, "toy") == arm(experiment, "toy")


def test_the_narrower_key_wins_in_any_order(experiment):
    changed = apply(experiment, ["--toy.learner.lr", "1", "--learner.lr", "2"])
    assert (arm(changed, "toy").learner.lr, arm(changed, "other").learner.lr) == (1.0, 2.0)


def test_a_world_key_reaches_the_arms_own_worlds(experiment, toys):
    own = Arm(name="own", learner=toys[0].Config(), world=toys[2].Config(size=5))
    changed = apply(dataclasses.replace(experiment, arms=(*experiment.arms, own)), ["--world.size", "7"])
    assert changed.world.size == 7
    assert arm(changed, "own").world.size == 7
    assert arm(changed, "toy").world is None


def test_an_arms_world_begins_as_the_experiments(experiment):
    changed = apply(experiment, ["--toy.world.size", "4", "--world.size", "6"])
    assert changed.world.size == 6
    assert arm(changed, "toy").world.size == 4


@pytest.mark.parametrize(
    ("tokens", "field", "value"),
    [
        (["--toy.learner.hidden", "32,16"], "hidden", (32, 16)),
        (["--toy.learner.hidden", "32"], "hidden", (32,)),
        (["--toy.learner.hidden", "[8]"], "hidden", (8,)),
        (["--toy.learner.hidden.1", "128"], "hidden", (64, 128)),
        (["--toy.learner.clip", "none"], "clip", None),
        (["--toy.learner.clip", "2"], "clip", 2.0),
        (["--toy.learner.gpi", "false"], "gpi", False),
        (["--toy.learner.memory", "gru"], "memory", "gru"),
        (["--toy.learner.label", "7"], "label", "7"),
        (["--toy.learner.start", "never"], "start", "never"),
        (["--toy.learner.start", "0.5,1"], "start", (0.5, 1.0)),
        (["--toy.learner.window", "4,0.1"], "window", (4, 0.1)),
        (["--toy.learner.weights", '{"td": 2}'], "weights", {"td": 2.0}),
        (["--toy.learner.weights", '{"td": 2}', "--toy.learner.weights.td", "3"], "weights", {"td": 3.0}),
    ],
)
def test_text_becomes_the_fields_type(experiment, tokens, field, value):
    found = getattr(arm(apply(experiment, tokens), "toy").learner, field)
    assert found == value
    assert type(found) is type(value)


def test_nested_keys_and_whole_parts(experiment):
    assert arm(apply(experiment, ["--learner.schedule.end", "0.5"]), "toy").learner.schedule.end == 0.5
    swapped = apply(experiment, ["--other.learner", "toy_learner"])
    assert type(arm(swapped, "other").learner) is type(arm(experiment, "toy").learner)


def test_arms_are_selected_in_the_order_given(experiment):
    assert [a.name for a in apply(experiment, ["--arms", "other,toy"]).arms] == ["other", "toy"]
    assert [a.name for a in apply(experiment, ["--arms", "other", "--seeds", "1e1"]).arms] == ["other"]


def test_claims_about_arms_that_are_left_out_are_dropped(experiment):
    alone = Claim(text="alone", source="aim", arm="other", value=1.0)
    expert = Claim(text="as good as the experts", source="aim", arm="toy", over="expert")
    both = Claim(text="better", source="aim", arm="toy", over="other")
    full = dataclasses.replace(experiment, claims=(alone, expert, both))
    assert apply(full, ["--arms", "other,toy"]).claims == full.claims
    assert apply(full, ["--arms", "toy"]).claims == (expert,)
    assert apply(full, ["--arms", "other"]).claims == (alone,)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--claims []", "--claims cannot be set here (claims are written in the experiment's file)"),
        ("--claims.0.value 3", "--claims.0.value cannot be set here"),
        ("--sees 3", "unknown key --sees (did you mean '--seeds'?)"),
        ("--seeds three", "--seeds: expected int, got 'three'"),
        ("--seeds 0", "seeds: 0 (it must be at least 1)"),
        ("--seeds", "--seeds: no value given"),
        ("--seeds --steps 3", "--seeds: no value given"),
        ("seeds 3", "unexpected argument 'seeds'"),
        ("--lr 3", "unknown key --lr (did you mean --learner.lr?)"),
        ("--learner.lrr 3", "unknown key --learner.lrr (did you mean 'lr'?)"),
        ("--learner.dept 3", "unknown key --learner.dept (did you mean 'depth'?)"),
        ("--learner.lr -1", "--learner.lr: lr must be positive"),
        ("--toy.learner.depth 3", "unknown key --toy.learner.depth"),
        ("--toy.lr 3", "unknown key --toy.lr (did you mean --toy.learner.lr?)"),
        ("--toi.learner.lr 3", "unknown key --toi.learner.lr (did you mean '--toy.learner.lr'?)"),
        ("--world.siez 3", "unknown key --world.siez (did you mean 'size'?)"),
        ("--world.size 1", "--world.size: 1 (it must be at least 3)"),
        ("--world toy_word", "--world: unknown world 'toy_word' (did you mean 'toy_world'?)"),
        ("--learner.schedule.ende 1", "unknown key --learner.schedule.ende (did you mean 'end'?)"),
        ("--learner.hidden.5 1", "unknown key --learner.hidden.5: no place '5' in a list of 2"),
        ("--arms tox", "--arms: unknown arm 'tox' (did you mean 'toy'?)"),
        ("--parallel 3", "--parallel is named --num_envs now (parallel -> num_envs"),
        ("--first_seed -1", "first_seed: -1 (it must be 0 or more)"),
        pytest.param("--seeds " + "[" * 100_000, "--seeds: expected int, got", id="brackets"),
        ("--arms toy,toy", "two arms are named 'toy'"),
    ],
)
def test_every_mistake_names_the_key_and_the_cure(experiment, line, message):
    with pytest.raises(SocialRLError) as error:
        apply(experiment, line.split())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_keys_lists_what_can_be_overridden(experiment):
    listed = keys(experiment)
    assert {"seeds", "arms", "world.size", "learner.lr", "learner.depth"} <= set(listed)
    assert not {"world", "claims"} & set(listed)


@pytest.mark.parametrize(
    ("line", "new"),
    [("--psiphi.learner.td 2", "td_coef"), ("--psiphi.learner.caution 1", "lower_confidence_coef")],
)
def test_an_option_that_was_renamed_is_told_by_its_new_name(line, new):
    experiment = load_experiment(Path(__file__).parent.parent / "experiments" / "coin_grid.py")
    with pytest.raises(SocialRLError, match=f"is named '{new}' now"):
        apply(experiment, line.split())
