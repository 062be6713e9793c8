"""Replays: evaluation episodes with the decision of every step, in one file that is read without trusting it.

    replay = load("runs/coin_grid/001/replays/psiphi-seed0.npz")
    replay.share(episode=0)         # {"self": 0.6, "expert_0": 0.3, "expert_1": 0.1}
    image = draw(replay.picture(episode=0, t=12))

The format is in `replay_format.py`. It needs neither learners nor a display.
"""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int32, Shaped, UInt8, UInt32

from socialrl.record import archive
from socialrl.record import replay_format as form
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import Picture, seat_colours
from socialrl_envs.sprites import Colour

DISCOUNT, AHEAD = 0.95, 40  # per step, and steps, of where a seat goes
HEX = re.compile("#[0-9a-fA-F]{6}")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """Episodes as they were seen and decided; `E` episodes, `T` steps in the longest, axes as in the
    annotations.

    State t of an episode is before its step t; the last state follows its last step. source: whom the novice
    followed in a step, a number into `sources`. values: what each source held each action worth to the
    novice, NaN where it has none.
    source_seats: the seat of each source, None for "self". level: what was drawn before the episodes, by
    field.
    scale: whether `values` are worths in units of reward or logits of a policy; None where that was not
    recorded.

    What follows is None in replays that have none. checksum: of every state, see `resimulation.py`, which
    begins with `start`, the fields of the first states. spread: how far an ensemble was apart about `values`,
    NaN where none was asked. observed: what the novices saw next, 255 as the highest entry; prediction: what
    they expected to see. occupancy: where a novice expects to be in the next AHEAD steps, discounted by
    DISCOUNT a step, if it does what it believes its source would do; 255 the likeliest cell.
    """

    world: dict[str, Any]
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
    level: dict[str, Shaped[np.ndarray, "E ..."]] = dataclasses.field(default_factory=dict)
    start: dict[str, Shaped[np.ndarray, "E ..."]] = dataclasses.field(default_factory=dict)
    scale: str | None = None

    @property
    def colours(self) -> tuple[Colour, ...]:
        """RGB of every seat: the one that the world's options give it, else the usual one of its place."""
        given: list[Any] = []
        for group in ("novices", "experts", "coplayers"):
            seats = self.world.get(group)  # a list of them, or how many
            if isinstance(seats, int):
                given += [None] * min(seats, len(self.agents))
            elif isinstance(seats, list | tuple):
                given += [seat.get("colour") if isinstance(seat, dict) else None for seat in seats]
        sound = [one if isinstance(one, str) and HEX.fullmatch(one) else None for one in given]
        return seat_colours(len(self.agents), sound[: len(self.agents)])

    @property
    def episodes(self) -> int:
        """How many episodes there are."""
        return len(self.length)

    def steps(self, episode: int) -> int:
        """How many steps an episode has; it has one state more."""
        return int(self.length[episode])

    def states(self, name: str, episode: int) -> np.ndarray:
        """An array of states (`tiles`, `position`, `heading`, `present`, `checksum`) of one episode, without
        padding.
        """
        return getattr(self, name)[episode, : self.steps(episode) + 1]

    def during(self, name: str, episode: int) -> np.ndarray:
        """An array of steps (`action`, `reward`, `source`, `values`, ...) of one episode, without padding."""
        return getattr(self, name)[episode, : self.steps(episode)]

    def picture(self, episode: int, t: int) -> Picture:
        """State t of an episode, 0 <= t <= steps(episode), ready for `socialrl_envs.render.draw`."""
        if not 0 <= t <= self.steps(episode):
            raise SocialRLError(f"step {t} of episode {episode}: it has states 0..{self.steps(episode)}")
        at = (episode, t)
        return Picture(self.tiles[at], self.position[at], self.heading[at], self.present[at], self.colours)

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


def _header(replay: Replay) -> dict[str, Any]:
    own = {key: getattr(replay, key) for key in form.HEADER if key not in ("format", "version")}
    return {"format": form.FORMAT, "version": form.VERSION, **own}


def _arrays(replay: Replay) -> dict[str, np.ndarray]:
    named = {name: getattr(replay, name) for name in (*form.ARRAYS, *form.OPTIONAL)}
    groups = {prefix + key: a for prefix, part in _groups(replay).items() for key, a in part.items()}
    return {
        name: np.ascontiguousarray(array) for name, array in (named | groups).items() if array is not None
    }


def _groups(replay: Replay) -> dict[str, dict[str, np.ndarray]]:
    return {form.LEVEL: replay.level, form.START: replay.start}


def save(path: str | Path, replay: Replay) -> None:
    """Writes a replay, all or nothing. Raises SocialRLError if its parts do not fit together; nothing is
    written then.
    """
    archive.write(path, _header(replay), _arrays(replay), form.KIND, _check)


def _check(header: Any, arrays: dict[str, np.ndarray], where: str) -> None:
    form.check_header(header, where)
    form.check_layout(header, {name: (a.dtype, a.shape) for name, a in arrays.items()}, where)
    form.check_values(arrays, where)


def load(path: str | Path) -> Replay:
    """Reads a replay and checks all of it before anything large is allocated.

    Raises SocialRLError that names the file and the cause if it is missing, truncated, foreign, oversized or
    hostile.
    """
    where = str(path)
    with archive.reading(path, form.KIND) as found:
        form.check_header(found.header, where)
        layout = found.layout()
        form.check_layout(found.header, layout, where)
        arrays = found.arrays(layout)
        form.check_values(arrays, where)
    level, start = (_pop(arrays, prefix) for prefix in (form.LEVEL, form.START))
    fields: dict[str, Any] = {
        key: _freeze(value) for key, value in found.header.items() if key not in ("format", "version")
    }
    fields.update(arrays)
    return Replay(**fields, level=level, start=start)


def _pop(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Takes the arrays of a group out, by their names without the prefix."""
    return {name.removeprefix(prefix): arrays.pop(name) for name in list(arrays) if name.startswith(prefix)}


def _freeze(value: Any) -> Any:
    """Lists as tuples; objects as they are."""
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value
