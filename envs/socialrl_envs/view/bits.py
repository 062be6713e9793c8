"""Egocentric views by bit arithmetic: V x V cells ahead of a seat, occluded by walls.

The seat is at the bottom centre and looks up. The grid is stored as bits, in words of its rows and of its
columns (`bitmaps`, computed with the level), so that a view is V of these words, ordered by the heading. A
channel is V words until all channels are unpacked together. Under `vmap` the worlds are the last axis.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, PyTree, UInt8, UInt32

# Bits between the starts of consecutive words. Words of 32 bits overlap, so that each view lies within one.
WORD = 16
LARGEST = 17  # view
RELATIVE_HEADINGS = (
    "facing_away",
    "facing_right",
    "facing_towards",
    "facing_left",
)  # another seat's heading, relative to the observer's


def bitmaps(planes: Bool[Array, "P S S"], view: int) -> UInt32[Array, "2 S words P"]:
    """The planes as words of bits: [0] of the rows, [1] of the columns of the grid.

    The words of a row or column begin WORD bits apart. Outside of the grid plane 0 (walls) is set.
    """
    count, size, half = planes.shape[0], planes.shape[1], view // 2
    words = (size - 1) // WORD + 1
    shape = (2, count, size, (words + 1) * WORD)
    outside = jnp.broadcast_to((jnp.arange(count) == 0)[:, None, None], shape)
    both = jnp.stack([planes, planes.transpose(0, 2, 1)])
    bits = jax.lax.dynamic_update_slice(outside, both, (0, 0, 0, half))
    weights = jnp.uint32(1) << jnp.arange(2 * WORD, dtype=jnp.uint32)
    spans = jnp.stack([bits[..., k * WORD : (k + 2) * WORD] for k in range(words)], axis=3)
    packed = jnp.sum(jnp.where(spans, weights, jnp.uint32(0)), axis=-1, dtype=jnp.uint32)
    return packed.transpose(0, 2, 3, 1)


def _mirrored(words: UInt32[Array, "N V P"], view: int) -> UInt32[Array, "N V P"]:
    """The lowest `view` bits of each word in reverse order."""
    for shift, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF)):
        words = ((words >> shift) & jnp.uint32(mask)) | ((words & jnp.uint32(mask)) << shift)
    return ((words >> 16) | (words << 16)) >> (32 - view)


def window(
    maps: UInt32[Array, "2 S words P"], position: Int32[Array, "N 2"], heading: Int32[Array, " N"], view: int
) -> UInt32[Array, "N V P"]:
    """The V words of every seat's view, from the farthest row to its own; bit 0 is the leftmost cell."""
    upright = heading & 1 == 0
    along = jnp.where(upright, position[:, 0], position[:, 1])
    across = jnp.where(upright, position[:, 1], position[:, 0])
    sign = jnp.where((heading == 0) | (heading == 3), -1, 1)
    reach = jnp.arange(view - 1, -1, -1, dtype=jnp.int32)
    line = along[:, None] + sign[:, None] * reach
    words = maps[heading[:, None] & 1, jnp.clip(line, 0, maps.shape[1] - 1), (across // WORD)[:, None]]
    outside = jnp.where(jnp.arange(maps.shape[3]) == 0, jnp.uint32(2**32 - 1), jnp.uint32(0))
    words = jnp.where(((line >= 0) & (line < maps.shape[1]))[..., None], words, outside)
    words = (words >> (across % WORD).astype(jnp.uint32)[:, None, None]) & jnp.uint32(2**view - 1)
    return jnp.where((heading < 2)[:, None, None], words, _mirrored(words, view))


def visible(walls: UInt32[Array, "V *X"], view: int) -> UInt32[Array, "V *X"]:
    """Which cells of a view are visible, as V words: visibility spreads from the seat's cell to walls.

    A visible cell without a wall makes visible its outer neighbour, the cell ahead of it, and the outer
    neighbour of that. This is marlgrid's rule, except that its left half begins one column too far to the
    right; here both halves are mirror images. Within a row visibility spreads by 1, 2, 4, ... cells.
    """
    half = view // 2
    right = jnp.uint32((1 << view) - (1 << half))  # the centre and the columns to its right
    left = jnp.uint32((1 << (half + 1)) - 1)
    seeds, rows = jnp.full(walls.shape[1:], 1 << half, jnp.uint32), []
    for row in range(view - 1, -1, -1):
        clear = ~walls[row]
        rightwards, leftwards, step = seeds & right, seeds & left, 1
        through_right, through_left = clear, clear
        while step <= half:
            rightwards = rightwards | (((rightwards & through_right) << step) & right)
            leftwards = leftwards | (((leftwards & through_left) >> step) & left)
            through_right, through_left = (
                through_right & (through_right >> step),
                through_left & (through_left << step),
            )
            step *= 2
        rows.append(rightwards | leftwards)
        lit_right, lit_left = rightwards & clear, leftwards & clear
        seeds = lit_right | ((lit_right << 1) & right) | lit_left | (lit_left >> 1)
    return jnp.stack(rows[::-1])


class Others(NamedTuple):
    """The places of other seats in each seat's view; [i, k] is of seat k in the view of seat i.

    row: -1 if seat k is not in the view. facing: the heading of seat k minus that of seat i, modulo 4.
    """

    row: Int32[Array, "N N B"]
    column: Int32[Array, "N N B"]
    facing: Int32[Array, "N N B"]


def _others(
    position: Int32[Array, "N 2 B"], heading: Int32[Array, "N B"], present: Bool[Array, "N B"], view: int
) -> Others:
    offset, own = position[None] - position[:, None], heading[:, None]
    upright = own & 1 == 0
    ahead = jnp.where(upright, offset[:, :, 0], offset[:, :, 1])
    aside = jnp.where(upright, offset[:, :, 1], offset[:, :, 0])
    row = view - 1 - jnp.where((own == 0) | (own == 3), -ahead, ahead)
    column = view // 2 + jnp.where(own < 2, aside, -aside)
    there = (
        present[None]
        & ~jnp.eye(len(heading), dtype=bool)[..., None]
        & (row < view)
        & (column >= 0)
        & (column < view)
    )
    return Others(jnp.where(there, row, -1), column, (heading[None] - own) & 3)


def _highest_prestige(
    others: Others, prestige: UInt8[Array, "N B"], seen: UInt32[Array, "V N B"]
) -> UInt8[Array, "B N V V 1"]:
    """The highest prestige of the other seats on each visible cell, 0 without any."""
    cell = jnp.arange(len(seen), dtype=jnp.int32)[:, None, None]
    best = jnp.zeros((len(seen), *seen.shape), jnp.uint8)
    for k in range(len(prestige)):
        here = (cell[:, None] == others.row[:, k]) & (cell == others.column[:, k])
        best = jnp.maximum(best, jnp.where(here, prestige[k], jnp.uint8(0)))
    lit = (seen[:, None] >> cell.astype(jnp.uint32)) & jnp.uint32(1)
    return (best * lit.astype(jnp.uint8)).transpose(3, 2, 0, 1)[..., None]


def _identities(others: Others, seen: UInt32[Array, "V N B"]) -> UInt8[Array, "B N V V N"]:
    """For each seat whether it is on a visible cell of another's view."""
    cell = jnp.arange(len(seen), dtype=jnp.int32)
    row, column = (cell == of[..., None] for of in (others.row, others.column))  # (N, N, B, V)
    lit = (seen[..., None] >> cell.astype(jnp.uint32)) & jnp.uint32(1)  # (V, N, B, V)
    here = row.transpose(2, 0, 3, 1)[:, :, :, None] & column.transpose(2, 0, 3, 1)[:, :, None]
    return here.astype(jnp.uint8) * lit.transpose(2, 1, 0, 3)[..., None].astype(jnp.uint8)


def _columns_per_word(channels: int) -> int:
    """How many cells fit in a word of 32 bits, with all channels of each."""
    return 32 // channels


def _spread(words: UInt32[Array, "V N B"], columns: int, gap: int) -> UInt32[Array, "V N B"]:
    """The lowest `columns` bits of each word, moved apart so that they are `gap` bits from one another."""
    bits = [((words >> column) & jnp.uint32(1)) << (column * gap) for column in range(columns)]
    return functools.reduce(jnp.bitwise_or, bits)


def _mark(others: Others, first: int, columns: int, channels: int, view: int) -> UInt32[Array, "V N B"]:
    """The bits that mark other seats, in the words of `columns` columns from `first` on."""
    inside = (others.column >= first) & (others.column < first + columns)
    bit = jnp.where(
        inside, (others.column - first) * channels + channels - len(RELATIVE_HEADINGS) + others.facing, 0
    )
    mark = jnp.where(inside, jnp.uint32(1) << bit.astype(jnp.uint32), jnp.uint32(0))
    rows = jnp.arange(view, dtype=jnp.int32)[:, None, None]
    marks = [jnp.where(rows == others.row[:, k], mark[:, k], jnp.uint32(0)) for k in range(mark.shape[1])]
    return functools.reduce(jnp.bitwise_or, marks)


def _bytes(words: list[UInt32[Array, "B N V"]], width: int, count: int) -> UInt8[Array, "B N V X"]:
    """The lowest `width` bits of all words in order, as `count` bytes of 0 or 1."""
    bit, word = jax.lax.iota(jnp.uint32, count), words[0][..., None]
    for following in words[1:]:
        word = jnp.where(bit < width, word, following[..., None])
        bit = jnp.where(bit < width, bit, bit - width)
    return ((word >> bit) & jnp.uint32(1)).astype(jnp.uint8)


def _apart(anybody: Bool[Array, ""], make: Callable[..., PyTree], *given: PyTree) -> PyTree:
    """make(*given), or zeros if `anybody` is false, computed in a branch of its own.

    The operands and the result of a branch are stored in memory. Without it XLA on a CPU fuses everything
    into one loop over the channels of a cell, which computes each word again for every one of its bits, and
    is several times slower.
    """
    shape = jax.eval_shape(make, *given)
    return jax.lax.cond(
        anybody, make, lambda *_: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape), *given
    )


def _words(
    planes: UInt32[Array, "P V N B"],
    shown: Bool[Array, "P N B"] | None,
    position: Int32[Array, "N 2 B"],
    heading: Int32[Array, "N B"],
    present: Bool[Array, "N B"],
    *,
    occlusion: bool,
) -> tuple[list[UInt32[Array, "B N V"]], UInt32[Array, "V N B"], Others]:
    """(words, seen, others): the bits of all channels, the visible cells, the places of the other seats.

    The bits are in the order of the views' bytes: by column, as many columns to a word as fit, then by
    channel.
    """
    view = planes.shape[1]
    full = jnp.broadcast_to(jnp.where(present, jnp.uint32(2**view - 1), jnp.uint32(0)), planes.shape[1:])
    seen = visible(planes[0], view) & full if occlusion else full
    others = _others(position, heading, present, view)
    kinds = [plane & seen for plane in planes]
    if shown is not None:
        kinds = [jnp.where(s, kind, jnp.uint32(0)) for s, kind in zip(shown, kinds, strict=True)]
    kinds += [full & ~seen] if occlusion else []
    channels = len(kinds) + len(RELATIVE_HEADINGS)
    columns, words = _columns_per_word(channels), []
    for first in range(0, view, columns):
        spread = [_spread(kind >> first, columns, channels) << c for c, kind in enumerate(kinds)]
        lit = _spread(seen >> first, columns, channels) * jnp.uint32(2**channels - 1)
        marks = _mark(others, first, columns, channels, view) & lit
        words.append(functools.reduce(jnp.bitwise_or, spread, marks).transpose(2, 1, 0))
    return words, seen, others


def _look(
    maps: UInt32[Array, "B 2 S words P"],
    position: Int32[Array, "B N 2"],
    heading: Int32[Array, "B N"],
    present: Bool[Array, "B N"],
    prestige: UInt8[Array, "B N"] | None,
    shown: Bool[Array, "B N P"] | None,
    *,
    view: int,
    occlusion: bool,
    identities: bool,
) -> UInt8[Array, "B N V V C"]:
    """The `views` of B worlds.

    The worlds are the last axis until the bytes are written, because the compiler vectorises the innermost
    loop.
    """
    anybody = jnp.any(present)
    planes = jax.vmap(functools.partial(window, view=view))(maps, position, heading).transpose(3, 2, 1, 0)
    given = (
        None if shown is None else shown.transpose(2, 1, 0),
        position.transpose(1, 2, 0),
        heading.T,
        present.T,
    )
    words, seen, others = _apart(anybody, functools.partial(_words, occlusion=occlusion), planes, *given)
    channels = planes.shape[0] + occlusion + len(RELATIVE_HEADINGS)
    width, count = _columns_per_word(channels) * channels, view * channels
    rows = _apart(anybody, lambda words: _bytes(words, width, count), words)
    parts = [rows.reshape(*rows.shape[:3], view, channels)]
    parts += [_identities(others, seen)] if identities else []
    parts += [] if prestige is None else [_highest_prestige(others, prestige.T, seen)]
    return jnp.concatenate(parts, axis=-1)


def views(
    maps: UInt32[Array, "2 S words P"],
    position: Int32[Array, "N 2"],
    heading: Int32[Array, " N"],
    present: Bool[Array, " N"],
    view: int,
    occlusion: bool,
    prestige: UInt8[Array, " N"] | None = None,
    shown: Bool[Array, "N P"] | None = None,
    identities: bool = False,
) -> UInt8[Array, "N V V C"]:
    """The views of all seats, 0 or 1 except for prestige.

    Channels: the P planes of `maps`; with `occlusion` the hidden cells; other seats by relative heading
    (RELATIVE_HEADINGS); with `identities` each seat; with `prestige` the highest prestige of other seats on
    the cell, 0..255. A seat is not in its own view. An absent seat is in no view, and its own view is zeros.
    shown: which planes each seat is shown, by default all.
    """

    def look(*worlds: Any) -> Array:
        return _look(*worlds, view=view, occlusion=occlusion, identities=identities)

    @jax.custom_batching.custom_vmap
    def one(*world: Array | None) -> Array:
        return look(*[None if leaf is None else leaf[None] for leaf in world])[0]

    @one.def_vmap
    def many(worlds: int, batched: Sequence[bool | None], *given: Array | None) -> tuple[Array, bool]:
        """The views of a batch of worlds, computed together."""
        whole = [
            w if b or w is None else jnp.broadcast_to(w, (worlds, *w.shape))
            for w, b in zip(given, batched, strict=True)
        ]
        return look(*whole), True

    return one(maps, position, heading, present, prestige, shown)
