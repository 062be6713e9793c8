"""What all worlds share: the options of who lives there and where, drawing levels, who is present."""

import dataclasses
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32, Key

from socialrl_envs import grid, layouts, planning, presence
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.registry import check_coplayer_name, title_of
from socialrl_envs.types import Level, Seat, WorldSpec

COLOUR = re.compile("#[0-9a-fA-F]{6}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """Options of every world.

    `density`, and `size` up to the one that is given here, are numbers of a level: a curriculum may vary
    them, see `GridWorld.draw_walls`.

    novices, experts: how many, or the seats themselves. coplayers: further seats, named by their policy.
    size: cells along each side, walls included. layout: a layout's name, or the path of an ASCII level.
    density: share of inner cells that `cluttered` turns to walls. horizon: steps after which time runs out.
    blocking: seats are in one another's way (else they may overlap).
    """

    novices: int | tuple[Seat, ...] = 1
    experts: int | tuple[Seat, ...] = 2
    coplayers: tuple[Seat, ...] = ()
    size: int = 9
    layout: str = "open"
    density: float = 0.15
    horizon: int = 50
    blocking: bool = False

    def __post_init__(self) -> None:
        for key in ("novices", "experts"):
            count = getattr(self, key)
            require(not isinstance(count, int) or count >= 0, key, count, "0 or more, or a tuple of seats")
        require(0 <= self.density <= 1, "density", self.density, "a share, 0..1")
        require(self.horizon >= 1, "horizon", self.horizon, "at least 1 step")
        require(5 <= self.size <= 64, "size", self.size, "5..64 cells along a side")
        if not self.is_file:
            layouts.find(self.layout)

    @property
    def is_file(self) -> bool:
        """Whether `layout` is the path of an ASCII level rather than a name."""
        return "/" in self.layout or Path(self.layout).suffix == ".txt"


def require(condition: bool, key: str, value: Any, bound: str) -> None:
    """Raises SocialRLError naming the key, the value and its bound, unless the condition holds."""
    if not condition:
        raise SocialRLError(f"{key}: {value!r}", f"it must be {bound}")


def roster(config: WorldConfig) -> tuple[tuple[Seat, ...], tuple[str, ...]]:
    """All seats in order (novices, experts, other co-players) and their names: novice_0, expert_0,
    antiexpert_0, ...
    """
    novices = (Seat(),) * config.novices if isinstance(config.novices, int) else config.novices
    experts = (
        (Seat(policy="planner"),) * config.experts if isinstance(config.experts, int) else config.experts
    )
    if not novices + experts + config.coplayers:
        raise SocialRLError(
            "novices, experts, coplayers: nobody lives in this world", "give at least one seat"
        )
    titled = (
        [("novice", s) for s in novices]
        + [("expert", s) for s in experts]
        + [(title_of(s.policy), s) for s in config.coplayers]
    )
    counts, agents = Counter(), []
    for title, seat in titled:
        if seat.policy != "learner":
            check_coplayer_name(seat.policy, f"co-player ({title})")
        if (title == "novice") != (seat.policy == "learner"):
            raise SocialRLError(
                f"{title}s: a seat with policy {seat.policy!r}", "novices learn, the others are co-players"
            )
        require(0 <= seat.skill <= 1, f"{title}_{counts[title]}.skill", seat.skill, "in 0..1")
        if seat.colour is not None:
            require(
                bool(COLOUR.fullmatch(seat.colour)), f"{title}_{counts[title]}.colour", seat.colour, "#rrggbb"
            )
        agents.append(f"{title}_{counts[title]}")
        counts[title] += 1
    return tuple(seat for _, seat in titled), tuple(agents)


def draw_cells(key: Key[Array, ""], free: Bool[Array, "H W"], count: int) -> Int32[Array, "count 2"]:
    """`count` different cells of the mask, uniformly; the mask must have that many."""
    noise = jax.random.uniform(key, free.shape)
    _, index = jax.lax.top_k(jnp.where(free, noise, -1.0).reshape(-1), count)
    return jnp.stack([index // free.shape[1], index % free.shape[1]], axis=1).astype(jnp.int32)


class GridWorld:
    """Base of the worlds. A subclass gives the items to place and its own reset, step, observe, appeal."""

    name: ClassVar[str]
    channel_of_tile: dict[
        int, int
    ]  # what lies on the floor -> channel of the views; set before super().__init__
    solid_tiles: ClassVar[tuple[int, ...]] = (grid.WALL,)

    def __init__(self, config: Any, spec: WorldSpec, items: tuple[int, ...], numbers: dict[str, Any]):
        self.config, self.spec, self.items = config, spec, items
        schedules = [
            presence.parse(f"{a}.presence", s.presence) for a, s in zip(spec.agents, spec.seats, strict=True)
        ]
        common = {
            "size": config.size,
            "density": config.density,
            "presence": schedules,
            "skill": [seat.skill for seat in spec.seats],
        }
        self.numbers = {name: np.asarray(value, np.float32) for name, value in (common | numbers).items()}
        self.drawn = (
            self._checked(layouts.read_level(config.layout), config.layout) if config.is_file else None
        )
        if self.drawn is None:
            self._check_room()

    def level(self, drawn: str | Level) -> Level:
        """A level that is drawn by hand, as ASCII or read from it, ready for `reset`: checked, with all
        numbers of this world.

        Raises SocialRLError that names what does not fit."""
        return self.complete(
            self._checked(Level.from_ascii(drawn) if isinstance(drawn, str) else drawn, "level")
        )

    def complete(self, level: Level) -> Level:
        """The level, with this world's own numbers where it has none; raises SocialRLError if seats or size
        do not fit.
        """
        self._fits(level, "level")
        given = {name: jnp.asarray(value).astype(jnp.float32) for name, value in level.numbers.items()}
        own = {name: jnp.asarray(value) for name, value in self.numbers.items() if name not in given}
        return dataclasses.replace(level, numbers=own | given)

    def _fits(self, level: Level, layout: str) -> None:
        seats, shape = level.position.shape[0], level.tiles.shape
        require(
            seats == len(self.spec.seats),
            "layout",
            layout,
            f"a level with {len(self.spec.seats)} seats, it has {seats}",
        )
        require(
            shape == (self.spec.height, self.spec.width),
            "size",
            self.config.size,
            f"the level's {shape[0]} (a square)",
        )

    def _checked(self, level: Level, layout: str) -> Level:
        """The level of a file, if it fits this world: its seats, size, tiles, ways, and numbers (as float32)."""
        self._fits(level, layout)
        known = {grid.FLOOR, *self.channel_of_tile}
        for row, column in np.argwhere(~np.isin(np.asarray(level.tiles), list(known))):
            char = grid.CHAR_OF_TILE[int(level.tiles[row, column])]
            chars = " ".join(grid.CHAR_OF_TILE[tile] for tile in sorted(known))
            raise SocialRLError(
                f"{layout}: row {row}, column {column}: {char!r} is not part of {self.name}", f"use {chars}"
            )
        for name, value in level.numbers.items():
            if name not in self.numbers:
                raise unknown(f"number ({layout})", name, self.numbers)
            shape = self.numbers[name].shape
            require(value.shape == shape, f"{layout}: {name}", value.tolist(), f"numbers of shape {shape}")
        self._check_ways(level, layout)
        return dataclasses.replace(
            level, numbers={k: v.astype(jnp.float32) for k, v in level.numbers.items()}
        )

    def _check_ways(self, level: Level, layout: str) -> None:
        """Every seat can get to everything that lies on the floor."""
        tiles, solid = np.asarray(level.tiles), self.solid(level.tiles)
        for agent, start in zip(self.spec.agents, level.position.tolist(), strict=True):
            here = jnp.zeros(tiles.shape, bool).at[start[0], start[1]].set(True)
            apart = np.asarray(planning.distances(here, solid)) >= tiles.size
            for row, column in np.argwhere(apart & (tiles != grid.FLOOR) & ~np.asarray(solid)):
                char = grid.CHAR_OF_TILE[int(tiles[row, column])]
                place = f"{layout}: row {row}, column {column}: {agent} at row {start[0]}, column {start[1]}"
                raise SocialRLError(f"{place} cannot get to {char!r}", "leave a way through the walls")

    def _check_room(self) -> None:
        """The level must have a free cell for every item and seat: checked on an emptiest case at
        construction.
        """
        floor = (self.config.size - 2) ** 2
        walls = {"cluttered": int(self.config.density * floor), "open": 0}.get(self.config.layout, floor // 2)
        needed = len(self.items) + len(self.spec.seats)
        require(
            needed <= floor - walls,
            "size",
            self.config.size,
            f"larger: {needed} items and seats need floor, {floor - walls} cells have it",
        )

    def solid(self, tiles: Array) -> Array:
        """Where nobody can walk, shape of `tiles`."""
        walls = [tiles == tile for tile in self.solid_tiles]
        return jnp.any(jnp.stack(walls), axis=0)

    def sample_level(self, key: Key[Array, ""], numbers: dict[str, Array] | None = None) -> Level:
        """Walls by layout, then items and seats on different free cells, uniformly; or the level of the ASCII
        file.
        """
        values = {name: jnp.asarray(value) for name, value in self.numbers.items()}
        if self.drawn is not None:
            return dataclasses.replace(self.drawn, numbers=values | self.drawn.numbers | (numbers or {}))
        values = values | (numbers or {})
        walls_key, cells_key, heading_key = jax.random.split(key, 3)
        solid = self.draw_walls(walls_key, values, len(self.items) + len(self.spec.seats))
        seats, items = len(self.spec.seats), len(self.items)
        cells = draw_cells(cells_key, ~solid, items + seats)
        tiles = jnp.where(solid, grid.WALL, grid.FLOOR).astype(jnp.uint8)
        tiles = tiles.at[cells[:items, 0], cells[:items, 1]].set(jnp.array(self.items, jnp.uint8))
        return Level(
            tiles=tiles, position=cells[items:], heading=self.draw_headings(heading_key), numbers=values
        )

    def draw_walls(self, key: Key[Array, ""], numbers: dict[str, Array], needed: int) -> Bool[Array, "H W"]:
        """The walls by layout, with room for `needed` seats and items whatever a curriculum does to the
        numbers.

        `size` is rounded and kept between the least that has room and `config.size`; where `density` leaves
        too little floor, walls are taken out again."""
        height, width, size = (
            self.spec.height,
            self.spec.width,
            self.side(numbers, max(5, 2 + math.isqrt(needed - 1) + 1)),
        )
        solid = layouts.find(self.config.layout)(key, height, width, numbers["density"], size)
        inside = ~layouts.border(height, width, size)
        return layouts.make_room(jax.random.fold_in(key, 1), solid, inside, needed)

    def side(self, numbers: dict[str, Array], least: int) -> Int32[Array, ""]:
        """Cells along a side of the level, from the number `size`."""
        return jnp.clip(
            jnp.round(numbers["size"]).astype(jnp.int32), min(least, self.config.size), self.config.size
        )

    def draw_headings(self, key: Key[Array, ""]) -> Int32[Array, " N"]:
        """Everybody looks up, unless a world says otherwise."""
        return jnp.zeros(len(self.spec.seats), jnp.int32)
