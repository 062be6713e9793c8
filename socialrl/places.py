"""A memory of places: where things lie, which of them others went to next, and what going there oneself paid.

A place is a cell on which the novice has seen something lie, such as a goal. Places are kept in a fixed
number of slots, in the novice's own coordinates, which follow from its own moves; one that is seen to be
empty is forgotten. For each pair of places the memory keeps how often an other was seen to go from the first
straight to the second, and whether the novice itself, coming from the first, was paid at the second. All of
it comes from the novice's own views, actions and rewards, and is forgotten with the episode. Where an episode
has trials, everybody begins each where it began the first, and the start is one more place to come from.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, UInt8

from socialrl.geometry import FORWARD
from socialrl.odometry import HEADINGS, Odometry
from socialrl.types import Timestep
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import pytree, replace
from socialrl_envs.types import WorldSpec

PAYS = 0.05  # the reward above which entering a place has paid
FADING = 16.0  # steps after which the trace of a visit has faded to 1/e
CLOSE = 4.0  # cells over which nearness fades to 1/e
MANY = 4.0  # a count that is shown as 1
NOBODY, NOWHERE = -2, -1  # in place of the place from which an other came: there is no other; none is known
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
class Others:
    """Cells of a view on which others are, O at most, leaves (*batch, ...).

    cell: row and column, relative to the start. facing: the absolute directions in which others there look.
    from_place: which place the other there came from last, the number of slots for the start of the trial, or
    NOWHERE; NOBODY in an entry that is not in use.
    """

    cell: Int32[Array, "*batch O 2"]
    facing: Bool[Array, "*batch O 4"]
    from_place: Int32[Array, "*batch O"]

    @property
    def there(self) -> Bool[Array, "*batch O"]:
        """Whether an entry is in use."""
        return self.from_place > NOBODY


@pytree
class Places:
    """What a novice remembers, P slots, leaves (*batch, ...).

    cell: row and column of each place, relative to the start. known: whether a slot is in use. shown[i, j]:
    how often an other was seen to go from i straight to j. right[i, j], wrong[i, j]: whether the novice,
    after i, was paid at j, or was not. Where there are trials, i = P is their start. last: the i that last
    paid, or from which the trial began; -1 before the first. own, others: traces of visits, 1 at a visit and
    fading. proved: how often what was shown paid the novice, and did not. pose: row, column and heading
    relative to those at the start. wall: whether one is ahead (for seats that do not turn: above, to the
    right, below, to the left). in_view: the others of the last view. time: steps since the episode began.
    """

    cell: Int32[Array, "*batch P 2"]
    known: Bool[Array, "*batch P"]
    shown: Float32[Array, "*batch from_P P"]
    right: Bool[Array, "*batch from_P P"]
    wrong: Bool[Array, "*batch from_P P"]
    last: Int32[Array, "*batch"]
    own: Float32[Array, "*batch P"]
    others: Float32[Array, "*batch P"]
    proved: Float32[Array, "*batch 2"]
    pose: Int32[Array, "*batch 3"]
    wall: Bool[Array, "*batch 4"]
    in_view: Others
    time: Int32[Array, "*batch"]


@pytree
class Looked:
    """One view: of each cell whether it is seen, and whether something lies there; and the others in it, of
    whom it is not known yet where they came from.
    """

    seen: Bool[Array, " view"]
    item: Bool[Array, " view"]
    others: Others


@pytree
class Found:
    """What is known of places now. places: FEATURES of each. marks: MARKS of the cells of the view."""

    places: Float32[Array, "*batch places F"]
    marks: UInt8[Array, "*batch V V M"]


class PlaceMemory:
    """The functions of the memory for one world. slots: P, the number of places that it can hold."""

    def __init__(self, spec: WorldSpec, slots: int):
        self.spec, self.slots, self.turning = spec, slots, spec.movement == "turning"
        self.sources = slots + (1 if spec.trial else 0)  # to come from, the start of a trial too
        channels = list(spec.channels)
        of_others = [channels.index(name) for name in spec.channels_of_others if name != "prestige"]
        hidden = {*spec.channels_of_others, "wall", "unseen"}
        self.others = np.array(of_others, np.int32)
        self.items = np.array([i for i, name in enumerate(channels) if name not in hidden], np.int32)
        self.facing = np.array([channels.index(name) for name in HEADINGS] if self.turning else [], np.int32)
        self.unseen = channels.index("unseen") if "unseen" in channels else None
        self.odometry, self.side = Odometry(spec), spec.obs_shape[0]
        self.company = len(spec.seats) - 1  # O
        self.scale = float(max(spec.height, spec.width))

    def init(self, *batch: int) -> Places:
        """The memory at the start of an episode."""
        slots, pairs = self.slots, (self.sources, self.slots)
        return Places(
            cell=jnp.zeros((*batch, slots, 2), jnp.int32),
            known=jnp.zeros((*batch, slots), bool),
            shown=jnp.zeros((*batch, *pairs), jnp.float32),
            right=jnp.zeros((*batch, *pairs), bool),
            wrong=jnp.zeros((*batch, *pairs), bool),
            last=jnp.full(batch, -1, jnp.int32),
            own=jnp.zeros((*batch, slots), jnp.float32),
            others=jnp.zeros((*batch, slots), jnp.float32),
            proved=jnp.zeros((*batch, 2), jnp.float32),
            pose=jnp.zeros((*batch, 3), jnp.int32),
            wall=jnp.zeros((*batch, 4), bool),
            in_view=Others(
                cell=jnp.zeros((*batch, self.company, 2), jnp.int32),
                facing=jnp.zeros((*batch, self.company, 4), bool),
                from_place=jnp.full((*batch, self.company), NOBODY, jnp.int32),
            ),
            time=jnp.zeros(batch, jnp.int32),
        )

    def step(self, before: Places, timestep: Timestep) -> Places:
        """The memory after one more timestep of one novice."""
        fresh = self.init()
        before = jax.tree.map(lambda new, old: jnp.where(timestep.first, new, old), fresh, before)
        time = jnp.where(timestep.first, 0, before.time + 1)
        begins = timestep.first | self._trial_begins(time)
        before = self._put_back(before, self._trial_begins(time))
        pose = jnp.where(begins, 0, self.odometry.moved(before.pose, before.wall, timestep.prev_action))
        looked = self._look(timestep.obs, pose)
        after = self._watched(self._noticed(before, looked, pose), looked.others)
        after = replace(after, in_view=self._begun(after.in_view, time))
        moved = jnp.any(pose[:2] != before.pose[:2]) & ~begins
        after = self._tried(after, pose, moved, timestep.prev_reward)
        return replace(after, pose=pose, wall=self.odometry.walls(timestep.obs), time=time)

    def _trial_begins(self, time: Int32[Array, ""]) -> Bool[Array, ""]:
        """Whether a trial begins with this step, where there are any."""
        return time % self.spec.trial == 0 if self.spec.trial else jnp.bool_(False)

    def _put_back(self, places: Places, begins: Bool[Array, ""]) -> Places:
        """The memory at the start of a trial if one begins: everybody comes from there."""
        nobody = jnp.full_like(places.in_view.from_place, NOBODY)
        came = jnp.where(begins, nobody, places.in_view.from_place)
        return replace(
            places,
            last=jnp.where(begins, self.slots, places.last),
            in_view=replace(places.in_view, from_place=came),
        )

    def _begun(self, others: Others, time: Int32[Array, ""]) -> Others:
        """The others in view, who come from the start of the trial if it begins now."""
        start = self._trial_begins(time) & others.there & (others.from_place == NOWHERE)
        return replace(others, from_place=jnp.where(start, self.slots, others.from_place))

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
        is_last, from_last = self._is_last(places), self._from_last(places)
        ahead, right = relative(places.cell, places.pose)
        distance = jnp.abs(ahead) + jnp.abs(right)
        shown = jnp.sum(jnp.where(from_last, places.shown, 0.0), axis=0)
        proved = jnp.minimum(places.proved / MANY, 1.0)
        told = (
            jnp.ones_like(shown),
            *(cells.astype(jnp.float32) / self.scale for cells in (ahead, right, distance)),
            distance == 0,
            (distance == 1) & (ahead == 1),
            is_last,
            shown > 0,
            jnp.minimum(shown / MANY, 1.0),
            jnp.any(places.right & from_last, axis=0),
            jnp.any(places.wrong & from_last, axis=0),
            jnp.any((places.shown > 0) & ~from_last, axis=0),
            jnp.any(places.right & ~from_last, axis=0),
            places.own,
            places.others,
            *self._near(places),
            *(jnp.broadcast_to(one, shown.shape) for one in proved),
        )
        found = jnp.stack([one.astype(jnp.float32) for one in told], axis=-1)
        return jnp.where(places.known[:, None], found, 0.0)

    def marks(self, places: Places) -> UInt8[Array, "V V M"]:
        """The view with what MARKS names of the place on each cell, 0 or 1."""
        is_last, from_last = self._is_last(places), self._from_last(places)
        right_elsewhere = jnp.any(places.right & ~from_last, axis=0)
        told = (
            jnp.any(places.right & from_last, axis=0),
            jnp.any((places.shown > 0) & from_last, axis=0),
            jnp.any(places.wrong & from_last, axis=0) | is_last | right_elsewhere,
            jnp.any((places.shown > 0) & ~from_last, axis=0),
        )
        at = self._at(places, places.pose)
        marked = jnp.stack([jnp.any(at & one, axis=-1) for one in told], axis=-1)
        return marked.reshape(self.side, self.side, len(MARKS)).astype(jnp.uint8)

    def _is_last(self, places: Places) -> Bool[Array, " P"]:
        """Whether each place is the one that last paid."""
        return places.last == jnp.arange(self.slots, dtype=jnp.int32)

    def _from_last(self, places: Places) -> Bool[Array, "from_P 1"]:
        """Whether each place to come from is the one that last paid, or the start where the trial began."""
        return (places.last == jnp.arange(self.sources, dtype=jnp.int32))[:, None]

    def _near(self, places: Places) -> tuple[Float32[Array, " P"], ...]:
        """exp(-d / CLOSE) of the distance d in cells from each place to the nearest other in view; to the
        nearest that came from the place that last paid; and both of those who look towards the place.
        """
        others = places.in_view
        away = places.cell - others.cell[:, None]  # (O, P, 2)
        near = jnp.exp(-jnp.sum(jnp.abs(away), axis=-1).astype(jnp.float32) / CLOSE)
        row, column = away[..., 0], away[..., 1]
        ahead = jnp.stack([row < 0, column > 0, row > 0, column < 0], axis=-1)  # by heading, as FORWARD
        looks = jnp.any(ahead & others.facing[:, None], axis=-1)
        there = others.there[:, None]
        came = there & (others.from_place == places.last)[:, None] & (places.last >= 0)
        masks = (there, came, there & looks, came & looks)
        return tuple(jnp.max(jnp.where(mask, near, 0.0), axis=0, initial=0.0) for mask in masks)

    def _look(self, obs: Array, pose: Int32[Array, "3"]) -> Looked:
        """What the view shows."""
        flat = obs.reshape(-1, obs.shape[-1]) > 0
        seen = jnp.ones(flat.shape[0], bool) if self.unseen is None else ~flat[:, self.unseen]
        other = jnp.any(flat[:, self.others], axis=-1)
        number = jnp.arange(self.company, dtype=jnp.int32)[:, None]
        chosen = other & (_rank(other) == number)  # (O, view)
        facing = jnp.zeros((self.company, 4), bool)
        if self.turning:
            shown = jnp.any(chosen[..., None] & flat[:, self.facing], axis=1)
            relative_to = (jnp.arange(4, dtype=jnp.int32) - pose[2]) & 3
            facing = shown[:, relative_to]
        others = Others(
            cell=self._cell_of(chosen, pose),
            facing=facing,
            from_place=jnp.where(jnp.any(chosen, axis=-1), NOWHERE, NOBODY),
        )
        return Looked(seen=seen, item=seen & jnp.any(flat[:, self.items], axis=-1), others=others)

    def _cell_of(self, chosen: Bool[Array, "any view"], pose: Int32[Array, "3"]) -> Int32[Array, "any 2"]:
        """The cells, relative to the start, of one chosen cell of the view each."""
        index = jnp.sum(jnp.where(chosen, jnp.arange(self.side**2, dtype=jnp.int32), 0), axis=-1)
        row, column = self.odometry.middle
        ahead, right = row - index // self.side, index % self.side - column
        along, across = headings(pose)
        return pose[:2] + ahead[:, None] * along + right[:, None] * across

    def _at(self, places: Places, pose: Int32[Array, "3"]) -> Bool[Array, "view P"]:
        """Whether each cell of the view is each place."""
        ahead, right = relative(places.cell, pose)
        row, column = self.odometry.middle[0] - ahead, self.odometry.middle[1] + right
        inside = (row >= 0) & (row < self.side) & (column >= 0) & (column < self.side) & places.known
        index = jnp.where(inside, row * self.side + column, -1)
        return jnp.arange(self.side**2, dtype=jnp.int32)[:, None] == index

    def _noticed(self, places: Places, looked: Looked, pose: Int32[Array, "3"]) -> Places:
        """The memory without places that are empty now, and with new ones in free slots."""
        at = self._at(places, pose)
        empty = jnp.any(at & (looked.seen & ~looked.item)[:, None], axis=0)
        known = places.known & ~empty
        new = looked.item & ~jnp.any(at, axis=-1)
        into = new[:, None] & ~known & (_rank(new)[:, None] == _rank(~known))  # (view, P)
        filled = jnp.any(into, axis=0)
        stays = ~(empty | filled)
        both = jnp.pad(stays, (0, self.sources - self.slots), constant_values=True)[:, None] & stays
        number = jnp.arange(self.slots, dtype=jnp.int32)
        gone = jnp.any((places.last == number) & ~stays)
        lost = jnp.any((places.in_view.from_place[:, None] == number) & ~stays, axis=-1)
        came = jnp.where(lost, NOWHERE, places.in_view.from_place)
        return replace(
            places,
            cell=jnp.where(filled[:, None], self._cell_of(into.T, pose), places.cell),
            known=known | filled,
            shown=jnp.where(both, places.shown, 0.0),
            right=places.right & both,
            wrong=places.wrong & both,
            last=jnp.where(gone, -1, places.last),
            own=jnp.where(stays, places.own, 0.0),
            others=jnp.where(stays, places.others, 0.0),
            in_view=replace(places.in_view, from_place=came),
        )

    def _watched(self, places: Places, others: Others) -> Places:
        """The memory with what the others in view have done since the last view."""
        came, moved = self._followed(places.in_view, others)
        at = jnp.all(others.cell[:, None] == places.cell, axis=-1) & places.known & others.there[:, None]
        on_place, place = jnp.any(at, axis=-1), jnp.argmax(at, axis=-1).astype(jnp.int32)
        arrived = moved & on_place & (came >= 0) & (came != place)
        number = jnp.arange(self.sources, dtype=jnp.int32)
        source = arrived[:, None] & (came[:, None] == number)  # (O, sources)
        seen = jnp.sum((source[:, :, None] & at[:, None]).astype(jnp.float32), axis=0)
        came = jnp.where(others.there, jnp.where(on_place, place, came), NOBODY)
        return replace(
            places,
            shown=places.shown + seen,
            others=jnp.where(jnp.any(at, axis=0), 1.0, places.others * np.float32(np.exp(-1 / FADING))),
            in_view=replace(others, from_place=came),
        )

    def _followed(self, before: Others, others: Others) -> tuple[Int32[Array, " O"], Bool[Array, " O"]]:
        """Which place each other came from last, by who was on its cell or next to it in the last view; and
        whether it has moved.
        """
        away = others.cell[:, None] - before.cell  # (O, O before, 2)
        stayed = jnp.max(
            jnp.where(jnp.all(away == 0, axis=-1), before.from_place, NOBODY), -1, initial=NOBODY
        )
        came = jnp.full(stayed.shape, NOBODY, jnp.int32)
        for way, step in enumerate(np.array(FORWARD, np.int32)):
            goes = jnp.all(away == step, axis=-1)
            if self.turning:
                goes = goes & others.facing[:, None, way] & before.facing[:, way]
            came = jnp.maximum(came, jnp.max(jnp.where(goes, before.from_place, NOBODY), -1, initial=NOBODY))
        moved = others.there & (came > NOBODY)
        return jnp.where(moved, came, jnp.maximum(stayed, NOWHERE)), moved

    def _tried(
        self, places: Places, pose: Int32[Array, "3"], moved: Bool[Array, ""], reward: Float32[Array, ""]
    ) -> Places:
        """The memory with what the place that the novice has just entered, if it is one, has paid."""
        entered = jnp.all(places.cell == pose[:2], axis=-1) & places.known & moved
        any_place, place = jnp.any(entered), jnp.argmax(entered).astype(jnp.int32)
        paid, has = reward > PAYS, places.last >= 0
        here = self._from_last(places) & entered
        told = jnp.any(here & (places.shown > 0)) & (place != places.last)
        proved = jnp.stack([told & paid, told & ~paid]).astype(jnp.float32)
        return replace(
            places,
            right=places.right | (here & paid),
            wrong=places.wrong | (here & ~paid),
            last=jnp.where(any_place & (paid | ~has), place, places.last),
            own=jnp.where(entered, 1.0, places.own * np.float32(np.exp(-1 / FADING))),
            proved=places.proved + proved,
        )


def headings(pose: Int32[Array, "3"]) -> tuple[Int32[Array, "2"], Int32[Array, "2"]]:
    """(rows, columns) of a step ahead and of one to the right of this pose."""
    north, east, south, west = (pose[2] == way for way in range(4))
    row, column = (a.astype(jnp.int32) - b.astype(jnp.int32) for a, b in ((south, north), (east, west)))
    return jnp.stack([row, column]), jnp.stack([column, -row])


def relative(
    cell: Int32[Array, "any 2"], pose: Int32[Array, "3"]
) -> tuple[Int32[Array, " any"], Int32[Array, " any"]]:
    """How many cells these cells lie ahead, and to the right, of this pose."""
    along, across = headings(pose)
    away = cell - pose[:2]
    return jnp.sum(away * along, axis=-1), jnp.sum(away * across, axis=-1)


def _rank(chosen: Bool[Array, " any"]) -> Int32[Array, " any"]:
    """How many are chosen before each."""
    return jnp.cumsum(chosen.astype(jnp.int32)) - chosen.astype(jnp.int32)


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
