"""What is to be seen: which replay, which step, which seat, and how. Frozen, so that a frame is a function of it."""

import dataclasses

import numpy as np
from jaxtyping import Bool

from socialrl.record.replay import Replay

SPEEDS = (1, 2, 4, 8, 16, 32, 64, 128)  # steps per second


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """One moment of the viewer.

    t: state shown, 0..steps; the decision shown is that of step t. novice: whose decisions, a number among the novices.
    seat: whose view is marked. view: whether it is marked. names: what each replay is called.
    hints: whether the head says how it plays, which a picture in a file need not.
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
    hints: bool = True
    theme: str = "light"

    @property
    def replay(self) -> Replay:
        return self.replays[self.which]

    @property
    def steps(self) -> int:
        """Steps of the episode."""
        return self.replay.steps(self.episode)

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
        return int(self.replay.source[self.episode, min(self.t, self.steps - 1), self.novice])

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
        return dataclasses.replace(self, which=which, episode=min(self.episode, last), t=0, novice=0, seat=None)

    def of_seat(self, seat: int) -> "Scene":
        """Another seat's view; if it is a novice, its decisions too."""
        novices = self.replay.novices
        return dataclasses.replace(self, seat=seat, novice=novices.index(seat) if seat in novices else self.novice)

    def advanced(self) -> "Scene":
        """One step of playing: at the end it stops, or begins again in a loop."""
        if not self.ended:
            return self.at(self.t + 1)
        return self.at(0) if self.loop else dataclasses.replace(self, playing=False)

    def changes(self) -> np.ndarray:
        """The steps, in order, in which another source is followed than in the step before."""
        source = self.replay.during("source", self.episode)[:, self.novice]
        return np.flatnonzero(np.diff(source)) + 1

    def visible(self) -> Bool[np.ndarray, "H W"]:
        """The cells in the chosen seat's view: a square around it, or all cells for a world that shows the whole grid."""
        replay = self.replay
        height, width = replay.tiles.shape[2:]
        if replay.world.get("observation") == "grid":
            return np.ones((height, width), bool)
        row, column = replay.position[self.episode, self.t, self.chosen].astype(int)
        rows, columns = replay.obs_shape[0] // 2, replay.obs_shape[1] // 2
        near_rows = np.abs(np.arange(height) - row) <= rows
        return near_rows[:, None] & (np.abs(np.arange(width) - column) <= columns)
