"""The truth of concepts on tiny levels, worked out by hand; what cannot be a concept."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import SocialRLError
from socialrl_envs.concepts import Concept, binary, categorical, cell
from socialrl_envs.facts import cell_fact, nearest
from socialrl_envs.types import Seat


def begin(world, text):
    """The state at the start of a level drawn by hand."""
    return world.reset(world.level(text), jax.random.key(0))


def moved(state, position, **seats):
    """The state with its seats elsewhere."""
    changed = dataclasses.replace(state.seats, position=jnp.array(position, jnp.int32), **seats)
    return dataclasses.replace(state, seats=changed)


def truth(world, state, after=None, seat=0):
    """The true value of every concept to a seat, by name; None where it means nothing."""
    found = np.asarray(world.concepts(state, state if after is None else after))[seat].tolist()
    named = zip(world.spec.concepts, found, strict=True)
    return {concept.name: None if value < 0 else concept.values[value] for concept, value in named}


def holds(found, expected):
    assert {name: found[name] for name in expected} == expected


@pytest.fixture(scope="module")
def cycle():
    return socialrl_envs.make("goal_cycle", novices=1, experts=1, size=5, goals=2, layout="open", view=3)


CYCLE = "#####\n#A.1#\n#...#\n#2.B#\n#####\nheadings: ES"  # A looks east, B south


def test_what_is_around_a_seat_is_told_as_it_sees_it(cycle):
    state = begin(cycle, CYCLE)
    after = moved(state, [[1, 1], [3, 2]])  # B steps west, which is behind who looks east
    holds(
        truth(cycle, state, after),
        {
            "blocked_ahead": "no",
            "blocked_right": "no",
            "blocked_behind": "yes",
            "blocked_left": "yes",
            "expert_0_at": "2 ahead 2 right",
            "expert_0_goes": "behind",
        },
    )
    found = truth(cycle, state, after, seat=1)
    assert found["blocked_ahead"] == "yes"
    assert found["expert_0_at"] is None  # itself
    assert found["expert_0_goes"] is None


def test_the_order_of_goals_is_that_of_the_seat(cycle):
    state = begin(cycle, CYCLE)
    holds(
        truth(cycle, state),
        {"next_goal": "2 ahead", "last_goal": "nowhere", "begun": "no", "danger_ahead": "no"},
    )
    task = dataclasses.replace(state.task, place=jnp.array([0, 1], jnp.int8))
    state = moved(dataclasses.replace(state, task=task), [[1, 2], [3, 3]])
    holds(
        truth(cycle, state),
        {
            "next_goal": "1 behind 2 right",
            "last_goal": "1 ahead",
            "begun": "yes",
            "danger_ahead": "yes",  # the goal that paid last costs
            "danger_right": "no",
        },
    )
    holds(truth(cycle, state, seat=1), {"next_goal": "2 behind", "last_goal": "2 right"})


def test_who_is_absent_is_nowhere_and_knows_nothing(cycle):
    state = begin(cycle, CYCLE)
    alone = moved(state, [[1, 1], [3, 3]], present=jnp.array([True, False]))
    holds(truth(cycle, alone), {"expert_0_at": "nowhere", "expert_0_goes": "away"})
    assert set(truth(cycle, alone, seat=1).values()) == {None}
    gone = moved(state, [[1, 1], [3, 3]], present=jnp.array([True, False]))
    holds(truth(cycle, state, gone), {"expert_0_at": "2 ahead 2 right", "expert_0_goes": "away"})
    holds(truth(cycle, state, moved(state, [[1, 1], [1, 3]])), {"expert_0_goes": "away"})  # put elsewhere


def test_coins_and_which_cost():
    seats = (Seat(preferences=(1.0, 1.0, -1.0)),)
    world = socialrl_envs.make("coin_grid", novices=seats, experts=0, size=5, colours=3, coins=1)
    state = begin(world, "#####\n#A.r#\n#...#\n#bg.#\n#####")
    holds(
        truth(world, state),
        {
            "red_coin": "2 right",
            "green_coin": "2 down 1 right",
            "blue_coin": "2 down",
            "danger_down": "no",
            "blocked_up": "yes",
        },
    )
    holds(truth(world, moved(state, [[2, 1]])), {"danger_down": "yes", "danger_right": "no"})
    holds(truth(world, moved(state, [[3, 1]])), {"blue_coin": "here", "danger_down": "no"})


def test_what_others_are_paid_makes_no_difference():
    """The facts of a seat are of its own rewards; where others go is not concluded from what they want."""

    def found(expert):
        seats = (Seat(preferences=(1.0, 1.0, -1.0)),), (Seat(policy="planner", preferences=expert),)
        world = socialrl_envs.make("coin_grid", novices=seats[0], experts=seats[1], size=5, coins=1)
        state = begin(world, "#####\n#A.r#\n#B..#\n#bg.#\n#####")
        return truth(world, state, moved(state, [[1, 1], [2, 2]]))

    assert found((1.0, -1.0, -1.0)) == found((-5.0, 0.0, 7.0))


def test_a_flood_and_where_it_kills():
    world = socialrl_envs.make("flooded_road", novices=1, experts=0, size=5, flood=1.0)
    level = "#####\n#.~1#\n#A=.#\n#...#\n#####"
    expected = {"goal": "1 up 2 right", "bridge": "1 right", "flooded": "yes", "danger_right": "yes"}
    state = begin(world, level)
    holds(truth(world, state), expected | {"danger_down": "no"})
    dry = dataclasses.replace(state, task=dataclasses.replace(state.task, flooded=jnp.array(False)))
    holds(truth(world, dry), {"flooded": "no", "danger_right": "no", "bridge": "1 right"})


def test_the_kind_that_comes_next():
    """Kinds are drawn, the sequence is that of the tiles; who is through has nowhere to go."""
    options = {"novices": 1, "experts": 0, "size": 5, "goals": 2, "horizon": 8, "trials": 1}
    world = socialrl_envs.make("goal_sequence", **options)
    state = begin(world, "#####\n#1..#\n#A2.#\n#...#\n#####")  # it looks north
    holds(truth(world, state), {"next_goal": "1 ahead", "danger_right": "yes", "danger_ahead": "no"})
    through = dataclasses.replace(state.task, place=jnp.array([2], jnp.int8))
    holds(
        truth(world, dataclasses.replace(state, task=through)),
        {"next_goal": "nowhere", "danger_right": "no"},
    )


def test_a_goal_that_is_not_shown_and_litter_and_desks():
    world = socialrl_envs.make("goal_search", novices=1, experts=1, size=5, layout="open", view=3)
    state = begin(world, "#####\n#A.B#\n#...#\n#..1#\n#####")
    holds(truth(world, state), {"goal": "2 behind 2 right", "expert_0_at": "2 right"})
    world = socialrl_envs.make(
        "cleanup_office", novices=1, experts=1, size=5, layout="open", desks=1, errands=1
    )
    state = begin(world, "#####\n#A.*#\n#*..#\n#1.B#\n#####")
    holds(truth(world, state), {"litter": "1 down", "desk": "nowhere"})
    holds(truth(world, state, seat=1), {"litter": "2 up", "desk": "2 left"})


def test_two_novices_are_others_to_each_other(cycle):
    world = socialrl_envs.make("goal_cycle", novices=2, experts=0, size=5, goals=2, layout="open", view=3)
    state = begin(world, CYCLE)
    holds(truth(world, state), {"novice_0_at": None, "novice_1_at": "2 ahead 2 right"})
    holds(truth(world, state, seat=1), {"novice_0_at": "2 behind 2 right", "novice_1_at": None})
    assert not any("novice" in concept.name for concept in cycle.spec.concepts)


def test_what_is_far_counts_as_on_the_rim(cycle):
    place = jnp.array([[1, 1], [1, 20]], jnp.int32)  # 13 columns east of B, who looks south: on its left
    fact = cell_fact("far", "far", lambda state: (place, jnp.array([True, True])), True)
    state = moved(begin(cycle, CYCLE), [[1, 1], [1, 7]])
    assert [fact.concept.values[i] for i in np.asarray(fact.truth(state, state))] == ["here", "3 left"]


def test_the_nearest_of_equally_near_cells_is_the_first_and_none_is_not_found():
    mask = jnp.zeros((2, 3, 3), bool).at[0, 0, 1].set(True).at[0, 1, 0].set(True)
    cells, found = nearest(mask, jnp.array([[1, 1], [1, 1]], jnp.int32))
    assert cells[0].tolist() == [0, 1]
    assert found.tolist() == [True, False]


def test_values_have_names():
    assert binary("a", "b").values == ("no", "yes")
    square = cell("a", "b", turning=False)
    assert len(square.values) == square.side**2 + 1 == 50
    assert (square.values[0], square.values[24], square.values[-1]) == ("3 up 3 left", "here", "nowhere")
    assert cell("a", "b", turning=True).values[-2] == "3 behind 3 right"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "categorical", "words": ("one",)},
        {"kind": "categorical", "words": ("one", "one")},
        {"kind": "binary", "words": ("no", "yes")},
        {"kind": "cell", "words": ("up", "right", "down", "left"), "radius": 0},
        {"kind": "binary", "radius": 2},
    ],
)
def test_what_is_no_concept(wrong):
    with pytest.raises(SocialRLError, match="concept odd"):
        Concept(name="odd", meaning="odd", **wrong)


def test_a_concept_is_one_of_several():
    assert categorical("a", "b", ("x", "y")).values == ("x", "y")
