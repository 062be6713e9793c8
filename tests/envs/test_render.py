"""Pictures: golden images of everything that can lie on a grid, and what must be visible in any picture.

`python tests/envs/test_render.py` draws the golden images anew; look at them before you commit them.
"""

import dataclasses
import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from socialrl_envs import Seat, grid, make, names, tiles
from socialrl_envs.errors import SocialRLError
from socialrl_envs.picture import HIDDEN, in_view
from socialrl_envs.render import (
    OKABE_ITO,
    Picture,
    draw,
    draw_figures,
    draw_ground,
    draw_state,
    places,
    seat_colours,
    to_png,
)
from socialrl_envs.types import Level, State, World
from socialrl_envs.visibility import ViewSpec
from socialrl_envs.worlds.flooded_road import Flood

GOLDEN = Path(__file__).parent / "golden"
GALLERY = """
##########
#...r.~~.#
#.#.g.=..#
#...b.~*.#
#.##y....#
#..#.123.#
#....456.#
#....789.#
##########
"""


def gallery() -> Picture:
    drawn = np.array([[grid.TILE_OF_CHAR[c] for c in row] for row in GALLERY.split()], np.uint8)
    position = np.array([[1, 1], [3, 1], [6, 2], [6, 2], [7, 4], [7, 4], [7, 4], [1, 8]])
    return Picture(
        tiles=drawn,
        position=position,
        heading=np.array([0, 1, 2, 3, 0, 1, 2, 3]),
        present=np.array([True] * 7 + [False]),
    )


def nobody(cells: np.ndarray) -> Picture:
    none = np.zeros(0, int)
    return Picture(tiles=cells, position=none.reshape(0, 2), heading=none, present=none.astype(bool))


AROUND = ViewSpec(kind="partial", size=5)


def with_headings() -> Picture:
    return dataclasses.replace(gallery(), headings=True)


# name -> picture, pixels of a cell, theme
CASES = {
    "light_16": (gallery(), 16, "light"),
    "dark_24_headings": (with_headings(), 24, "dark"),
    "light_20_view": (gallery().seen_by(1, AROUND), 20, "light"),
}


# For every world a level drawn by hand, and the seat whose sight is shown.
FLOODED = {"flooded": True}
KINDS = np.array([2, 0, 1], np.float32)
WORLDS = {
    "cleanup_office": ("#######\n#A.#.1#\n#*.#.*#\n##.##.#\n#.2.B.#\n#.*C..#\n#######", None, {}),
    "coin_grid": ("#######\n#A.r.r#\n#.#g..#\n#..b.g#\n#.##.b#\n#.B.yC#\n#######", None, {}),
    "flooded_road": ("#######\n#...1.#\n#.....#\n#=~~~.#\n#A.B..#\n#..C..#\n#######", None, FLOODED),
    "goal_cycle": ("#######\n#.1.#.#\n#.C.#3#\n###...#\n#.2.B.#\n#A..#.#\n#######", 0, {}),
    "goal_search": ("#######\n#..#.B#\n#1.#..#\n#A...C#\n#..#..#\n#..#..#\n#######", 0, {}),
    "goal_sequence": (
        "#######\n#1...3#\n#..A..#\n#..2..#\n#B...C#\n#.....#\n#######",
        0,
        {"kinds": KINDS},
    ),
    "rendezvous": ("#######\n#..1.A#\n#..#..#\n#2....#\n#.#..3#\n#B....#\n#######", None, {}),
}


def drawn_by_hand(world: World, text: str, hidden: dict) -> State:
    """The first state of the world on a level drawn by hand, with what the task hides as given."""
    level = Level.from_ascii(text)
    named = {name: value for name, value in hidden.items() if name == "kinds"}
    heading = jnp.array([0, 3, 2], jnp.int32)[: len(level.position)]
    state = world.reset(world.level(level.edit(heading=heading, params=named)), jax.random.key(0))
    if "flooded" in hidden:
        state = dataclasses.replace(state, task=Flood(flooded=jnp.array(hidden["flooded"])))
    return state


