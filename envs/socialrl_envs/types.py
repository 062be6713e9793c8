"""The types of the env package: Seat, Level, Params, State, Outcome, WorldSpec, and the World and co-player
protocols.

Axis letters: `N` seats, `H` x `W` cells, `V` x `V` view, `C` channels, `A` actions, `K` cumulants, `P` planes
of tiles.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, runtime_checkable

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl_envs import ascii_levels, level_texts
from socialrl_envs.concepts import Concept
from socialrl_envs.errors import SocialRLError, unknown
from socialrl_envs.options import Options, meanings, option, param
from socialrl_envs.registry import COPLAYER
from socialrl_envs.struct import pytree, static
from socialrl_envs.tiles import WALL
from socialrl_envs.visibility import Movement as MovementKind
from socialrl_envs.visibility import ViewSpec

if TYPE_CHECKING:
    from socialrl_envs.picture import Picture

Role = Literal["novice", "coplayer"]
Overrides = Mapping[str, ArrayLike]  # some fields of a world's Params, by name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seat(Options):
    """A place in a world and who takes it. Plain data, so a config can hold and save it."""

    policy: Annotated[str, COPLAYER] = option(
        "learner",
        "learner for a novice, else a co-player: a name, file.py:function, module:function, an agent's file",
    )
    skill: float = option(
        1.0,
        "probability that a `noisy` co-player does what it intends, or share of the episode before a "
        "`lurer` or `turncoat` turns",
        low=0,
        high=1,
    )
    preferences: tuple[float, ...] | None = option(
        None, "what each cumulant is worth to this seat, (K,); none takes the world's default"
    )
    presence: str | tuple[float, float, float, float] = option(
        "always",
        "when it is on the grid: a schedule's name (always, never, first_half, ...) or its four numbers",
    )
    colour: str | None = option(None, "#rrggbb in pictures; none takes the next colour of a palette")

    @property
    def role(self) -> Role:
        return "novice" if self.policy == "learner" else "coplayer"


@pytree
class Params:
    """The parameters of a level that a curriculum may vary without compiling anew. Worlds add theirs by
    subclassing.
    """

    size: Float32[Array, ""] = param(
        "cells along a side of the level, walls included; at most the config's", low=5
    )
    density: Float32[Array, ""] = param("share of inner cells that `cluttered` turns to walls", low=0, high=1)
    presence: Float32[Array, "N 4"] = param("schedule of every seat, see `presence.py`")
    skill: Float32[Array, " N"] = param(
        "probability that a `noisy` seat does what it intends, or share of the episode before a `lurer` or "
        "`turncoat` turns",
        low=0,
        high=1,
    )
    partner: Float32[Array, " N"] | None = option(
        None,
        "which agent of its population acts in each seat: 0 the first, 1 the last; only with "
        'redrawn="partners"',
        low=0,
        high=1,
    )

    def named(self) -> dict[str, ArrayLike]:
        """The fields by name, without those that levels of this world do not have."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def with_overrides(self, overrides: Overrides) -> "Params":
        """A copy with some fields replaced (float32). Raises SocialRLError for an unknown name."""
        for name in overrides:
            if name not in meanings(type(self)):
                raise unknown("parameter", name, meanings(type(self)))
            if name not in self.named():
                raise SocialRLError(f"{name}: levels of this world have none", "redrawn='partners'")
        return dataclasses.replace(
            self, **{name: jnp.asarray(value).astype(jnp.float32) for name, value in overrides.items()}
        )


