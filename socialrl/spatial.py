"""A map of what a novice has seen in this episode, drawn from its own views alone.

The map is anchored at the cell and heading of the episode's first step; where the novice is on it follows
from its own moves. A seat that a world puts back where it began notices that what it sees does not fit the
map where it should be, and fits there. Every cell keeps which tiles were seen on it, when another agent and
when the novice itself was last there, which way that other agent faced, whether entering it paid, and how
often an other agent vanished into it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Shaped

from socialrl.geometry import FORWARD
from socialrl.odometry import HEADINGS, Odometry, offsets
from socialrl.types import Timestep
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec

TILES = 7  # channels of tiles that a cell keeps; bit 7 tells that it was seen
SEEN, OTHER, OWN, PAID, HEADING, GONE = 7, 8, 16, 24, 26, 28  # the lowest bit of each field of a cell's code
CLOCK = 255  # the last step that a cell can tell from later ones
FADING = 8.0  # steps after which a trace has faded to 1/e
PAYS, COSTS = 0.05, -0.2  # rewards above and below which entering a cell is kept as good or bad


@pytree
class Map:
    """The maps of N novices.

    code: what each of the M x M cells keeps, as bits. pose: row, column and heading relative to those of the
    first step. wall: whether a wall is ahead, to the right, behind and to the left (of a seat that turns,
    only ahead is used). time: steps seen, at most 255.
    """

    code: Int32[Array, "*batch cells"]
    pose: Int32[Array, "*batch 3"]
    wall: Bool[Array, "*batch 4"]
    time: Int32[Array, "*batch"]


@pytree
class Sight:
    """What the novices see now and have seen, leaves (*batch, ...).

    obs: their views. code: the map as each novice sees it now, itself in the middle, looking up. time,
    heading: as in `Map`. behaviour: features of what co-players were seen to do, see `BehaviourMemory`; None
    where nobody asked.
    """

    obs: Shaped[Array, "*batch V V C"]
    code: Int32[Array, "*batch cells"]
    time: Int32[Array, "*batch"]
    heading: Int32[Array, "*batch"]
    behaviour: Float32[Array, "*batch coplayers E"] | None = None


class SpatialMemory:
    """The functions of maps for one world. radius: cells from the middle of a map to its edge. size: M."""

    def __init__(self, spec: WorldSpec):
        self.spec, self.turning = spec, spec.movement == "turning"
        self.radius = max(spec.height, spec.width) - 3
        self.size = 2 * self.radius + 1
        self.cells = self.size**2
        channels = list(spec.channels)
        hidden = {*spec.channels_of_others, "unseen"}
        self.tiles = [i for i, name in enumerate(channels) if name not in hidden][:TILES]
        self.wall, self.unseen = channels.index("wall"), "unseen" in channels
        self.others = [channels.index(name) for name in spec.channels_of_others if name != "prestige"]
        self.odometry = Odometry(spec)
        self.middle, self.view = self.odometry.middle, self.odometry.view
        self.ahead, self.right = np.meshgrid(
            self.radius - np.arange(self.size), np.arange(self.size) - self.radius, indexing="ij"
        )
        self.window = offsets(self.ahead, self.right)

    def init(self, *batch: int) -> Map:
        """Empty maps at the start of an episode."""
        return Map(
            code=jnp.zeros((*batch, self.cells), jnp.int32),
            pose=jnp.zeros((*batch, 3), jnp.int32),
            wall=jnp.zeros((*batch, 4), bool),
            time=jnp.zeros(batch, jnp.int32),
        )

    def step(self, before: Map, timestep: Timestep) -> tuple[Map, Sight]:
        """The maps after N novices have seen one more timestep, and what they see."""
        blank = self.init(timestep.first.shape[0])
        fresh = timestep.first
        before = jax.tree.map(
            lambda new, old: jnp.where(fresh.reshape(-1, *(1,) * (old.ndim - 1)), new, old), blank, before
        )
        time = jnp.minimum(before.time + 1, CLOCK)
        moved = jnp.where(
            fresh[:, None], 0, self.odometry.moved(before.pose, before.wall, timestep.prev_action)
        )
        tiles, seen, others, heading = self._read(timestep.obs)
        pose = self._placed(before, moved, tiles, seen)
        code, looked = self._drawn(before.code, pose, time, tiles, seen, others, heading)
        code = self._vanished(before, code, looked, time, fresh)
        code = self._visited(code, pose, moved, time, jnp.where(fresh, 0.0, timestep.prev_reward))
        after = Map(code=code, pose=pose, wall=self.odometry.walls(timestep.obs), time=time)
        at, _ = self._cells(pose, self.window)
        sight = Sight(obs=timestep.obs, code=_take(code, at), time=time, heading=pose[:, 2])
        return after, sight

    def features(self, sight: Sight) -> Float32[Array, "F *batch cells"]:
        """What the map tells of each cell, as numbers of about 0 to 1: its tiles, the traces of others and of
        the novice, what entering it paid, where others look to, and how far away it is. The features come
        first, because planes side by side are written and multiplied sooner on a CPU.
        """
        code, time = sight.code, sight.time[..., None]
        bits = [_flag(code >> bit) for bit in (*range(len(self.tiles)), SEEN)]
        other, own = (code >> OTHER) & CLOCK, (code >> OWN) & CLOCK
        paid, gone = (code >> PAID) & 3, (code >> GONE) & 7
        here = (other == time) & (other > 0)
        trace = _trace(other, time)
        found = [
            *bits,
            here,
            other > 0,
            trace,
            _trace(own, time),
            own > 0,
            paid == 1,
            paid == 2,
            gone > 0,
            gone.astype(jnp.float32) / 3,
            self._beside(trace),
        ]
        if self.turning:
            facing = ((code >> HEADING) & 3) - sight.heading[..., None] & 3
            found.append(self._ahead(here, facing))
        where = [np.abs(self.ahead) + np.abs(self.right), self.ahead, self.right]
        far = [
            jnp.broadcast_to(jnp.asarray(x.reshape(-1) / self.radius, jnp.float32), code.shape) for x in where
        ]
        return jnp.stack([jnp.asarray(x, jnp.float32) for x in (*found, *far)])

    def cells_of_view(self, now: Map) -> Int32[Array, "N view"]:
        """The number of the map's cell at each cell of the view, one behind the last outside of the map."""
        return self._cells(now.pose, self.view)[0]

    def pictured(
        self, sight: Sight, going: Float32[Array, "*batch cells"]
    ) -> Float32[Array, "*batch planes M M"]:
        """The map as a picture, with the planes of `types.BELIEFS`. going: how probably another is going to
        each cell.
        """
        code = sight.code
        wall = _flag(code >> self.tiles.index(self.wall))
        paid = (code >> PAID) & 3
        planes = [
            _flag(code >> SEEN) * (1 + wall) / 2,
            jnp.where(paid == 1, 1.0, jnp.where(paid == 2, 0.5, 0.0)),
            _trace((code >> OTHER) & CLOCK, sight.time[..., None]),
            going,
        ]
        shape = (*code.shape[:-1], self.size, self.size)
        return jnp.stack([jnp.asarray(x, jnp.float32).reshape(shape) for x in planes], axis=-3)

    def _read(self, obs: Shaped[Array, "N V V C"]) -> tuple[Array, Array, Array, Array]:
        """Of each cell of the view: its tiles as bits, whether it is seen, whether another is there, and its
        relative heading.
        """
        flat = obs.reshape(obs.shape[0], -1, obs.shape[-1]) > 0
        seen = (
            ~flat[..., self.spec.channels.index("unseen")] if self.unseen else jnp.ones(flat.shape[:2], bool)
        )
        tiles = jnp.full(flat.shape[:2], 1 << SEEN, jnp.int32)
        for bit, channel in enumerate(self.tiles):
            tiles |= flat[..., channel].astype(jnp.int32) << bit
        others = jnp.any(flat[..., np.array(self.others, np.int32)], axis=-1)
        heading = jnp.zeros(others.shape, jnp.int32)
        if self.turning:
            for number, name in enumerate(HEADINGS):
                heading = jnp.where(flat[..., self.spec.channels.index(name)], number, heading)
        return tiles, seen, others, heading

    def _placed(
        self,
        before: Map,
        moved: Int32[Array, "N 3"],
        tiles: Int32[Array, "N view"],
        seen: Bool[Array, "N view"],
    ) -> Int32[Array, "N 3"]:
        """The pose at which the walls in view fit the map best: the expected one unless the start fits
        better, with the heading of then or of now.
        """
        start = jnp.zeros_like(moved)
        turned = start.at[:, 2].set(moved[:, 2])
        bit = self.tiles.index(self.wall)

        def misfit(pose: Int32[Array, "N 3"]) -> Int32[Array, " N"]:
            at, inside = self._cells(pose, self.view)
            old = _take(before.code, at)
            known = inside & seen & (((old >> SEEN) & 1) == 1)
            return jnp.sum(known & ((((old ^ tiles) >> bit) & 1) == 1), axis=1)

        expected, at_start, as_turned = misfit(moved), misfit(start), misfit(turned)
        back = jnp.where((as_turned < at_start)[:, None], turned, start)
        return jnp.where((expected > jnp.minimum(at_start, as_turned))[:, None], back, moved)

    def _drawn(
        self,
        code: Int32[Array, "N cells"],
        pose: Int32[Array, "N 3"],
        time: Int32[Array, " N"],
        tiles: Int32[Array, "N view"],
        seen: Bool[Array, "N view"],
        others: Bool[Array, "N view"],
        heading: Int32[Array, "N view"],
    ) -> tuple[Int32[Array, "N cells"], Bool[Array, "N cells"]]:
        """The codes with what is in view drawn into them, and which cells are in view."""
        at, inside = self._cells(pose, self.view)
        at = jnp.where(inside & seen, at, self.cells)
        old = _take(code, at)
        when = jnp.where(others, time[:, None], (old >> OTHER) & CLOCK)
        facing = jnp.where(others, (heading + pose[:, 2:]) & 3, (old >> HEADING) & 3)
        kept = old & ((CLOCK << OWN) | (3 << PAID) | (7 << GONE))
        new = tiles | (when << OTHER) | kept | (facing << HEADING)
        padded = jnp.pad(code, ((0, 0), (0, 1)))
        drawn = jax.vmap(lambda cells, i, values: cells.at[i].set(values))(padded, at, new)[:, :-1]
        looked = jax.vmap(lambda cells, i: cells.at[i].set(True))(jnp.zeros(padded.shape, bool), at)
        return drawn, looked[:, :-1]

    def _vanished(
        self,
        before: Map,
        code: Int32[Array, "N cells"],
        looked: Bool[Array, "N cells"],
        time: Int32[Array, " N"],
        fresh: Bool[Array, " N"],
    ) -> Int32[Array, "N cells"]:
        """The codes with one more where an other was lost from sight: it was seen in the step before, and now
        neither on its cell nor where it could have gone, although these cells are in view.
        """
        shape = (-1, self.size, self.size)
        was = ((before.code >> OTHER) & CLOCK) == jnp.where(before.time > 0, before.time, -1)[:, None]
        empty = (looked & (((code >> OTHER) & CLOCK) != time[:, None])).reshape(shape)
        lost = (was & ~fresh[:, None]).reshape(shape) & empty
        if self.turning:
            facing = ((before.code >> HEADING) & 3).reshape(shape)
            gone = _in_front(lost, facing, 1)[0] & empty
        else:
            wide = jnp.pad(empty, ((0, 0), (1, 1), (1, 1)), constant_values=True)
            gone = lost & wide[:, :-2, 1:-1] & wide[:, 2:, 1:-1] & wide[:, 1:-1, :-2] & wide[:, 1:-1, 2:]
        count = jnp.minimum(((code >> GONE) & 7) + gone.reshape(code.shape).astype(jnp.int32), 7)
        return (code & ~(7 << GONE)) | (count << GONE)

    def _visited(
        self,
        code: Int32[Array, "N cells"],
        pose: Int32[Array, "N 3"],
        moved: Int32[Array, "N 3"],
        time: Int32[Array, " N"],
        reward: Float32[Array, " N"],
    ) -> Int32[Array, "N cells"]:
        """The codes with the novice's own cell, and what the cell that it meant to enter has paid."""
        cells = jnp.arange(self.cells, dtype=jnp.int32)
        own = cells == self._index(pose[:, :2])[:, None]
        entered = cells == self._index(moved[:, :2])[:, None]
        paid = jnp.where(reward > PAYS, 1, jnp.where(reward < COSTS, 2, 0))[:, None]
        paid = jnp.where(entered & (paid > 0), paid, (code >> PAID) & 3)
        when = jnp.where(own, time[:, None], (code >> OWN) & CLOCK)
        return (code & ~((CLOCK << OWN) | (3 << PAID))) | (when << OWN) | (paid << PAID)

    def _index(self, cell: Int32[Array, "N 2"]) -> Int32[Array, " N"]:
        """The number of a cell (row, column) of the map; one outside it counts as on its edge."""
        at = jnp.clip(cell + self.radius, 0, self.size - 1)
        return at[:, 0] * self.size + at[:, 1]

    def _cells(
        self, pose: Int32[Array, "N 3"], offsets: Int32[np.ndarray, "4 points 2"]
    ) -> tuple[Int32[Array, "N points"], Bool[Array, "N points"]]:
        """The numbers of the cells at these offsets by heading, and whether they are on the map; others have
        the number behind the last.
        """
        at = pose[:, None, :2] + jnp.asarray(offsets)[pose[:, 2]] + self.radius
        inside = jnp.all((at >= 0) & (at < self.size), axis=-1)
        return jnp.where(inside, at[..., 0] * self.size + at[..., 1], self.cells), inside

    def _ahead(self, here: Bool[Array, "*batch cells"], facing: Int32[Array, "*batch cells"]) -> Array:
        """How near each cell is ahead of another agent in view: 0.9, 0.6, 0.3 for the next three cells."""
        shape = (*here.shape[:-1], self.size, self.size)
        result = jnp.zeros(shape, jnp.float32)
        near = _in_front(here.reshape(shape), facing.reshape(shape), 3)
        for cells, ahead in reversed(list(enumerate(near, 1))):
            result = jnp.where(ahead, 1.2 - 0.3 * cells, result)
        return result.reshape(here.shape)

    def _beside(self, trace: Float32[Array, "*batch cells"]) -> Float32[Array, "*batch cells"]:
        """The strongest trace of others on the four cells beside each cell."""
        square = trace.reshape(*trace.shape[:-1], self.size, self.size)
        wide = jnp.pad(square, [(0, 0)] * (square.ndim - 2) + [(1, 1), (1, 1)])
        beside = (wide[..., :-2, 1:-1], wide[..., 2:, 1:-1], wide[..., 1:-1, :-2], wide[..., 1:-1, 2:])
        return jnp.max(jnp.stack(beside), axis=0).reshape(trace.shape)


