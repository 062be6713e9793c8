"""The state of a viewer: which replay, step and seat it shows, and how. A frame is a function of it.

The window (`socialrl.viewer`) and the page for browsers (`socialrl.web`) share it, the keys that change it
(`commands.py`) and the plots that are described once (`plots.py`).
"""

import dataclasses
from collections.abc import Callable, Hashable
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Int

from socialrl.record.replay import Replay
from socialrl.scene.what_if import Asked, WhatIf
from socialrl_envs.errors import SocialRLError
from socialrl_envs.picture import in_view

SPEEDS = (1, 2, 4, 8, 16, 32, 64, 128)  # steps per second


class SceneOptions(TypedDict, total=False):
    """Fields of a Scene that an exported picture may set."""

    novice: int
    seat: int | None
    view: bool
    tab: int
    help: bool
    picker: bool
    hints: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """One moment of the viewer.

    replays, names: all replays and their names. which: the index of the replay shown. episode, t: the state
    shown, t in 0..steps; the decision shown is that of step t.
    novice: the novice whose decisions are shown, an index into the replay's novices. seat: the seat whose
    view is marked; None for that novice. view: whether the view is marked.
    playing, speed, loop: whether it plays, steps per second, whether it starts again at the end. help,
    picker: whether these overlays are open. tab: the index of the tab shown. beside: the index of a second
    replay shown beside the first.
    verdicts: (index of a replay, result of its re-simulation). what_if: what is asked about a decision.
    concept: the number of the concept whose values are shown.
    hints: whether the head shows how it plays. theme: "light" or "dark". clip: whether a part of an episode
    is shown, whose end says nothing.
    """

    replays: tuple[Replay, ...]
    names: tuple[str, ...]
    which: int = 0
    episode: int = 0
    t: int = 0
    novice: int = 0
    seat: int | None = None
    view: bool = True
    playing: bool = False
    speed: int = 4
    loop: bool = False
    help: bool = False
    picker: bool = False
    tab: int = 0
    beside: int | None = None
    verdicts: tuple[tuple[int, str], ...] = ()
    what_if: WhatIf | None = None
    concept: int = 0
    hints: bool = True
    theme: str = "light"
    clip: bool = False

    @property
    def replay(self) -> Replay:
        """The replay shown."""
        return self.replays[self.which]

    @property
    def panes(self) -> tuple["Scene", ...]:
        """The scenes shown side by side, at the same step; a shorter episode stays at its end."""
        own = dataclasses.replace(self, beside=None, t=min(self.t, self.replay.steps(self.episode)))
        if self.beside is None:
            return (own,)
        other = self.replays[self.beside]
        episode = min(self.episode, other.episodes - 1)
        t = min(self.t, other.steps(episode))
        novice = min(self.novice, len(other.novices) - 1)
        seat = self.seat if self.seat is not None and self.seat < len(other.agents) else None
        return own, dataclasses.replace(
            own, which=self.beside, episode=episode, t=t, novice=novice, seat=seat
        )

    @property
    def steps(self) -> int:
        """The steps of the episode, or of the longer of two that are shown side by side."""
        own = self.replay.steps(self.episode)
        return own if self.beside is None else max(own, self.panes[1].steps)

    @property
    def ended(self) -> bool:
        """Whether the last state is shown, in which no decision is made."""
        return self.t >= self.steps

    @property
    def chosen(self) -> int:
        """The seat whose view is marked."""
        return self.replay.novices[self.novice] if self.seat is None else self.seat

    @property
    def source(self) -> int:
        """The source followed in step t, or in the last step once the episode has ended."""
        return int(
            self.replay.source[self.episode, min(self.t, self.replay.steps(self.episode) - 1), self.novice]
        )

    def at(self, t: int) -> "Scene":
        """The scene at state t, or at the nearest that there is."""
        return dataclasses.replace(self, t=min(max(t, 0), self.steps))

    def in_episode(self, episode: int) -> "Scene":
        """The scene at the start of another episode; the same if there is no such episode."""
        if not 0 <= episode < self.replay.episodes:
            return self
        return dataclasses.replace(self, episode=episode, t=0)

    def in_replay(self, which: int) -> "Scene":
        """The scene at the start of another replay; the same if there is none."""
        if not 0 <= which < len(self.replays):
            return self
        last = self.replays[which].episodes - 1
        beside = None if which == self.beside else self.beside
        return dataclasses.replace(
            self, which=which, episode=min(self.episode, last), t=0, novice=0, seat=None, beside=beside
        )

    def of_seat(self, seat: int) -> "Scene":
        """The scene with the view of another seat and, if that is a novice, its decisions."""
        novices = self.replay.novices
        return dataclasses.replace(
            self, seat=seat, novice=novices.index(seat) if seat in novices else self.novice
        )

    def advanced(self) -> "Scene":
        """The scene one step later; at the end it stops, or starts again in a loop."""
        if not self.ended:
            return self.at(self.t + 1)
        return self.at(0) if self.loop else dataclasses.replace(self, playing=False)

    def compared(self) -> "Scene":
        """The scene with the next other replay beside it, or with none after the last."""
        others = [i for i in range(len(self.replays)) if i != self.which]
        at = 0 if self.beside is None else others.index(self.beside) + 1
        alone = dataclasses.replace(self, beside=None)
        return dataclasses.replace(self, beside=others[at]) if at < len(others) else alone.at(self.t)

    def like(self, by: int, key: Callable[[Replay], Hashable]) -> "Scene":
        """The scene of the next (1) or previous (-1) replay with the same key, at the same step."""
        keys = [key(replay) for replay in self.replays]
        order = [(self.which + by * i) % len(keys) for i in range(1, len(keys))]
        which = next((i for i in order if keys[i] == keys[self.which]), self.which)
        return self if which == self.which else self.in_replay(which).at(self.t)

    def asking(self) -> "Scene":
        """The scene in which it is asked what had become of this decision, had it been another; of one that
        is asked about already, with the next answer shown, and with none after the last.
        """
        return self._asking(Asked(self.which, self.episode, self.t, self.novice))

    def asking_of(self, concept: str, value: str) -> "Scene":
        """The scene in which it is asked what had become of this decision, had the novice read a concept so;
        as `asking`.
        """
        return self._asking(Asked(self.which, self.episode, self.t, self.novice, concept, value))

    def _asking(self, asked: Asked) -> "Scene":
        if self.t >= self.replay.steps(self.episode):
            return self
        if self.what_if is None or self.what_if.asked != asked or self.what_if.trouble:
            return dataclasses.replace(self, what_if=WhatIf(asked))
        if self.what_if.answer is None:
            return self
        return dataclasses.replace(self, what_if=self.what_if.next())

    def changes(self) -> Int[np.ndarray, " changes"]:
        """The steps in which another source is followed than in the step before."""
        source = self.replay.during("source", self.episode)[:, self.novice]
        return np.flatnonzero(np.diff(source)) + 1

    def paid(self, sign: int) -> Int[np.ndarray, " states"]:
        """The states that follow a positive (1) or negative (-1) reward of the novice."""
        reward = self.replay.during("reward", self.episode)[:, self.replay.novices[self.novice]]
        return np.flatnonzero(sign * reward > 0) + 1

    def visible(self) -> Bool[np.ndarray, "H W"]:
        """The cells that the chosen seat has in view."""
        replay = self.replay
        return in_view(replay.picture(self.episode, self.t), self.chosen, replay.view)

    @property
    def verdict(self) -> str:
        """The result of the re-simulation of the replay shown, in words; "" before there is one."""
        return dict(self.verdicts).get(self.which, "")


def check_state(replay: Replay, episode: int, t: int) -> None:
    """Raises SocialRLError for an episode or a step that the replay does not have."""
    if not 0 <= episode < replay.episodes:
        raise SocialRLError(
            f"episode {episode}: the replay has {replay.episodes}", f"give 0..{replay.episodes - 1}"
        )
    if not 0 <= t <= replay.steps(episode):
        raise SocialRLError(
            f"step {t}: episode {episode} has {replay.steps(episode)}", f"give 0..{replay.steps(episode)}"
        )
