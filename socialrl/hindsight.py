"""What became of the others, as targets of training: where each of them went next.

The destination of a co-player is the next cell that it steps onto on which something lies, as its own view
shows: a goal, a coin, a bridge. Where the cells are on the grid is a fact of the world that no policy is
told.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32

from socialrl.geometry import FORWARD, egocentric
from socialrl.types import Demonstration
from socialrl_envs.types import WorldSpec


def destinations(
    spec: WorldSpec,
    others: Demonstration,
    position: Int32[Array, "T B coplayers 2"],
    heading: Int32[Array, "T B coplayers"],
) -> tuple[Int32[Array, "T B coplayers 2"], Bool[Array, "T B coplayers"]]:
    """(cell, known): the row and column of the destination of every co-player at every step, and whether it
    was reached within the episode and the unroll.

    position, heading: of the co-players before each step.
    """
    cell, item = _entered(spec, others, position, heading)
    reached = others.present & item

    def back(
        later: tuple[Array, Array], now: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        entered, here, last = now
        target = jnp.where(here[..., None], entered, later[0])
        known = here | (later[1] & ~last)
        return (target, known), (target, known)

    none = (jnp.zeros_like(position[0]), jnp.zeros(heading.shape[1:], bool))
    _, (target, known) = jax.lax.scan(back, none, (cell, reached, others.last), reverse=True)
    return target, known & others.present


def _entered(
    spec: WorldSpec, others: Demonstration, position: Int32[Array, "T B P 2"], heading: Int32[Array, "T B P"]
) -> tuple[Int32[Array, "T B P 2"], Bool[Array, "T B P"]]:
    """The cell that each co-player's action leads to, and whether its view shows that something lies
    there.
    """
    ways, view = jnp.array(FORWARD, jnp.int32), spec.obs_shape[0]
    hidden = {*spec.channels_of_others, "wall", "unseen"}
    items = np.array([i for i, name in enumerate(spec.channels) if name not in hidden], np.int32)
    if spec.movement == "turning":
        goes = others.action == spec.actions.index("forward")
        lies = jnp.any(others.obs[..., view - 2, view // 2, :][..., items] > 0, axis=-1)
        return position + jnp.where(goes[..., None], ways[heading], 0), goes & lies
    numbers = [("up", "right", "down", "left").index(name) if name != "stay" else 4 for name in spec.actions]
    way, middle = jnp.array(numbers, jnp.int32)[others.action], view // 2
    around = [others.obs[..., middle + dy, middle + dx, :][..., items] > 0 for dy, dx in FORWARD]
    lies = jnp.stack([*(jnp.any(x, axis=-1) for x in around), jnp.zeros(way.shape, bool)], axis=-1)
    step = jnp.concatenate([ways, jnp.zeros((1, 2), jnp.int32)])[way]
    return position + step, jnp.take_along_axis(lies, way[..., None], axis=-1)[..., 0]


def on_map(
    cell: Int32[Array, "*batch 2"],
    position: Int32[Array, "*batch 2"],
    heading: Int32[Array, "*batch"],
    radius: int,
    turning: bool,
) -> tuple[Int32[Array, "*batch"], Bool[Array, "*batch"]]:
    """(index, inside): the number of a cell on the map of who stands at this position with this heading, in
    its middle and looking up, and whether the map reaches so far.
    """
    looks = heading if turning else jnp.zeros_like(heading)
    away = egocentric((cell - position)[..., None, :].astype(jnp.float32), looks)[..., 0, :]
    ahead, right = jnp.round(away[..., 0]).astype(jnp.int32), jnp.round(away[..., 1]).astype(jnp.int32)
    inside = (jnp.abs(ahead) <= radius) & (jnp.abs(right) <= radius)
    return jnp.where(inside, (radius - ahead) * (2 * radius + 1) + radius + right, 0), inside


def on_grid(
    belief: Float32[Array, "*batch planes R R"],
    position: Int32[Array, "*batch 2"],
    heading: Int32[Array, "*batch"],
    turning: bool,
    height: int,
    width: int,
) -> Float32[Array, "*batch planes H W"]:
    """What is believed of every cell of the grid by who stands at this position with this heading, from a
    square with it in the middle, looking up; 0 beyond that. The inverse of `on_map`, for pictures.
    """
    radius = belief.shape[-1] // 2
    cells = jnp.stack(jnp.meshgrid(*map(jnp.arange, (height, width)), indexing="ij"), axis=-1)
    shape = (*heading.shape, height * width)
    every = jnp.broadcast_to(cells.reshape(-1, 2).astype(jnp.int32), (*shape, 2))
    here = jnp.broadcast_to(position[..., None, :], every.shape)
    looks = jnp.broadcast_to(heading[..., None], shape)
    index, inside = on_map(every, here, looks, radius, turning)
    flat = belief.reshape(*belief.shape[:-2], -1)
    found = jnp.take_along_axis(flat, index[..., None, :], axis=-1)
    found = jnp.where(inside[..., None, :], found, 0.0)
    return found.reshape(*belief.shape[:-2], height, width)
