"""RGB views: what another view shows, drawn with 3 to 8 pixels along each side of a cell.

A cell has one tile and one other seat at most on top of it, so that it is looked up in a bank of drawn cells.
Walls fill their cell, other things a square in its middle. A seat with a heading is a triangle that points
where it faces, relative to the observer; any other seat is a diamond. Others' prestige turns their colour
from blue to red in 8 levels. All shapes equal their mirror images, so that the view of the mirrored world is
the mirrored view. Cells that are hidden are black.
"""

import dataclasses
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, PyTree, UInt8

from socialrl_envs.picture import OKABE_ITO
from socialrl_envs.sprites import Colour
from socialrl_envs.tiles import BRIDGE, COIN, COLOURS, DOOR, GOAL, KEY, LITTER, OBJECT, RGB, WALL, WATER
from socialrl_envs.types import State
from socialrl_envs.view import View
from socialrl_envs.view.bits import RELATIVE_HEADINGS
from socialrl_envs.visibility import ViewSpec

SIZES = (3, 4, 5, 6, 7, 8)  # pixels along each side of a cell
LEVELS = 8  # of prestige that are told apart
FLOOR_COLOUR, HIDDEN_COLOUR, SELF_COLOUR = (52, 56, 66), (0, 0, 0), (255, 255, 255)
LOW, HIGH = (60, 110, 255), (255, 60, 60)  # a seat without prestige, and one with the highest
TILE_COLOURS: dict[int, Colour] = {
    WALL: (150, 150, 160),
    WATER: (40, 90, 200),
    BRIDGE: (150, 105, 60),
    LITTER: (120, 160, 60),
    KEY: (240, 200, 60),
    DOOR: (180, 110, 200),
    GOAL: (240, 220, 60),
} | dict(
    zip(
        (COIN + k for k in range(len(COLOURS))),
        ((230, 60, 60), (60, 200, 80), (70, 110, 240), (240, 200, 60)),
        strict=True,
    )
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pixels:
    """The RGB view (N, V * pixels, V * pixels, 3) of what `of` shows.

    tiles: for each of the first channels of `of` the tiles that it shows. pixels: along each side of a cell.
    """

    of: View
    tiles: tuple[tuple[int, ...], ...]
    pixels: int
    channels: tuple[str, ...] = RGB
    channels_of_others: tuple[str, ...] = ()
    binary: bool = False

    @property
    def spec(self) -> ViewSpec:
        """Which cells a seat sees."""
        return self.of.spec

    @property
    def prestige_decay(self) -> float | None:
        """The factor by which prestige decays per step, None if it is not shown."""
        return self.of.prestige_decay

    @property
    def highs(self) -> tuple[int, ...]:
        """The highest entry of each channel."""
        return (255, 255, 255)

    def prepare(self, planes: Bool[Array, "P H W"]) -> PyTree:
        """What the drawn view prepares."""
        return self.of.prepare(planes)

    def observe(
        self, state: State, planes: Bool[Array, "P H W"], shown: Bool[Array, "N P"] | None
    ) -> UInt8[Array, "N X X 3"]:
        """The views, X = V * pixels; an absent seat sees zeros."""
        view = self.of.observe(state, planes, shown)
        count, side = view.shape[0], view.shape[1] * self.pixels
        rows = jnp.arange(self.pixels, dtype=jnp.int32)[:, None]
        drawn = jnp.asarray(self.bank)[self.cells(view)[:, :, None, :], rows]
        drawn = drawn.reshape(count, side, side, len(RGB))
        return drawn * state.seats.present[:, None, None, None].astype(jnp.uint8)

    def cells(self, view: UInt8[Array, "N V V C"]) -> Array:
        """For each cell (N, V, V) its number in the bank: its tile, then the seat on top of it."""
        of, kinds, names = self.of, len(self.tiles), self.of.channels
        tile = _topmost(view[..., :kinds])
        seats = [k for k, name in enumerate(names) if k >= kinds and name not in ("unseen", "prestige")]
        seat = _topmost(view[..., np.array(seats)])
        if of.prestige_decay is not None:
            level = view[..., names.index("prestige")].astype(jnp.int32) * LEVELS // 256
            seat = jnp.where(seat > 0, 1 + (seat - 1) * LEVELS + level, 0)
        if "unseen" in names:
            tile = jnp.where(view[..., names.index("unseen")] > 0, kinds + 1, tile)
        return tile * self.figures.shape[0] + seat

    @cached_property
    def figures(self) -> Float[np.ndarray, "figures pixels pixels 4"]:
        """RGBA, 0..1, of what may be on top of a cell: nothing, then each seat's look (at each level)."""
        kinds = [name for name in self.of.channels[len(self.tiles) :] if name not in ("unseen", "prestige")]
        levels = 1 if self.of.prestige_decay is None else LEVELS
        looks = [np.zeros((self.pixels, self.pixels, 4))]
        for number, name in enumerate(kinds):
            shape, plain = self._shape(name), SELF_COLOUR if name == "self" else OKABE_ITO[(number + 1) % 7]
            turning = name in RELATIVE_HEADINGS
            for level in range(levels):
                colour = _between(LOW, HIGH, level / (LEVELS - 1)) if turning else plain
                rgb = np.broadcast_to(np.array(colour) / 255, (*shape.shape, 3))
                looks.append(np.concatenate([rgb, shape[..., None]], axis=-1))
        return np.stack(looks)

    @cached_property
    def bank(self) -> UInt8[np.ndarray, "cells pixels row"]:
        """Every tile under every figure, in rows of 3 * pixels bytes; the last tile is a hidden cell."""
        size = self.pixels
        grounds = [np.full((size, size, 3), 0.0) + np.array(FLOOR_COLOUR)]
        for tiles in self.tiles:
            ground, edge = grounds[0].copy(), 0 if tiles[0] in (WALL, WATER, BRIDGE) else max(1, size // 5)
            ground[edge : size - edge, edge : size - edge] = colour_of(tiles[0])
            grounds.append(ground)
        grounds.append(np.full((size, size, 3), 0.0) + np.array(HIDDEN_COLOUR))
        alpha, rgb = self.figures[..., 3:], 255 * self.figures[..., :3]
        drawn = [alpha * rgb + (1 - alpha) * ground for ground in grounds]
        return np.rint(np.concatenate(drawn)).astype(np.uint8).reshape(-1, size, 3 * size)

    def _shape(self, name: str) -> Float[np.ndarray, "pixels pixels"]:
        """Which pixels of a cell a seat covers, 0 or 1: a triangle that points up is one that faces away."""
        at = (2 * np.arange(self.pixels) + 1) / self.pixels - 1
        down, right = np.meshgrid(at, at, indexing="ij")
        if name not in RELATIVE_HEADINGS:
            return (np.abs(down) + np.abs(right) < 1).astype(float)
        up = np.abs(right) <= (down + 1) / 2 + 0.6 / self.pixels
        return np.rot90(up, -RELATIVE_HEADINGS.index(name)).astype(float)


def colour_of(tile: int) -> Colour:
    """The colour of a tile; goals that look alike have that of the first one."""
    if tile in TILE_COLOURS:
        return TILE_COLOURS[tile]
    return OKABE_ITO[(tile - (OBJECT if tile >= OBJECT else GOAL)) % len(OKABE_ITO)]


def _topmost(layers: UInt8[Array, "N V V L"]) -> Array:
    """1 + the index of the last layer that is set in each cell, 0 if none is: int32 (N, V, V)."""
    if layers.shape[-1] == 0:
        return jnp.zeros(layers.shape[:-1], jnp.int32)
    numbers = jnp.arange(1, layers.shape[-1] + 1, dtype=jnp.uint8)
    return jnp.max(jnp.minimum(layers, 1) * numbers, axis=-1).astype(jnp.int32)


def _between(low: Colour, high: Colour, share: float) -> Colour:
    """The colour at this share of the way from one to another."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(low, high, strict=True))
    return red, green, blue
