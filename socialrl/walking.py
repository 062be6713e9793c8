"""Walking on a map of what is seen: the first move of a shortest path to every cell."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, UInt8

from socialrl_envs.types import WorldSpec

AHEAD, RIGHT, BEHIND, LEFT = 1, 2, 4, 8  # bits of directions
FAR = 1_000  # the distance of a cell that cannot be reached


def first_moves(
    free: Bool[Array, "N M M"], steps: int
) -> tuple[UInt8[Array, "N M M"], Int32[Array, "N M M"]]:
    """(directions, distances) of every cell from the middle one: the directions, as bits, in which the
    shortest paths of at most `steps` cells over free cells begin, and their length, `FAR` if there is none.
    """
    inner = jnp.moveaxis(free, 0, -1)  # novices side by side: one step of all is then one pass on a CPU
    middle = inner.shape[0] // 2
    begin = jnp.zeros(inner.shape, jnp.uint8)
    for bit, (row, column) in ((AHEAD, (-1, 0)), (RIGHT, (0, 1)), (BEHIND, (1, 0)), (LEFT, (0, -1))):
        begin = begin.at[middle + row, middle + column].set(bit)
    begin = jnp.where(inner, begin, 0).astype(jnp.uint8)
    distance = jnp.where(begin > 0, 1, FAR).at[middle, middle].set(0).astype(jnp.int32)

    def grow(step: Int32[Array, ""], state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        directions, edge, distance = state
        edge = jnp.where(inner & (distance == FAR), _neighbours(edge), 0).astype(jnp.uint8)
        return directions | edge, edge, jnp.where(edge > 0, step + 2, distance)

    directions, _, distance = jax.lax.fori_loop(0, steps - 1, grow, (begin, begin, distance))
    return jnp.moveaxis(directions, -1, 0), jnp.moveaxis(distance, -1, 0)


def _neighbours(x: UInt8[Array, "M M N"]) -> UInt8[Array, "M M N"]:
    """The bits of the four cells beside each cell, together."""
    wide = jnp.pad(x, ((1, 1), (1, 1), (0, 0)))
    return wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]


def toward(spec: WorldSpec, directions: UInt8[Array, "*batch"]) -> Int32[Array, "*batch"]:
    """The action that begins a path in one of these directions: ahead if that is one of them."""
    names = (
        ("forward", "right", "left", "right")
        if spec.movement == "turning"
        else ("up", "right", "left", "down")
    )
    ahead, right, left, behind = (spec.actions.index(name) for name in names)
    return jnp.where(
        directions & AHEAD > 0,
        ahead,
        jnp.where(directions & RIGHT > 0, right, jnp.where(directions & LEFT > 0, left, behind)),
    ).astype(jnp.int32)
