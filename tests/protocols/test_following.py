"""The protocol `following`: novices that always follow somebody of known use, kinds by hand, and what a study
yields.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.config import Arm, Experiment, from_json, to_json
from socialrl.learners import dqn, psiphi
from socialrl.passive import passive_learner
from socialrl.protocols import Study, _company, _planners, following
from socialrl.record.labels import Following
from socialrl.rollout import make_rollout
from socialrl.seeds import Seeds
from socialrl.types import Learner
from socialrl_envs import Level, SocialRLError
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid, flooded_road, goal_cycle

TASTE = (1.0, -1.0)
EQUAL = Seat(policy="planner", preferences=TASTE, presence="never")
OPPOSITE = Seat(policy="planner", preferences=(-1.0, 1.0), presence="never")
WORLD = coin_grid.Config(
    size=6,
    colours=2,
    coins=1,
    horizon=10,
    novices=(Seat(preferences=TASTE),) * 2,
    experts=(EQUAL, OPPOSITE),
    coplayers=(Seat(policy="anti_expert", presence="never"), Seat(policy="wanderer", presence="never")),
)
LEVEL = [
    "######",
    "#gABr#",
    "#....#",
    "#....#",
    "#CDEF#",
    "######",
]  # red is good: right is best, up and left are not
EPISODES = 32


@functools.cache
def trace():
    """Episodes in which the novices run into the wall above them and nobody else is there: nothing ever
    changes.
    """
    world = WORLD.build()
    rollout = make_rollout(world, passive_learner(world.spec))
    level = world.level(Level.from_ascii("\n".join(LEVEL)))
    levels = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (EPISODES, *leaf.shape)), level)
    return jax.jit(lambda key: rollout.episodes((), levels, key, False))(jax.random.key(0))


@functools.cache
def measured():
    """(sources, values) -> measures, when both novices had followed that source at every step and done what
    it does there.
    """
    world, there = WORLD.build(), trace()

    @jax.jit
    def measure(source, values):
        key = jax.random.key(1)
        states = jax.tree.map(lambda leaf: leaf[:-1], there.states)
        keys = jax.random.split(jax.random.clone(key), there.alive.shape)
        shown = following.over_steps(lambda state, key: _planners.coplayers_in_place(world, state, key))(
            states, keys
        )
        action = jnp.where(
            source > 0, jnp.take(shown, source - 1, axis=-1), jnp.argmax(values).astype(jnp.int32)
        )
        batch = action.shape
        decision = dataclasses.replace(
            there.decision,
            action=action,
            source=jnp.full(batch, source),
            values=jnp.broadcast_to(values, (*batch, 5, len(world.spec.actions))),
        )
        return following.measures(
            dataclasses.replace(there, decision=decision), world, key, np.arange(5, dtype=np.int32)
        )

    return lambda source, best=4: measure(jnp.int32(source), jax.nn.one_hot(best, 5, dtype=jnp.float32))


def test_following_one_who_wants_the_same_is_always_right():
    found = measured()(1)
    assert found["share/equal"] == found["share"] == 1
    assert found["useful/equal"] == found["precision/equal"] == found["precision"] == found["good"] == 1
    assert found["recall"] == 1  # its own proposal, to stay, is never best
    assert found["useful/self"] == 0
    assert jnp.isnan(found["precision/self"])


@pytest.mark.parametrize(("source", "kind"), [(2, "opposite"), (3, "anti_expert")])
def test_following_one_who_wants_the_opposite_is_never_right(source, kind):
    found = measured()(source)
    assert found[f"share/{kind}"] == found["share"] == 1
    assert (
        found[f"useful/{kind}"]
        == found[f"precision/{kind}"]
        == found["precision"]
        == found["good"]
        == found["recall"]
        == 0
    )
    assert found["useful/equal"] == 1
    assert found["share/equal"] == 0


def test_a_wanderer_is_as_good_as_chance():
    found = measured()(4)
    np.testing.assert_allclose(found["chance"], 1 / 5, rtol=1e-5)  # one of five actions is best
    np.testing.assert_allclose(found["precision/wanderer"], found["chance"], atol=0.06)


@pytest.mark.parametrize(("proposal", "good"), [(1, 1), (4, 0)])
def test_one_who_follows_no_one_is_as_good_as_its_own_proposal(proposal, good):
    alone = measured()(0, proposal)
    assert (alone["share"], alone["share/self"]) == (0, 1)
    assert alone["good"] == alone["good/self"] == alone["useful/self"] == good
    assert jnp.isnan(alone["precision"])
    assert alone["recall"] == 0 if good == 0 else jnp.isnan(alone["recall"])  # nothing was missed


def state_of(world, rows):
    level = world.level(Level.from_ascii("\n".join(rows)))
    return world.reset(level, jax.random.key(0))


def test_best_actions_by_hand():
    """From A the red coin lies up and right, so both begin a shortest path; from B it lies straight up."""
    seats = (Seat(preferences=TASTE),) * 2
    world = coin_grid.Config(size=6, colours=2, coins=1, novices=seats, experts=0).build()
    state = state_of(world, ["######", "#...r#", "#....#", "#.A.B#", "#g...#", "######"])
    best = jax.jit(lambda state: _planners.best_actions(world, state))(state)
    names = [
        [name for name, good in zip(world.spec.actions, row, strict=True) if good] for row in best.tolist()
    ]
    assert names == [["up", "right"], ["up"]]


def test_co_players_are_asked_in_the_novices_place():
    """The planner that likes green stands beside it; in the novice's place it would go left and then down."""
    likes_green = Seat(policy="planner", preferences=(0.0, 1.0))
    world = coin_grid.Config(size=6, colours=2, coins=1, novices=1, experts=(likes_green,)).build()
    state = state_of(world, ["######", "#...r#", "#....#", "#....#", "#gBA.#", "######"])

    @jax.jit
    def in_its_place(state):
        return _planners.coplayers_in_place(world, state, jax.random.key(0))[0, 0]

    assert world.spec.actions[int(in_its_place(state))] == "left"
    position = state.seats.position.at[0].set(jnp.array([1, 1], jnp.int32))
    moved = dataclasses.replace(state, seats=dataclasses.replace(state.seats, position=position))
    assert world.spec.actions[int(in_its_place(moved))] == "down"


