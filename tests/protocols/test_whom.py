"""Whom a decision follows, and who would have been the right one."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.passive import passive_learner
from socialrl.protocols import _belief, _company, _whom
from socialrl.sources import ANYONE
from socialrl.types import SourceName
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid, goal_search

TASTE = (1.0, -1.0)
SEATS = (
    Seat(policy="noisy", skill=0.9, preferences=TASTE),
    Seat(policy="noisy", skill=0.0, preferences=TASTE),
    Seat(policy="noisy", skill=0.9, preferences=(-1.0, 1.0)),
)
WORLD = coin_grid.Config(size=6, colours=2, coins=1, novices=(Seat(preferences=TASTE),), experts=SEATS)
ROWS = ["######", "#ABgr#", "#....#", "#C...#", "#...D#", "######"]  # B is nearest, then C, then D


@functools.cache
def start():
    """The world, and the state at the start of the level."""
    world = WORLD.build()
    return world, world.reset(world.level("\n".join(ROWS) + "\n"), jax.random.key(0))


def states_of(params=None, absent=()):
    """The states (1, 1, ...) at the start with these parameters, without the absent seats."""
    _, state = start()
    level = state.level if params is None else dataclasses.replace(state.level, params=params)
    present = np.array([seat not in absent for seat in range(4)])
    seats = dataclasses.replace(state.seats, present=jnp.asarray(present))
    state = dataclasses.replace(state, level=level, seats=seats)
    return jax.tree.map(lambda leaf: leaf[None, None], state)


def test_the_right_one_wants_the_same_and_is_skilled_on_this_level():
    world, _ = start()
    params, wants = world.params, jnp.asarray(world.params.named()["preferences"])
    assert _whom.right_ones(world, states_of()).tolist() == [[[[True, False, False]]]]
    order = jnp.array([0, 3, 1, 2])
    others = states_of(dataclasses.replace(params, preferences=wants[order], skill=params.skill[order]))
    assert _whom.right_ones(world, others).tolist() == [[[[False, True, False]]]]
    kinds = {kind: mask[0, 0, 0].tolist() for kind, mask in _company.kinds_now(world, others).items()}
    assert kinds == {
        "self": [True, False, False, False],
        "equal": [False, False, True, True],
        "opposite": [False, True, False, False],
    }
    hostile = dataclasses.replace(params, preferences=wants.at[1:].set(wants[3]))
    assert not _whom.right_ones(world, states_of(hostile)).any()


def test_who_is_paid_alike_is_right_and_who_is_away_is_not():
    world = goal_search.Config(size=7, experts=2, coplayers=(Seat(policy="wanderer"),)).build()
    assert _whom.right_ones(world, states_of(world.params)).tolist() == [[[[True, True, False]]]]
    away = states_of(world.params, absent=(1,))
    assert _whom.right_ones(world, away).tolist() == [[[[False, True, False]]]]


def test_a_source_of_anyone_follows_the_nearest():
    world, _ = start()
    names = (
        SourceName("self"),
        SourceName("imitation", "expert_1"),
        SourceName("following", ANYONE),
        SourceName("random_walk"),
    )
    learner = dataclasses.replace(passive_learner(world.spec), sources=names)
    which = _whom.numbers(world.spec, learner)
    assert which.tolist() == [0, 2, _whom.NEAREST, _whom.NOBODY]

    def whom(absent):
        sources = jnp.arange(4, dtype=jnp.int32).reshape(1, 1, 4)
        return _whom.followed(sources, which, states_of(absent=absent), world.spec)[0, 0].tolist()

    assert whom(()) == [0, 2, 1, _whom.NOBODY]
    assert whom((1,)) == [0, 2, 2, _whom.NOBODY]
    assert whom((1, 2, 3)) == [0, 2, _whom.NOBODY, _whom.NOBODY]
    assert _whom.numbers(world.spec, passive_learner(world.spec)).tolist() == [0, 1, 2, 3]


def test_a_belief_is_right_where_its_likeliest_cell_is_where_the_other_went():
    going = jnp.zeros((10, 1, 1, 2, 3), jnp.float32).at[..., 1, 2].set(0.75).at[..., 0, 0].set(0.25)
    cell = jnp.zeros((10, 1, 1, 2), jnp.int32).at[5:].set(jnp.array([1, 2], jnp.int32))
    known = jnp.ones((10, 1, 1), bool).at[9].set(False)
    found = _belief.accuracy(going, cell, known)
    np.testing.assert_allclose(found["belief"], 4 / 9)
    np.testing.assert_allclose(found["belief_mass"], (5 * 0.25 + 4 * 0.75) / 9, rtol=1e-6)
    assert [float(found[f"belief/{i}"]) for i in range(9)] == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert np.isnan(found["belief/9"])