@pytree
class Level:
    """Everything that is drawn at random before an episode; it can be written as ASCII, edited, mutated and
    replayed.

    tiles: what lies on each cell. position, heading: where every seat starts. params: the world's Params, or
    in a level read from text the values that the text names. view, plan: what the world's view and planner
    derive from the tiles when the level is made (`World.level`), so that a reset costs nothing; empty unless
    the level is `ready`.
    """

    tiles: UInt8[Array, "H W"]
    position: Int32[Array, "N 2"]
    heading: Int32[Array, " N"]
    params: Any  # Params | dict[str, Array]; batched, shaped and masked alike
    view: PyTree = ()
    plan: PyTree = ()
    ready: bool = static(default=False)

    @staticmethod
    def from_ascii(text: str) -> "Level":
        """The level of an ASCII picture; `World.level` makes it ready for `reset`.

        Raises SocialRLError naming the line and column of what cannot be read.
        """
        tiles, position, heading, named = ascii_levels.parse(text)
        params = {name: jnp.asarray(value) for name, value in named.items()}
        return Level(
            tiles=jnp.asarray(tiles),
            position=jnp.asarray(position),
            heading=jnp.asarray(heading),
            params=params,
        )

    @staticmethod
    def from_text(text: str, library: str) -> "Level":
        """The level of another library's text, "jaxued" or "minigrid", with one seat; see `level_texts`.

        Raises SocialRLError naming the line and column of what cannot be read.
        """
        tiles, place, heading = level_texts.reader(library)(text)
        return Level(
            tiles=jnp.asarray(tiles),
            position=jnp.array([place], jnp.int32),
            heading=jnp.array([heading], jnp.int32),
            params={},
        )

    def to_text(self, library: str) -> str:
        """This level, without its parameters, in another library's text, "jaxued" or "minigrid".

        Raises SocialRLError for what has no sign there.
        """
        return level_texts.writer(library)(self.tiles, self.position, self.heading)

    @property
    def wall_map(self) -> Bool[Array, "*batch H W"]:
        """Where walls are, of one level or of a batch."""
        return self.tiles == WALL

    def edit(self, **changes: object) -> "Level":
        """A copy with these fields replaced. It is not `ready`: `reset` derives view and plan anew."""
        return dataclasses.replace(self, **(changes | {"view": (), "plan": (), "ready": False}))

    def to_ascii(self) -> str:
        """The ASCII picture of this level; `Level.from_ascii` reads tiles, seats and parameters back bit for
        bit.
        """
        named = self.params.named() if isinstance(self.params, Params) else self.params
        return ascii_levels.write(self.tiles, self.position, self.heading, named)


@pytree
class Seats:
    """Where every seat is now. heading: 0 up, 1 right, 2 down, 3 left.

    present: whether it is on the grid; an absent seat is neither seen nor in the way. out: whether it is gone
    until the end of the episode. prestige: decaying sum of recent rewards, where the view shows it, else
    None.
    """

    position: Int32[Array, "N 2"]
    heading: Int32[Array, " N"]
    present: Bool[Array, " N"]
    out: Bool[Array, " N"]
    prestige: Float32[Array, " N"] | None = None


@pytree
class State:
    """One world between two steps.

    level: the level as it is now (its tiles change where the task changes them; its seats are the start).
    task: what the task keeps besides. time: steps since the reset.
    """

    level: Level
    seats: Seats
    task: PyTree
    time: Int32[Array, ""]

    def _repr_png_(self) -> bytes:
        """Its picture, for notebooks; of a batch the first states side by side. `World.picture` shows more:
        the colours of the seats, where they face, and what they are not shown.
        """
        from socialrl_envs import render  # which draws with NumPy alone

        return render.states_png(self)


