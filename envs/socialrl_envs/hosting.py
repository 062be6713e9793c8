"""Drives the co-players of a world: who is not a novice acts by its seat's policy."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int32, Key

from socialrl_envs import registry
from socialrl_envs.errors import unknown
from socialrl_envs.types import State, World

CoPlayer = Callable[[World, State, int, Key[Array, ""]], Int32[Array, ""]]


def host(
    world: World, functions: Mapping[str, CoPlayer] | None = None
) -> Callable[[State, Key[Array, ""]], Int32[Array, " N"]]:
    """A function (state, key) -> actions (N,) in which every co-player's entry is filled in; novices' entries
    are 0.

    functions: policies handed in by agent name (a trained agent, say), instead of the seat's own.
    """
    handed = dict(functions or {})
    for agent in handed:
        if agent not in world.spec.agents:
            raise unknown("agent", agent, world.spec.agents)
    policies: dict[int, CoPlayer] = {}
    for seat in world.spec.coplayers:
        policies[seat] = (
            handed.get(world.spec.agents[seat]) or registry.coplayer(world.spec.seats[seat].policy).act
        )

    def act(state: State, key: Key[Array, ""]) -> Int32[Array, " N"]:
        keys = jax.random.split(key, len(world.spec.seats))
        actions = [
            policies[seat](world, state, seat, keys[seat]) if seat in policies else jnp.int32(0)
            for seat in range(len(world.spec.seats))
        ]
        return jnp.stack(actions)

    return act


def out(state: State) -> Bool[Array, " N"]:
    """Who is out for good: gone until the end of the episode. Worlds in which that happens keep `out` in
    their state.
    """
    return getattr(state, "out", jnp.zeros_like(state.present))
