"""Levels in the text of other libraries: JaxUED's mazes and Minigrid's grids. No jax.

JaxUED (`Level.from_str`, `to_str`): a character per cell, `#` wall, `.` floor, `G` the goal, `>` `v` `<` `^`
the agent. Its mazes end at the edge of the text; here a ring of walls stands around them.

Minigrid (`MiniGridEnv.pprint_grid`): two characters per cell, thing and colour: `WG` a grey wall, `GG` the
green goal, `KY` a yellow key, `LY` a locked yellow door, `AR` a red ball, `VR` lava, `>>` `VV` `<<` `^^` the
agent. Here a ball is a coin of its colour, lava is water, and a wall, key or door has no colour.

Either has one agent, which is seat A, and one kind of goal, which is goal 1. What has no sign in the other
text is refused.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike

from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.tiles import CHAR_OF_TILE, COIN, COLOURS, DOOR, FLOOR, GOAL, KEY, WALL, WATER

AGENTS = "^>v<"  # by heading
JAXUED = {FLOOR: ".", WALL: "#", GOAL: "G"}
SHADES = "RGBPY"  # Minigrid's colours by their first letter, of which grey and green share one
MINIGRID = {FLOOR: "  ", WALL: "WG", GOAL: "GG", KEY: "KY", DOOR: "LY", WATER: "VR"} | {
    COIN + number: f"A{colour[0].upper()}" for number, colour in enumerate(COLOURS)
}
Cells = tuple[UInt8[np.ndarray, "H W"], tuple[int, int], int]  # tiles, (row, column) and heading of the seat


def read_jaxued(text: str) -> Cells:
    """The cells of a maze in JaxUED's text, walled around. Raises SocialRLError, naming line and column."""
    rows = [line.strip() for line in text.strip().splitlines()]
    signs = {sign: tile for tile, sign in JAXUED.items()}
    tiles, (row, column), heading = _read(
        rows, 1, signs, {sign: n for n, sign in enumerate(AGENTS)}, "JaxUED"
    )
    if int((tiles == GOAL).sum()) != 1:
        raise SocialRLError(f"JaxUED level: {int((tiles == GOAL).sum())} goals in it", "it must have one G")
    return np.pad(tiles, 1, constant_values=WALL), (row + 1, column + 1), heading


def write_jaxued(tiles: ArrayLike, position: ArrayLike, heading: ArrayLike) -> str:
    """A level in JaxUED's text, without its ring of walls.

    tiles: (H, W). position, heading: of its only seat, (1, 2) and (1,). Raises SocialRLError for what the
    text has no sign for.
    """
    whole = np.asarray(tiles)
    edge = np.ones(whole.shape, bool)
    edge[1:-1, 1:-1] = False
    if (whole[edge] != WALL).any():
        raise SocialRLError("JaxUED level: its edge has gaps", "JaxUED's mazes are walled in all around")
    if int((whole == GOAL).sum()) != 1:
        raise SocialRLError(f"JaxUED level: {int((whole == GOAL).sum())} goals 1", "its mazes have one goal")
    rows = _write(whole, position, heading, JAXUED, AGENTS, "JaxUED")
    return "".join(row[1:-1] + "\n" for row in rows[1:-1])


def read_minigrid(text: str) -> Cells:
    """The cells of a grid as Minigrid prints it. Raises SocialRLError that names line and column."""
    rows = text.strip("\n").splitlines()
    longest = max(map(len, rows), default=0)
    rows = [row.ljust(longest + longest % 2) for row in rows]  # floor at the end of a line may be cut off
    signs = {sign: tile for tile, sign in MINIGRID.items()}
    plain = {"W": WALL, "F": FLOOR, "K": KEY, "D": DOOR, "L": DOOR, "V": WATER}
    signs |= {thing + shade: tile for thing, tile in plain.items() for shade in SHADES} | {"GG": GOAL}
    agents = {sign.upper() * 2: number for number, sign in enumerate(AGENTS)}
    return _read(rows, 2, signs, agents, "Minigrid")


def write_minigrid(tiles: ArrayLike, position: ArrayLike, heading: ArrayLike) -> str:
    """A level as Minigrid prints its grids; arguments and errors as those of `write_jaxued`."""
    agents = [sign.upper() * 2 for sign in AGENTS]
    return "".join(f"{row}\n" for row in _write(tiles, position, heading, MINIGRID, agents, "Minigrid"))


READERS: dict[str, Callable[[str], Cells]] = {"jaxued": read_jaxued, "minigrid": read_minigrid}
WRITERS: dict[str, Callable[[ArrayLike, ArrayLike, ArrayLike], str]] = {
    "jaxued": write_jaxued,
    "minigrid": write_minigrid,
}


def reader(library: str) -> Callable[[str], Cells]:
    """What reads a library's text; raises SocialRLError for an unknown library."""
    if library not in READERS:
        raise unknown("library of levels", library, READERS)
    return READERS[library]


def writer(library: str) -> Callable[[ArrayLike, ArrayLike, ArrayLike], str]:
    """What writes a library's text; raises SocialRLError for an unknown library."""
    if library not in WRITERS:
        raise unknown("library of levels", library, WRITERS)
    return WRITERS[library]


def _read(
    rows: Sequence[str], wide: int, signs: Mapping[str, int], agents: Mapping[str, int], library: str
) -> Cells:
    """The cells of rows whose signs are `wide` characters."""
    if not rows or not rows[0]:
        raise SocialRLError(f"{library} level: no rows of cells in it")
    tiles = np.zeros((len(rows), len(rows[0]) // wide), np.uint8)
    found: list[tuple[tuple[int, int], int]] = []
    for r, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise SocialRLError(
                f"{library} level, line {r + 1}: {len(row)} characters, the first row has {len(rows[0])}",
                "make the rows equally long",
            )
        for c in range(tiles.shape[1]):
            sign = row[wide * c : wide * (c + 1)]
            if sign in agents:
                found.append(((r, c), agents[sign]))
            elif sign in signs:
                tiles[r, c] = signs[sign]
            else:
                place = f"{library} level, line {r + 1}, column {wide * c + 1}"
                known = " ".join(sorted({*signs, *agents}))
                raise SocialRLError(
                    f"{place}: {sign!r} has no meaning in socialrl's levels", f"known: {known}"
                )
    if len(found) != 1:
        raise SocialRLError(f"{library} level: {len(found)} agents in it", "it must have one")
    return tiles, *found[0]


def _write(
    tiles: ArrayLike,
    position: ArrayLike,
    heading: ArrayLike,
    signs: Mapping[int, str],
    agents: Sequence[str],
    library: str,
) -> list[str]:
    """The rows of a level in these signs."""
    whole, places, headings = np.asarray(tiles), np.asarray(position), np.asarray(heading)
    if len(places) != 1:
        raise SocialRLError(f"{library} level: {len(places)} seats", "its levels have one agent")
    for row, column in np.argwhere(~np.isin(whole, list(signs))):
        char = CHAR_OF_TILE.get(int(whole[row, column]), "?")
        known = " ".join(CHAR_OF_TILE[tile] for tile in sorted(signs))
        raise SocialRLError(
            f"{library} level: row {row}, column {column}: {char!r} has no sign there", f"it has {known}"
        )
    cells = [[signs[int(tile)] for tile in row] for row in whole]
    row, column = places[0]
    if whole[row, column] != FLOOR:
        raise SocialRLError(f"{library} level: seat A does not stand on floor")
    cells[row][column] = agents[int(headings[0])]
    return ["".join(row) for row in cells]
