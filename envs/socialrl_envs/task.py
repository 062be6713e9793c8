"""The task of a world: its rules, rewards and cumulants, and what planners and pictures need to know of them.

A task knows nothing of how seats move, what they see or how levels are drawn. `composed.GridWorld` puts these
together.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree, UInt8

from socialrl_envs import grid, picture
from socialrl_envs.errors import SocialRLError
from socialrl_envs.facts import Fact, around
from socialrl_envs.movement import Moves
from socialrl_envs.planning.values import distances
from socialrl_envs.roster import Roster
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level, Params, Seats, State


@pytree
class Effects:
    """What the task makes of a step.

    level, seats, task: as they are after it (`Moves.seats`, unless the task moves somebody or sends somebody
    out).
    cumulants: ground-truth features of the step. terminated: whether the task ended; None where it never
    does.
    """

    level: Level
    seats: Seats
    task: PyTree
    reward: Float32[Array, " N"]
    cumulants: Float32[Array, "N K"]
    terminated: Bool[Array, ""] | None = None


class Task:
    """Base of the tasks. A subclass declares the facts below and gives `step` and `cell_rewards`; the rest
    has defaults.

    name: the world's name. channels: name of a view's channel -> the tiles that it shows, walls first. items:
    the tiles that a level places at random. cumulants: their names. solid: tiles that nobody can enter.
    targets: tiles that seats that turn may want to go to: planners get action tables to them. params: the
    class of the parameters that a curriculum may vary. random_reset, random_step: whether `reset` and `step`
    draw at random; one that says False must not use its key. changes_tiles: whether `step` changes the tiles.
    draws_params: whether `draw_params` draws some parameters for every level. solved_above: an episode counts
    as solved if the novices' mean return is above this. trial: steps of a trial, see `WorldSpec`.
    """

    name: ClassVar[str]
    channels: Mapping[str, tuple[int, ...]]
    items: tuple[int, ...]
    cumulants: tuple[str, ...]
    solid: ClassVar[tuple[int, ...]] = (grid.WALL,)
    targets: tuple[int, ...] = ()
    params: ClassVar[type[Params]] = Params
    random_reset: ClassVar[bool] = True
    random_step: ClassVar[bool] = True
    changes_tiles: ClassVar[bool] = False
    draws_params: ClassVar[bool] = False
    solved_above: ClassVar[float] = 0.0
    trial: int = 0

    def __init__(self, config: Any, roster: Roster):
        self.config, self.roster = config, roster

    def default_params(self) -> dict[str, Any]:
        """The values of the parameters that this task adds to those of every world, by name."""
        return {}

    def draw_params(self, key: Key[Array, ""]) -> dict[str, Array]:
        """Parameters that are drawn anew for every level, such as a hidden order."""
        return {}

    def reset(self, level: Level, key: Key[Array, ""]) -> PyTree:
        """The task's own state at the start of an episode on this level."""
        return ()

    def step(self, state: State, moves: Moves, key: Key[Array, ""]) -> Effects:
        """What happens after everybody moved. state: before the step."""
        raise NotImplementedError(f"{type(self).__name__}.step")

    def cell_rewards(self, state: State) -> Float32[Array, "N H W"]:
        """What each seat would be paid for stepping onto each cell now."""
        raise NotImplementedError(f"{type(self).__name__}.cell_rewards")

    def facts(self, turning: bool) -> tuple[Fact, ...]:
        """The world's concepts and their truth, see `facts.py`. turning: whether seats have a heading."""
        return around(self.roster, self.solid, turning)

    def planes(self, level: Level) -> Bool[Array, "P H W"]:
        """What is shown of the tiles, channel by channel."""
        return jnp.stack([any_of(level.tiles, tiles) for tiles in self.channels.values()])

    def shown(self) -> Bool[np.ndarray, "N P"] | None:
        """Which of the planes each seat is shown; None: all of them."""
        return None

    def penalty_ratio(self, level: Level) -> Float32[Array, ""]:
        """What stepping on another target costs, in units of what one's own pays; action tables avoid it
        accordingly.
        """
        return jnp.float32(0)

    def solvable(self, level: Level) -> Bool[Array, ""]:
        """Whether every seat reaches every item of the level from its start."""
        items = tuple(sorted(set(self.items) - set(self.solid)))
        return reachable(level, items, self.solid)

    def check(self, level: Level, where: str) -> None:
        """Raises SocialRLError, naming `where`, if a level drawn by hand cannot be solved."""
        if bool(self.solvable(level)):
            return
        solid, tiles = any_of(level.tiles, self.solid), np.asarray(level.tiles)
        for agent, (row, column) in zip(self.roster.agents, level.position.tolist(), strict=True):
            start = jnp.zeros(tiles.shape, bool).at[row, column].set(True)
            apart = np.asarray(distances(start, solid)) >= tiles.size
            for r, c in np.argwhere(apart & np.isin(tiles, self.items) & ~np.asarray(solid)):
                char = grid.CHAR_OF_TILE[int(tiles[r, c])]
                place = f"{where}: row {r}, column {c}: {agent} at row {row}, column {column}"
                raise SocialRLError(f"{place} cannot get to {char!r}", "leave a way through the walls")
        raise SocialRLError(
            f"{where}: this level of {self.name} cannot be solved", "leave a way through the walls"
        )

    def check_room(self) -> None:
        """Raises SocialRLError if the config's levels may have no room for all items and seats."""
        config, needed = self.config, len(self.items) + len(self.roster.seats)
        floor = (config.size - 2) ** 2
        walls = {"cluttered": int(config.density * floor), "open": 0}.get(config.layout, floor // 2)
        if needed > floor - walls:
            bound = f"it must be larger: {needed} items and seats need floor, {floor - walls} cells have it"
            raise SocialRLError(f"size: {config.size!r}", bound)

    def notes(self, state: State) -> UInt8[np.ndarray, "H W"]:
        """The notes of a picture: per cell the code of a character that seats are not shown, 0 for none."""
        return picture.order_notes(np.asarray(state.level.tiles))

    def kinds(self, state: State, seat: int | None) -> UInt8[np.ndarray, "H W"] | None:
        """How goals look in a picture, see `picture.Picture.kinds`. seat: as this seat is shown them; None:
        as they are.
        """
        shown = self.shown()
        secret = seat is not None and shown is not None and not shown[seat, 1:].any()
        return picture.hidden_goals(np.asarray(state.level.tiles)) if secret else None


def effects(
    state: State,
    moves: Moves,
    reward: Float32[Array, " N"],
    cumulants: tuple[Bool[Array, " N"], ...],
    **changed: object,
) -> Effects:
    """The Effects of a step that changes only what `changed` says; cumulants: one mask (N,) each."""
    fields: dict[str, Any] = {"level": state.level, "seats": moves.seats, "task": state.task} | changed
    return Effects(reward=reward, cumulants=jnp.stack(cumulants, axis=1).astype(jnp.float32), **fields)


def any_of(tiles: UInt8[Array, "H W"], kinds: tuple[int, ...]) -> Bool[Array, "H W"]:
    """Where one of these tiles lies."""
    return jnp.any(jnp.stack([tiles == kind for kind in kinds]), axis=0)


def reachable(level: Level, items: tuple[int, ...], solid: tuple[int, ...]) -> Bool[Array, ""]:
    """Whether every seat reaches every one of these tiles from its start, if the tiles of `solid` are
    closed.
    """
    if not items:
        return jnp.array(True)
    closed, (row, column) = any_of(level.tiles, solid), level.position.T
    first = jnp.zeros(closed.shape, bool).at[row[0], column[0]].set(True)
    reached = distances(first, closed) < closed.size
    return jnp.all(reached[row, column]) & jnp.all(reached | ~any_of(level.tiles, items))


def target_under(tiles: UInt8[Array, "H W"], moves: Moves, targets: tuple[int, ...]) -> Int32[Array, " N"]:
    """Which target (an index into `targets`) each seat has just stepped on, -1 if none."""
    tile = grid.at(tiles, moves.seats.position)
    hits = (tile[:, None] == jnp.array(targets, jnp.uint8)) & moves.moved[:, None]
    return jnp.max(jnp.where(hits, jnp.arange(len(targets), dtype=jnp.int32), -1), axis=1)


def target_rewards(
    tiles: UInt8[Array, "H W"], targets: tuple[int, ...], rewards: Float32[Array, "N targets"]
) -> Float32[Array, "N H W"]:
    """Rewards per target as rewards per cell."""
    planes = jnp.stack([tiles == tile for tile in targets]).astype(jnp.float32)
    return jnp.einsum("nt,thw->nhw", rewards, planes)


def put_back(seats: Seats, level: Level, back: Bool[Array, " N"]) -> Seats:
    """The seats, those in `back` at their start of the level."""
    return dataclasses.replace(
        seats,
        position=jnp.where(back[:, None], level.position, seats.position),
        heading=jnp.where(back, level.heading, seats.heading),
    )


def has_room(state: State, moves: Moves, blocking: bool) -> Bool[Array, " N"]:
    """Whether each seat could stand where it began; blocking: unless another seat stands there."""
    seats = moves.seats.present.shape[0]
    if not blocking:
        return jnp.ones(seats, bool)
    others = state.seats.present[None] & ~jnp.eye(seats, dtype=bool)
    taken = grid.same_cell(state.level.position[:, None], moves.seats.position[None])
    return ~jnp.any(others & taken, axis=1)
