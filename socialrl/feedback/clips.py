"""Clips: stretches of recorded episodes that a person compares, and what happens in them.

A clip names its replay by the file's stem and a digest of what was recorded, so that an answer is never taken
for one about other episodes of the same name.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from socialrl.record.replay import Replay
from socialrl.record.resimulation import lived_until
from socialrl_envs.errors import SocialRLError
from socialrl_envs.types import State, World

DIGITS = 12  # of a digest in hexadecimal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
    """Steps first..first + length - 1 of an episode, of which the states before and after are seen.

    replay: the stem of its file. digest: see `digest`. novice: whose behaviour is judged, a number among the
    novices.
    """

    replay: str
    digest: str
    episode: int
    first: int
    length: int
    novice: int = 0

    def __str__(self) -> str:
        last = self.first + self.length - 1
        return f"{self.replay}, episode {self.episode}, steps {self.first}..{last}"


def digest(replay: Replay) -> str:
    """The first digits of the SHA-256 of what happened in a replay: lengths, cells, actions and rewards."""
    found = hashlib.sha256()
    for array in (replay.length, replay.tiles, replay.position, replay.action, replay.reward):
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:DIGITS]


@dataclasses.dataclass(frozen=True, eq=False)
class Library:
    """Replays by name, from which clips are taken. digests: of the same replays."""

    replays: Mapping[str, Replay]
    digests: Mapping[str, str]

    @classmethod
    def of(cls, replays: Sequence[Replay], names: Sequence[str]) -> "Library":
        """The library of these replays. Raises SocialRLError for two of one name."""
        for name in names:
            if list(names).count(name) > 1:
                raise SocialRLError(f"two replays are named {name}", "judge the replays of one run")
        found = dict(zip(names, replays, strict=True))
        return cls(found, {name: digest(replay) for name, replay in found.items()})

    def has(self, clip: Clip) -> bool:
        """Whether the clip is there, as it was recorded."""
        if self.digests.get(clip.replay) != clip.digest:
            return False
        replay = self.replays[clip.replay]
        return (
            clip.episode < replay.episodes
            and clip.first + clip.length <= replay.steps(clip.episode)
            and clip.novice < len(replay.novices)
        )

    def clips(self, length: int) -> tuple[Clip, ...]:
        """All clips of this length, one after the other; an episode that is shorter is one clip."""
        found = []
        for name, replay in self.replays.items():
            for episode in range(replay.episodes):
                steps = replay.steps(episode)
                size = min(length, steps)
                for first in range(0, steps - size + 1, size):
                    for novice in range(len(replay.novices)):
                        found.append(
                            Clip(
                                replay=name,
                                digest=self.digests[name],
                                episode=episode,
                                first=first,
                                length=size,
                                novice=novice,
                            )
                        )
        return tuple(found)

    def shown(self, clip: Clip) -> Replay:
        """A replay of the clip alone: its only episode."""
        return cut(self.replays[clip.replay], clip.episode, clip.first, clip.length)

    def rewards(self, clip: Clip) -> Float32[np.ndarray, " steps"]:
        """The true rewards of the clip's novice, in its steps."""
        replay = self.replays[clip.replay]
        seat = replay.novices[clip.novice]
        return replay.during("reward", clip.episode)[clip.first : clip.first + clip.length, seat]

    def cumulants(self, clips: Sequence[Clip]) -> Float32[np.ndarray, "clips K"]:
        """The sums of the true cumulants of each clip's novice, by re-simulation of the episodes.

        Raises SocialRLError if the world of a replay cannot be run as it was recorded.
        """
        rows = [self.steps(clip).sum(axis=0) for clip in clips]
        if len({len(row) for row in rows}) > 1:
            raise SocialRLError("these replays have different cumulants", "judge the replays of one world")
        return np.stack(rows).astype(np.float32)

    def steps(self, clip: Clip) -> Float32[np.ndarray, "L K"]:
        """The true cumulants of each step of a clip's novice; see `cumulants`."""
        replay = self.replays[clip.replay]
        taken = relived(replay, clip.episode).cumulants[clip.first : clip.first + clip.length]
        return taken[:, replay.novices[clip.novice]]

    def seen(self, clip: Clip) -> tuple[UInt8[np.ndarray, "L V V C"], Int32[np.ndarray, " L"]]:
        """(views, actions) of a clip's novice, by re-simulation of the episode; see `cumulants`."""
        replay, steps = self.replays[clip.replay], slice(clip.first, clip.first + clip.length)
        seat, lived = replay.novices[clip.novice], relived(replay, clip.episode)
        views = _views(lived.world)(jax.tree.map(lambda leaf: leaf[steps], lived.states))
        taken = replay.during("action", clip.episode)[steps, seat]
        return np.asarray(views)[:, seat], taken.astype(np.int32)


def cut(replay: Replay, episode: int, first: int, length: int) -> Replay:
    """A replay of some steps of one episode."""
    steps, states = slice(first, first + length), slice(first, first + length + 1)
    during = {
        name: array[episode : episode + 1, steps]
        for name, array in {
            "action": replay.action,
            "reward": replay.reward,
            "terminated": replay.terminated,
            "truncated": replay.truncated,
            "source": replay.source,
            "values": replay.values,
            "influence": replay.influence,
        }.items()
    }
    around = {
        name: None if array is None else array[episode : episode + 1, states]
        for name, array in {
            "tiles": replay.tiles,
            "position": replay.position,
            "heading": replay.heading,
            "present": replay.present,
            "notes": replay.notes,
            "kinds": replay.kinds,
        }.items()
    }
    none = ("reset_key", "step_key", "checksum", "spread", "observed", "prediction", "occupancy", "belief")
    fields: dict[str, Any] = {
        **during,
        **around,
        **dict.fromkeys(none),
        "length": np.array([length], np.int32),
    }
    return dataclasses.replace(replay, **fields, level={}, start={})


class Lived(NamedTuple):
    """What happened in steps that were run again, to every seat or to one. states: before each step."""

    world: World
    states: State
    cumulants: Float32[np.ndarray, "steps N K"]


@lru_cache(maxsize=256)
def relived(replay: Replay, episode: int) -> Lived:
    """An episode, which is run again.

    Raises SocialRLError if it cannot be run as it was recorded.
    """
    world, states, cumulants = lived_until(replay, episode, replay.steps(episode))
    return Lived(world, jax.tree.map(lambda leaf: leaf[:-1], states), cumulants)


@lru_cache(maxsize=8)
def _views(world: World) -> Callable[[State], UInt8[jax.Array, "T N V V C"]]:
    """The views of all seats in states, compiled."""
    return jax.jit(jax.vmap(world.observe))
