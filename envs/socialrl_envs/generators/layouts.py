"""Layouts of walls by name.

A layout is a function (key, height, width, density, size) -> solid, bool (H, W), true where a wall is. The
outermost cells are walls, and the floor is connected. size: the side of the square in the top left corner
that is used, so that one compiled function draws levels of several sizes; all cells outside of it are walls;
None uses the whole grid. density: in `cluttered` the share of walls, in `maze_loops` the probability that a
wall between two rooms is removed; other layouts ignore it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl_envs import grid
from socialrl_envs.errors import unknown

Layout = Callable[..., Bool[Array, "H W"]]
Size = Int32[Array, ""] | None


def sides(height: int, width: int, size: Size) -> tuple[Int32[Array, ""], Int32[Array, ""]]:
    """The number of rows and of columns in use, border included."""
    longest = jnp.int32(max(height, width)) if size is None else size
    return jnp.minimum(longest, height), jnp.minimum(longest, width)


def border(height: int, width: int, size: Size = None) -> Bool[Array, "H W"]:
    """The walls of an empty room: the outermost cells in use, and all cells outside of them."""
    rows, columns = sides(height, width, size)
    row, column = np.indices((height, width), np.int32)
    return (row == 0) | (row >= rows - 1) | (column == 0) | (column >= columns - 1)


def open_room(
    key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""], size: Size = None
) -> Bool[Array, "H W"]:
    """A layout of one empty room."""
    return border(height, width, size)


# The ring of a cell's eight neighbours, clockwise from the top left.
RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def _keeps_floor_connected(solid: Bool[Array, "H W"], cell: Int32[Array, " 2"]) -> Bool[Array, ""]:
    """Whether a wall on this floor cell leaves its floor neighbours connected through its ring.

    The floor cells of the ring must form at most one run that holds edge neighbours (corners alone do not
    connect).
    """
    ring = jnp.stack([~solid[cell[0] + dr, cell[1] + dc] for dr, dc in RING])
    before = jnp.roll(ring, 1)
    runs = jnp.sum(ring & ~before)
    corner = jnp.array([dr != 0 and dc != 0 for dr, dc in RING])
    lone_corners = jnp.sum(corner & ring & ~before & ~jnp.roll(ring, -1))
    return runs - lone_corners <= 1


def cluttered(
    key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""], size: Size = None
) -> Bool[Array, "H W"]:
    """A layout with walls on a share `density` of the inner cells, fewer if more would divide the floor."""
    inner = (height - 2) * (width - 2)
    order = jax.random.permutation(key, inner)
    room = border(height, width, size)
    target = jnp.floor(density * jnp.sum(~room, dtype=jnp.float32)).astype(jnp.int32)

    def one(i: Int32[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
        solid, count = carry
        cell = jnp.stack([order[i] // (width - 2) + 1, order[i] % (width - 2) + 1])
        ok = (count < target) & ~room[cell[0], cell[1]] & _keeps_floor_connected(solid, cell)
        return solid.at[cell[0], cell[1]].set(ok | solid[cell[0], cell[1]]), count + ok.astype(jnp.int32)

    return jax.lax.fori_loop(0, inner, one, (room, jnp.int32(0)))[0]


def four_rooms(
    key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""], size: Size = None
) -> Bool[Array, "H W"]:
    """A layout of four rooms, with one doorway at a random place of each wall between two of them."""
    rows, columns = sides(height, width, size)
    middle_row, middle_column = rows // 2, columns // 2
    row, column = np.indices((height, width), np.int32)
    solid = border(height, width, size) | (row == middle_row) | (column == middle_column)
    up, down, left, right = jax.random.split(key, 4)
    doors = (
        (jax.random.randint(up, (), 1, middle_row), middle_column),
        (jax.random.randint(down, (), middle_row + 1, rows - 1), middle_column),
        (middle_row, jax.random.randint(left, (), 1, middle_column)),
        (middle_row, jax.random.randint(right, (), middle_column + 1, columns - 1)),
    )
    for at_row, at_column in doors:
        solid = solid.at[at_row, at_column].set(False)
    return solid


def maze(
    key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""], size: Size = None
) -> Bool[Array, "H W"]:
    """A perfect maze: exactly one path joins any two floor cells.

    Rooms are at every other row and column. A side of even length has one line left over, on a side drawn at
    random, which holds niches of the outer rooms.
    """
    return maze_loops(key, height, width, jnp.zeros_like(density), size)


def maze_loops(
    key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""], size: Size = None
) -> Bool[Array, "H W"]:
    """A maze with loops: each remaining wall between two rooms is removed with probability `density`."""
    walk_key, door_key, flip_key = jax.random.split(key, 3)
    rows, columns = sides(height, width, size)
    solid = _walk_through(walk_key, _rooms(height, width, rows, columns), rows, columns)
    row, column = np.indices((height, width), np.int32)
    inside = (row >= 1) & (row < (rows - 1) // 2 * 2) & (column >= 1) & (column < (columns - 1) // 2 * 2)
    between = inside & ((row + column) % 2 == 1)
    solid &= ~(between & (jax.random.uniform(door_key, solid.shape) < density))
    flip = jax.random.bernoulli(flip_key, 0.5, (2,))
    solid = jnp.where(flip[0] & (rows % 2 == 0), solid[_mirror(height, rows)], solid)
    return jnp.where(flip[1] & (columns % 2 == 0), solid[:, _mirror(width, columns)], solid)


def _mirror(length: int, side: Int32[Array, ""]) -> Int32[Array, " L"]:
    """Indices that reverse the first `side` of `length` places and keep the rest."""
    place = jnp.arange(length, dtype=jnp.int32)
    return jnp.where(place < side, side - 1 - place, place)


def _rooms(height: int, width: int, rows: Int32[Array, ""], columns: Int32[Array, ""]) -> Bool[Array, "H W"]:
    """Walls everywhere except at the rooms of a maze and its niches along sides of even length.

    Rooms are at odd rows and columns.
    """
    row, column = np.indices((height, width), np.int32)
    odd_row, odd_column = row % 2 == 1, column % 2 == 1
    room = odd_row & (row < rows - 1) & odd_column & (column < columns - 1)
    below = (row == rows - 2) & (rows % 2 == 0) & odd_column & (column < columns - 2)
    beside = (column == columns - 2) & (columns % 2 == 0) & odd_row & (row < rows - 2)
    return ~(room | below | beside)


def _walk_through(
    key: Key[Array, ""], solid: Bool[Array, "H W"], height: Int32[Array, ""], width: Int32[Array, ""]
) -> Bool[Array, "H W"]:
    """The walls of a maze after a randomised depth-first search, which opens a wall to each new room.

    height, width: the rows and columns in use.
    """
    rows, columns = (height - 1) // 2, (width - 1) // 2
    stride = (solid.shape[1] - 1) // 2
    most = (solid.shape[0] - 1) // 2 * stride
    start_key, turn_key = jax.random.split(key)
    drawn = jax.random.randint(start_key, (), 0, rows * columns, dtype=jnp.int32)
    start = drawn // columns * stride + drawn % columns
    scores = jax.random.uniform(turn_key, (2 * most, len(grid.DELTAS)))
    delta = jnp.array(grid.DELTAS, jnp.int32)

    def one(i: Int32[Array, ""], carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        solid, entered_from, here = carry
        cell = jnp.stack([here // stride, here % stride])
        near = cell + delta
        inside = jnp.all((near >= 0) & (near < jnp.stack([rows, columns])), axis=1)
        index = jnp.where(inside, near[:, 0] * stride + near[:, 1], here)
        new = inside & (entered_from[index] < 0)
        way, onward = jnp.argmax(jnp.where(new, scores[i], -1.0)), jnp.any(new)
        there = jnp.where(onward, index[way], entered_from[here])
        entered_from = entered_from.at[there].set(jnp.where(onward, here, entered_from[there]))
        wall = 1 + 2 * cell + jnp.where(onward, delta[way], 0)
        return solid.at[wall[0], wall[1]].set(False), entered_from, there

    nowhere = jnp.full(most, -1, jnp.int32).at[start].set(start)
    return jax.lax.fori_loop(0, 2 * most, one, (solid, nowhere, start))[0]


def make_room(
    key: Key[Array, ""], solid: Bool[Array, "H W"], inside: Bool[Array, "H W"], needed: int
) -> Bool[Array, "H W"]:
    """The walls, of which some are removed until at least `needed` cells are floor.

    Walls are drawn one after another from those `inside` that are next to floor, so that the floor stays
    connected. If none is left, the floor may be smaller than `needed`.
    """

    def short(carry: tuple[Array, Array]) -> Array:
        return (jnp.sum(~carry[0]) < needed) & jnp.any(inside & carry[0])

    def one(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        solid, key = carry
        key, draw_key = jax.random.split(key)
        beside = jnp.any(jnp.stack([jnp.roll(~solid, delta, (0, 1)) for delta in grid.DELTAS]), axis=0)
        cell, found = grid.choose_cell(inside & solid & beside, jax.random.uniform(draw_key))
        return solid & ~(grid.stamp(cell[None], *solid.shape)[0] & found), key

    return jax.lax.while_loop(short, one, (solid, key))[0]


LAYOUTS: dict[str, Layout] = {
    "open": open_room,
    "cluttered": cluttered,
    "four_rooms": four_rooms,
    "maze": maze,
    "maze_loops": maze_loops,
}


def find(name: str) -> Layout:
    """The layout of this name; raises SocialRLError with the nearest known name."""
    if name not in LAYOUTS:
        raise unknown("layout", name, LAYOUTS)
    return LAYOUTS[name]
