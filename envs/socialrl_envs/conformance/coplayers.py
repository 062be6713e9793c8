"""Rules of a co-player."""

from types import FunctionType

import jax
import jax.numpy as jnp
from jax import Array
from jax.random import clone  # one key for two runs that must be equal
from jaxtyping import Key

from socialrl_envs import registry
from socialrl_envs.conformance.playing import (
    QUICK,
    compiled_begin,
    demand,
    with_seats,
)
from socialrl_envs.types import CoPlayer, State, World


def check_coplayer(
    policy: str | CoPlayer, world: World, key: Key[Array, ""] | None = None, steps: int = 32
) -> None:
    """Checks a co-player (its name, or `act(world, state, seat, key)`) on every seat of a world: actions are
    int32 scalars in range, also while absent; jit equals eager, vmap equals a loop, one key one action.

    Raises AssertionError that names the world, the co-player and the broken rule.
    """
    act = registry.coplayer(policy).act if isinstance(policy, str) else policy
    name = (
        policy
        if isinstance(policy, str)
        else type(policy).__name__
        if not isinstance(policy, FunctionType)
        else policy.__name__
    )
    begin_key, play_key, eager_key = jax.random.split(jax.random.key(0) if key is None else key, 3)
    seats, count = range(len(world.spec.seats)), len(world.spec.actions)

    def choose(state: State, key: Key[Array, ""]) -> list[Array]:
        return [
            act(world, state, seat, k)
            for seat, k in zip(seats, jax.random.split(key, len(seats)), strict=True)
        ]

    first = compiled_begin(world)(begin_key)
    for seat, action in zip(seats, jax.eval_shape(choose, first, eager_key), strict=True):
        found = f"{name} on seat {seat} gives {action.dtype}{action.shape}"
        demand(action.shape == () and action.dtype == jnp.int32, world, "actions are int32 scalars", found)

    def step(state: State, key: Key[Array, ""]) -> tuple[State, tuple[State, Array, Array]]:
        act_key, step_key, presence_key = jax.random.split(key, 3)
        actions = jnp.stack(choose(state, act_key))
        after, _ = world.step(state, actions, step_key)
        present = state.seats.present & (jax.random.uniform(presence_key, state.seats.present.shape) < 0.9)
        return with_seats(after, present=present), (state, actions, act_key)

    scanned = jax.jit(
        lambda state, key: jax.lax.scan(step, state, jax.random.split(key, steps))[1], compiler_options=QUICK
    )
    states, actions, keys = scanned(first, play_key)
    demand(
        (actions >= 0) & (actions < count),
        world,
        f"{name}'s actions are in range",
        f"0..{count - 1}: {actions.tolist()}",
    )
    batched = jnp.stack(jax.jit(jax.vmap(choose), compiler_options=QUICK)(states, clone(keys)), axis=1)
    demand(batched == actions, world, f"{name} under vmap equals a loop", "they differ")
    again = jnp.stack(choose(first, clone(keys)[0]))
    demand(again == actions[0], world, f"{name} jitted equals eager, one key one action", "they differ")
