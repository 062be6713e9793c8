"""Levels drawn by hand, given to a world: parameters that are missing, seats and ways that do not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Level, Seat, SocialRLError
from socialrl_envs.conformance import equal

NAMES = socialrl_envs.names()


@pytest.mark.parametrize("name", NAMES)
def test_a_level_from_ascii_without_parameters_takes_those_of_the_world(name):
    few = {"desks": 2} if name == "cleanup_office" else {}
    world = socialrl_envs.make(name, size=7, layout="open", experts=2, **few)
    drawn = world.sample_level(jax.random.key(0), world.params.named())
    bare = "\n".join(
        line for line in drawn.to_ascii().splitlines() if ":" not in line or line.startswith("headings")
    )
    assert ":" not in bare.replace("headings:", "")
    key = jax.random.key(1)
    expected = world.reset(drawn, key)
    assert equal(world.reset(Level.from_ascii(bare), jax.random.clone(key)), expected)
    assert equal(world.reset(world.level(bare), jax.random.clone(key)), expected)
    assert jax.tree.structure(world.level(bare)) == jax.tree.structure(drawn)
    skilled = world.reset(world.level(f"{bare}\nskill: [1, 0, 1]"), jax.random.clone(key))
    assert skilled.level.params.skill.tolist() == [1, 0, 1]
    assert skilled.level.params.skill.dtype == jnp.float32


ROOM = "#######\n#A..B.#\n#.....#\n#.1.2.#\n#...3.#\n#.....#\n#######\n"

ISLAND = "#######\n#A..B.#\n###...#\n#1#.2.#\n###.3.#\n#.....#\n#######\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ROOM.replace("B", "."), ["a level with 2 seats, it has 1"]),
        (ROOM.replace("#.....#\n", "", 1), ["size: 7", "6 (a square)"]),
        (ROOM.replace("1", "r"), ["row 3, column 2", "'r' is not part of goal_cycle"]),
        (ROOM + "penalti: 1\n", ["penalti", "did you mean 'penalty'"]),
        (ROOM + "penalty: [1, 2]\n", ["penalty", "shape ()"]),
        (ISLAND, ["cannot get to '1'", "novice_0 at row 1, column 1", "level: row 3, column 1"]),
        (ROOM.replace("1", "?"), ["line 4, column 3", "'?'"]),
    ],
)
def test_a_level_that_does_not_fit_is_told(text, told):
    world = socialrl_envs.make("goal_cycle", size=7, experts=1)
    with pytest.raises(SocialRLError) as error:
        world.level(text)
    for part in told:
        assert part in str(error.value)


def test_a_level_with_other_seats_is_refused_at_the_reset_too():
    world = socialrl_envs.make("goal_cycle", size=7, experts=0)
    with pytest.raises(SocialRLError, match="1 seats, it has 2"):
        world.reset(Level.from_ascii(ROOM), jax.random.key(0))


WALLED = "#####\n#A#1#\n#.#.#\n#.#2#\n#####\n"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("goal_cycle", WALLED, "novice_0 at row 1, column 1 cannot get to '1'"),
        ("goal_sequence", WALLED, "row 1, column 3: novice_0"),
        ("goal_search", WALLED.replace("2", "."), "cannot get to '1'"),
        (
            "coin_grid",
            WALLED.replace("1", ".").replace("2", "g"),
            "row 3, column 3: novice_0 at row 1, column 1 cannot get to 'g'",
        ),
        ("cleanup_office", WALLED, "cannot get to '1'"),
        ("flooded_road", WALLED.replace("2", "."), "novice_0 at row 1, column 1"),
        ("goal_cycle", WALLED.replace("2", ".").replace("#1", ".1"), "a level with all goals, it lacks 2"),
        ("goal_search", WALLED.replace("1", ".").replace("2", "."), "a level with all goals, it lacks 1"),
    ],
)
def test_goals_that_cannot_be_reached_are_told_at_construction(tmp_path, name, text, told):
    path = tmp_path / "walled.txt"
    path.write_text(text)
    options = (
        {"goals": 2}
        if name in ("goal_cycle", "goal_sequence")
        else {"desks": 2}
        if name == "cleanup_office"
        else {}
    )
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make(name, layout=str(path), size=5, novices=1, experts=0, **options)
    assert told in str(error.value)
    assert "walled.txt" in str(error.value)


def test_a_seat_has_the_colour_that_is_asked_for():
    seats = {"novices": (Seat(colour="#ff0080"),), "experts": 1}
    env = pytest.importorskip("socialrl_envs.pettingzoo").parallel_env(
        "coin_grid", render_mode="rgb_array", **seats
    )
    env.reset(seed=0)
    plain = pytest.importorskip("socialrl_envs.pettingzoo").parallel_env(
        "coin_grid", render_mode="rgb_array", experts=1
    )
    plain.reset(seed=0)
    near = [
        int((np.abs(image - np.array([255.0, 0, 128])).max(-1) < 16).sum())
        for image in (env.render(), plain.render())
    ]
    assert near[0] > 50
    assert near[1] == 0
    with pytest.raises(SocialRLError, match=r"novice_0\.colour: 'pink' \(it must be #rrggbb\)"):
        socialrl_envs.make("coin_grid", novices=(Seat(colour="pink"),))
