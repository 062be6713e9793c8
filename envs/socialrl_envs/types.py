"""What every world is made of: Level, State, Outcome, Seat, WorldSpec and the World protocol.

Axis letters: `N` seats, `H` x `W` cells, `V` x `V` view, `C` channels, `K` cumulants.
"""

import dataclasses
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, UInt8

from socialrl_envs import ascii_levels
from socialrl_envs.registry import COPLAYER
from socialrl_envs.struct import pytree

Role = Literal["novice", "coplayer"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seat:
    """A place in a world and who takes it. Plain data, so a config can hold and save it.

    policy: "learner" for a novice, else the name of a co-player ("planner", "noisy", "wanderer",
    "anti_expert", ...), or a function of your own, "file.py:function" or "module:function".
    skill: 0..1, how often a `noisy` co-player does what it means to do.
    preferences: what each cumulant is worth to this seat, shape (K,); None takes the world's default for the
    seat.
    presence: the name of a schedule ("always", "never", "first_half", ...) or its numbers, see `presence.py`.
    colour: "#rrggbb" in pictures; None takes the next of a palette.
    """

    policy: Annotated[str, COPLAYER] = "learner"
    skill: float = 1.0
    preferences: tuple[float, ...] | None = None
    presence: str | tuple[float, float, float, float] = "always"
    colour: str | None = None

    @property
    def role(self) -> Role:
        return "novice" if self.policy == "learner" else "coplayer"


@pytree
class Level:
    """All that was drawn at random before an episode: it can be written as ASCII, edited, evolved and
    replayed.

    `numbers` holds what a curriculum may turn (size, density, penalty, preferences, skill, presence): arrays,
    never static. A world takes its own where a level has none.
    """

    tiles: UInt8[Array, "H W"]
    position: Int32[Array, "N 2"]
    heading: Int32[Array, " N"]
    numbers: dict[str, Array]

    @staticmethod
    def from_ascii(text: str) -> "Level":
        """A level from its ASCII picture; raises SocialRLError naming line and column of what it cannot read."""
        return Level(**ascii_levels.parse(text))

    def to_ascii(self) -> str:
        """The picture of this level; `Level.from_ascii` gives the level back, bit for bit."""
        return ascii_levels.write(self.tiles, self.position, self.heading, self.numbers)


@pytree
class State:
    """The state of one world between two steps; worlds add fields of their own by subclassing.

    position: (row, column) of every seat. heading: 0 up, 1 right, 2 down, 3 left. present: whether a seat is
    on the grid now (an absent one is neither seen nor in the way). time: steps since the reset.
    """

    tiles: UInt8[Array, "H W"]
    position: Int32[Array, "N 2"]
    heading: Int32[Array, " N"]
    present: Bool[Array, " N"]
    time: Int32[Array, ""]
    numbers: dict[str, Array]


@pytree
class Outcome:
    """What a step brought. events: ground-truth cumulants of every seat (what happened), `reward` is their
    worth to it.

    terminated: the task ended in `state` (no future). truncated: time ran out (there would have been a
    future).
    """

    reward: Float32[Array, " N"]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]
    events: Float32[Array, "N K"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorldSpec:
    """The static facts of a world.

    agents: PettingZoo names in the order of the seats. obs_shape: (V, V, C) of one seat's view, dtype uint8.
    binary_views: whether every channel is 0 or 1, so that a view may be kept as bits.
    channels_of_others: those in which other seats are seen.
    """

    name: str
    seats: tuple[Seat, ...]
    agents: tuple[str, ...]
    height: int
    width: int
    obs_shape: tuple[int, int, int]
    channels: tuple[str, ...]
    actions: tuple[str, ...]
    cumulants: tuple[str, ...]
    horizon: int
    binary_views: bool = False
    channels_of_others: tuple[str, ...] = ()

    @property
    def highest(self) -> int:
        """The highest entry that a view may have."""
        return 1 if self.binary_views else 255

    @property
    def novices(self) -> tuple[int, ...]:
        """Indices of the seats that learn."""
        return tuple(i for i, seat in enumerate(self.seats) if seat.role == "novice")

    @property
    def coplayers(self) -> tuple[int, ...]:
        """Indices of the seats that do not learn."""
        return tuple(i for i, seat in enumerate(self.seats) if seat.role == "coplayer")


@runtime_checkable
class World(Protocol):
    """A world is pure: everything is traceable, nothing is jitted inside, nothing resets itself."""

    @property
    def config(self) -> Any: ...

    @property
    def spec(self) -> WorldSpec: ...

    @property
    def numbers(self) -> dict[str, Any]:
        """What a curriculum may turn, by name: arrays that every level carries."""
        ...

    def sample_level(self, key: Key[Array, ""], numbers: dict[str, Array] | None = None) -> Level:
        """Draws a level; `numbers` overrides some of the config's numbers (a curriculum's lever)."""
        ...

    def reset(self, level: Level, key: Key[Array, ""]) -> State: ...

    def step(
        self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]
    ) -> tuple[State, Outcome]: ...

    def observe(self, state: State) -> UInt8[Array, "N V V C"]: ...

    def solid(self, tiles: UInt8[Array, "H W"]) -> Bool[Array, "H W"]:
        """Where nobody can walk."""
        ...

    def appeal(self, state: State) -> Float32[Array, "N H W"]:
        """What each seat would gain by stepping onto each cell now: its own truth, which planners use."""
        ...
