"""Comparisons on a tiny world: a new preference is found by answers alone, and what is recorded."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.feedback.teachers import Marker
from socialrl.learners import psiphi
from socialrl.protocols import comparisons
from socialrl.protocols.comparisons import Config, Judged
from socialrl_envs import SocialRLError
from tests.protocols.test_few_shot import study

LEARNER = psiphi.Config(hidden=(32,), capacity=2_000, batch=4)
CONFIG = Config(
    preferences=((-1.0, 1.0),),
    labels=(0, 15),
    noise=(0.0,),
    queries=("disagreement",),
    marker=Marker(rationality=20.0),
    best_of=4,
    length=5,
    played=8,
    episodes=16,
)


@pytest.fixture(scope="module")
def trained():
    return study(LEARNER, 2)


@pytest.fixture(scope="module")
def records(trained):
    return [(labels, trained.seeds.values(values)) for labels, values in CONFIG.run(trained)]


def test_conditions_come_in_order_and_number(trained, records):
    assert CONFIG.count(trained) == len(records) == 7
    assert [(one.method, one.queries, one.noise, one.labels) for one, _ in records] == [
        ("true reward", "", 0, 0),
        ("w, learnt cumulants", "disagreement", 0, 0),
        ("w, learnt cumulants", "disagreement", 0, 15),
        ("marks, learnt cumulants", "", 0, 0),
        ("marks, learnt cumulants", "", 0, 15),
        ("best of 4", "random", 0, 0),
        ("best of 4", "random", 0, 15),
    ]


def test_the_answers_tell_what_the_person_wants(records):
    (_, true), (_, before), (_, after), *_ = records
    assert (after["return"] > before["return"] + 1).all()
    assert (after["of_true"] > 0.6).all()
    assert (after["cosine"] > 0.7).all()
    assert (after["accuracy"] > 0.75).all()
    np.testing.assert_allclose(after["true/red"], -1)
    assert (after["w_std/red"] > 0).all()
    np.testing.assert_allclose(true["of_true"], 1)


def test_marks_while_it_acts_tell_it_too(records):
    (_, before), (_, after) = records[3:5]
    assert (after["return"] > before["return"] + 1).all()
    assert (after["of_true"] > 0.6).all()
    assert (after["cosine"] > 0.7).all()


def test_of_behaviours_the_better_one_is_chosen(records):
    (_, first), (_, chosen) = records[5:]
    assert (chosen["return"] >= first["return"]).all()


def test_clips_are_windows_of_one_world(trained):
    judged = Judged(CONFIG, trained)
    steps = jnp.arange(20 * 3, dtype=jnp.float32).reshape(20, 3)  # step t of world b holds 3 t + b
    found = np.asarray(judged.windows(steps))
    assert found.shape == (12, 5)
    np.testing.assert_array_equal(found[0], [0, 3, 6, 9, 12])
    np.testing.assert_array_equal(found[1], [1, 4, 7, 10, 13])
    np.testing.assert_array_equal(found[3], [15, 18, 21, 24, 27])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"labels": (5, 5)}, "labels"),
        ({"labels": ()}, "labels"),
        ({"preferences": ()}, "preferences"),
        ({"noise": (0.7,)}, "noise"),
        ({"best_of": 1}, "best_of"),
    ],
)
def test_bad_options_are_named(options, word):
    with pytest.raises(SocialRLError, match=word):
        dataclasses.replace(CONFIG, **options)


def test_a_preference_of_another_length_is_named(trained):
    with pytest.raises(SocialRLError, match=r"comparisons\.preferences"):
        Config(preferences=((1.0,),)).count(trained)


def test_learners_without_the_capabilities_measure_nothing(trained):
    plain = dataclasses.replace(trained.learner, capabilities=())
    assert CONFIG.count(dataclasses.replace(trained, learner=plain)) == 0
    assert list(CONFIG.run(dataclasses.replace(trained, learner=plain))) == []
    assert comparisons.Config.kind == "comparisons"
