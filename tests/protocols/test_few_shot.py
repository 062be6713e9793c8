"""Few-shot transfer on a tiny world: what is recorded, and that a new preference is really found."""

import functools

import pytest

from socialrl.assemble import assemble, root_keys
from socialrl.config import Arm, Experiment
from socialrl.learners import dqn, psiphi
from socialrl.protocols import few_shot
from socialrl.seeds import Seeds
from socialrl_envs import SocialRLError
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

WORLD = coin_grid.Config(
    size=5,
    colours=2,
    coins=1,
    horizon=20,
    novices=(Seat(preferences=(1.0, -1.0)),),
    experts=(Seat(policy="planner", preferences=(0.0, 1.0)),),
)


@functools.cache
def study(learner, chunks):
    experiment = Experiment(
        name="tiny",
        question="?",
        world=WORLD,
        arms=(Arm(name="arm", learner=learner),),
        seeds=2,
        num_envs=8,
        unroll_length=10,
        chunk=20,
    )
    made, seeds = assemble(experiment, experiment.arms[0]), Seeds(2)
    training = seeds.map(made.trainer.start, 1)(seeds.bundle(root_keys(experiment)))
    train = seeds.map(made.trainer.chunk, 1)
    for _ in range(chunks):
        training, _ = seeds.split(train(training))
    return made.study(seeds.unbundle(training))


def test_psiphi_finds_the_new_preference_by_its_weights_alone_and_follows_who_lives_by_it():
    trained = study(psiphi.Config(hidden=(32,), capacity=2_000, batch=4), 2)
    config = few_shot.Config(preferences=((-1.0, 1.0),), shots=(0, 5), episodes=16)
    records = [(labels, trained.seeds.values(values)) for labels, values in config.run(trained)]
    assert [(r.method, r.episodes, r.preference) for r, _ in records] == [
        ("w re-learnt", 0, (-1.0, 1.0)),
        ("w re-learnt", 5, (-1.0, 1.0)),
        ("w given", 0, (-1.0, 1.0)),
        ("w given", 5, (-1.0, 1.0)),
    ]
    before, after, told, told_and_after = (values for _, values in records)
    for better in (told, told_and_after):
        assert (better["return"] > before["return"] + 1).all()
    assert (after["return"] > before["return"] + 1).all()
    assert after["share/expert_0"].mean() > before["share/expert_0"].mean()


def test_dqn_goes_on_training_from_what_it_knows_and_from_nothing():
    trained = study(dqn.Config(hidden=(16,), updates=1), 1)
    config = few_shot.Config(preferences=((-1.0, 1.0),), shots=(0, 1), episodes=4)
    results = [(labels, trained.seeds.values(values)) for labels, values in config.run(trained)]
    records, scores = [labels for labels, _ in results], [values["return"] for _, values in results]
    assert (scores[0] != scores[2]).any()  # the relabelled episodes have taught it something
    assert [(r.method, r.episodes) for r in records] == [
        ("fine-tuned", 0),
        ("fine-tuned", 1),
        ("fine-tuned, relabelled", 0),
        ("fine-tuned, relabelled", 1),
        ("from scratch", 0),
        ("from scratch", 1),
    ]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"preferences": ()}, "preferences"),
        ({"preferences": ((1.0, 1.0),), "shots": (10, 1)}, "shots"),
        ({"preferences": ((1.0, 1.0),), "episodes": 0}, "episodes"),
        ({"preferences": ((1.0, 1.0),), "relabelled": 0}, "relabelled"),
    ],
)
def test_impossible_options_name_the_key(options, word):
    with pytest.raises(SocialRLError, match=word):
        few_shot.Config(**options)


def test_a_preference_of_the_wrong_length_names_the_key():
    with pytest.raises(SocialRLError, match=r"few_shot\.preferences"):
        next(few_shot.Config(preferences=((1.0,),)).run(study(dqn.Config(hidden=(8,), updates=1), 0)))
