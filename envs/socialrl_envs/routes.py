"""The shortest ways of seats that turn, from every cell and heading to every target: found once, when a level
is drawn.

An action takes two bits, so the ways to three targets of a 13 x 13 grid fill 507 bytes.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, UInt8

from socialrl_envs.planning import shifted
from socialrl_envs.tiles import DELTAS

FAR = 1e6  # steps: there is no way
NOWHERE = 3  # in place of an action: there is no way, or one is there


def _options(costs: Array, target: Array, toll: Array, solid: Array) -> Float32[Array, "3 4 H W"]:
    """Steps to the target from every heading and cell, by what is done first: left, right, forward."""
    entering = jnp.where(target, 0.0, jnp.where(solid, FAR, costs + toll))
    forward = jnp.stack([shifted(entering[h], delta, FAR) for h, delta in enumerate(DELTAS)])
    return 1 + jnp.stack([jnp.roll(costs, 1, axis=0), jnp.roll(costs, -1, axis=0), forward])


def costs(
    target: Bool[Array, "H W"], toll: Float32[Array, "H W"], solid: Bool[Array, "H W"]
) -> Float32[Array, "4 H W"]:
    """Steps from every (heading, cell) onto a target, turns counted, plus the toll of every other cell that
    is entered.

    FAR or more where there is no way. Who stands on a target has to leave it and come back.
    """

    def sweep(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        now, _ = carry
        better = jnp.minimum(now, jnp.min(_options(now, target, toll, solid), axis=0))
        return better, jnp.any(better < now)

    start = (jnp.full((4, *target.shape), FAR, jnp.float32), jnp.array(True))
    return jax.lax.while_loop(lambda carry: carry[1], sweep, start)[0]


def pace(found: Float32[Array, "T 4 H W"], target: Bool[Array, "T H W"]) -> Float32[Array, ""]:
    """Steps that it takes, on the average, to come from one target to the next in their order."""
    start = jnp.roll(target, 1, axis=0)[:, None] & (found < FAR)
    return jnp.sum(jnp.where(start, found, 0.0)) / jnp.maximum(jnp.sum(start, dtype=jnp.float32), 1.0)


def actions(
    found: Float32[Array, "4 H W"],
    target: Bool[Array, "H W"],
    toll: Float32[Array, "H W"],
    solid: Bool[Array, "H W"],
) -> Int32[Array, "4 H W"]:
    """The first action of a shortest way from every (heading, cell), forward where it is as good as a turn."""
    left, right, forward = _options(found, target, toll, solid)
    turn = jnp.where(left < right, 0, 1)
    best = jnp.where(forward <= jnp.minimum(left, right), 2, turn)
    return jnp.where(found < FAR, best, NOWHERE).astype(jnp.int32)


def pack(chosen: Int32[Array, "T 4 H W"]) -> UInt8[Array, "T X"]:
    """Four actions in a byte."""
    flat = chosen.reshape(chosen.shape[0], -1).astype(jnp.uint8)
    four = jnp.pad(flat, ((0, 0), (0, -flat.shape[1] % 4))).reshape(chosen.shape[0], -1, 4)
    return four[..., 0] | (four[..., 1] << 2) | (four[..., 2] << 4) | (four[..., 3] << 6)


def look_up(
    packed: UInt8[Array, "T X"],
    target: Int32[Array, ""],
    heading: Int32[Array, ""],
    cell: Int32[Array, " 2"],
    width: int,
) -> Int32[Array, ""]:
    """The action on the way to that target, or NOWHERE. The grid is `width` cells high as well."""
    index = (heading * width + cell[0]) * width + cell[1]
    byte = packed[target, index // 4].astype(jnp.int32)
    return (byte >> (2 * (index % 4))) & 3
