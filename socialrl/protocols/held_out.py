"""Levels drawn by hand, which no generator drew: solve rate and score on each of them, with company and
without.

    solved = share of the episodes in which the novices' mean return is above the world's `solved_above`
    score = (return - walker_return) / (planner_return - walker_return), as of `regret`

Walls, goals and starts are as drawn; headings, where seats have them, are drawn for every episode. The world
is the experiment's at the size of the level. Of a level a world takes the first seats, as many as it has,
and the items that it knows: one drawing serves goal_search, with one goal, and goal_cycle, with three.

The record of level "all" sums up: means over the levels; iqm_<measure>, the mean of the middle half of
the levels; worst_<measure>, that of the level where it is lowest. A score is not defined where a planner does
no better than the walker, as where the goal is too far for the horizon; such a level is left out.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Float32, Key

from socialrl.passive import passive_learner
from socialrl.protocols import LearnerState, Study
from socialrl.protocols._overrides import scheduled
from socialrl.protocols._planners import with_planners, with_walkers
from socialrl.protocols._worlds import misfit
from socialrl.protocols.regret import scores
from socialrl.record import labels
from socialrl.rollout import Rollout, make_rollout
from socialrl.seeds import PerSeed
from socialrl.types import Metrics
from socialrl_envs import grid
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.options import Options, option, require
from socialrl_envs.types import Level, World

STREAM = 0x4E1D  # of keys
PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "levels", PACKAGE.parent / "assets" / "levels")  # of a wheel, and of the sources
SUMMED_UP = ("solved", "score")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of held_out."""

    kind: ClassVar[str] = labels.HeldOut.kind
    needs: ClassVar[str] = "a world whose seats, goals and walls are in the levels, which the learner fits"

    episodes: int = option(16, "episodes per seed, level and company", low=1)
    levels: tuple[str, ...] = option(
        (), "ASCII files, folders of them, or names of levels in assets/levels; none: all of these"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        names = list(self.drawings())
        require(len(names) > 0, "levels", self.levels, "at least one level")

    def drawings(self) -> dict[str, str]:
        """Level -> its ASCII picture. Raises SocialRLError that names what is not found or stands twice."""
        found: dict[str, str] = {}
        for path in [path for given in self.levels or ("",) for path in files(given)]:
            if path.stem in found:
                raise SocialRLError(
                    f"held_out: two levels are called {path.stem!r}", "rename one of the files"
                )
            try:
                found[path.stem] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise SocialRLError(f"{path}: cannot read this level file") from error
        return found

    def count(self, study: Study) -> int:
        """One per level and company, and one more per company that sums up."""
        return (len(self.placed(study)) + 1) * len(companies(study.world))

    def placed(self, study: Study) -> dict[str, tuple[World, Level]]:
        """Level -> the world at its size, and the level there, see `placed`."""
        return placed(study.world, tuple(self.drawings().items()))

    def run(self, study: Study) -> Iterator[tuple[labels.HeldOut, PerSeed]]:
        """Yields labels and the measures of the module's docstring."""
        placed, programs = self.placed(study), {}
        for presence, schedule in companies(study.world).items():
            everywhere = []
            for name, (world, level) in placed.items():
                if world.fingerprint not in programs:
                    programs[world.fingerprint] = study.seeds.map(Evaluation(study, world, self.episodes), 2)
                present = scheduled(world, schedule, world.spec.coplayers)
                values = programs[world.fingerprint](study.states, study.keys(STREAM), level, present)
                everywhere.append(study.seeds.values(values))
                yield labels.HeldOut(name, presence), values
            summary = summed_up(everywhere)
            count = len(summary["solved"])
            rows = [
                {key: jnp.float32(value[seed]) for key, value in summary.items()} for seed in range(count)
            ]
            yield labels.HeldOut(labels.ALL, presence), study.seeds.bundle(rows)


@functools.lru_cache(maxsize=4)
def placed(home: World, drawings: tuple[tuple[str, str], ...]) -> dict[str, tuple[World, Level]]:
    """Level -> the world at its size, and the level there, ready. drawings: (level, ASCII picture) pairs.

    Raises SocialRLError that names the level if it does not suit the world, or if a learner of the home world
    does not fit that at its size.
    """
    worlds: dict[int, World] = {}
    found: dict[str, tuple[World, Level]] = {}
    for name, text in drawings:
        try:
            level = Level.from_ascii(text)
            size = level.tiles.shape[0]
            if size not in worlds:
                worlds[size] = resized(home, size)
            found[name] = worlds[size], worlds[size].level(suited(worlds[size], level))
        except SocialRLError as error:
            raise SocialRLError(f"held_out, level {name}: {error.message}", error.hint) from error
    return found


class Evaluation:
    """(state, key, level, presence) -> measures of one seed on one level of a world."""

    def __init__(self, study: Study, world: World, episodes: int):
        nobody = passive_learner(world.spec)
        self.world, self.episodes = world, episodes
        self.novice = make_rollout(world, study.learner)
        self.planner = make_rollout(with_planners(world), nobody)
        self.walker = make_rollout(with_walkers(world), nobody)

    def __call__(
        self, state: LearnerState, key: Key[Array, ""], level: Level, presence: Float32[Array, "N 4"]
    ) -> Metrics:
        """Means over the episodes."""
        headings_key, episodes_key = jax.random.split(key)
        levels = self._levels(level, presence, headings_key)
        own, steps = self._returns(self.novice, state, levels, episodes_key)
        planner, walker = (
            jnp.mean(self._returns(rollout, (), levels, jax.random.clone(episodes_key))[0])
            for rollout in (self.planner, self.walker)
        )
        solved = (own > self.world.spec.solved_above).astype(jnp.float32)
        return scores(jnp.mean(own), planner, walker) | {
            "solved": jnp.mean(solved),
            "steps": jnp.mean(steps),
            "planner_return": planner,
            "walker_return": walker,
        }

    def _levels(self, level: Level, presence: Float32[Array, "N 4"], key: Key[Array, ""]) -> Level:
        """The level once per episode, with this company, and headings drawn where seats have them."""
        drawn = level.edit(params=dataclasses.replace(level.params, presence=presence))
        shape = (self.episodes, *level.heading.shape)
        headings = jnp.broadcast_to(level.heading, shape)
        if self.world.spec.movement == "turning":
            headings = jax.random.randint(key, shape, 0, len(grid.DELTAS), jnp.int32)
        return jax.vmap(lambda heading: self.world.ready(drawn.edit(heading=heading)))(headings)

    def _returns(
        self, rollout: Rollout, state: LearnerState, levels: Level, key: Key[Array, ""]
    ) -> tuple[Float32[Array, " B"], Float32[Array, " B"]]:
        """(the novices' mean return, the length) of a greedy episode on each level."""
        trace = rollout.episodes(state, levels, key)
        alive = trace.alive.astype(jnp.float32)
        reward = jnp.mean(trace.outcome.reward[..., jnp.array(self.world.spec.novices)], axis=-1)
        return jnp.sum(reward * alive, axis=0), jnp.sum(alive, axis=0)


def companies(world: World) -> dict[str, str]:
    """Presence -> the schedule of the co-players: throughout and never, or never where there are none."""
    names = ("full", "never") if world.spec.coplayers else ("never",)
    return {name: labels.PRESENCES[name] for name in names}


def files(given: str) -> list[Path]:
    """The level files that an entry of `levels` names, sorted; "" names those of the house. Raises
    SocialRLError if there is none.
    """
    house = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[-1])
    path = Path(given) if given else house
    if path.is_dir():
        found = sorted(path.glob("*.txt"))
        if not found:
            raise SocialRLError(f"held_out: no level file in {path}", "draw levels as ASCII in files *.txt")
        return found
    if path.is_file():
        return [path]
    own = house / f"{given}.txt"
    if "/" in given or path.suffix or not own.is_file():
        raise unknown("level", given, sorted(file.stem for file in house.glob("*.txt")))
    return [own]


