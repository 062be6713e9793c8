"""Replays: evaluation episodes with the decision of every step, in one file that is read without trusting it.

    replay = load("runs/coin_grid/001/replays/psiphi-seed0.npz")
    replay.share(episode=0)         # {"self": 0.6, "expert_0": 0.3, "expert_1": 0.1}
    image = draw(replay.picture(episode=0, t=12))

The format is in `replay_format.py`. Reading and drawing a replay needs no learner, no world and no display.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int16, Int32, Shaped, UInt8, UInt32

from socialrl.record import archive, filmstrip
from socialrl.record import replay_format as form
from socialrl_envs.concepts import Concept
from socialrl_envs.errors import SocialRLError
from socialrl_envs.picture import OKABE_ITO, Picture
from socialrl_envs.safe_json import Json
from socialrl_envs.sprites import Colour
from socialrl_envs.tiles import SEATS
from socialrl_envs.visibility import Movement, ViewSpec

UNSAID = 6  # the colour, in OKABE_ITO, of the first source that does not say whom it follows
DISCOUNT, AHEAD = 0.95, 40  # of the predicted occupancy: per step, and how many steps

StateArray = Literal["tiles", "position", "heading", "present", "checksum", "notes", "kinds"]
StepArray = Literal[
    "action",
    "reward",
    "terminated",
    "truncated",
    "source",
    "values",
    "influence",
    "step_key",
    "spread",
    "observed",
    "prediction",
    "occupancy",
    "belief",
    "concept_read",
    "concept_truth",
]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Replay:
    """Recorded episodes and their decisions: `E` episodes, `T` steps in the longest, other axes as annotated.

    State t of an episode is before its step t; the last state follows its last step.

    sources: "self" and then whom a novice may follow; source_seats: the seat of each, None for "self".
    source: whom a novice followed in a step, an index into `sources`. values: the value of each action to the
    novice by each source, NaN where there is none; value_unit: whether these are in units of reward or logits
    of a policy, None where that was not recorded.
    movement, view, colours: how the world is drawn, see `socialrl_envs.picture` and
    `socialrl_envs.visibility`. notes, kinds: of every cell in every state, as in Picture; None for the
    defaults.

    None where they were not recorded: checksum, of every state, see `resimulation.py`, together with `start`,
    the fields of the first states. spread: disagreement of an ensemble about `values`, NaN where there is
    none. observed: the next view of each novice, with 255 for the highest entry; prediction: what the novice
    predicted of it. occupancy: where a novice predicts to be in the next AHEAD steps, discounted by DISCOUNT
    per step, if it acts as its source would; 255 in the most likely cell. belief: what a novice believes of
    each cell, 255 for 1, in the planes of `types.BELIEFS`: what it has seen of it, what entering it paid, how
    lately another was there, how probably another is going there. concepts: what a novice reads, and
    nothing else; concept_read: how probable it holds each value of each, 255 for 1, 0 beyond a concept's own
    values; concept_truth: the index of the true one, -1 where a concept means nothing.
    """

    world: dict[str, Json]
    agents: tuple[str, ...]
    novices: tuple[int, ...]
    sources: tuple[str, ...]
    source_seats: tuple[int | None, ...]
    actions: tuple[str, ...]
    cumulants: tuple[str, ...]
    channels: tuple[str, ...]
    obs_shape: tuple[int, int, int]
    preferences: tuple[tuple[float, ...], ...] | None
    experiment: str
    arm: str
    seed: int
    step: int
    versions: dict[str, str]
    movement: Movement
    view: ViewSpec
    colours: tuple[Colour, ...]

    length: Int32[np.ndarray, " E"]
    action: Int8[np.ndarray, "E T N"]
    reward: Float32[np.ndarray, "E T N"]
    terminated: Bool[np.ndarray, "E T"]
    truncated: Bool[np.ndarray, "E T"]
    source: Int8[np.ndarray, "E T M"]
    values: Float32[np.ndarray, "E T M S A"]
    influence: Float32[np.ndarray, "E T M"]
    tiles: UInt8[np.ndarray, "E T+1 H W"]
    position: UInt8[np.ndarray, "E T+1 N 2"]
    heading: UInt8[np.ndarray, "E T+1 N"]
    present: Bool[np.ndarray, "E T+1 N"]

    reset_key: UInt32[np.ndarray, "E 2"] | None = None
    step_key: UInt32[np.ndarray, "E T 2"] | None = None
    checksum: UInt32[np.ndarray, "E T+1"] | None = None
    spread: Float32[np.ndarray, "E T M S A"] | None = None
    observed: UInt8[np.ndarray, "E T M V U C"] | None = None
    prediction: UInt8[np.ndarray, "E T M V U C"] | None = None
    occupancy: UInt8[np.ndarray, "E T M H W"] | None = None
    belief: UInt8[np.ndarray, "E T M 4 H W"] | None = None
    concepts: tuple[Concept, ...] = ()
    concept_read: UInt8[np.ndarray, "E T M Q L"] | None = None
    concept_truth: Int16[np.ndarray, "E T M Q"] | None = None
    notes: UInt8[np.ndarray, "E T+1 H W"] | None = None
    kinds: UInt8[np.ndarray, "E T+1 H W"] | None = None
    level: dict[str, Shaped[np.ndarray, "E ..."]] = dataclasses.field(default_factory=dict)
    start: dict[str, Shaped[np.ndarray, "E ..."]] = dataclasses.field(default_factory=dict)
    value_unit: Literal["reward", "logit"] | None = None

    @property
    def episodes(self) -> int:
        """The number of episodes."""
        return len(self.length)

    def steps(self, episode: int) -> int:
        """The number of steps of an episode, which has one state more."""
        return int(self.length[episode])

    def states(self, name: StateArray, episode: int) -> Shaped[np.ndarray, "states ..."]:
        """An array of states of one episode, without padding. Raises SocialRLError if it was not recorded."""
        return self._array(name)[episode, : self.steps(episode) + 1]

    def during(self, name: StepArray, episode: int) -> Shaped[np.ndarray, "steps ..."]:
        """An array of steps of one episode, without padding. Raises SocialRLError if it was not recorded."""
        return self._array(name)[episode, : self.steps(episode)]

    def _array(self, name: StateArray | StepArray) -> Shaped[np.ndarray, "E ..."]:
        found = arrays(self).get(name)
        if found is None:
            raise SocialRLError(f"this replay of {self.experiment}, {self.arm}, holds no array {name}")
        return found

    def picture(self, episode: int, t: int, seat: int | None = None) -> Picture:
        """State t of an episode, 0 <= t <= steps(episode), ready for `socialrl_envs.render.draw`.

        seat: it is marked, and what it does not see is dimmed. Raises SocialRLError for another t.
        """
        if not 0 <= t <= self.steps(episode):
            raise SocialRLError(f"step {t} of episode {episode}: it has states 0..{self.steps(episode)}")
        at = (episode, t)
        picture = Picture(
            tiles=self.tiles[at],
            position=self.position[at],
            heading=self.heading[at],
            present=self.present[at],
            colours=self.colours,
            headings=self.movement == "turning",
            notes=None if self.notes is None else self.notes[at],
            kinds=None if self.kinds is None else self.kinds[at],
        )
        return picture if seat is None else picture.seen_by(seat, self.view)

    def share(self, episode: int | None = None, novice: int = 0) -> dict[str, float]:
        """The share of steps on which each source was followed, by one novice (its number among the novices).

        episode: None for all episodes together.
        """
        chosen = range(self.episodes) if episode is None else (episode,)
        followed = np.concatenate([self.during("source", e)[:, novice] for e in chosen])
        counts = np.bincount(followed, minlength=len(self.sources))
        return dict(zip(self.sources, (counts / len(followed)).tolist(), strict=True))

    def returns(self, episode: int) -> Float32[np.ndarray, " N"]:
        """The sum of rewards of every seat in an episode."""
        return self.during("reward", episode).sum(axis=0)

    def seat_of(self, source: int, novice: int = 0) -> int:
        """The seat behind a source; for "self" the seat of the novice (its number among the novices)."""
        seat = self.source_seats[source]
        return self.novices[novice] if seat is None else seat

    @property
    def source_colours(self) -> tuple[Colour | None, ...]:
        """The colour of each source: that of the seat behind it, or one that no seat has; None for "self",
        which has that of the novice.
        """
        order = sorted(range(len(OKABE_ITO)), key=lambda i: (i != UNSAID, -i))
        free = [OKABE_ITO[i] for i in order if OKABE_ITO[i] not in self.colours] or list(OKABE_ITO)
        unsaid = [source for source, seat in enumerate(self.source_seats) if seat is None][1:]
        return tuple(
            self.colours[seat]
            if seat is not None
            else free[unsaid.index(source) % len(free)]
            if source in unsaid
            else None
            for source, seat in enumerate(self.source_seats)
        )

    @property
    def source_marks(self) -> tuple[str, ...]:
        """A sign for each source: the letter of the seat behind it, then how it is followed, as in "Bi" for
        the imitation of seat B; "F" for a following that does not say whom; "" for "self".
        """
        marks = []
        for name, seat in zip(self.sources, self.source_seats, strict=True):
            way = name.partition(" ")[0][:1] if " " in name or seat is None else ""
            marks.append(way.upper() if seat is None else SEATS[seat % len(SEATS)] + way.lower())
        return ("", *marks[1:])

    def colour_of(self, source: int, novice: int = 0) -> Colour:
        """The colour of a source; for "self" that of the novice (its number among the novices)."""
        return self.source_colours[source] or self.colours[self.novices[novice]]

    def mark_of(self, source: int, novice: int = 0) -> str:
        """The sign of a source; for "self" the letter of the novice."""
        return self.source_marks[source] or SEATS[self.novices[novice] % len(SEATS)]

    @property
    def name(self) -> str:
        """Arm and seed, as in the names of files."""
        return f"{self.arm}-seed{self.seed}"

    def __repr__(self) -> str:
        episodes = "1 episode" if self.episodes == 1 else f"{self.episodes} episodes"
        shape = f"{episodes} of up to {self.length.max()} steps, {len(self.agents)} seats"
        return f"<Replay: {self.experiment}, {self.arm}, seed {self.seed}, {shape}>"

    def _repr_png_(self) -> bytes:
        return filmstrip.png(self)

    def _repr_html_(self) -> str:
        return filmstrip.html(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """The player, for notebooks with anywidget; what else there is they take from the other methods."""
        from socialrl.web import notebook

        return notebook.bundle([self], [self.name])

    def _display_(self) -> Any:
        """The same for marimo."""
        from socialrl.web import notebook

        return notebook.display([self], [self.name], filmstrip.html(self))


def arrays(replay: Replay) -> dict[str, Shaped[np.ndarray, "E ..."]]:
    """The recorded arrays of a replay by name, without those of its level and its first states."""
    found = {
        "length": replay.length,
        "tiles": replay.tiles,
        "position": replay.position,
        "heading": replay.heading,
        "present": replay.present,
        "action": replay.action,
        "reward": replay.reward,
        "terminated": replay.terminated,
        "truncated": replay.truncated,
        "source": replay.source,
        "values": replay.values,
        "influence": replay.influence,
        "reset_key": replay.reset_key,
        "step_key": replay.step_key,
        "checksum": replay.checksum,
        "spread": replay.spread,
        "observed": replay.observed,
        "prediction": replay.prediction,
        "occupancy": replay.occupancy,
        "belief": replay.belief,
        "concept_read": replay.concept_read,
        "concept_truth": replay.concept_truth,
        "notes": replay.notes,
        "kinds": replay.kinds,
    }
    return {name: array for name, array in found.items() if array is not None}


def _header(replay: Replay) -> dict[str, Json]:
    return {
        "format": form.FORMAT,
        "version": form.VERSION,
        "world": replay.world,
        "agents": list(replay.agents),
        "novices": list(replay.novices),
        "sources": list(replay.sources),
        "source_seats": list(replay.source_seats),
        "actions": list(replay.actions),
        "cumulants": list(replay.cumulants),
        "channels": list(replay.channels),
        "obs_shape": list(replay.obs_shape),
        "preferences": None if replay.preferences is None else [list(row) for row in replay.preferences],
        "experiment": replay.experiment,
        "arm": replay.arm,
        "seed": replay.seed,
        "step": replay.step,
        "versions": replay.versions,
        "value_unit": replay.value_unit,
        "movement": replay.movement,
        "view": dataclasses.asdict(replay.view),
        "colours": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in replay.colours],
        "concepts": [dataclasses.asdict(one) | {"words": list(one.words)} for one in replay.concepts],
    }


def save(path: str | Path, replay: Replay) -> None:
    """Writes a replay, all or nothing. Raises SocialRLError, and writes nothing, if its parts do not fit
    together.
    """
    groups = {form.LEVEL: replay.level, form.START: replay.start}
    named = arrays(replay) | {prefix + key: a for prefix, part in groups.items() for key, a in part.items()}
    flat = {name: np.ascontiguousarray(array) for name, array in named.items()}
    archive.write(path, _header(replay), flat, form.KIND, _check)


def _check(header: Json, arrays: archive.Arrays, where: str) -> None:
    current = form.check_header(header, where)
    form.check_layout(current, {name: (a.dtype, a.shape) for name, a in arrays.items()}, where)
    form.check_values(arrays, where)


def load(path: str | Path) -> Replay:
    """Reads a replay; everything is checked before anything large is allocated, and no code of a world runs.

    Raises SocialRLError that names the file and the cause if it is missing, truncated, foreign, oversized or
    hostile.
    """
    where = str(path)
    with archive.reading(path, form.KIND) as found:
        header = form.check_header(found.header, where)
        layout = found.layout()
        form.check_layout(header, layout, where)
        arrays = found.arrays(layout)
        form.check_values(arrays, where)
    level, start = (_pop(arrays, prefix) for prefix in (form.LEVEL, form.START))
    fields: dict[str, Any] = _fields(header) | arrays
    return Replay(**fields, level=level, start=start)


def _fields(header: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Replay that a header of the newest keys holds."""
    own = {key: _freeze(value) for key, value in header.items() if key not in ("format", "version")}
    rgb = [tuple(bytes.fromhex(colour.removeprefix("#"))) for colour in header["colours"]]
    concepts = form.concepts_of(header["concepts"])
    return own | {"view": ViewSpec(**header["view"]), "colours": tuple(rgb), "concepts": concepts}


def _pop(arrays: archive.Arrays, prefix: str) -> archive.Arrays:
    """Takes the arrays of a group out, by their names without the prefix."""
    return {name.removeprefix(prefix): arrays.pop(name) for name in list(arrays) if name.startswith(prefix)}


def _freeze(value: Json) -> Any:
    """Lists as tuples; objects as they are."""
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value
