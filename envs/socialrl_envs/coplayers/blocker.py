"""Stands in the first novice's way: goes to the cell that the novice would enter next, and stays there.

That is the cell ahead of a novice that turns, else the one beside it that is nearest to something that pays
it, as the crow flies. With probability 1 - skill it takes a random action. It is an obstacle only where seats
block one another.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32, Key

from socialrl_envs import grid
from socialrl_envs.coplayers import wanderer
from socialrl_envs.movement.turning import cell_ahead
from socialrl_envs.planning.pursuit import TIE, first_action_values
from socialrl_envs.types import State, World


def act(world: World, state: State, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
    """The action towards the cell that the novice would enter next; on that cell it stays, or turns."""
    slip_key, tie_key, random_key = jax.random.split(key, 3)
    novice = next(iter(world.spec.novices), seat)
    cell = next_cell(world, state, novice)
    gain = jnp.zeros(state.level.tiles.shape, jnp.float32).at[cell[0], cell[1]].set(1.0)
    values, idle = first_action_values(world, state, gain, seat)
    best = jnp.argmax(values + TIE * jax.random.uniform(tie_key, values.shape)).astype(jnp.int32)
    there = grid.same_cell(state.seats.position[seat], cell) | (jnp.max(values) <= 0)
    slip = jax.random.uniform(slip_key) >= state.level.params.skill[seat]
    random = wanderer.act(world, state, seat, random_key)
    return jnp.where(slip, random, jnp.where(there, jnp.int32(idle), best))


def next_cell(world: World, state: State, novice: int) -> Int32[Array, " 2"]:
    """The row and column of the cell that the novice would enter next."""
    position = state.seats.position[novice]
    if world.spec.movement == "turning":
        return cell_ahead(position[None], state.seats.heading[novice][None])[0]
    beside = position + grid.deltas()[:4]
    away = jax.vmap(lambda cell: distance(world.cell_rewards(state)[novice] > 0, cell))(beside)
    closed = world.solid(state.level.tiles)[beside[:, 0], beside[:, 1]]
    return beside[jnp.argmin(jnp.where(closed, jnp.inf, away))]


def distance(goals: Array, cell: Int32[Array, " 2"]) -> Float32[Array, ""]:
    """Steps from a cell to the nearest of these cells (H, W), if there were no walls; infinite if there is
    none.
    """
    rows, columns = jnp.indices(goals.shape, jnp.int32)
    steps = jnp.abs(rows - cell[0]) + jnp.abs(columns - cell[1])
    return jnp.min(jnp.where(goals, steps.astype(jnp.float32), jnp.inf))
