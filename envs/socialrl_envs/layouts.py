"""Where the walls are: layouts by name, and levels from ASCII files.

A layout is a function (key, height, width, density) -> solid (H, W) bool with a border of walls. Floors are connected.
`density` is read by `cluttered` (the share of walls) and by `maze_loops` (the chance that a wall between rooms is out).
"""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Key

from socialrl_envs import grid
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.types import Level

Layout = Callable[..., Bool[Array, "H W"]]


def border(height: int, width: int) -> Bool[Array, "H W"]:
    """The outermost ring of cells."""
    inner = np.zeros((height, width), bool)
    inner[1:-1, 1:-1] = True
    return jnp.asarray(~inner)


def open_room(key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""]) -> Bool[Array, "H W"]:
    """One empty room."""
    return border(height, width)


# The ring of a cell's eight neighbours, clockwise from the top left.
RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def _keeps_floor_connected(solid: Bool[Array, "H W"], cell: Array) -> Bool[Array, ""]:
    """Whether a wall on this floor cell leaves its floor neighbours connected to one another around it.

    The floor cells of the ring must form at most one run that holds edge neighbours (corners alone do not connect).
    """
    ring = jnp.stack([~solid[cell[0] + dr, cell[1] + dc] for dr, dc in RING])
    before = jnp.roll(ring, 1)
    runs = jnp.sum(ring & ~before)
    corner = jnp.array([dr != 0 and dc != 0 for dr, dc in RING])
    lone_corners = jnp.sum(corner & ring & ~before & ~jnp.roll(ring, -1))
    return runs - lone_corners <= 1


def cluttered(key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""]) -> Bool[Array, "H W"]:
    """Scattered walls on `density` of the inner cells (fewer where more would cut the floor in two)."""
    inner = (height - 2) * (width - 2)
    order = jax.random.permutation(key, inner)
    target = jnp.floor(density * inner).astype(jnp.int32)

    def one(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        solid, count = carry
        cell = jnp.stack([order[i] // (width - 2) + 1, order[i] % (width - 2) + 1])
        ok = (count < target) & _keeps_floor_connected(solid, cell)
        return solid.at[cell[0], cell[1]].set(ok | solid[cell[0], cell[1]]), count + ok.astype(jnp.int32)

    return jax.lax.fori_loop(0, inner, one, (border(height, width), jnp.int32(0)))[0]


def four_rooms(key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""]) -> Bool[Array, "H W"]:
    """Cross walls through the middle with one doorway, drawn at random, in each of the four arms."""
    middle_row, middle_column = height // 2, width // 2
    solid = border(height, width).at[middle_row, :].set(True).at[:, middle_column].set(True)
    up, down, left, right = jax.random.split(key, 4)
    doors = (
        (jax.random.randint(up, (), 1, middle_row), middle_column),
        (jax.random.randint(down, (), middle_row + 1, height - 1), middle_column),
        (middle_row, jax.random.randint(left, (), 1, middle_column)),
        (middle_row, jax.random.randint(right, (), middle_column + 1, width - 1)),
    )
    for row, column in doors:
        solid = solid.at[row, column].set(False)
    return solid


def maze(key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""]) -> Bool[Array, "H W"]:
    """A perfect maze: there is one way, and one only, between any two floor cells.

    Rooms lie on every other row and column. Along a side of even length one more line is left: niches of the outer rooms, on a
    side drawn at random.
    """
    return maze_loops(key, height, width, jnp.zeros_like(density))


def maze_loops(key: Key[Array, ""], height: int, width: int, density: Float32[Array, ""]) -> Bool[Array, "H W"]:
    """A maze in which each wall between two rooms that still stands is taken out with chance `density`: several ways."""
    walk_key, door_key, flip_key = jax.random.split(key, 3)
    solid = _walk_through(walk_key, jnp.asarray(_rooms(height, width)))
    between = np.zeros((height, width), bool)
    rows, columns = (height - 1) // 2 * 2, (width - 1) // 2 * 2
    between[1:rows:2, 2:columns:2] = between[2:rows:2, 1:columns:2] = True
    solid &= ~(between & (jax.random.uniform(door_key, solid.shape) < density))
    flip = jax.random.bernoulli(flip_key, 0.5, (2,))
    solid = jnp.where(flip[0], solid[::-1], solid) if height % 2 == 0 else solid
    return jnp.where(flip[1], solid[:, ::-1], solid) if width % 2 == 0 else solid


def _rooms(height: int, width: int) -> Bool[np.ndarray, "H W"]:
    """All walls, but for the rooms of a maze (odd rows and columns) and the niches along sides of even length."""
    solid = np.ones((height, width), bool)
    solid[1:-1:2, 1:-1:2] = False
    if height % 2 == 0:
        solid[-2, 1:-2:2] = False
    if width % 2 == 0:
        solid[1:-2:2, -2] = False
    return solid


def _walk_through(key: Key[Array, ""], solid: Bool[Array, "H W"]) -> Bool[Array, "H W"]:
    """Breaks walls on a random walk that enters every room once and turns back where no new one is near (depth first)."""
    rows, columns = (solid.shape[0] - 1) // 2, (solid.shape[1] - 1) // 2
    rooms = rows * columns
    start_key, turn_key = jax.random.split(key)
    start = jax.random.randint(start_key, (), 0, rooms, dtype=jnp.int32)
    scores = jax.random.uniform(turn_key, (2 * rooms, len(grid.DELTAS)))
    delta = jnp.array(grid.DELTAS, jnp.int32)

    def one(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        solid, entered_from, here = carry
        cell = jnp.stack([here // columns, here % columns])
        near = cell + delta
        inside = jnp.all((near >= 0) & (near < jnp.array([rows, columns], jnp.int32)), axis=1)
        index = jnp.where(inside, near[:, 0] * columns + near[:, 1], here)
        new = inside & (entered_from[index] < 0)
        way, onward = jnp.argmax(jnp.where(new, scores[i], -1.0)), jnp.any(new)
        there = jnp.where(onward, index[way], entered_from[here])
        entered_from = entered_from.at[there].set(jnp.where(onward, here, entered_from[there]))
        wall = 1 + 2 * cell + jnp.where(onward, delta[way], 0)
        return solid.at[wall[0], wall[1]].set(False), entered_from, there

    nowhere = jnp.full(rooms, -1, jnp.int32).at[start].set(start)
    return jax.lax.fori_loop(0, 2 * rooms, one, (solid, nowhere, start))[0]


LAYOUTS: dict[str, Layout] = {
    "open": open_room,
    "cluttered": cluttered,
    "four_rooms": four_rooms,
    "maze": maze,
    "maze_loops": maze_loops,
}


def find(name: str) -> Layout:
    """The layout of that name; raises SocialRLError with the nearest spelling."""
    if name not in LAYOUTS:
        raise unknown("layout", name, LAYOUTS)
    return LAYOUTS[name]


def read_level(path: str | Path) -> Level:
    """The level in an ASCII file; raises SocialRLError naming the file, the line and the column."""
    try:
        return Level.from_ascii(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SocialRLError(f"{path}: cannot read this level file: {error.strerror}") from error
    except SocialRLError as error:
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error
