"""Egocentric views: state -> uint8 (N, V, V, C). A cell is one integer of bits until its channels are
unpacked.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, UInt8, UInt32

from socialrl_envs import grid

WALL_CODE = 1  # the first channel is always the wall; outside the grid is wall


def tile_codes(tiles: UInt8[Array, "H W"], channel_of_tile: dict[int, int]) -> UInt32[Array, "H W"]:
    """One bit per channel for what lies on each cell. channel_of_tile: tile -> channel (WALL -> 0)."""
    code = jnp.zeros(tiles.shape, jnp.uint32)
    for tile, channel in channel_of_tile.items():
        code = code | ((tiles == tile).astype(jnp.uint32) << channel)
    return code


def windows(codes: UInt32[Array, "H W"], position: Int32[Array, "N 2"], view: int) -> UInt32[Array, "N V V"]:
    """The view x view cells around each position; outside the grid is wall."""
    half = view // 2
    padded = jnp.pad(codes, half, constant_values=WALL_CODE)
    return jax.vmap(lambda cell: jax.lax.dynamic_slice(padded, (cell[0], cell[1]), (view, view)))(position)


def unpack(
    window: UInt32[Array, "N V V"], channels: int, seats: int, present: Bool[Array, " N"], identities: bool
) -> UInt8[Array, "N V V C"]:
    """Bits to channels: `channels` tile channels, then the other seats, together (one channel) or each in a
    channel of its own.

    The seats' bits follow the tiles' bits. A seat does not see itself, and an absent one sees nothing.
    """
    planes = [((window >> c) & 1) for c in range(channels)]
    own = jnp.uint32(1) << (channels + jnp.arange(seats, dtype=jnp.uint32))
    others = window & ~own[:, None, None]
    if identities:
        planes += [((others >> (channels + i)) & 1) for i in range(seats)]
    else:
        planes.append(((others >> channels) != 0).astype(jnp.uint32))
    views = jnp.stack(planes, axis=-1).astype(jnp.uint8)
    return views * present[:, None, None, None].astype(jnp.uint8)


def seat_codes(
    position: Int32[Array, "N 2"], present: Bool[Array, " N"], first_bit: int, height: int, width: int
) -> UInt32[Array, "H W"]:
    """One bit per present seat, from `first_bit` on."""
    planes = grid.stamp(position, height, width) & present[:, None, None]
    bits = jnp.uint32(1) << (first_bit + jnp.arange(position.shape[0], dtype=jnp.uint32))
    return jnp.sum(jnp.where(planes, bits[:, None, None], jnp.uint32(0)), axis=0, dtype=jnp.uint32)
