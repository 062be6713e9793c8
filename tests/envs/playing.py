"""Whole episodes in many worlds at once, as numpy."""

from typing import Any

import jax
import jax.numpy as jnp

from socialrl_envs import hosting


def play(world: Any, worlds: int, steps: int, seed: int = 0, forward: float = 0.5) -> Any:
    """Random scripts with a liking for going forward: (before, actions, after, outcome) of every step, axes
    (B, T).
    """

    def run(key):
        level_key, reset_key, play_key = jax.random.split(key, 3)

        def step(state, time):
            action_key, like_key, step_key = jax.random.split(jax.random.fold_in(play_key, time), 3)
            shape = state.seats.present.shape
            random = jax.random.randint(action_key, shape, 0, len(world.spec.actions), dtype=jnp.int32)
            actions = jnp.where(jax.random.uniform(like_key, shape) < forward, 2, random)
            after, outcome = world.step(state, actions, step_key)
            return after, (state, actions, after, outcome)

        return jax.lax.scan(step, world.reset(world.sample_level(level_key), reset_key), jnp.arange(steps))[1]

    return jax.device_get(jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(seed), worlds)))


def hosted(world: Any, worlds: int, seed: int = 5) -> Any:
    """Episodes in which all seats are co-players: (levels, rewards (B, T, N))."""
    host = hosting.host(world)

    def run(key):
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key)

        def step(state, time):
            act_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
            after, outcome = world.step(state, host(state, act_key), step_key)
            return after, outcome.reward

        return level, jax.lax.scan(step, world.reset(level, reset_key), jnp.arange(world.spec.horizon))[1]

    return jax.device_get(jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(seed), worlds)))
