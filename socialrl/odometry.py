"""Where a novice is relative to where its episode began, by its own moves; and which cells its view shows."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32, Shaped

from socialrl.geometry import FORWARD
from socialrl_envs.types import WorldSpec

HEADINGS = ("facing_away", "facing_right", "facing_towards", "facing_left")  # channels, by relative heading


class Odometry:
    """The functions for one world. A pose is row, column and heading relative to those of the first step.

    middle: row and column of the novice's own cell in its view. view: (rows, columns) from the novice to each
    cell of the view, by heading.
    """

    def __init__(self, spec: WorldSpec):
        self.turning, self.actions = spec.movement == "turning", spec.actions
        self.wall, side = spec.channels.index("wall"), spec.obs_shape[0]
        self.middle = (side - 1 if self.turning else side // 2, side // 2)
        row, column = self.middle
        ahead, right = np.meshgrid(row - np.arange(side), np.arange(side) - column, indexing="ij")
        self.view = offsets(ahead, right)

    def moved(
        self, pose: Int32[Array, "*batch 3"], wall: Bool[Array, "*batch 4"], action: Int32[Array, "*batch"]
    ) -> Int32[Array, "*batch 3"]:
        """The pose after an action, if the world put nobody anywhere. wall: see `walls`, before it."""
        steps, heading = jnp.array(FORWARD, jnp.int32), pose[..., 2]
        if self.turning:
            turns = [{"left": 3, "right": 1}.get(name, 0) for name in self.actions]
            goes = (action == self.actions.index("forward")) & ~wall[..., 0]
            step = jnp.where(goes[..., None], steps[heading], 0)
            heading = (heading + jnp.array(turns, jnp.int32)[action]) & 3
        else:
            ways = [("up", "right", "down", "left").index(n) if n != "stay" else 4 for n in self.actions]
            way = jnp.array(ways, jnp.int32)[action]
            there = jnp.minimum(way, 3)
            blocked = jnp.take_along_axis(wall, there[..., None], axis=-1)[..., 0]
            step = jnp.where(((way < 4) & ~blocked)[..., None], steps[there], 0)
        return jnp.concatenate([pose[..., :2] + step, heading[..., None]], axis=-1)

    def walls(self, obs: Shaped[Array, "*batch V V C"]) -> Bool[Array, "*batch 4"]:
        """Whether a wall is above, to the right, below and to the left of the novice; of a seat that turns,
        all four are that ahead.
        """
        row, column = self.middle
        around = [(row - 1, column)] * 4 if self.turning else [(row + dy, column + dx) for dy, dx in FORWARD]
        return jnp.stack([obs[..., y, x, self.wall] > 0 for y, x in around], axis=-1)


def offsets(ahead: np.ndarray, right: np.ndarray) -> Int32[np.ndarray, "4 points 2"]:
    """(rows, columns) of cells that lie so far ahead and to the right, by heading."""
    forward = np.array(FORWARD)
    sideways = np.stack([forward[:, 1], -forward[:, 0]], axis=-1)
    points = [ahead.reshape(-1, 1) * forward[h] + right.reshape(-1, 1) * sideways[h] for h in range(4)]
    return np.stack(points).astype(np.int32)
