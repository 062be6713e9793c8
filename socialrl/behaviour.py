"""What each co-player was seen to do in this episode, counted from the novice's own views.

A co-player that has a channel of its own in the view is recognised. Counted are, for each one:

- its steps onto each kind of tile, which the novice knows from its map, and onto empty cells
- the steps for which it was in view
- how often it vanished where the novice looked, as one does that arrives at a goal that is not shown
- the steps for which the novice followed it, and the sums of what they paid and of what they cost

From this a novice can tell within an episode who wants what, or who knows the way.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32

from socialrl.spatial import Map, SpatialMemory
from socialrl.types import Timestep
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec


@pytree
class Behaviour:
    """The counts of N novices, of each co-player. count: E numbers, see the module. last: the cell of the map
    on which it was last seen, -1 if it was not. here: whether it was in view at the last step.
    """

    count: Float32[Array, "*batch coplayers E"]
    last: Int32[Array, "*batch coplayers"]
    here: Bool[Array, "*batch coplayers"]


def recognised(spec: WorldSpec) -> bool:
    """Whether there are co-players, each with a channel of its own in the view."""
    return bool(spec.coplayers) and all(spec.agents[seat] in spec.channels for seat in spec.coplayers)


class BehaviourMemory:
    """The functions of the counts for a world whose co-players are recognised. count: K, the co-players.
    kinds: E, how many numbers tell of each.
    """

    def __init__(self, spec: WorldSpec, memory: SpatialMemory):
        channels = list(spec.channels)
        self.channels = np.array([channels.index(spec.agents[seat]) for seat in spec.coplayers], np.int32)
        self.count = len(self.channels)
        self.memory = memory
        self.bits = np.array([i for i, tile in enumerate(memory.tiles) if tile != memory.wall], np.int32)
        self.kinds = len(self.bits) + len(("empty", "in view", "vanished", "followed", "paid", "cost"))
        self.unseen = channels.index("unseen") if "unseen" in channels else None

    def init(self, *batch: int) -> Behaviour:
        """Nobody was seen to do anything."""
        return Behaviour(
            count=jnp.zeros((*batch, self.count, self.kinds), jnp.float32),
            last=jnp.full((*batch, self.count), -1, jnp.int32),
            here=jnp.zeros((*batch, self.count), bool),
        )

    def step(
        self,
        before: Behaviour,
        known: Map,
        after: Map,
        timestep: Timestep,
        whom: Int32[Array, " N"],
    ) -> Behaviour:
        """The counts after one more timestep. known, after: the maps before and with it. whom: the co-player
        that was followed in the last step, -1 for none.
        """
        obs, code, going_on = timestep.obs, known.code, ~timestep.first[:, None]
        last = jnp.where(going_on, before.last, -1)
        flat, in_view = obs.reshape(obs.shape[0], -1, obs.shape[-1]) > 0, self.memory.cells_of_view(after)
        planes = flat[..., self.channels]  # (N, view, K)
        here, at = jnp.any(planes, axis=1), jnp.argmax(planes, axis=1).astype(jnp.int32)
        cell = jnp.take_along_axis(in_view, at, axis=1)
        if self.unseen is not None:
            in_view = jnp.where(flat[..., self.unseen], -2, in_view)
        vanished = before.here & ~here & going_on & jnp.any(in_view[:, :, None] == last[:, None], axis=1)
        entered = here & (last >= 0) & (cell != last) & (cell < code.shape[1])
        followed = (whom[:, None] == jnp.arange(self.count)) & going_on
        gain = jnp.where(followed, timestep.prev_reward[:, None], 0.0)
        found = (
            *jnp.moveaxis(self._entered(entered, code, cell), -1, 0),
            here,
            vanished,
            followed,
            jnp.maximum(gain, 0.0),
            jnp.maximum(-gain, 0.0),
        )
        count = jnp.where(going_on[..., None], before.count, 0.0)
        count = count + jnp.stack([x.astype(jnp.float32) for x in found], axis=-1)
        return Behaviour(count=count, last=jnp.where(here, cell, last), here=here)

    def _entered(
        self, entered: Bool[Array, "N K"], code: Int32[Array, "N cells"], cell: Int32[Array, "N K"]
    ) -> Bool[Array, "N K E"]:
        """Whether each co-player stepped onto each kind of tile, and onto an empty cell."""
        lay = jnp.take_along_axis(code, jnp.minimum(cell, code.shape[1] - 1), axis=1)
        tiles = ((lay[..., None] >> self.bits) & 1) == 1
        empty = ~jnp.any(tiles, axis=-1, keepdims=True)
        return jnp.concatenate([tiles, empty], axis=-1) & entered[..., None]

    def features(self, behaviour: Behaviour) -> Float32[Array, "*batch coplayers E"]:
        """The counts as inputs of a network: log(1 + count)."""
        return jnp.log1p(behaviour.count)


def of_proposals(
    features: Float32[Array, "*batch coplayers E"], seats: tuple[int, ...]
) -> Float32[Array, "*batch P E"]:
    """The features of the co-player that each of P proposals follows; their mean where that is anybody.

    seats: its number among the co-players, -1 for anybody.
    """
    everybody = jnp.mean(features, axis=-2, keepdims=True)
    return jnp.concatenate([features, everybody], axis=-2)[..., np.array(seats, np.int32), :]