@pytest.mark.parametrize(
    ("its", "word"),
    [
        ((2.0, 2.0, -2.0), "equal"),
        ((1.0, 0.0, 0.0), "overlapping"),
        ((1.0, -1.0, 0.0), "unrelated"),
        ((0, 0, 1.0), "opposite"),
    ],
)
def test_kinds_are_the_cosine_of_preferences(its, word):
    assert _company.agreement(np.float32([1, 1, -1]), np.float32(its)) == word


def test_kinds_of_a_company():
    world = WORLD.build()
    assert _company.company_of(world) == "1 equal, 1 opposite, 1 anti_expert, 1 wanderer"
    assert {kind: mask.tolist() for kind, mask in _company.kinds(world).items()}["opposite"] == [
        [0, 0, 1, 0, 0]
    ] * 2
    assert _company.company_of(goal_cycle.Config(size=7).build()) == "2 planner"  # it has no preferences
    assert _company.company_of(dataclasses.replace(WORLD, experts=0, coplayers=()).build()) == "nobody"


def study(config, learner):
    """An untrained arm of two seeds."""
    experiment = Experiment(
        name="tiny", question="?", world=config, arms=(Arm(name="arm", learner=learner),), seeds=2
    )
    world, seeds = config.build(), Seeds(2)
    built = learner.build(world.spec)
    init = jax.jit(lambda key: built.init(key, 2, 2))
    states = seeds.bundle([init(jax.random.key(seed)) for seed in range(2)])
    roots = seeds.bundle([jax.random.key(seed) for seed in range(2)])
    return Study(experiment=experiment, world=world, learner=built, seeds=seeds, states=states, roots=roots)


def records(one, config):
    found = [(labels, one.seeds.values(values)) for labels, values in config.run(one)]
    assert len(found) == config.count(one)
    return found


def test_a_study_of_psiphi_and_what_is_best_in_its_seat():
    one = study(
        dataclasses.replace(WORLD, novices=1, coplayers=()), psiphi.Config(hidden=(8,), capacity=20, batch=2)
    )
    [(labels, values)] = records(one, following.Config(episodes=8))
    assert labels == Following("1 equal, 1 opposite", "as trained")
    assert all(value.shape == (2,) for value in values.values())
    shares = values["share/self"] + values["share/equal"] + values["share/opposite"]
    np.testing.assert_allclose(shares, 1, rtol=1e-6)
    np.testing.assert_allclose(values["share"], 1 - values["share/self"], atol=1e-6)
    assert (values["planner_return"] > values["return"] + 1).all()
    np.testing.assert_allclose(values["regret"], values["planner_return"] - values["return"], rtol=1e-6)


def test_conditions_are_numbers_of_the_level_and_dqn_follows_no_one():
    world = flooded_road.Config(size=5, horizon=20, experts=1, coplayers=(Seat(policy="reckless"),))
    one = study(world, dqn.Config(hidden=(8,)))
    wet, dry = (
        values
        for _, values in records(
            one, following.Config(episodes=8, conditions=({"flood": 1.0}, {"flood": 0.0}))
        )
    )
    assert (wet["share"] == 0).all()
    assert np.isnan(wet["precision"]).all()
    assert (wet["planner_return"] == 1).all()  # a local knows, and takes the way around
    assert (dry["planner_return"] == 1).all()
    assert (dry["cumulants/drowned"] == 0).all()
    assert (dry["useful/reckless"] > 0.99).all()
    assert (wet["useful/reckless"] < wet["useful/equal"]).all()


def test_labels_name_the_condition():
    assert following.in_words({"flood": 0.5, "density": 0.25}) == "flood 0.5, density 0.25"
    assert following.in_words({}) == "as trained"


def test_an_onlooker_is_a_learner():
    assert isinstance(passive_learner(WORLD.build().spec), Learner)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"episodes": 0}, "episodes"), ({"conditions": ()}, "conditions")],
)
def test_impossible_options_name_the_key(options, message):
    with pytest.raises(SocialRLError, match=message):
        following.Config(**options)


@pytest.mark.parametrize(
    ("name", "message"), [("flod", "did you mean 'flood'"), ("preferences", "not a single number")]
)
def test_a_condition_that_the_world_does_not_have_is_named(name, message):
    with pytest.raises(SocialRLError) as error:
        following.overrides_of(flooded_road.Config().build(), {name: 1.0})
    assert message in str(error.value)


def test_it_survives_json():
    config = following.Config(conditions=({}, {"flood": 1.0}))
    experiment = Experiment(
        name="tiny",
        question="?",
        world=WORLD,
        arms=(Arm(name="a", learner=dqn.Config()),),
        protocols=(config,),
    )
    assert from_json(to_json(experiment)) == experiment
