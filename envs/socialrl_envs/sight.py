"""Views of seats that face somewhere: V x V cells ahead, the seat at the bottom centre looking up, hidden behind walls.

The grid is kept as bits, a word per row and a word per column (`bitmaps`, drawn up with the level), so a view is V words of it,
which the heading puts in order. A channel stays V words until all channels are unpacked at once, at the end.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32, UInt8, UInt32

WORD = 16  # bits from one word's start to the next one's; words are 32 long and overlap, so that a view lies within one
LARGEST = 17  # view
FACING = ("facing_away", "facing_right", "facing_towards", "facing_left")  # how another seat's heading looks from here


def bitmaps(planes: Bool[Array, "P S S"], view: int) -> UInt32[Array, "2 S K P"]:
    """The planes as words of bits: [0] rows, [1] columns of the grid; K words per line, each 16 bits further on.

    Beside the grid plane 0 (walls) is set.
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


def _mirrored(words: Array, view: int) -> Array:
    """The lowest `view` bits in the opposite order."""
    for shift, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF)):
        words = ((words >> shift) & jnp.uint32(mask)) | ((words & jnp.uint32(mask)) << shift)
    return ((words >> 16) | (words << 16)) >> (32 - view)


def window(
    maps: UInt32[Array, "2 S K P"], position: Int32[Array, "N 2"], heading: Int32[Array, " N"], view: int
) -> UInt32[Array, "N V P"]:
    """The V words ahead of every seat, from the far end to its own row; bit 0 is the leftmost cell."""
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


def visible(walls: UInt32[Array, "N V"], view: int) -> UInt32[Array, "N V"]:
    """Which cells are seen: sight spreads from the seat's cell ahead and outwards, and ends on walls.

    A seen cell that is no wall shows its outer neighbour, the cell ahead of it and that one's outer neighbour. (The rule of
    marlgrid, whose left half begins one column too far to the right; here both sides are alike.) Along a row sight
    spreads in doublings: by 1, 2, 4, ... cells at a time.
    """
    half = view // 2
    right = jnp.uint32((1 << view) - (1 << half))  # the centre and all that is right of it
    left = jnp.uint32((1 << (half + 1)) - 1)
    seeds, rows = jnp.full(walls.shape[:1], 1 << half, jnp.uint32), []
    for row in range(view - 1, -1, -1):
        clear = ~walls[:, row]
        rightwards, leftwards, step = seeds & right, seeds & left, 1
        through_right, through_left = clear, clear
        while step <= half:
            rightwards = rightwards | (((rightwards & through_right) << step) & right)
            leftwards = leftwards | (((leftwards & through_left) >> step) & left)
            through_right, through_left = through_right & (through_right >> step), through_left & (through_left << step)
            step *= 2
        rows.append(rightwards | leftwards)
        lit_right, lit_left = rightwards & clear, leftwards & clear
        seeds = lit_right | ((lit_right << 1) & right) | lit_left | (lit_left >> 1)
    return jnp.stack(rows[::-1], axis=1)


def _others(
    position: Int32[Array, "N 2"], heading: Int32[Array, " N"], present: Bool[Array, " N"], view: int
) -> UInt32[Array, "N N V"]:
    """[i, k]: seat k in the words of seat i's view: one bit, or none if i does not have it in view."""
    half, seats = view // 2, position.shape[0]
    offset = position[None] - position[:, None]
    upright, away = heading[:, None] & 1 == 0, (heading[:, None] == 0) | (heading[:, None] == 3)
    ahead = jnp.where(upright, offset[..., 0], offset[..., 1])
    aside = jnp.where(upright, offset[..., 1], offset[..., 0])
    ahead = jnp.where(away, -ahead, ahead)
    column = half + jnp.where(heading[:, None] < 2, aside, -aside)
    there = present[None] & ~jnp.eye(seats, dtype=bool) & (column >= 0) & (column < view)
    bit = jnp.where(there, jnp.uint32(1) << jnp.clip(column, 0, view - 1).astype(jnp.uint32), jnp.uint32(0))
    rows = jnp.arange(view - 1, -1, -1, dtype=jnp.int32)
    return jnp.where(ahead[..., None] == rows, bit[..., None], jnp.uint32(0))


