"""Where the walls are: layouts by name, and levels from ASCII files.

A layout is a function (key, height, width, density) -> solid (H, W) bool with a border of walls. Floors are connected.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Key

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


LAYOUTS: dict[str, Layout] = {"open": open_room, "cluttered": cluttered, "four_rooms": four_rooms}


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
