"""What each co-player was seen to do in this episode, counted from the novice's own views.

A co-player that has a channel of its own in the view is recognised. Of each one it is counted on what it was
seen to step: on each kind of tile, and on empty cells; and how often it vanished where the novice looked, as
one does that arrives at a goal which the novice cannot see. What lay there the novice knows from its map.
From this one can tell within an episode who wants what, or knows the way, whoever sits on which seat.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Shaped

from socialrl.spatial import Map, SpatialMemory
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec


@pytree
class Deeds:
    """The counts of N novices. count: of K co-players, of steps onto each kind of tile, onto empty cells, of
    steps at which it was in view, and of times that it vanished. last: the cell of the map on which each was
    last seen, -1 if it was not. here: whether it was in view at the last step.
    """

    count: Float32[Array, "*batch coplayers E"]
    last: Int32[Array, "*batch coplayers"]
    here: Bool[Array, "*batch coplayers"]


class Witness:
    """The functions of counting for one world. count: co-players that are recognised, all or none. kinds: E,
    numbers of each.
    """

    def __init__(self, spec: WorldSpec, memory: SpatialMemory):
        channels, names = list(spec.channels), [spec.agents[seat] for seat in spec.coplayers]
        recognised = bool(names) and all(name in channels for name in names)
        self.channels = np.array([channels.index(name) for name in names] if recognised else [], np.int32)
        self.count = len(self.channels)
        self.memory = memory
        self.bits = np.array([i for i, tile in enumerate(memory.tiles) if tile != memory.wall], np.int32)
        self.kinds = len(self.bits) + 6
        self.unseen = channels.index("unseen") if "unseen" in channels else None

    def init(self, *batch: int) -> Deeds:
        """Nobody was seen to do anything."""
        return Deeds(
            count=jnp.zeros((*batch, self.count, self.kinds), jnp.float32),
            last=jnp.full((*batch, self.count), -1, jnp.int32),
            here=jnp.zeros((*batch, self.count), bool),
        )

    def step(
        self,
        before: Deeds,
        code: Int32[Array, "N cells"],
        after: Map,
        obs: Shaped[Array, "N V V C"],
        first: Bool[Array, " N"],
        whom: Int32[Array, " N"],
        reward: Float32[Array, " N"],
    ) -> Deeds:
        """The counts after one more view. code: of the maps before it. after: the maps with it. whom: the
        co-player that was followed in the last step, -1 for none. reward: what that paid.
        """
        count, last = before.count, before.last
        count = jnp.where(first[:, None, None], 0.0, count)
        last = jnp.where(first[:, None], -1, last)
        flat = obs.reshape(obs.shape[0], -1, obs.shape[-1]) > 0
        planes = flat[..., self.channels]  # (N, view, K)
        visible = jnp.any(planes, axis=1)
        at = jnp.argmax(planes, axis=1).astype(jnp.int32)
        cell = jnp.take_along_axis(self.memory.cells_of_view(after), at, axis=1)
        lay = jnp.take_along_axis(code, jnp.minimum(cell, code.shape[1] - 1), axis=1)
        entered = visible & (last >= 0) & (cell != last) & ~first[:, None] & (cell < code.shape[1])
        tiles = ((lay[..., None] >> self.bits) & 1) == 1
        in_view = self.memory.cells_of_view(after)
        if self.unseen is not None:
            in_view = jnp.where(flat[..., self.unseen], -2, in_view)
        watched = jnp.any(in_view[:, :, None] == last[:, None], axis=1)
        did = (
            entered[..., None] & tiles,
            (entered & ~jnp.any(tiles, axis=-1))[..., None],
            visible[..., None],
            (before.here & ~visible & watched & ~first[:, None])[..., None],
        )
        followed = (whom[:, None] == jnp.arange(self.count)) & ~first[:, None]
        gains = (jnp.ones_like(reward), jnp.maximum(reward, 0.0), jnp.maximum(-reward, 0.0))
        led = jnp.where(followed[..., None], jnp.stack(gains, axis=-1)[:, None], 0.0)
        seen = jnp.concatenate([*(x.astype(jnp.float32) for x in did), led], axis=-1)
        return Deeds(count=count + seen, last=jnp.where(visible, cell, last), here=visible)

    def told(self, deeds: Deeds) -> Float32[Array, "*batch coplayers E"]:
        """The counts as inputs of a network: log(1 + count)."""
        return jnp.log1p(deeds.count)


def of_proposals(
    told: Float32[Array, "*batch coplayers E"], seats: tuple[int, ...]
) -> Float32[Array, "*batch P E"]:
    """What is known of the co-player behind each proposal; of all of them together where it is anybody.

    seats: its number among the co-players, -1 for anybody.
    """
    if not seats or told.shape[-2] == 0:
        return jnp.zeros((*told.shape[:-2], len(seats), told.shape[-1]), jnp.float32)
    everybody = jnp.mean(told, axis=-2, keepdims=True)
    return jax.lax.stop_gradient(jnp.concatenate([told, everybody], axis=-2)[..., np.array(seats), :])