def _together(marks: UInt32[Array, "N N V"]) -> UInt32[Array, "N V"]:
    """All others' bits."""
    merged = marks[:, 0]
    for other in range(1, marks.shape[1]):
        merged = merged | marks[:, other]
    return merged


def _brightest(marks: UInt32[Array, "N N V"], glow: UInt8[Array, " N"], view: int) -> UInt32[Array, "N V*V"]:
    """The glow of the brightest other seat on every cell."""
    columns = jnp.arange(view, dtype=jnp.uint32)
    best = jnp.zeros((marks.shape[0], view, view), jnp.uint32)
    for other in range(marks.shape[1]):
        here = (marks[:, other, :, None] >> columns) & jnp.uint32(1)
        best = jnp.maximum(best, here * glow[other].astype(jnp.uint32))
    return best.reshape(marks.shape[0], view * view)


def _stored(table: UInt32[Array, "N X"], zero: Int32[Array, ""]) -> UInt32[Array, "N X"]:
    """The table itself, put into memory; `zero` is 0, but the compiler must not know. XLA on a CPU would otherwise compute a
    word anew for each of its bits, four times slower: it fuses through an optimization barrier, not through an update."""
    return jax.lax.dynamic_update_slice(table, table[:1, :1], (zero, zero))


def _unpack(rows: list[Array], glow: Array | None, view: int, zero: Int32[Array, ""]) -> UInt8[Array, "N V V C"]:
    """Every channel's V words, and the glow's V * V numbers, to bytes: one gather at places that are known beforehand."""
    channels = len(rows) + (glow is not None)
    row, column, channel = np.indices((view, view, channels)).reshape(3, -1)
    table = _stored(jnp.concatenate([*rows, *([] if glow is None else [glow])], axis=1), zero)
    shines = channel == len(rows)
    place = np.where(shines, len(rows) * view + row * view + column, channel * view + row)
    shift = np.where(shines, 0, column).astype(np.uint32)
    mask = np.where(shines, 255, 1).astype(np.uint32)
    cells = (jnp.take(table, place, axis=1, mode="clip") >> shift) & mask
    return cells.astype(jnp.uint8).reshape(-1, view, view, channels)


def views(
    maps: UInt32[Array, "2 S K P"],
    position: Int32[Array, "N 2"],
    heading: Int32[Array, " N"],
    present: Bool[Array, " N"],
    view: int,
    occlusion: bool,
    glow: UInt8[Array, " N"] | None = None,
    shown: Bool[Array, "N P"] | None = None,
) -> UInt8[Array, "N V V C"]:
    """What everybody sees. Channels: the P planes of `maps`; with `occlusion` a plane of what is hidden; another seat by its
    heading relative to one's own (FACING); with `glow` its brightness (of the brightest, where several share a cell).

    A seat does not see itself; an absent one is not seen, and sees zeros. shown: which planes a seat is shown, by default all.
    """
    planes = window(maps, position, heading, view)
    full = jnp.where(present, jnp.uint32(2**view - 1), jnp.uint32(0))[:, None]
    seen = visible(planes[..., 0], view) & full if occlusion else jnp.broadcast_to(full, planes.shape[:2])
    rows = [planes[..., p] & seen for p in range(planes.shape[2])]
    if shown is not None:
        rows = [jnp.where(shown[:, p, None], row, jnp.uint32(0)) for p, row in enumerate(rows)]
    if occlusion:
        rows.append(full & ~seen)
    marks = _others(position, heading, present, view) & seen[:, None]
    relative = (heading[None] - heading[:, None]) & 3
    rows += [_together(jnp.where((relative == h)[..., None], marks, jnp.uint32(0))) for h in range(len(FACING))]
    shine = None if glow is None else _brightest(marks, glow, view)
    return _unpack(rows, shine, view, jnp.minimum(position[0, 0], 0))
