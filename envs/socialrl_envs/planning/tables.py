"""Action tables of seats that turn: the first actions of shortest paths to the targets of a level.

A table has an action of two bits for every heading and cell. The tables are computed once, with the level;
those of three targets on a 13 x 13 grid take 507 bytes.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int8, Int32, Key, UInt8

from socialrl_envs import grid
from socialrl_envs.movement import turning
from socialrl_envs.planning.values import shifted
from socialrl_envs.struct import pytree
from socialrl_envs.tiles import DELTAS
from socialrl_envs.types import Level, SeatNumber, State

FAR = 1e6  # steps, where a target cannot be reached
NO_ACTION = 3  # the entry where a target cannot be reached


@pytree
class ActionTables:
    """The action tables of one level.

    packed: four actions to a byte, see `pack`. nearest: the index of the target nearest to each seat's start.
    """

    packed: UInt8[Array, "targets X"]
    nearest: Int8[Array, " N"]


def action_tables(
    level: Level, targets: tuple[int, ...], solid: Bool[Array, "H W"], penalty_ratio: Float32[Array, ""]
) -> ActionTables:
    """The tables of a level for these target tiles.

    penalty_ratio: the cost of entering another target, relative to the reward of the seat's own. In steps it
    is this ratio times the mean path between targets: a planner takes as long a detour to avoid a loss as it
    would walk for a reward of that size.
    """
    target = jnp.stack([level.tiles == tile for tile in targets])
    row, column = level.position.T

    def to_all(traversal_cost: Float32[Array, "H W"]) -> Float32[Array, "targets 4 H W"]:
        return jax.vmap(lambda one: path_costs(one, traversal_cost, solid))(target)

    mean_path = mean_path_length(to_all(jnp.zeros(solid.shape, jnp.float32)), target)
    traversal_cost = jnp.where(jnp.any(target, axis=0), penalty_ratio * mean_path, 0.0)
    costs = to_all(traversal_cost)
    actions = jax.vmap(lambda cost, one: first_actions(cost, one, traversal_cost, solid))(costs, target)
    nearest = jnp.argmin(costs[:, level.heading, row, column], axis=0).astype(jnp.int8)
    return ActionTables(packed=pack(actions), nearest=nearest)


def next_action(
    tables: ActionTables,
    state: State,
    targets: tuple[int, ...],
    gain: Float32[Array, "H W"],
    seat: SeatNumber,
    key: Key[Array, ""],
    blocking: bool,
) -> Int32[Array, ""]:
    """The action of a shortest path to the target with the highest gain.

    Of equal gains the target nearest to the seat's start is taken, if it is among them, else the first.
    Without a positive gain the action is a turn to the left. blocking: whether seats block one another; then
    the action is random if another seat is in front.
    """
    tiles, seats = state.level.tiles, state.seats
    values = jnp.stack([jnp.max(jnp.where(tiles == tile, gain, -jnp.inf)) for tile in targets])
    best, nearest = values == jnp.max(values), tables.nearest[seat].astype(jnp.int32)
    chosen = jnp.where(best[nearest], nearest, jnp.argmax(best).astype(jnp.int32))
    position, heading = seats.position[seat], seats.heading[seat]
    action = look_up(tables.packed, chosen, heading, position, tiles.shape[1])
    action = jnp.where((jnp.max(values) > 0) & (action != NO_ACTION), action, turning.LEFT)
    if not blocking:
        return action
    others = seats.present & (jnp.arange(seats.present.shape[0]) != seat)
    front = turning.cell_ahead(position[None], heading[None])
    blocked = (action == turning.FORWARD) & jnp.any(others & grid.same_cell(seats.position, front))
    return jnp.where(blocked, jax.random.randint(key, (), 0, 3, dtype=jnp.int32), action)


def _options(
    costs: Float32[Array, "4 H W"],
    target: Bool[Array, "H W"],
    traversal_cost: Float32[Array, "H W"],
    solid: Bool[Array, "H W"],
) -> Float32[Array, "3 4 H W"]:
    """Costs to the target from every heading and cell, by first action: left, right, forward."""
    entering = jnp.where(target, 0.0, jnp.where(solid, FAR, costs + traversal_cost))
    forward = jnp.stack([shifted(entering[h], delta, FAR) for h, delta in enumerate(DELTAS)])
    return 1 + jnp.stack([jnp.roll(costs, 1, axis=0), jnp.roll(costs, -1, axis=0), forward])


def path_costs(
    target: Bool[Array, "H W"], traversal_cost: Float32[Array, "H W"], solid: Bool[Array, "H W"]
) -> Float32[Array, "4 H W"]:
    """The cost of the cheapest path from every heading and cell onto a target.

    A move or a turn costs 1, and entering a cell other than the target its traversal cost. The cost is FAR or
    more where there is no path. A seat on the target has to leave it and return.
    """

    def sweep(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        now, _ = carry
        better = jnp.minimum(now, jnp.min(_options(now, target, traversal_cost, solid), axis=0))
        return better, jnp.any(better < now)

    start = (jnp.full((4, *target.shape), FAR, jnp.float32), jnp.array(True))
    return jax.lax.while_loop(lambda carry: carry[1], sweep, start)[0]


def mean_path_length(
    costs: Float32[Array, "targets 4 H W"], target: Bool[Array, "targets H W"]
) -> Float32[Array, ""]:
    """The mean cost from one target to the next in their order, over all headings."""
    start = jnp.roll(target, 1, axis=0)[:, None] & (costs < FAR)
    return jnp.sum(jnp.where(start, costs, 0.0)) / jnp.maximum(jnp.sum(start, dtype=jnp.float32), 1.0)


def first_actions(
    costs: Float32[Array, "4 H W"],
    target: Bool[Array, "H W"],
    traversal_cost: Float32[Array, "H W"],
    solid: Bool[Array, "H W"],
) -> Int32[Array, "4 H W"]:
    """The first action of a cheapest path from every heading and cell; NO_ACTION where there is none.

    Ties are broken in the order forward, right, left.
    """
    left, right, forward = _options(costs, target, traversal_cost, solid)
    turn = jnp.where(left < right, turning.LEFT, turning.RIGHT)
    best = jnp.where(forward <= jnp.minimum(left, right), turning.FORWARD, turn)
    return jnp.where(costs < FAR, best, NO_ACTION).astype(jnp.int32)


def pack(actions: Int32[Array, "targets 4 H W"]) -> UInt8[Array, "targets X"]:
    """The actions as bytes of four actions each, in the order of (heading, row, column)."""
    flat = actions.reshape(actions.shape[0], -1).astype(jnp.uint8)
    four = jnp.pad(flat, ((0, 0), (0, -flat.shape[1] % 4))).reshape(actions.shape[0], -1, 4)
    return four[..., 0] | (four[..., 1] << 2) | (four[..., 2] << 4) | (four[..., 3] << 6)


def look_up(
    packed: UInt8[Array, "targets X"],
    target: Int32[Array, ""],
    heading: Int32[Array, ""],
    cell: Int32[Array, " 2"],
    width: int,
) -> Int32[Array, ""]:
    """The action towards a target, or NO_ACTION; the grid is square, with `width` cells to a side."""
    index = (heading * width + cell[0]) * width + cell[1]
    byte = packed[target, index // 4].astype(jnp.int32)
    return (byte >> (2 * (index % 4))) & 3
