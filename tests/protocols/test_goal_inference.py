"""Goal inference on a tiny world: what is recorded, and that having learnt other tasks helps to foresee a
newcomer.
"""

import dataclasses

import pytest

from socialrl.learners import basis, dqn
from socialrl.protocols import goal_inference
from socialrl_envs import SocialRLError
from socialrl_envs.types import Seat
from tests.protocols import test_few_shot
from tests.protocols.test_few_shot import study

TASKS = tuple(Seat(preferences=taste) for taste in ((1.0, -1.0), (-1.0, 1.0)))


def test_who_has_learnt_tasks_foresees_a_newcomer_better(monkeypatch):
    monkeypatch.setattr(test_few_shot, "WORLD", dataclasses.replace(test_few_shot.WORLD, novices=TASKS))
    trained = study(basis.Config(hidden=(32,), capacity=2_000, batch=8, fit_steps=50), 6)
    config = goal_inference.Config(preferences=((1.0, 0.0),), shots=(0, 4), episodes=8)
    records = [(labels, trained.seeds.values(values)) for labels, values in config.run(trained)]
    methods = ("pre-trained", "pre-trained", "untrained", "untrained")
    assert [labels.method for labels, _ in records] == list(methods)
    assert [labels.episodes for labels, _ in records] == [0, 4, 0, 4]
    names = {"foreseen", "nats", "cosine", "correlation", "return", "return_newcomer"}
    assert all(set(values) == names and len(values["nats"]) == 2 for _, values in records)
    before, after, _, untrained = (values for _, values in records)
    assert after["foreseen"].mean() > untrained["foreseen"].mean()
    assert after["nats"].mean() < before["nats"].mean()
    assert after["cosine"].mean() > 0.5
    assert (after["return_newcomer"] > 0).all()


def test_who_infers_no_goal_has_no_records():
    config = goal_inference.Config(preferences=((1.0, 0.0),))
    assert list(config.run(study(dqn.Config(hidden=(8,)), 0))) == []


def test_newcomers_that_cannot_be_are_refused():
    with pytest.raises(SocialRLError, match="shots"):
        goal_inference.Config(preferences=((1.0, 0.0),), shots=(5, 1))
    with pytest.raises(SocialRLError, match="preferences"):
        goal_inference.Config(preferences=())
