"""A memory of places: where things lie, which of them others went to next, and what going there oneself paid.

A place is a cell on which the novice has seen something lie, such as a goal. Places are kept in a fixed
number of slots, in the novice's own coordinates, which follow from its own moves; one that is seen to be
empty is forgotten. For each pair of places the memory keeps how often an other was seen to go from the first
straight to the second, and whether the novice itself, coming from the first, was paid at the second. All of
it comes from the novice's own views, actions and rewards, and is forgotten with the episode.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, UInt8

from socialrl.geometry import FORWARD, egocentric
from socialrl.odometry import HEADINGS, Odometry
from socialrl.types import Timestep
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

PAYS = 0.05  # the reward above which entering a place has paid
FADING = 16.0  # steps after which the trace of a visit has faded to 1/e
CLOSE = 4.0  # cells over which nearness fades to 1/e
MANY = 4.0  # a count that is shown as 1
NOBODY, NOWHERE = -2, -1  # labels of cells of the view: no other is there; one that comes from no known place
FEATURES = (
    "known",
    "ahead",  # cells, as a share of the grid's longer side; also the next two
    "to_the_right",
    "distance",
    "here",  # the novice stands on it
    "next_step",  # a step forward leads to it
    "last",  # it is the place that last paid
    "shown",  # others were seen to go there straight from the place that last paid
    "shown_often",  # how often
    "right",  # coming from the place that last paid, the novice was paid there
    "wrong",  # the same, and it was not
    "shown_elsewhere",  # others were seen to go there from another place
    "right_elsewhere",  # the novice was paid there, coming from another place
    "own_trace",  # of the novice's visits
    "others_trace",
    "near",  # how near the nearest other in view is to it
    "near_from_last",  # the same, of those who came from the place that last paid
    "towards",  # how near the nearest other in view is that looks towards it
    "towards_from_last",
    "proved",  # how often what was shown has paid the novice, of any place
    "disproved",  # and how often not
)
MARKS = ("right", "shown", "wrong", "shown_elsewhere")  # of the place on a cell of the view, see FEATURES


@pytree
class Places:
    """What a novice remembers, P slots, leaves (*batch, ...).

    cell: row and column of each place, relative to the start. known: whether a slot is in use. shown[i, j]:
    how often an other was seen to go from i straight to j. right[i, j], wrong[i, j]: whether the novice,
    after i, was paid at j, or was not. last: the place that last paid, -1 before the first. own, others:
    traces of visits, 1 at a visit and fading. proved: how often what was shown paid the novice, and did not.
    pose: row, column and heading relative to those at the start. wall: whether one is ahead (for seats that
    do not turn: above, to the right, below, to the left). label: for each cell of the last view NOBODY, or
    which place the other there came from last, or NOWHERE.
    """

    cell: Int32[Array, "*batch P 2"]
    known: Bool[Array, "*batch P"]
    shown: Float32[Array, "*batch P P"]
    right: Bool[Array, "*batch P P"]
    wrong: Bool[Array, "*batch P P"]
    last: Int32[Array, "*batch"]
    own: Float32[Array, "*batch P"]
    others: Float32[Array, "*batch P"]
    proved: Float32[Array, "*batch 2"]
    pose: Int32[Array, "*batch 3"]
    wall: Bool[Array, "*batch 4"]
    label: Int32[Array, "*batch view"]
    facing: Bool[Array, "*batch view 4"]


@pytree
class Looked:
    """One view: of each cell its map coordinates, whether it is seen, whether something lies there, whether
    an other is there, and in which absolute directions others there look.
    """

    cell: Int32[Array, "view 2"]
    seen: Bool[Array, " view"]
    item: Bool[Array, " view"]
    other: Bool[Array, " view"]
    facing: Bool[Array, "view 4"]


@pytree
class Found:
    """What is known of places now. places: FEATURES of each. marks: MARKS of the cells of the view."""

    places: Float32[Array, "*batch places F"]
    marks: UInt8[Array, "*batch V V M"]


class PlaceMemory:
    """The functions of the memory for one world. slots: P, the number of places that it can hold."""

    def __init__(self, spec: WorldSpec, slots: int):
        self.spec, self.slots, self.turning = spec, slots, spec.movement == "turning"
        channels = list(spec.channels)
        of_others = [channels.index(name) for name in spec.channels_of_others if name != "prestige"]
        hidden = {*spec.channels_of_others, "wall", "unseen"}
        self.others = np.array(of_others, np.int32)
        self.items = np.array([i for i, name in enumerate(channels) if name not in hidden], np.int32)
        self.facing = np.array([channels.index(name) for name in HEADINGS] if self.turning else [], np.int32)
        self.unseen = channels.index("unseen") if "unseen" in channels else None
        self.odometry, view = Odometry(spec), spec.obs_shape[0]
        self.view, self.middle, self.offsets = view, self.odometry.middle, self.odometry.view
        self.here = self.middle[0] * view + self.middle[1]
        self.scale = float(max(spec.height, spec.width))

    def init(self, *batch: int) -> Places:
        """The memory at the start of an episode."""
        slots = self.slots
        return Places(
            cell=jnp.zeros((*batch, slots, 2), jnp.int32),
            known=jnp.zeros((*batch, slots), bool),
            shown=jnp.zeros((*batch, slots, slots), jnp.float32),
            right=jnp.zeros((*batch, slots, slots), bool),
            wrong=jnp.zeros((*batch, slots, slots), bool),
            last=jnp.full(batch, -1, jnp.int32),
            own=jnp.zeros((*batch, slots), jnp.float32),
            others=jnp.zeros((*batch, slots), jnp.float32),
            proved=jnp.zeros((*batch, 2), jnp.float32),
            pose=jnp.zeros((*batch, 3), jnp.int32),
            wall=jnp.zeros((*batch, 4), bool),
            label=jnp.full((*batch, self.view**2), NOBODY, jnp.int32),
            facing=jnp.zeros((*batch, self.view**2, 4), bool),
        )

    def step(self, before: Places, timestep: Timestep) -> Places:
        """The memory after one more timestep of one novice."""
        fresh = self.init()
        before = jax.tree.map(lambda new, old: jnp.where(timestep.first, new, old), fresh, before)
        pose = jnp.where(
            timestep.first, 0, self.odometry.moved(before.pose, before.wall, timestep.prev_action)
        )
        looked = self._look(timestep.obs, pose)
        after = self._noticed(before, looked)
        at = self._place_at(after, looked.cell)  # (view, P), whether the cell is that place
        after = self._watched(before.pose, after, looked, at)
        moved = jnp.any(pose[:2] != before.pose[:2]) & ~timestep.first
        after = self._tried(after, at[self.here], moved, timestep.prev_reward)
        return replace(after, pose=pose, wall=self.odometry.walls(timestep.obs))

    def unroll(self, start: Places, steps: Timestep) -> Places:
        """The memory after each of T steps of N novices, leaves (T, N, ...)."""

        def one(before: Places, timestep: Timestep) -> tuple[Places, Places]:
            after = jax.vmap(self.step)(before, timestep)
            return after, after

        return jax.lax.scan(one, start, steps)[1]

    def found(self, places: Places) -> Found:
        """What is known of places, for a policy."""
        return Found(places=self.features(places), marks=self.marks(places))

    def features(self, places: Places) -> Float32[Array, "P F"]:
        """The numbers named in FEATURES of each place, 0 where the slot is empty."""
        last = jnp.maximum(places.last, 0)
        has, number = places.last >= 0, jnp.arange(self.slots, dtype=jnp.int32)
        is_last = has & (number == last)
        offset = egocentric((places.cell - places.pose[:2]).astype(jnp.float32), places.pose[2])
        distance = jnp.sum(jnp.abs(offset), axis=-1, keepdims=True)
        shown = jnp.where(has, places.shown[last], 0.0)
        elsewhere = jnp.where(is_last[:, None], 0.0, places.shown)
        proved = jnp.minimum(places.proved / MANY, 1.0)
        flags = (
            distance[:, 0] == 0,
            (distance[:, 0] == 1) & (offset[:, 0] == 1),
            is_last,
            shown > 0,
            jnp.minimum(shown / MANY, 1.0),
            has & places.right[last],
            has & places.wrong[last],
            jnp.max(elsewhere, axis=0) > 0,
            jnp.any(places.right & ~is_last[:, None], axis=0),
            places.own,
            places.others,
            *self._near(places),
            *(jnp.broadcast_to(one, number.shape) for one in proved),
        )
        told = jnp.stack([flag.astype(jnp.float32) for flag in flags], axis=-1)
        one = jnp.ones_like(distance)
        found = jnp.concatenate([one, offset / self.scale, distance / self.scale, told], axis=-1)
        return jnp.where(places.known[:, None], found, 0.0)

    def marks(self, places: Places) -> UInt8[Array, "V V M"]:
        """The view with what MARKS names of the place on each cell, 0 or 1."""
        last, has = jnp.maximum(places.last, 0), places.last >= 0
        is_last = has & (jnp.arange(self.slots, dtype=jnp.int32) == last)
        right_elsewhere = jnp.any(places.right & ~is_last[:, None], axis=0)
        shown_elsewhere = jnp.max(jnp.where(is_last[:, None], 0.0, places.shown), axis=0) > 0
        told = (
            has & places.right[last],
            has & (places.shown[last] > 0),
            has & (places.wrong[last] | is_last | right_elsewhere),
            shown_elsewhere,
        )
        cell = places.pose[:2] + jnp.asarray(self.offsets)[places.pose[2]]
        at = self._place_at(places, cell).astype(jnp.uint8)
        marked = at @ jnp.stack(told, axis=-1).astype(jnp.uint8)
        return marked.reshape(self.view, self.view, len(MARKS))

    def _near(self, places: Places) -> tuple[Float32[Array, " P"], ...]:
        """exp(-d / CLOSE) of the distance d in cells from each place to the nearest other in view; to the
        nearest that came from the place that last paid; and both of those who look towards the place.
        """
        cell = places.pose[:2] + jnp.asarray(self.offsets)[places.pose[2]]
        away = places.cell - cell[:, None]  # (view, P, 2)
        near = jnp.exp(-jnp.sum(jnp.abs(away), axis=-1).astype(jnp.float32) / CLOSE)
        ahead = jnp.einsum("vpk,wk->vpw", away, jnp.array(FORWARD, jnp.int32)) > 0
        looks = jnp.any(ahead & places.facing[:, None], axis=-1)
        other = (places.label > NOBODY)[:, None]
        came = other & (places.label == places.last)[:, None] & (places.last >= 0)
        masks = (other, came, other & looks, came & looks)
        return tuple(jnp.max(jnp.where(mask, near, 0.0), axis=0) for mask in masks)

    def _look(self, obs: Array, pose: Int32[Array, "3"]) -> Looked:
        """What the view shows."""
        flat = obs.reshape(-1, obs.shape[-1]) > 0
        seen = jnp.ones(flat.shape[0], bool) if self.unseen is None else ~flat[:, self.unseen]
        facing = jnp.zeros((flat.shape[0], 4), bool)
        if self.turning:
            relative = (jnp.arange(4, dtype=jnp.int32) - pose[2]) & 3
            facing = flat[:, self.facing][:, relative]
        return Looked(
            cell=pose[:2] + jnp.asarray(self.offsets)[pose[2]],
            seen=seen,
            item=seen & jnp.any(flat[:, self.items], axis=-1),
            other=jnp.any(flat[:, self.others], axis=-1),
            facing=facing,
        )

    def _place_at(self, places: Places, cell: Int32[Array, "view 2"]) -> Bool[Array, "view P"]:
        """Whether each cell is each place."""
        return jnp.all(cell[:, None] == places.cell, axis=-1) & places.known

    def _noticed(self, places: Places, looked: Looked) -> Places:
        """The memory without places that are empty now, and with new ones in free slots."""
        at = self._place_at(places, looked.cell)
        empty = jnp.any(at & (looked.seen & ~looked.item)[:, None], axis=0)
        known = places.known & ~empty
        new = looked.item & ~jnp.any(at, axis=-1)
        rank = jnp.cumsum(new.astype(jnp.int32)) - 1
        free = jnp.cumsum((~known).astype(jnp.int32)) - 1
        into = (new[:, None] & ~known & (rank[:, None] == free)).astype(jnp.int32)  # (view, P)
        filled = jnp.sum(into, axis=0) > 0
        cell = jnp.where(filled[:, None], into.T @ looked.cell, places.cell)
        stays = ~(empty | filled)
        both = stays[:, None] & stays
        gone = (places.last >= 0) & ~stays[jnp.maximum(places.last, 0)]
        here = places.label >= 0
        lost = here & ~stays[jnp.where(here, places.label, 0)]
        return replace(
            places,
            cell=cell,
            known=known | filled,
            shown=jnp.where(both, places.shown, 0.0),
            right=places.right & both,
            wrong=places.wrong & both,
            last=jnp.where(gone, -1, places.last),
            own=jnp.where(stays, places.own, 0.0),
            others=jnp.where(stays, places.others, 0.0),
            label=jnp.where(lost, NOWHERE, places.label),
        )

    def _watched(
        self, pose: Int32[Array, "3"], places: Places, looked: Looked, at: Bool[Array, "view P"]
    ) -> Places:
        """The memory with what the others in view have done since the last view, which had this pose."""
        stayed, _ = self._last_view(places, pose, looked.cell)
        came = jnp.full(stayed.shape, NOBODY, jnp.int32)
        for way, step in enumerate(np.array(FORWARD, np.int32)):
            label, facing = self._last_view(places, pose, looked.cell - step)
            goes = looked.facing[:, way] & facing[:, way] if self.turning else label > NOBODY
            came = jnp.maximum(came, jnp.where(goes, label, NOBODY))
        moved = looked.other & (came > NOBODY)
        label = jnp.where(moved, came, jnp.where(stayed > NOBODY, stayed, NOWHERE))
        on_place = jnp.any(at, axis=-1) & looked.other
        place = jnp.argmax(at, axis=-1).astype(jnp.int32)
        arrived = moved & on_place & (label >= 0) & (label != place)
        number = jnp.arange(self.slots, dtype=jnp.int32)
        source = (arrived[:, None] & (label[:, None] == number)).astype(jnp.float32)
        visited = jnp.any(at & looked.other[:, None], axis=0)
        label = jnp.where(looked.other, jnp.where(on_place, place, label), NOBODY)
        return replace(
            places,
            shown=places.shown + source.T @ at.astype(jnp.float32),
            others=jnp.where(visited, 1.0, places.others * np.float32(np.exp(-1 / FADING))),
            label=label,
            facing=looked.facing,
        )

    def _last_view(
        self, places: Places, pose: Int32[Array, "3"], cell: Int32[Array, "view 2"]
    ) -> tuple[Int32[Array, " view"], Bool[Array, "view 4"]]:
        """The labels of these cells in the last view, which had this pose, and where others there looked;
        NOBODY outside of it.
        """
        ahead = jnp.array(FORWARD, jnp.int32)[pose[2]]
        right = jnp.stack([ahead[1], -ahead[0]])
        offset = cell - pose[:2]
        row, column = self.middle[0] - offset @ ahead, self.middle[1] + offset @ right
        inside = (row >= 0) & (row < self.view) & (column >= 0) & (column < self.view)
        at = jnp.where(inside, row * self.view + column, 0)
        return jnp.where(inside, places.label[at], NOBODY), places.facing[at] & inside[:, None]

    def _tried(
        self, places: Places, at: Bool[Array, " P"], moved: Bool[Array, ""], reward: Float32[Array, ""]
    ) -> Places:
        """The memory with what the place that the novice has just entered, if it is one, has paid."""
        entered = at & moved
        any_place, place = jnp.any(entered), jnp.argmax(at).astype(jnp.int32)
        paid, has = reward > PAYS, places.last >= 0
        last = jnp.maximum(places.last, 0)
        row = (jnp.arange(self.slots, dtype=jnp.int32) == last) & has
        here = row[:, None] & entered
        told = has & any_place & (places.shown[last, place] > 0) & (place != last)
        proved = jnp.stack([told & paid, told & ~paid]).astype(jnp.float32)
        return replace(
            places,
            right=places.right | (here & paid),
            wrong=places.wrong | (here & ~paid),
            last=jnp.where(any_place & (paid | ~has), place, places.last),
            own=jnp.where(entered, 1.0, places.own * np.float32(np.exp(-1 / FADING))),
            proved=places.proved + proved,
        )


def mirrored(found: Float32[Array, "*batch P F"]) -> Float32[Array, "*batch P F"]:
    """The features of places as the mirror image of the novice sees them."""
    return found.at[..., FEATURES.index("to_the_right")].multiply(-1.0)


def remembered(spec: WorldSpec, slots: int) -> PlaceMemory | None:
    """The memory of so many places, None for 0. Raises SocialRLError for views that do not show cells."""
    if slots and spec.pixels != 1:
        raise SocialRLError(
            f"places: {slots}, but {spec.name} is seen in pixels", "leave out places or pixels"
        )
    return PlaceMemory(spec, slots) if slots else None
