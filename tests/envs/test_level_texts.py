"""Levels in JaxUED's and Minigrid's text: there and back, and as these libraries read and print them."""

import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Level, SocialRLError, grid

MAZE = "..#G\n.##.\n>...\n"  # JaxUED's
ROOM = "WGWGWGWG\nWG>>  WG\nWGLYKYWG\nWGAR  WG\nWGVRGGWG\nWGWGWGWG\n"  # as Minigrid prints it


@pytest.mark.parametrize(("library", "text"), [("jaxued", MAZE), ("minigrid", ROOM)])
def test_there_and_back_is_the_identity(library, text):
    level = Level.from_text(text, library)
    assert level.to_text(library) == text
    again = Level.from_ascii(level.to_ascii()).to_text(library)  # by our own text, too
    assert again == text
    assert level.heading.tolist() == [1]


def test_a_maze_is_walled_around():
    level = Level.from_text(MAZE, "jaxued")
    assert level.to_ascii() == "######\n#..#1#\n#.##.#\n#A...#\n######\nheadings: E\n"


@pytest.mark.parametrize(("sign", "heading"), [("^", 0), (">", 1), ("v", 2), ("<", 3)])
def test_headings_agree(sign, heading):
    assert Level.from_text(f"{sign}G\n", "jaxued").heading.tolist() == [heading]
    assert Level.from_text(2 * sign.upper() + "GG\n", "minigrid").heading.tolist() == [heading]


def test_a_maze_is_played_where_it_fits(tmp_path):
    level = Level.from_text(".....\n" * 4 + ">...G\n", "jaxued")
    file = tmp_path / "maze.txt"
    file.write_text(level.to_ascii())
    world = socialrl_envs.make("goal_search", novices=1, experts=0, layout=str(file), size=7)
    assert world.spec.height == 7


def test_minigrid_colours_that_say_nothing_here_are_dropped():
    level = Level.from_text("WBWRWG\nWP^^  \nWGFPDB", "minigrid")  # floor at the end of a line is cut off
    assert level.to_text("minigrid") == "WGWGWG\nWG^^  \nWG  LY\n"


def test_jaxued_reads_it():
    pytest.importorskip("jaxued")
    from jaxued.environments.maze.level import Level as Maze  # pyright: ignore[reportMissingImports]

    level = Level.from_text(MAZE, "jaxued")
    theirs = Maze.from_str(level.to_text("jaxued"))
    assert theirs.to_str() == MAZE.strip()
    np.testing.assert_array_equal(theirs.wall_map, np.asarray(level.tiles)[1:-1, 1:-1] == grid.WALL)


def test_minigrid_prints_it():
    gymnasium = pytest.importorskip("gymnasium")
    pytest.importorskip("minigrid")
    env = gymnasium.make("MiniGrid-DoorKey-8x8-v0").unwrapped
    for seed in range(3):
        env.reset(seed=seed)
        text = env.pprint_grid() + "\n"
        level = Level.from_text(text, "minigrid")
        assert level.to_text("minigrid") == text
        assert level.position.tolist() == [[int(env.agent_pos[1]), int(env.agent_pos[0])]]
        assert (level.tiles == grid.KEY).sum() == (level.tiles == grid.DOOR).sum() == 1


@pytest.mark.parametrize(
    ("library", "text", "told"),
    [
        ("jaxued", "", "no rows"),
        ("jaxued", "..\n>", "line 2: 1 characters, the first row has 2"),
        ("jaxued", ".x\n>G", "line 1, column 2: 'x' has no meaning"),
        ("jaxued", "..\n.G", "0 agents"),
        ("jaxued", "<.\n>G", "2 agents"),
        ("jaxued", "..\n>.", "0 goals"),
        ("minigrid", "WG__\n>>  ", "line 1, column 3: '__' has no meaning"),
        ("minigrid", "AP>>", "line 1, column 1: 'AP' has no meaning"),
        ("maze", "", "unknown library of levels 'maze'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(library, text, told):
    with pytest.raises(SocialRLError, match=told):
        Level.from_text(text, library)


@pytest.mark.parametrize(
    ("library", "text", "told"),
    [
        ("jaxued", "####\n#A1.\n####\n", "its edge has gaps"),
        ("jaxued", "####\n#A.#\n####\n", "0 goals"),
        ("jaxued", "#####\n#A12#\n#####\n", "row 1, column 3: '2' has no sign there"),
        ("jaxued", "#####\n#A1B#\n#####\n", "2 seats"),
        ("minigrid", "####\n#A*#\n####\n", r"row 1, column 2: '\*' has no sign there"),
    ],
)
def test_what_has_no_sign_is_refused(library, text, told):
    with pytest.raises(SocialRLError, match=told):
        Level.from_ascii(text).to_text(library)
