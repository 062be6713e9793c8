"""What is to be seen: which replay, which step, which seat, and how. Frozen, so that a frame is a function of
it.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np
from jaxtyping import Bool

from socialrl.record.replay import Replay
from socialrl_envs.render import Picture, seen_by

SPEEDS = (1, 2, 4, 8, 16, 32, 64, 128)  # steps per second


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """One moment of the viewer.

    t: state shown, 0..steps; the decision shown is that of step t. novice: whose decisions, a number among
    the novices.
    seat: whose view is marked. view: whether it is marked. names: what each replay is called.
    tab: the panel shown under the decision, a number among the tabs. beside: another replay that is shown
    next to this one.
    hints: whether the head says how it plays, which a picture in a file need not. verdicts: what the code of
    today's worlds made of a replay, by its number.
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
    hints: bool = True
    theme: str = "light"

    @property
    def replay(self) -> Replay:
        return self.replays[self.which]

    @property
    def panes(self) -> tuple["Scene", ...]:
        """What is shown side by side, in step; one that is shorter stays at its end."""
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
        """Steps of the episode, or of the longer of two that are shown side by side."""
        own = self.replay.steps(self.episode)
        return own if self.beside is None else max(own, self.panes[1].steps)

    @property
    def ended(self) -> bool:
        """Whether the last state is shown, after which nothing is decided."""
        return self.t >= self.steps

    @property
    def chosen(self) -> int:
        """The seat whose view is marked: the novice's own unless another was chosen."""
        return self.replay.novices[self.novice] if self.seat is None else self.seat

    @property
    def source(self) -> int:
        """The source followed in step t (in the last step, once the episode is over)."""
        return int(
            self.replay.source[self.episode, min(self.t, self.replay.steps(self.episode) - 1), self.novice]
        )

    def at(self, t: int) -> "Scene":
        """The scene at another step, at most the last state."""
        return dataclasses.replace(self, t=min(max(t, 0), self.steps))

    def in_episode(self, episode: int) -> "Scene":
        """The start of another episode, if there is one."""
        if not 0 <= episode < self.replay.episodes:
            return self
        return dataclasses.replace(self, episode=episode, t=0)

    def in_replay(self, which: int) -> "Scene":
        """The start of another replay, if there is one; the episode stays if that replay has it."""
        if not 0 <= which < len(self.replays):
            return self
        last = self.replays[which].episodes - 1
        beside = None if which == self.beside else self.beside
        return dataclasses.replace(
            self, which=which, episode=min(self.episode, last), t=0, novice=0, seat=None, beside=beside
        )

    def of_seat(self, seat: int) -> "Scene":
        """Another seat's view; if it is a novice, its decisions too."""
        novices = self.replay.novices
        return dataclasses.replace(
            self, seat=seat, novice=novices.index(seat) if seat in novices else self.novice
        )

    def advanced(self) -> "Scene":
        """One step of playing: at the end it stops, or begins again in a loop."""
        if not self.ended:
            return self.at(self.t + 1)
        return self.at(0) if self.loop else dataclasses.replace(self, playing=False)

    def compared(self) -> "Scene":
        """With the next other replay beside it, or alone again after the last."""
        others = [i for i in range(len(self.replays)) if i != self.which]
        at = 0 if self.beside is None else others.index(self.beside) + 1
        alone = dataclasses.replace(self, beside=None)
        return dataclasses.replace(self, beside=others[at]) if at < len(others) else alone.at(self.t)

    def like(self, by: int, *same: str) -> "Scene":
        """The next (1) or previous (-1) replay that agrees with this one in these fields, at the same step if
        it has it.
        """
        keys = [tuple(getattr(r, field) for field in same) for r in self.replays]
        order = [(self.which + by * i) % len(keys) for i in range(1, len(keys))]
        which = next((i for i in order if keys[i] == keys[self.which]), self.which)
        return self if which == self.which else self.in_replay(which).at(self.t)

    def changes(self) -> np.ndarray:
        """The steps, in order, in which another source is followed than in the step before."""
        source = self.replay.during("source", self.episode)[:, self.novice]
        return np.flatnonzero(np.diff(source)) + 1

    def paid(self, sign: int) -> np.ndarray:
        """The states, in order, that brought the novice a reward (1) or a penalty (-1)."""
        reward = self.replay.during("reward", self.episode)[:, self.replay.novices[self.novice]]
        return np.flatnonzero(sign * reward > 0) + 1

    def visible(self) -> Bool[np.ndarray, "H W"]:
        """The cells that the chosen seat sees: before it and not behind walls where seats turn, around it
        where views are partial, all of them else."""
        replay = self.replay
        at = (self.episode, self.t)
        state = Picture(replay.tiles[at], replay.position[at], replay.heading[at], replay.present[at])
        options = {
            "view": replay.obs_shape[0],
            "observation": replay.world.get("observation", "partial"),
            "occlusion": replay.world.get("occlusion", True),
        }
        world = SimpleNamespace(
            config=SimpleNamespace(**options), spec=SimpleNamespace(actions=replay.actions)
        )
        return seen_by(world, state, self.chosen)

    @property
    def verdict(self) -> str:
        """What is known of whether the code of the world still does what is shown; empty before it is known."""
        return dict(self.verdicts).get(self.which, "")
