"""Pictures: golden images of everything that can lie on a grid, and what must be visible in any picture.

`python tests/envs/test_render.py` draws the golden images anew; look at them before you commit them.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from socialrl_envs import grid
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import OKABE_ITO, Picture, draw, draw_figures, draw_ground, picture_of, places, seat_colours

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
    tiles = np.array([[grid.TILE_OF_CHAR[c] for c in row] for row in GALLERY.split()], np.uint8)
    position = np.array([[1, 1], [3, 1], [6, 2], [6, 2], [7, 4], [7, 4], [7, 4], [1, 8]])
    return Picture(tiles, position, np.array([0, 1, 2, 3, 0, 1, 2, 3]), np.array([True] * 7 + [False]))


CASES = {
    "light_16": {"cell": 16},
    "dark_24_headings": {"cell": 24, "theme": "dark", "headings": True},
    "light_20_view": {"cell": 20, "seat": 1, "view": 5},
}


@pytest.mark.parametrize("name", CASES)
def test_golden_images(name):
    image = draw(gallery(), **CASES[name])
    golden = np.asarray(Image.open(GOLDEN / f"{name}.png").convert("RGB"))
    assert image.shape == golden.shape
    assert np.abs(image.astype(int) - golden).max() <= 3


@pytest.mark.parametrize("cell", [1, 2, 5, 31, 100])
def test_any_cell_size(cell):
    image = draw(gallery(), cell, seat=1, view=3, headings=True)
    assert image.shape == (9 * cell, 10 * cell, 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable


def cell_of(image: np.ndarray, row: int, column: int, cell: int = 32) -> np.ndarray:
    return image[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell].astype(int)


def lone(kind: int, theme: str) -> np.ndarray:
    nobody = np.zeros(0, int)
    return draw(Picture(np.array([[kind]], np.uint8), nobody.reshape(0, 2), nobody, nobody.astype(bool)), 32, theme=theme)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_looks_different(theme):
    kinds = [grid.FLOOR, grid.WALL, grid.WATER, grid.BRIDGE, grid.LITTER, *range(10, 19), *range(20, 24), 99]
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
    picture = Picture(np.zeros((3, 3), np.uint8), position, nowhere, np.ones(together, bool), colours)
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


def test_headings_only_when_asked():
    one = gallery()
    other = dataclasses.replace(one, heading=(one.heading + 1) % 4)
    np.testing.assert_array_equal(draw(one), draw(other))
    assert (draw(one, headings=True) != draw(other, headings=True)).any()


def test_view_by_number_rectangle_and_mask_agree():
    picture = gallery()
    mask = np.zeros((9, 10), bool)
    mask[1:6, 0:4] = True  # 5 x 5 around row 3, column 1
    expected = draw(picture, seat=1, view=mask)
    np.testing.assert_array_equal(draw(picture, seat=1, view=5), expected)
    np.testing.assert_array_equal(draw(picture, seat=1, view=(1, -1, 5, 5)), expected)
    plain = draw(picture, seat=1)
    np.testing.assert_array_equal(cell_of(expected, 3, 2), cell_of(plain, 3, 2))
    assert (cell_of(expected, 6, 5) != cell_of(plain, 6, 5)).any()
    np.testing.assert_array_equal(draw(picture, view=np.ones((9, 10), bool))[8:-8, 8:-8], draw(picture)[8:-8, 8:-8])
    assert draw(picture, view=(20, 20, 3, 3)).shape == plain.shape  # sees nothing


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


def test_picture_of_a_state():
    import jax

    import socialrl_envs

    world = socialrl_envs.make("coin_grid", experts=2)
    level_key, reset_key = jax.random.split(jax.random.key(0))
    state = world.reset(world.sample_level(level_key), reset_key)
    picture = picture_of(state)
    assert isinstance(picture.tiles, np.ndarray)
    assert draw(picture, 16).shape == (16 * world.spec.height, 16 * world.spec.width, 3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cell": 0}, "cell: 0"),
        ({"cell": 10_000}, "cell: 10000"),
        ({"seat": 8}, "seat: 8"),
        ({"theme": "lihgt"}, "did you mean 'light'"),
        ({"view": 5}, "give `seat` too"),
        ({"view": np.zeros((2, 2), bool)}, "one per cell"),
    ],
)
def test_impossible_wishes(options, says):
    with pytest.raises(SocialRLError, match=says):
        draw(gallery(), **options)


def test_as_many_colours_as_seats():
    with pytest.raises(SocialRLError, match="one RGB per seat"):
        draw(dataclasses.replace(gallery(), colours=((1, 2, 3),)))


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case, options in CASES.items():
        Image.fromarray(draw(gallery(), **options)).save(GOLDEN / f"{case}.png", optimize=True)
