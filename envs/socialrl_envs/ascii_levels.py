"""Levels as text: one character per cell, then an optional block of `name: value` lines for headings and
parameters.

    #######
    #A.r..#
    #..#.B#
    #######
    headings: NE
    preferences: [[1.0, -1.0], [0.0, 1.0]]

`#` wall, `.` floor, `~` water, `=` bridge, `*` litter, `1`-`9` goals in their hidden order, `r` `g` `b` `y`
coins, `A`-`Z` seats in order. Seats stand on floor and face north unless `headings` says otherwise.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from socialrl_envs.errors import SocialRLError
from socialrl_envs.safe_json import read_json
from socialrl_envs.tiles import CHAR_OF_TILE, FLOOR, SEATS, TILE_OF_CHAR

COMPASS = "NESW"


def _split(text: str) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    rows, numbers = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.rstrip()
        if not line:
            continue
        (numbers if ":" in line else rows).append((number, line))
    return rows, numbers


def _parse_cells(rows: list[tuple[int, str]]) -> tuple[np.ndarray, dict[str, tuple[int, int]]]:
    width = len(rows[0][1])
    tiles = np.zeros((len(rows), width), np.uint8)
    seats: dict[str, tuple[int, int]] = {}
    for r, (line, row) in enumerate(rows):
        if len(row) != width:
            raise SocialRLError(
                f"level, line {line}: {len(row)} cells where the first row has {width}",
                "make the rows equally long",
            )
        for c, char in enumerate(row):
            if char in SEATS:
                if char in seats:
                    raise SocialRLError(
                        f"level, line {line}, column {c + 1}: seat {char!r} stands here a second time"
                    )
                seats[char] = (r, c)
            elif char in TILE_OF_CHAR:
                tiles[r, c] = TILE_OF_CHAR[char]
            else:
                known = "".join(TILE_OF_CHAR)
                raise SocialRLError(
                    f"level, line {line}, column {c + 1}: unknown character {char!r}",
                    f"use one of {known} or A-Z",
                )
    return tiles, seats


def _parse_params(lines: list[tuple[int, str]], seats: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    heading, named = np.zeros(seats, np.int32), {}
    for line, text in lines:
        name, _, value = text.partition(":")
        name, value = name.strip(), value.strip()
        if name == "headings":
            if len(value) != seats or set(value) - set(COMPASS):
                raise SocialRLError(
                    f"level, line {line}: headings {value!r}",
                    f"give one of {COMPASS} for each of {seats} seats",
                )
            heading = np.array([COMPASS.index(char) for char in value], np.int32)
            continue
        try:
            array = np.array(read_json(value, f"level, line {line}"))
        except ValueError as error:
            raise SocialRLError(
                f"level, line {line}: {name} is not a JSON number or list: {value!r}"
            ) from error
        if array.dtype.kind not in "bif":
            raise SocialRLError(f"level, line {line}: {name} must hold numbers, got {value!r}")
        kind = {"b": np.bool_, "i": np.int32, "f": np.float32}[array.dtype.kind]
        named[name] = array.astype(kind)
    return heading, named


def parse(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """(tiles uint8 (H, W), position int32 (N, 2), heading int32 (N,), parameters by name) of an ASCII
    picture.

    Raises SocialRLError that names line and column.
    """

    rows, lines = _split(text)
    if not rows:
        raise SocialRLError("level: no rows of cells in it", "draw it with '#' and '.'")
    tiles, seats = _parse_cells(rows)
    expected = SEATS[: len(seats)]
    if set(seats) != set(expected):
        raise SocialRLError(
            f"level: seats {''.join(sorted(seats))}", f"name them in order without a gap: {expected}"
        )
    if not (tiles == FLOOR).any():
        raise SocialRLError("level: it has no floor", "draw some '.' cells")
    heading, named = _parse_params(lines, len(seats))
    position = np.array([seats[char] for char in expected], np.int32).reshape(-1, 2)
    return tiles, position, heading, named


def _plain(value: np.ndarray) -> Any:
    """Numbers as JSON values whose text reads back to the very same float32."""
    if value.dtype.kind == "f":
        return np.array([float(str(x)) for x in value.reshape(-1)], np.float64).reshape(value.shape).tolist()
    return value.tolist()


def write(tiles: ArrayLike, position: ArrayLike, heading: ArrayLike, params: Mapping[str, Any]) -> str:
    """The ASCII picture of a level; raises SocialRLError if two seats, or a seat and an item, share a
    cell.
    """
    chars = [[CHAR_OF_TILE[int(tile)] for tile in row] for row in np.asarray(tiles)]
    for seat, (r, c) in enumerate(np.asarray(position)):
        if chars[r][c] != ".":
            raise SocialRLError(
                f"level: seat {SEATS[seat]} stands on {chars[r][c]!r} at row {r}, column {c}",
                "seats start on free floor",
            )
        chars[r][c] = SEATS[seat]
    lines = ["".join(row) for row in chars]
    if np.asarray(heading).any():
        lines.append("headings: " + "".join(COMPASS[int(h)] for h in np.asarray(heading)))
    lines += [f"{name}: {json.dumps(_plain(np.asarray(value)))}" for name, value in sorted(params.items())]
    return "\n".join(lines) + "\n"
