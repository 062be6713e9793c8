"""Options that worlds share, and `build`, which composes a world of its parts.

A world's Config derives from `TurningConfig` or `CardinalConfig`, adds the options of its task, and says
which task it is.
"""

import dataclasses
from pathlib import Path

from socialrl_envs.composed import GridWorld, check_level
from socialrl_envs.errors import SocialRLError
from socialrl_envs.generators import Generator, layouts, redrawing
from socialrl_envs.generators.placing import FromFile, Placing
from socialrl_envs.movement import Movement
from socialrl_envs.movement.cardinal import Cardinal
from socialrl_envs.movement.turning import ACTIONS, Turning
from socialrl_envs.options import Options, option, require
from socialrl_envs.roster import Roster, make_roster
from socialrl_envs.task import Task
from socialrl_envs.types import Level, Seat
from socialrl_envs.view import View, bits, codes, pixels
from socialrl_envs.view.centred import Centred
from socialrl_envs.view.egocentric import Egocentric
from socialrl_envs.view.grid import Grid


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorldConfig(Options):
    """Options of every world. `density`, and `size` up to the value given here, may vary from level to
    level.
    """

    novices: int | tuple[Seat, ...] = option(1, "how many novices, or their seats", low=0)
    experts: int | tuple[Seat, ...] = option(2, "how many experts, or their seats", low=0)
    coplayers: tuple[Seat, ...] = option((), "seats of further co-players, named by their policy")
    size: int = option(9, "cells along each side, walls included", low=5, high=64)
    layout: str = option(
        "open", "a layout's name (open, cluttered, four_rooms, maze, maze_loops), or an ASCII file"
    )
    density: float = option(0.15, "share of inner cells that `cluttered` turns to walls", low=0, high=1)
    horizon: int = option(50, "steps after which an episode is truncated", low=1)
    blocking: bool = option(False, "whether seats are in one another's way, else they may share a cell")
    redrawn: str = option(
        "nothing",
        "what is drawn anew for every level: nothing; order: which co-player has whose preferences, skill "
        "and presence; preferences: those of each co-player, among theirs; partners: which agent of its "
        "population acts in each co-player's seat",
        choices=redrawing.KINDS,
    )
    pixels: int = option(
        0,
        "pixels along each side of a cell in RGB views; 0 has channels of 0 and 1 instead",
        choices=(0, *pixels.SIZES),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.is_file:
            layouts.find(self.layout)

    @property
    def is_file(self) -> bool:
        """Whether `layout` is the path of an ASCII level rather than a name."""
        return "/" in self.layout or Path(self.layout).suffix == ".txt"

    def make_task(self, roster: Roster) -> Task:
        """The task with these options."""
        raise NotImplementedError(f"{type(self).__name__}.make_task")

    def make_movement(self) -> Movement:
        """How seats move."""
        raise NotImplementedError(f"{type(self).__name__}.make_movement")

    def make_view(self, task: Task, roster: Roster) -> View:
        """What seats see."""
        raise NotImplementedError(f"{type(self).__name__}.make_view")

    def make_generator(self, task: Task, roster: Roster, movement: Movement) -> Generator:
        """How levels are drawn where no file gives one."""
        task.check_room()
        return Placing(self.layout, self.size, task.items, len(roster.seats), movement)

    def build(self) -> GridWorld:
        """The world; raises SocialRLError if it cannot exist."""
        roster = make_roster(self.novices, self.experts, self.coplayers)
        task, movement = self.make_task(roster), self.make_movement()
        view, drawn = self.make_view(task, roster), read_level(self.layout) if self.is_file else None
        if self.pixels:
            view = pixels.Pixels(of=view, tiles=tuple(task.channels.values()), pixels=self.pixels)
        generator = FromFile(drawn) if drawn else self.make_generator(task, roster, movement)
        fingerprint = f"{type(self).__module__}:{self!r}{drawn.to_ascii() if drawn else ''}"
        world = GridWorld(self, roster, task, movement, view, generator, fingerprint)
        if drawn:
            check_level(world, drawn, self.layout)
        return world


@dataclasses.dataclass(frozen=True, kw_only=True)
class TurningConfig(WorldConfig):
    """Options of worlds whose seats turn and see what is ahead of them."""

    view: int = option(7, "cells along each side of the view, odd", low=3, high=bits.LARGEST)
    occlusion: bool = option(True, "whether walls hide what is behind them")
    prestige: bool = option(False, "whether others' recent success is seen")
    prestige_decay: float = option(0.95, "factor by which prestige decays per step", low=0, high=1)
    prestige_scale: float = option(2.0, "prestige is shown as tanh(prestige / prestige_scale)", above=0)
    identities: bool = option(False, "whether each seat has a channel of its own besides those of headings")
    actions: int = option(
        3, "3 (left, right, forward), or marlgrid's 7, of which 4 do nothing", choices=(3, 7)
    )
    shuffle: bool = option(
        True, "whether blocking seats move in an order drawn at every step, else in seat order"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.view % 2 == 1, "view", self.view, f"odd, 3..{bits.LARGEST}")
        drawn = self.pixels > 0 and self.identities
        require(not drawn, "identities", self.identities, "off: views in pixels show headings alone")

    def make_movement(self) -> Turning:
        """Left, right, forward."""
        return Turning(ACTIONS[self.actions], self.blocking, self.shuffle)

    def make_view(self, task: Task, roster: Roster) -> Egocentric:
        """The cells ahead of a seat."""
        return Egocentric(
            size=self.view,
            tiles=tuple(task.channels),
            occlusion=self.occlusion,
            prestige_decay=self.prestige_decay if self.prestige else None,
            prestige_scale=self.prestige_scale,
            identities=roster.agents if self.identities else (),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CardinalConfig(WorldConfig):
    """Options of worlds whose seats move up, right, down and left."""

    observation: str = option(
        "window",
        "window: centred on the seat, covering the whole inside; partial: `view` x `view` cells around it; "
        "grid: the full grid from a fixed viewpoint",
        choices=("window", "partial", "grid"),
    )
    view: int = option(7, "cells along each side of a partial view, odd", low=3)
    identities: bool = option(False, "whether each seat has a channel of its own, else one shows all others")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.view % 2 == 1, "view", self.view, "odd, at least 3")

    def make_movement(self) -> Cardinal:
        """Up, right, down, left, stay."""
        return Cardinal(self.blocking)

    def make_view(self, task: Task, roster: Roster) -> Centred | Grid:
        """The cells around a seat, or the whole grid."""
        tiles, most = tuple(task.channels), codes.BITS - len(task.channels)
        require(
            len(roster.seats) <= most,
            "novices, experts, coplayers",
            len(roster.seats),
            f"at most {most} seats",
        )
        others = roster.agents if self.identities else ("others",)
        if self.observation == "grid":
            return Grid(size=self.size, tiles=tiles, others=others)
        if self.observation == "partial":
            return Centred(kind="partial", size=self.view, tiles=tiles, others=others)
        return Centred(kind="window", size=2 * (self.size - 2) - 1, tiles=tiles, others=others)


def read_level(path: str | Path) -> Level:
    """The level in an ASCII file; raises SocialRLError naming the file, the line and the column."""
    try:
        return Level.from_ascii(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SocialRLError(f"{path}: cannot read this level file: {reason}") from error
    except SocialRLError as error:
        raise SocialRLError(f"{path}: {error.message}", error.hint) from error