def images() -> dict[str, np.ndarray]:
    """All that is kept as a golden image, drawn now."""
    result = {name: draw(*case) for name, case in CASES.items()}
    for name, (text, seat, hidden) in WORLDS.items():
        size = len(text.split()[0])
        extra = {"cleanup_office": {"desks": 2}, "coin_grid": {"colours": 4}}.get(name, {})
        world = make(name, size=size, view=5, **extra)
        result[name] = draw_state(world, drawn_by_hand(world, text, hidden), 20, seat)
    return result


@pytest.fixture(scope="module")
def drawn_now():
    return images()


@pytest.mark.parametrize("name", [*CASES, *WORLDS])
def test_golden_images(name, drawn_now):
    image = drawn_now[name]
    golden = np.asarray(Image.open(GOLDEN / f"{name}.png").convert("RGB"))
    assert image.shape == golden.shape
    assert np.abs(image.astype(int) - golden).max() <= 3


def test_every_world_has_a_golden_image_and_all_are_small():
    assert sorted(WORLDS) == sorted(names())
    files = list(GOLDEN.glob("*.png"))
    assert sorted(path.stem for path in files) == sorted([*CASES, *WORLDS])
    assert sum(path.stat().st_size for path in files) < 60_000


@pytest.mark.parametrize("cell", [1, 2, 5, 31, 100])
def test_any_cell_size(cell):
    image = draw(with_headings().seen_by(1, ViewSpec(kind="partial", size=3)), cell)
    assert image.shape == (9 * cell, 10 * cell, 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable


def cell_of(image: np.ndarray, row: int, column: int, cell: int = 32) -> np.ndarray:
    return image[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell].astype(int)


def lone(kind: int, theme: str) -> np.ndarray:
    return draw(nobody(np.array([[kind]], np.uint8)), 32, theme)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_looks_different(theme):
    kinds = [*tiles.CHAR_OF_TILE, 99]
    images = [lone(kind, theme).astype(int) for kind in kinds]
    for i, one in enumerate(images):
        for other in images[:i]:
            assert (np.abs(one - other).max(axis=2) > 25).sum() >= 12


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_coins_differ_without_colour(theme):
    grey = [lone(grid.COIN + k, theme).mean(axis=2) for k in range(4)]
    for i, one in enumerate(grey):
        for other in grey[:i]:
            assert (np.abs(one - other) > 25).sum() >= 25


def test_absent_seats_are_not_drawn():
    there = gallery()
    gone = dataclasses.replace(there, present=np.zeros(8, bool))
    np.testing.assert_array_equal(draw(gone), draw_ground(there))
    assert (cell_of(draw(there), 1, 8) == cell_of(draw(gone), 1, 8)).all()
    assert (cell_of(draw(there), 1, 1) != cell_of(draw(gone), 1, 1)).any()


@pytest.mark.parametrize("together", range(1, 10))
def test_all_who_share_a_cell_are_seen(together):
    colours = tuple((20 * i + 40, 255 - 20 * i, 90) for i in range(together))
    position, nowhere = np.ones((together, 2), int), np.zeros(together, int)
    picture = Picture(
        tiles=np.zeros((3, 3), np.uint8),
        position=position,
        heading=nowhere,
        present=np.ones(together, bool),
        colours=colours,
    )
    image = cell_of(draw(picture, 64), 1, 1, 64)
    for colour in colours:
        assert (np.abs(image - np.array(colour)).max(axis=2) < 8).sum() > 10
    at = places(picture)
    assert len({middle for middle, _ in at.values()}) == together
    for (x, y), size in at.values():
        assert max(abs(x), abs(y)) + 0.36 * size <= 0.5


def test_colours_are_the_seats_own():
    assert seat_colours(10)[8:] == OKABE_ITO[:2]
    assert len(set(OKABE_ITO)) == 8
    own = dataclasses.replace(gallery(), colours=tuple((200, 30 * i, 10) for i in range(8)))
    assert (draw(own) != draw(gallery())).any()


def test_headings_only_where_the_picture_has_them():
    one, pointing = gallery(), with_headings()
    turned = (one.heading + 1) % 4
    np.testing.assert_array_equal(draw(one), draw(dataclasses.replace(one, heading=turned)))
    assert (draw(pointing) != draw(dataclasses.replace(pointing, heading=turned))).any()


def test_a_view_dims_the_cells_outside_of_it():
    picture = gallery()
    mask = np.zeros((9, 10), bool)
    mask[1:6, 0:4] = True  # 5 x 5 around row 3, column 1
    marked = dataclasses.replace(picture, seat=1)
    expected = draw(dataclasses.replace(marked, visible=mask))
    np.testing.assert_array_equal(draw(picture.seen_by(1, AROUND)), expected)
    plain = draw(marked)
    np.testing.assert_array_equal(cell_of(expected, 3, 2), cell_of(plain, 3, 2))
    assert (cell_of(expected, 6, 5) != cell_of(plain, 6, 5)).any()
    everything = dataclasses.replace(picture, visible=np.ones((9, 10), bool))
    np.testing.assert_array_equal(draw(everything)[8:-8, 8:-8], draw(picture)[8:-8, 8:-8])
    nothing = dataclasses.replace(marked, visible=np.zeros((9, 10), bool))
    assert draw(nothing).shape == plain.shape


def test_an_absent_seat_sees_nothing():
    assert not in_view(gallery(), 7, AROUND).any()
    assert in_view(gallery(), 1, AROUND).any()


def test_figures_can_be_drawn_later():
    ground = draw_ground(gallery(), 20)
    again = draw_figures(ground.copy(), gallery(), 20)
    np.testing.assert_array_equal(again, draw(gallery(), 20))
    assert (ground != again).any()


def test_drawing_changes_nothing():
    picture = gallery()
    before = draw(picture)
    draw(picture)[:] = 0
    np.testing.assert_array_equal(draw(picture), before)


def flooded_road(**options):
    text, _, hidden = WORLDS["flooded_road"]
    world = make("flooded_road", size=7, **options)
    return world, drawn_by_hand(world, text, hidden)


def test_picture_of_a_state_has_the_colours_of_its_seats():
    world, state = flooded_road(novices=(Seat(colour="#0a141e"),))
    assert make("flooded_road", size=7).picture(state).colours == OKABE_ITO[:3]
    assert world.picture(state).colours == ((10, 20, 30), *OKABE_ITO[1:3])
    image = cell_of(draw_state(world, state), 4, 1)
    assert (np.abs(image - np.array([10, 20, 30])).max(axis=2) < 8).any()


@pytest.mark.parametrize("cell", [8, 20, 64])
def test_a_flooded_bridge_differs_in_the_corner_of_its_cell_alone(cell):
    world, state = flooded_road()
    flooded = draw_state(world, state, cell)
    state = dataclasses.replace(state, task=Flood(flooded=jnp.array(False)))
    differs = (flooded != draw_state(world, state, cell)).any(axis=2)
    rows, columns = np.nonzero(differs)
    assert differs.sum() >= 4
    assert 3.5 * cell <= rows.min() + 1
    assert rows.max() < 4 * cell
    assert 1.5 * cell <= columns.min() + 1
    assert columns.max() < 2 * cell


def test_the_hidden_number_of_a_goal_is_in_the_corner_of_its_cell_alone():
    one, other = (lone(grid.GOAL + number, "light") for number in (0, 1))
    differs = (one != other).any(axis=2)
    assert differs.any()
    assert not differs[:16].any()
    assert not differs[:, :16].any()


def test_the_kind_of_a_goal_that_seats_see_is_its_plate_and_the_number_stays():
    text, _, hidden = WORLDS["goal_sequence"]
    world = make("goal_sequence", size=7)
    state = drawn_by_hand(world, text, hidden)
    before = draw_state(world, state)
    after = draw_state(world, drawn_by_hand(world, text, {"kinds": np.array([0, 2, 1], np.float32)}))
    for row, column in ((1, 1), (3, 3)):
        assert (cell_of(before, row, column) != cell_of(after, row, column)).any()
    np.testing.assert_array_equal(cell_of(before, 1, 5), cell_of(after, 1, 5))
    np.testing.assert_array_equal(cell_of(before, 1, 1)[22:30, 22:30], cell_of(after, 1, 1)[22:30, 22:30])


def test_a_goal_that_a_seat_is_not_shown_is_but_a_note_to_it():
    text, _, hidden = WORLDS["goal_search"]
    world = make("goal_search", size=7, view=5)
    state = drawn_by_hand(world, text, hidden)
    novice, expert = draw_state(world, state, seat=0), draw_state(world, state, seat=1)
    visible = world.picture(state, 0).visible
    assert visible is not None
    assert visible[2, 1]
    assert (np.abs(cell_of(draw_state(world, state), 2, 1) - (112, 84, 168)).max(axis=2) < 20).any()
    assert not (np.abs(cell_of(novice, 2, 1) - (112, 84, 168)).max(axis=2) < 40).any()
    assert (cell_of(expert, 2, 1) != cell_of(novice, 2, 1)).any()
    everybody = make("goal_search", size=7, view=5, shown_to="all")
    assert (
        np.abs(cell_of(draw_state(everybody, state, seat=0), 2, 1) - (112, 84, 168)).max(axis=2) < 20
    ).any()


def test_what_a_seat_does_not_see_is_dimmed_figures_too():
    text, _, hidden = WORLDS["goal_cycle"]
    world = make("goal_cycle", size=7, view=5)
    state = drawn_by_hand(world, text, hidden)
    plain, seen = draw_state(world, state), draw_state(world, state, seat=0)
    mask = in_view(world.picture(state), 0, world.spec.view)
    assert mask[4, 1]
    assert not mask[2, 2]
    own = np.array(OKABE_ITO[2])  # seat C, at row 2, column 2
    assert (np.abs(cell_of(plain, 2, 2) - own).max(axis=2) < 8).any()
    assert not (np.abs(cell_of(seen, 2, 2) - own).max(axis=2) < 60).any()
    whole = world.picture(state)
    np.testing.assert_array_equal(seen, draw(dataclasses.replace(whole, seat=0, visible=mask)))


def test_notes_and_kinds_are_drawn_on_any_tile():
    things = np.array([[tiles.FLOOR, tiles.GOAL, tiles.KEY, tiles.OBJECT]], np.uint8)
    codes = np.array([[ord("Q"), 0, ord("3"), ord("~")]], np.uint8)
    none, bare = np.zeros((1, 4), np.uint8), nobody(things)
    plain = draw(dataclasses.replace(bare, notes=none))
    noted = draw(dataclasses.replace(bare, notes=codes))
    hidden = draw(dataclasses.replace(bare, notes=none, kinds=np.full((1, 4), HIDDEN, np.uint8)))
    for column, note in enumerate(codes[0]):
        one, other = cell_of(plain, 0, column), cell_of(noted, 0, column)
        assert (one != other).any() == bool(note)
        assert (one[:14, :14] == other[:14, :14]).all()
    np.testing.assert_array_equal(hidden, draw(nobody(np.zeros((1, 4), np.uint8))))


def test_png_of_an_image():
    image = draw(gallery(), 12)
    data = to_png(image)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image)
    assert gallery()._repr_png_() == to_png(draw(gallery()))


