"""Rules of a co-player."""

from types import FunctionType

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Key

from socialrl_envs import registry
from socialrl_envs.conformance.playing import (
    QUICK,
    compiled,
    demand,
    stacked,
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
    level_key, reset_key, act_key, step_key, presence_key = jax.random.split(
        jax.random.key(0) if key is None else key, 5
    )
    seats, count, now = range(len(world.spec.seats)), len(world.spec.actions), compiled(world)

    def choose(state: State, key: Key[Array, ""], time: ArrayLike) -> list[Array]:
        keys = jax.random.split(jax.random.fold_in(key, time), len(seats))
        return [act(world, state, seat, k) for seat, k in zip(seats, keys, strict=True)]

    traced = jax.jit(choose)
    alone = jax.jit(traced, compiler_options=QUICK)
    state = now.reset(now.draw(level_key), reset_key)
    for seat, action in zip(seats, jax.eval_shape(alone, state, act_key, np.int32(0)), strict=True):
        found = f"{name} on seat {seat} gives {action.dtype}{action.shape}"
        demand(action.shape == () and action.dtype == jnp.int32, world, "actions are int32 scalars", found)

    stays = np.asarray(jax.random.uniform(presence_key, (steps, len(seats))) < 0.9)
    states, actions = [], []
    for time in range(steps):
        states.append(jax.device_get(state))
        actions.append(np.stack(jax.device_get(alone(state, act_key, np.int32(time)))))
        after, _ = now.step(state, actions[-1], step_key, np.int32(time))
        state = with_seats(after, present=jnp.asarray(states[-1].seats.present & stays[time]))
    taken = np.stack(actions)
    demand(
        (taken >= 0) & (taken < count),
        world,
        f"{name}'s actions are in range",
        f"0..{count - 1}: {taken.tolist()}",
    )
    together = jax.jit(jax.vmap(traced, in_axes=(0, None, 0)), compiler_options=QUICK)
    batched = np.stack(together(stacked(states), act_key, np.arange(steps, dtype=np.int32)), axis=1)
    demand(batched == taken, world, f"{name} under vmap equals a loop", "they differ")
    first = jax.tree.map(jnp.asarray, states[0])
    again = np.stack(choose(first, act_key, np.int32(0)))
    demand(again == taken[0], world, f"{name} jitted equals eager, one key one action", "they differ")