def _in_front(
    here: Bool[Array, "*batch M M"], facing: Int32[Array, "*batch M M"], reach: int
) -> list[Bool[Array, "*batch M M"]]:
    """Whether each cell is one, two, up to `reach` cells ahead of someone who is here and faces so."""
    bits = jnp.where(here, 1 << facing, 0).astype(jnp.uint8)
    wide = jnp.pad(bits, [(0, 0)] * (bits.ndim - 2) + [(reach, reach)] * 2)
    size, found = here.shape[-1], []
    for cells in range(1, reach + 1):
        planes = jnp.zeros(here.shape, bool)
        for number, (rows, columns) in enumerate(FORWARD):
            row, column = reach - cells * rows, reach - cells * columns
            planes |= (wide[..., row : row + size, column : column + size] >> number) & 1 == 1
        found.append(planes)
    return found


def _take(code: Int32[Array, "N cells"], at: Int32[Array, "N points"]) -> Int32[Array, "N points"]:
    """The codes of these cells; 0 for the number behind the last."""
    return jnp.take_along_axis(jnp.pad(code, ((0, 0), (0, 1))), at, axis=1)


def _flag(x: Int32[Array, "..."]) -> Float32[Array, "..."]:
    """The lowest bit as 0 or 1."""
    return (x & 1).astype(jnp.float32)


def _trace(
    when: Int32[Array, "*batch cells"], time: Int32[Array, "*batch 1"]
) -> Float32[Array, "*batch cells"]:
    """exp(-steps since then / FADING), and 0 where it never was."""
    return jnp.where(when > 0, jnp.exp((when - time).astype(jnp.float32) / FADING), 0.0)