def resized(world: World, size: int) -> World:
    """The world at this size; raises SocialRLError if a learner that was built for it does not fit."""
    if size == world.spec.height:
        return world
    other = dataclasses.replace(world.config, size=size).build()
    reason = misfit(world.spec, other.spec)
    if reason is not None:
        raise SocialRLError(f"a learner of {world.spec.name} at size {world.spec.height}: {reason}")
    return other


def suited(world: World, level: Level) -> Level:
    """The level with the first seats, as many as the world has, and without items that the world does not
    know.
    """
    seats = len(world.spec.seats)
    if len(level.position) < seats:
        raise SocialRLError(
            f"it has {len(level.position)} seats, {world.spec.name} has {seats}",
            "draw more letters, A, B, C, ...",
        )
    tiles = np.asarray(level.tiles)
    known = [grid.FLOOR, grid.WALL, *(tile for tiles in world.spec.tile_channels for tile in tiles)]
    kept = np.where(np.isin(tiles, known), tiles, grid.FLOOR)
    if not np.isin(kept, known[2:]).any() or (np.unique(kept) <= grid.WALL).all():
        raise SocialRLError(f"nothing in it is an item of {world.spec.name}", "draw some, such as goal 1")
    return level.edit(tiles=jnp.asarray(kept), position=level.position[:seats], heading=level.heading[:seats])


def summed_up(levels: list[dict[str, np.ndarray]]) -> dict[str, Float[np.ndarray, " seeds"]]:
    """Per seed: the mean, the interquartile mean and the lowest of each of SUMMED_UP over the levels on which
    it is defined; NaN if it is on none.
    """
    found: dict[str, np.ndarray] = {}
    for name in SUMMED_UP:
        values = np.stack([level[name] for level in levels], axis=1)
        defined = [np.sort(row[np.isfinite(row)]) for row in values]
        found[name] = of_each(defined, np.mean)
        found[f"iqm_{name}"] = of_each(defined, lambda row: row @ middle_half(len(row)))
        found[f"worst_{name}"] = of_each(defined, np.min)
    return found


def of_each(rows: list[np.ndarray], measure: Callable[[np.ndarray], Any]) -> Float[np.ndarray, " seeds"]:
    """The measure of each row, NaN for a row without values."""
    return np.array([measure(row) if len(row) else np.nan for row in rows])


def middle_half(count: int) -> Float[np.ndarray, " n"]:
    """The weights of sorted values in their interquartile mean, as the report's: a quarter of the mass is cut
    off at either end (Agarwal et al., 2021).
    """
    left, edge = np.arange(count), count / 4
    inside = np.minimum(left + 1, count - edge) - np.maximum(left, edge)
    return np.clip(inside, 0.0, 1.0) / (count - 2 * edge)