def test_states_show_themselves_alone_and_in_a_batch():
    world = make("coin_grid", size=7, experts=1)
    key = jax.random.key(0)
    state = world.reset(world.sample_level(key), jax.random.fold_in(key, 1))
    image = np.asarray(Image.open(io.BytesIO(state._repr_png_())))
    assert image.shape == (224, 224, 3)
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf] * 6), state)
    row = np.asarray(Image.open(io.BytesIO(batch._repr_png_())))
    assert row.shape == (224, 4 * 224 + 3 * 16, 3)
    np.testing.assert_array_equal(row[:, :224], image)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cell": 0}, "cell: 0"),
        ({"cell": 10_000}, "cell: 10000"),
        ({"theme": "lihgt"}, "did you mean 'light'"),
    ],
)
def test_sizes_and_themes_that_cannot_be_drawn(options, says):
    with pytest.raises(SocialRLError, match=says):
        draw(gallery(), **options)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("seat", 8, "seat: 8"),
        ("colours", ((1, 2, 3),), "one RGB per seat"),
        ("visible", np.zeros((2, 2), bool), "one entry per cell"),
        ("notes", np.zeros((9, 10), np.int32), "one entry per cell"),
        ("kinds", np.zeros((10, 9), np.uint8), "one entry per cell"),
    ],
)
def test_pictures_whose_parts_do_not_fit_together(field, value, says):
    picture = gallery()
    object.__setattr__(picture, field, value)  # tests check types when a picture is made
    with pytest.raises(SocialRLError, match=says):
        draw(picture)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for title, pixels in images().items():
        Image.fromarray(pixels).save(GOLDEN / f"{title}.png", optimize=True)
