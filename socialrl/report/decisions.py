"""The recorded decisions of an arm, counted by cell and by time: the numbers of the decision maps."""

import dataclasses
import math
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from socialrl.record.replay import Replay, load
from socialrl.report.reading import ArmRun
from socialrl_envs.errors import SocialRLError
from socialrl_envs.tiles import WALL

FEWEST = 5  # steps of novices on a cell, below which no share is given for it
BINS = 25  # the most points of an episode


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decisions:
    """Sums over an arm's replays. Axes: `S` sources, `P` points of the episode, `R` replays (one per seed).

    walls: cells that are walls throughout.
    cells, points: numbers of steps on which a novice followed each source, by its cell and by time.
    cell_nats, point_nats: summed social influence in nats; NaN if the learner records none.
    width: steps of the episode per point.
    """

    sources: tuple[str, ...]
    walls: Bool[np.ndarray, "H W"]
    cells: Int[np.ndarray, "S H W"]
    points: Int[np.ndarray, "S P R"]
    cell_nats: Float[np.ndarray, "H W"]
    point_nats: Float[np.ndarray, "P R"]
    width: int

    @property
    def steps(self) -> Int[np.ndarray, "H W"]:
        """Steps of novices on each cell."""
        return self.cells.sum(axis=0)

    @property
    def enough(self) -> Bool[np.ndarray, "H W"]:
        """Cells with at least FEWEST steps."""
        return self.steps >= FEWEST

    @property
    def has_influence(self) -> bool:
        """Whether the learner records its social influence."""
        return bool(np.isfinite(self.cell_nats).all())

    @property
    def follows(self) -> bool:
        """Whether a novice ever followed a co-player."""
        return bool(self.cells[1:].any())

    def share(self, source: int) -> Float[np.ndarray, "H W"]:
        """The share of the steps on each cell on which this source was followed; NaN with too few steps."""
        return ratio(self.cells[source], np.where(self.enough, self.steps, 0))

    def influence(self) -> Float[np.ndarray, "H W"]:
        """Mean nats per step on each cell; NaN with too few steps."""
        return ratio(self.cell_nats, np.where(self.enough, self.steps, 0))

    @property
    def when(self) -> Int[np.ndarray, " P"]:
        """The first step of each point."""
        return np.arange(self.points.shape[1]) * self.width


def read_decisions(arm: ArmRun) -> Decisions | None:
    """The decisions in an arm's replays; None if there is no replay. Replays that cannot be read, or that
    differ from the first one in sources or grid, are left out.
    """
    replays = [replay for path in arm.replays.values() if (replay := _load(path)) is not None]
    alike = [replay for replay in replays if _kind(replay) == _kind(replays[0])]
    return add_up(alike) if alike else None


def _load(path: Path) -> Replay | None:
    """The replay, or None if it cannot be read."""
    try:
        return load(path)
    except SocialRLError:
        return None  # the section `episodes` names the file


def _kind(replay: Replay) -> tuple[object, ...]:
    """Sources and grid size."""
    return replay.sources, replay.tiles.shape[2:]


def add_up(replays: list[Replay]) -> Decisions:
    """The decisions of all novices in these replays, which have equal sources and grids."""
    first, longest = replays[0], max(int(replay.length.max()) for replay in replays)
    width = math.ceil(longest / BINS)
    sources, grid, points = len(first.sources), first.tiles.shape[2:], math.ceil(longest / width)
    cells, cell_nats = np.zeros((sources, *grid), np.int64), np.zeros(grid)
    when, point_nats = np.zeros((sources, points, len(replays)), np.int64), np.zeros((points, len(replays)))
    walls = np.ones(grid, bool)
    for k, replay in enumerate(replays):
        for episode in range(replay.episodes):
            walls &= (replay.states("tiles", episode) == WALL).all(axis=0)
            step, novice = np.nonzero(replay.states("present", episode)[:-1, list(replay.novices)])
            row, column = replay.states("position", episode)[step, np.array(replay.novices)[novice]].T
            source, nats = (replay.during(name, episode)[step, novice] for name in ("source", "influence"))
            np.add.at(cells, (source, row, column), 1)
            np.add.at(cell_nats, (row, column), nats)
            np.add.at(when[..., k], (source, step // width), 1)
            np.add.at(point_nats[:, k], step // width, nats)
    return Decisions(
        sources=first.sources,
        walls=walls,
        cells=cells,
        points=when,
        cell_nats=cell_nats,
        point_nats=point_nats,
        width=width,
    )


def ratio(
    part: Shaped[np.ndarray, "*shape"], whole: Shaped[np.ndarray, "..."]
) -> Float[np.ndarray, "*shape"]:
    """part / whole; NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), math.nan), where=whole > 0)
