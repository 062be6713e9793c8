"""Grids as integers: one bit per channel and cell, until the channels are unpacked at the end."""

import functools

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, UInt8, UInt32

from socialrl_envs import grid
from socialrl_envs.types import Seats

WALL_CODE = 1  # the first channel is always the wall; outside the grid is wall
BITS = 32  # of a cell's word: tile channels and seats together


def plane_codes(planes: Bool[Array, "P H W"]) -> UInt32[Array, "H W"]:
    """One bit per plane, the first plane in the lowest bit."""
    bits = [plane.astype(jnp.uint32) << p for p, plane in enumerate(planes)]
    return functools.reduce(jnp.bitwise_or, bits)


def seat_codes(seats: Seats, first_bit: int, height: int, width: int) -> UInt32[Array, "H W"]:
    """One bit per present seat, from `first_bit` on."""
    planes = grid.stamp(seats.position, height, width) & seats.present[:, None, None]
    bits = jnp.uint32(1) << (first_bit + jnp.arange(seats.position.shape[0], dtype=jnp.uint32))
    return jnp.sum(jnp.where(planes, bits[:, None, None], jnp.uint32(0)), axis=0, dtype=jnp.uint32)


def windows(codes: UInt32[Array, "H W"], position: Int32[Array, "N 2"], view: int) -> UInt32[Array, "N V V"]:
    """The view x view cells around each position; outside the grid is wall."""
    half = view // 2
    padded = jnp.pad(codes, half, constant_values=WALL_CODE)
    return jax.vmap(lambda cell: jax.lax.dynamic_slice(padded, (cell[0], cell[1]), (view, view)))(position)


def unpack(
    window: UInt32[Array, "N V V"],
    shown: Bool[Array, "N P"] | None,
    planes: int,
    present: Bool[Array, " N"],
    others: tuple[str, ...],
) -> UInt8[Array, "N V V C"]:
    """The tile planes' bits as channels, then the other seats': one channel for all if `others` names one,
    else one each.

    The seats' bits follow the planes' bits. shown: which planes each seat is shown, None for all. A seat does
    not see itself, and an absent one sees zeros.
    """
    seats = len(present)
    channels = [(window >> p) & 1 for p in range(planes)]
    if shown is not None:
        channels = [plane * shown[:, p, None, None].astype(jnp.uint32) for p, plane in enumerate(channels)]
    own = jnp.uint32(1) << (planes + jnp.arange(seats, dtype=jnp.uint32))
    rest = window & ~own[:, None, None]
    if len(others) == seats:
        channels += [((rest >> (planes + i)) & 1) for i in range(seats)]
    else:
        channels.append(((rest >> planes) != 0).astype(jnp.uint32))
    views = jnp.stack(channels, axis=-1).astype(jnp.uint8)
    return views * present[:, None, None, None].astype(jnp.uint8)
