"""The protocol `worth_of_following`, in a world in which the right answer is known: following the expert pays
exactly 1, following the wanderer costs exactly 1, and every step pays much more than that whatever is done.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.config import Arm, Experiment
from socialrl.learners import dqn
from socialrl.protocols import Study, worth_of_following
from socialrl.seeds import Seeds
from socialrl_envs import SocialRLError
from socialrl_envs.worlds import coin_grid
from tests.fork import LATER, Fork, follower

CONFIG = worth_of_following.Config(episodes=3, decisions=5, continuations=2, discount=0.5)
EXPERIMENT = Experiment(
    name="tiny",
    question="?",
    world=coin_grid.Config(size=5, colours=2, coins=1, horizon=4),
    arms=(Arm(name="arm", learner=dqn.Config(hidden=(4,))),),
)
SCHEDULES = {  # whom a novice follows, step by step: nobody, the expert, or the wanderer
    "both": (1, 2, 0, 0, 0, 0),
    "often": (1, 2, 1, 1, 0, 0),
    "late": (0, 0, 0, 0, 1, 0),
    "early": (0, 1, 1, 1, 0, 0),
}


def records(world, learner, config, states):
    seeds = Seeds(len(states))
    study = Study(
        experiment=EXPERIMENT,
        world=world,
        learner=learner,
        seeds=seeds,
        states=seeds.bundle(states),
        roots=seeds.bundle([jax.random.key(seed) for seed in range(len(states))]),
    )
    found = {labels: seeds.values(values) for labels, values in config.run(study)}
    assert len(found) == config.count(study)
    return found


@pytest.fixture(scope="module")
def found():
    """(schedule, relation, instead) -> measures."""
    states = [jnp.array(schedule, jnp.int32) for schedule in SCHEDULES.values()]
    measured = records(Fork(), follower(), dataclasses.replace(CONFIG, instead=(1, 2)), states)

    def of(schedule, relation, instead=1):
        [values] = [v for k, v in measured.items() if (k.relation, k.instead) == (relation, instead)]
        return {name: value[list(SCHEDULES).index(schedule)] for name, value in values.items()}

    return of


def test_following_the_expert_pays_exactly_what_it_pays(found):
    expert = found("both", "planner")
    assert expert["worth"] == 1
    assert expert["discounted"] == 0.5**LATER
    assert (expert["pays"], expert["costs"], expert["differs"]) == (1, 0, 1)


def test_following_the_wanderer_costs(found):
    wanderer = found("both", "wanderer")
    assert wanderer["worth"] == wanderer["discounted"] == -1
    assert (wanderer["pays"], wanderer["costs"], wanderer["differs"]) == (0, 1, 1)
    assert wanderer["worth_if_differs"] == -1
    assert wanderer["share"] == pytest.approx(1 / 6)


def test_all_together_are_weighted_by_how_often_each_was_followed(found):
    assert found("both", "")["worth"] == 0
    together = found("often", "")
    assert together["worth"] == (3 * 1 - 1) / 4
    assert together["share"] == pytest.approx(4 / 6)
    assert found("often", "planner")["decisions"] == 5  # drawn of nine
    assert found("often", "wanderer")["decisions"] == 3  # all there are


def test_acting_for_oneself_for_longer(found):
    """In place of the expert's step and the wanderer's after it: +1 - 1."""
    assert found("both", "planner", 2)["worth"] == 0
    assert found("both", "wanderer", 2)["worth"] == -1


def test_what_would_pay_after_the_end_pays_nothing(found):
    late = found("late", "planner")
    assert (late["worth"], late["pays"], late["costs"], late["differs"]) == (0, 0, 0, 1)


def test_whom_nobody_followed_has_no_worth(found):
    assert np.isnan(found("early", "wanderer")["worth"])
    assert found("early", "wanderer")["decisions"] == found("early", "wanderer")["share"] == 0
    assert found("early", "")["worth"] == found("early", "planner")["worth"] == 1


def test_a_learner_that_follows_no_one_has_nothing_to_measure():
    world = EXPERIMENT.world.build()
    learner = dqn.Config(hidden=(4,), capacity=40, batch=2).build(world.spec)
    init = jax.jit(lambda key: learner.init(key, 2, 2))
    assert records(world, learner, CONFIG, [init(jax.random.key(0))]) == {}


def test_impossible_options_name_the_key():
    with pytest.raises(SocialRLError, match="instead"):
        worth_of_following.Config(instead=(1, 1))
