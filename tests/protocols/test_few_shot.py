"""Few-shot transfer on a tiny world: what is recorded, and that a new preference is really found."""

import jax
import pytest

from socialrl.config import Arm, Experiment
from socialrl.learners import dqn, psiphi
from socialrl.protocols import Study, few_shot
from socialrl.rollout import make_rollout
from socialrl.seeds import Seeds
from socialrl.training import make_trainer
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
    world = WORLD.build()
    built = learner.build(world.spec)
    trainer = make_trainer(experiment, built, make_rollout(world, built), ("self", "expert_0"))
    seeds = Seeds(2)
    roots = seeds.bundle([jax.random.key(s) for s in range(2)])
    training = seeds.map(trainer.start, 1)(roots)
    train = seeds.map(trainer.chunk, 1)
    for _ in range(chunks):
        training, _ = seeds.split(train(training))
    states = seeds.bundle([one.learner for one in seeds.unbundle(training)])
    return Study(experiment=experiment, world=world, learner=built, seeds=seeds, states=states, roots=roots)


def test_psiphi_finds_the_new_preference_by_its_weights_alone_and_follows_who_lives_by_it():
    trained = study(psiphi.Config(hidden=(32,), capacity=2_000, batch=4), 2)
    config = few_shot.Config(preferences=((-1.0, 1.0),), episodes=(0, 5), evaluation_episodes=16)
    records = [(labels, trained.seeds.values(values)) for labels, values in config.run(trained)]
    assert [(r["method"], r["episodes"], r["preference"]) for r, _ in records] == [
        ("w re-learnt", 0, [-1.0, 1.0]),
        ("w re-learnt", 5, [-1.0, 1.0]),
        ("w given", 0, [-1.0, 1.0]),
        ("w given", 5, [-1.0, 1.0]),
    ]
    before, after, told, told_and_after = (values for _, values in records)
    for better in (told, told_and_after):
        assert (better["return"] > before["return"] + 1).all()
    assert (after["return"] > before["return"] + 1).all()
    assert after["share/expert_0"].mean() > before["share/expert_0"].mean()


def test_dqn_goes_on_training_from_what_it_knows_and_from_nothing():
    trained = study(dqn.Config(hidden=(16,), updates=1), 1)
    config = few_shot.Config(preferences=((-1.0, 1.0),), episodes=(0, 1), evaluation_episodes=4)
    records = [labels for labels, _ in config.run(trained)]
    assert [(r["method"], r["episodes"]) for r in records] == [
        ("fine-tuned", 0),
        ("fine-tuned", 1),
        ("from scratch", 0),
        ("from scratch", 1),
    ]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"preferences": ()}, "preferences"),
        ({"preferences": ((1.0, 1.0),), "episodes": (10, 1)}, "episodes"),
        ({"preferences": ((1.0, 1.0),), "evaluation_episodes": 0}, "evaluation_episodes"),
        ({"preferences": ((1.0, 1.0),), "told": 0}, "told"),
    ],
)
def test_impossible_options_name_the_key(options, word):
    with pytest.raises(SocialRLError, match=word):
        few_shot.Config(**options)


def test_a_preference_of_the_wrong_length_names_the_key():
    with pytest.raises(SocialRLError, match=r"few_shot\.preferences"):
        next(few_shot.Config(preferences=((1.0,),)).run(study(dqn.Config(hidden=(8,), updates=1), 0)))
