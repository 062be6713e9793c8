"""The figures of a picture: where each present seat is drawn in its cell, and how."""

from functools import lru_cache

import numpy as np
from jaxtyping import UInt8

from socialrl_envs import sprites
from socialrl_envs.picture import Picture
from socialrl_envs.sprites import Point, Real
from socialrl_envs.tiles import SEATS

Place = tuple[Point, Real]  # (x, y) from the middle of the cell, in cells; size, 1 for a figure alone in it


def figures(image: UInt8[np.ndarray, "h w 3"], picture: Picture, cell: int) -> UInt8[np.ndarray, "h w 3"]:
    """Draws the present seats into `image`, in place, and returns it."""
    colours, seen = picture.seat_colours(), picture.visible
    for seat, (middle, size) in places(picture).items():
        row, column = (int(part) for part in picture.position[seat])
        heading = int(picture.heading[seat]) if picture.headings else None
        letter, marked = SEATS[seat % len(SEATS)], seat == picture.seat
        sprite = sprites.figure(cell, colours[seat], letter, middle, size, heading, marked)
        part = image[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
        strength = np.float32(1 if seen is None or seen[row, column] else 0.4)
        part[:] = np.rint(sprites.over(sprite * strength, part / np.float32(255)) * 255)
    return image


def places(picture: Picture) -> dict[int, Place]:
    """Where in its cell each present seat is drawn; those who share a cell stand side by side."""
    together: dict[tuple[int, int], list[int]] = {}
    for seat in np.flatnonzero(picture.present):
        row, column = picture.position[seat]
        together.setdefault((int(row), int(column)), []).append(int(seat))
    result = {}
    for seats in together.values():
        for seat, place in zip(seats, _side_by_side(len(seats)), strict=True):
            result[seat] = place
    return result


@lru_cache(maxsize=64)
def _side_by_side(count: int) -> tuple[Place, ...]:
    """Places for `count` figures in one cell."""
    if count == 1:
        return (((0.0, 0.0), 1.0),)
    if count == 2:
        return (((-0.2, -0.13), 0.68), ((0.2, 0.13), 0.68))
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    size = 1.04 / columns
    return tuple(
        (((i % columns - (columns - 1) / 2) / columns, (i // columns - (rows - 1) / 2) / columns), size)
        for i in range(count)
    )
