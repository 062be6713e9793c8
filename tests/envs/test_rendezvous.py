"""The rules of rendezvous on a level drawn by hand, case by case, and what its planners agree on."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Level, Seat, hosting
from socialrl_envs.conformance.playing import QUICK

ROOM = "#######\n#1...2#\n#.....#\n#..A..#\n#..B..#\n#3.C..#\n#######\n"
STARTS = [(3, 3), (4, 3), (5, 3)]
ONE, TWO, THREE, BESIDE = (1, 1), (1, 5), (5, 1), (1, 2)
UP, RIGHT, DOWN, LEFT, STAY = range(5)
INSISTS = (1.0, -1.0, -1.0, -0.5)
SEATS = {"novices": 1, "experts": (Seat(policy="planner"), Seat(policy="planner", preferences=INSISTS))}


@pytest.fixture(scope="module")
def step():
    """(positions, who is present, actions) -> cell rewards before, positions after, cumulants, rewards."""
    world = socialrl_envs.make("rendezvous", **SEATS)
    level = world.level(ROOM)

    def one(position, present, actions):
        state = world.reset(level, jax.random.key(0))
        seats = dataclasses.replace(state.seats, position=position, present=present)
        state = dataclasses.replace(state, seats=seats)
        after, outcome = world.step(state, actions, jax.random.key(1))
        return world.cell_rewards(state), after.seats.position, outcome.cumulants, outcome.reward

    compiled = jax.jit(one, compiler_options=QUICK)

    def call(position, actions, present=(True, True, True)):
        found = compiled(jnp.array(position, jnp.int32), jnp.array(present), jnp.array(actions, jnp.int32))
        return [np.asarray(leaf) for leaf in found]

    return call


NOTHING, MISSED = [0, 0, 0, 0], [0, 0, 0, 1]
CASES = {
    "two meet at place 1": ([BESIDE, ONE, (5, 3)], [1, 1, 0], [[1, 0, 0, 0]] * 2 + [NOTHING]),
    "one waits": ([BESIDE, (2, 2), (5, 3)], [0, 0, 0], [NOTHING] * 3),
    "two miss one another": ([BESIDE, THREE, (5, 3)], [-0.5, -0.5, 0], [MISSED, MISSED, NOTHING]),
    "all three miss": ([BESIDE, TWO, THREE], [-0.5, -0.5, -0.5], [MISSED] * 3),
    "two meet, and one is alone": ([BESIDE, ONE, TWO], [1, 1, 0], [[1, 0, 0, 0]] * 2 + [NOTHING]),
    "all three meet": ([BESIDE, ONE, ONE], [1, 1, 1], [[1, 0, 0, 0]] * 3),
}


@pytest.mark.parametrize("case", CASES)
def test_who_meets_is_paid_and_who_meets_or_misses_goes_back(step, case):
    """The first seat steps left, from beside place 1 onto it."""
    position, paid, happened = CASES[case]
    _, after, cumulants, reward = step(position, [LEFT, STAY, STAY])
    np.testing.assert_array_equal(cumulants, happened)
    np.testing.assert_allclose(reward, paid)
    moved = [ONE, *position[1:]]
    wanted = [STARTS[seat] if any(happened[seat]) else moved[seat] for seat in range(3)]
    np.testing.assert_array_equal(after, wanted)


def test_nobody_meets_who_is_absent(step):
    _, after, cumulants, _ = step([BESIDE, ONE, TWO], [LEFT, STAY, STAY], present=(True, False, False))
    assert not cumulants.any()
    assert after[0].tolist() == list(ONE)


def test_a_planner_goes_where_another_stands_and_waits_where_it_stands_alone(step):
    def at_places(cells, seat):
        return [float(cells[seat][place]) for place in (ONE, TWO, THREE)]

    nobody, *_ = step([(2, 2), (2, 3), (2, 4)], [STAY] * 3)
    assert [at_places(nobody, seat) for seat in range(3)] == [[1, 1, 1], [1, 1, 1], [1, -1, -1]]
    cells, *_ = step([TWO, (2, 3), (2, 4)], [STAY] * 3)
    assert at_places(cells, 0) == [0, 0, 0]
    assert at_places(cells, 1) == [-0.5, 1, -0.5]
    assert at_places(cells, 2) == [-0.5, -1, -0.5]
    assert np.count_nonzero(cells[1]) == 3


def test_where_seats_block_who_stands_beside_a_place_is_there():
    world = socialrl_envs.make("rendezvous", blocking=True, **SEATS)
    state = world.reset(world.level(ROOM), jax.random.key(0))
    seats = dataclasses.replace(state.seats, position=jnp.array([BESIDE, ONE, (2, 2)], jnp.int32))
    assert world.task.at_places(state, seats).tolist() == [[True, False, False]] * 2 + [[False] * 3]


def test_planners_of_one_convention_meet_and_of_two_do_not():
    """Pairs of planners on 32 levels: the mean number of meetings and misses of an episode."""
    seats = (Seat(policy="planner"),) * 2
    world = socialrl_envs.make("rendezvous", novices=0, experts=seats, size=6, horizon=30)
    host = hosting.host(world)

    def play(key, preferences):
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key, {"preferences": preferences})

        def one(state, time):
            host_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
            state, outcome = world.step(state, host(state, host_key), step_key)
            return state, outcome.cumulants[0]

        return jax.lax.scan(one, world.reset(level, reset_key), jnp.arange(30))[1].sum(axis=0)

    run = jax.jit(jax.vmap(play, in_axes=(0, None)), compiler_options=QUICK)
    other = (-1.0, 1.0, -1.0, -0.5)
    met, missed = {}, {}
    pairs = {"same": (INSISTS, INSISTS), "apart": (INSISTS, other), "near": ((1, 1, 1, -0.5),) * 2}
    for name, pair in pairs.items():
        found = run(jax.random.split(jax.random.key(0), 32), jnp.array(pair, jnp.float32)).mean(axis=0)
        met[name], missed[name] = float(found[:3].sum()), float(found[3])
    assert met["same"] > met["near"] > 3
    assert (missed["same"], met["apart"]) == (0, 0)
    assert missed["near"] > 0.5
    assert missed["apart"] > 0


def test_levels_lack_no_place():
    with pytest.raises(socialrl_envs.SocialRLError, match="a level with all goals, it lacks 3"):
        socialrl_envs.make("rendezvous", **SEATS).level(Level.from_ascii(ROOM.replace("3", ".")))