@pytree
class Outcome:
    """What a step brought. cumulants: ground-truth features of the step for every seat; `reward` is a
    function of them.

    terminated: the task ended in `state`, there is no future. truncated: time ran out, there would have been
    a future.
    """

    reward: Float32[Array, " N"]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]
    cumulants: Float32[Array, "N K"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorldSpec:
    """The static facts of a world.

    agents: PettingZoo names in seat order. movement: "turning" (left, right, forward) or "cardinal" (up,
    right, down, left, stay). view: which cells a seat sees. obs_shape: (V, V, C) of one seat's view, dtype
    uint8. binary_views: whether every entry of a view is 0 or 1. channels: names along C. channels_of_others:
    those in which other seats appear.
    tile_channels: for each plane of tiles those that it shows; unless views are RGB, the first channels.
    solved_above: an episode counts as solved if the novices' mean return is above this. targets: the tiles
    that action tables lead to. channel_highs: the highest entry of each channel, by which
    learners divide views; empty if they take them as they are. pixels: along each side of a cell in RGB
    views, else 1; V is so many times the cells along a side. concepts: facts with names, whose truth a
    `ConceptWorld` knows. trial: after so many steps everybody is where the level put it and begins anew, in
    the same level; 0: never within an episode.
    """

    name: str
    seats: tuple[Seat, ...]
    agents: tuple[str, ...]
    height: int
    width: int
    movement: MovementKind
    view: ViewSpec
    obs_shape: tuple[int, int, int]
    channels: tuple[str, ...]
    actions: tuple[str, ...]
    cumulants: tuple[str, ...]
    horizon: int
    blocking: bool = False
    binary_views: bool = False
    channels_of_others: tuple[str, ...] = ()
    tile_channels: tuple[tuple[int, ...], ...] = ()
    targets: tuple[int, ...] = ()
    channel_highs: tuple[int, ...] = ()
    pixels: int = 1
    solved_above: float = 0.0
    concepts: tuple[Concept, ...] = ()
    trial: int = 0

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
    """A gridworld as pure functions: everything is traceable, nothing is jitted inside, nothing resets
    itself.

    `composed.GridWorld` is the implementation that all built-in worlds share.
    """

    @property
    def config(self) -> Any:
        """The dataclass that the world was built from."""
        ...

    @property
    def spec(self) -> WorldSpec:
        """The static facts."""
        ...

    @property
    def params(self) -> Params:
        """The parameters that every level has unless it says otherwise."""
        ...

    @property
    def fingerprint(self) -> str:
        """A text that is equal for two worlds that behave alike; compiled functions are shared by it."""
        ...

    def sample_level(self, key: Key[Array, ""], overrides: Overrides | None = None) -> Level:
        """A level drawn at random. overrides: parameters that replace the world's own (a curriculum's
        lever).
        """
        ...

    def level(self, drawn: "str | Level") -> Level:
        """A level drawn by hand (ASCII or read from it), checked and ready for `reset`; raises
        SocialRLError.
        """
        ...

    def ready(self, level: Level) -> Level:
        """The level with all that a reset needs: its parameters, the world's own where it names none, and
        what view and planner derive from it. Nothing is checked.
        """
        ...

    def mutate(self, level: Level, key: Key[Array, ""]) -> Level:
        """The level with one random edit (a wall flipped, an item or a seat moved); solvable if `level`
        is.
        """
        ...

    def solvable(self, level: Level) -> Bool[Array, ""]:
        """Whether the level can be solved at all; every level of `sample_level` can."""
        ...

    def reset(self, level: Level, key: Key[Array, ""]) -> State:
        """The first state of an episode on this level; the key draws who is present."""
        ...

    def step(self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        """The state after everybody acted, and what the step brought."""
        ...

    def observe(self, state: State) -> UInt8[Array, "N V V C"]:
        """The view of every seat; zeros for an absent one."""
        ...

    def solid(self, tiles: UInt8[Array, "H W"]) -> Bool[Array, "H W"]:
        """Where nobody can walk."""
        ...

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """What each seat would be paid for stepping onto each cell now: the truth, which planners use."""
        ...

    def picture(self, state: State, seat: int | None = None) -> "Picture":
        """What there is to see of a state, for a renderer. seat: as far as the task shows it to this seat."""
        ...


@runtime_checkable
class ConceptWorld(Protocol):
    """What a World does that knows the truth of the concepts in its `spec.concepts`."""

    def concepts(self, state: State, after: State) -> Int32[Array, "N concepts"]:
        """The index of each concept's value to each seat in a state, -1 where it means nothing, as to an
        absent seat. after: the state that follows, for what others do next.
        """
        ...


@runtime_checkable
class CoPlayer(Protocol):
    """A scripted policy: state -> action of one seat, without memory."""

    def __call__(self, world: World, state: State, seat: int, key: Key[Array, ""], /) -> Int32[Array, ""]:
        """The action of this seat, an index into `world.spec.actions`."""
        ...


SeatNumber = int | Int32[Array, ""]
"""The number of a seat, of a co-player that takes an array for it as well, see `ActsTogether`."""


@runtime_checkable
class ActsTogether(Protocol):
    """What the file of a co-player may offer beside `act`: the actions of all its seats at once."""

    def act_together(
        self, world: World, state: State, seats: Int32[Array, " n"], keys: Key[Array, " n"], /
    ) -> Int32[Array, " n"]:
        """The action of every one of these seats, each that of `act` with its key."""
        ...


@runtime_checkable
class Policy(Protocol):
    """A policy that acts on its own observations and keeps a memory, such as a trained agent. Both functions
    are pure.
    """

    def initial_carry(self) -> PyTree:
        """The memory at the start of an episode."""
        ...

    def apply_policy(
        self,
        carry: PyTree,
        observation: UInt8[Array, "V V C"],
        reward: Float32[Array, ""],
        first: Bool[Array, ""],
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, ""], PyTree]:
        """(action, carry). reward: of the step before. first: whether an episode starts, so that memory is to
        be reset.
        """
        ...


@runtime_checkable
class Population(Protocol):
    """Several policies that act on their own observations, such as trained agents, one of which acts in a
    seat: the level says which, by `Params.partner`. All functions are pure.
    """

    @property
    def size(self) -> int:
        """The number of members."""
        ...

    def initial_carry(self) -> PyTree:
        """The memory of any member at the start of an episode."""
        ...

    def apply_member(
        self,
        member: Int32[Array, ""],
        carry: PyTree,
        observation: UInt8[Array, "V V C"],
        reward: Float32[Array, ""],
        first: Bool[Array, ""],
        key: Key[Array, ""],
    ) -> tuple[Int32[Array, ""], PyTree]:
        """(action, carry) of the member of this number, else as `Policy.apply_policy`."""
        ...
