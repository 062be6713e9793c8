"""What planners, co-players and random walkers would do in the novices' seats: the standards that `following`
and `regret` measure against.
"""

import copy
import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, Key

from socialrl_envs.coplayers import planner
from socialrl_envs.errors import SocialRLError
from socialrl_envs.hosting import find_policy
from socialrl_envs.planning.pursuit import TIE, first_action_values
from socialrl_envs.types import CoPlayer, Outcome, Policy, State, World


def with_planners(world: World) -> World:
    """The world, except that planners with the novices' preferences choose the novices' actions."""
    return with_policy(world, planner.act)


def with_policy(world: World, policy: CoPlayer) -> World:
    """The world, except that a policy without memory chooses the novices' actions."""

    def step(state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        novices = world.spec.novices
        step_key, plan_key = jax.random.split(key)
        for seat, seat_key in zip(novices, jax.random.split(plan_key, len(novices)), strict=True):
            actions = actions.at[seat].set(policy(world, state, seat, seat_key))
        return world.step(state, actions, step_key)

    planned = copy.copy(world)
    vars(planned)["step"] = step
    return planned


def with_walkers(world: World) -> World:
    """The world, except that the novices' actions are drawn uniformly."""

    def step(state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        step_key, walk_key = jax.random.split(key)
        novices = jnp.array(world.spec.novices)
        drawn = jax.random.randint(walk_key, novices.shape, 0, len(world.spec.actions), jnp.int32)
        return world.step(state, actions.at[novices].set(drawn), step_key)

    walked = copy.copy(world)
    vars(walked)["step"] = step
    return walked


def best_actions(world: World, state: State) -> Bool[Array, "M A"]:
    """Whether a planner with each novice's preferences values an action most, ties within TIE
    included.
    """

    def of(seat: int) -> Bool[Array, " A"]:
        values, _ = first_action_values(world, state, world.cell_rewards(state)[seat], seat)
        highest = jnp.max(values)
        return values >= highest - TIE * jnp.abs(highest)

    return jnp.stack([of(seat) for seat in world.spec.novices])


def coplayers_in_place(world: World, state: State, key: Key[Array, ""]) -> Int32[Array, "M P"]:
    """The action of each of the P co-players' policies, with its seat moved to the cell of each novice."""
    novices, coplayers = world.spec.novices, world.spec.coplayers
    if not coplayers:
        return jnp.zeros((len(novices), 0), jnp.int32)

    def of(novice: int, seat: int, key: Key[Array, ""]) -> Int32[Array, ""]:
        seats, policy = state.seats, find_policy(world.spec.seats[seat].policy)
        if isinstance(policy, Policy):
            raise SocialRLError(
                f"following: {world.spec.agents[seat]} has a memory; what it would do elsewhere is unknown",
                "use scripted co-players",
            )
        position = seats.position.at[seat].set(seats.position[novice])
        heading = seats.heading.at[seat].set(seats.heading[novice])
        moved = dataclasses.replace(seats, position=position, heading=heading)
        return policy(world, dataclasses.replace(state, seats=moved), seat, key)

    keys = jax.random.split(key, (len(novices), len(coplayers)))
    return jnp.stack(
        [
            jnp.stack([of(novice, seat, keys[i, k]) for k, seat in enumerate(coplayers)])
            for i, novice in enumerate(novices)
        ]
    )
