"""Whole episodes in many worlds at once, as numpy, and states as flat dictionaries, for the plain models."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from socialrl_envs import Level, State, hosting


def play(world: Any, worlds: int, steps: int, seed: int = 0, hosted: bool = False) -> Any:
    """Episodes with random actions: levels, and (before, actions, after, outcome) of every step, axes (B, T).

    Seats that turn go forward in half of their steps. hosted: all seats are co-players and act by
    themselves.
    """
    host, turning = hosting.host(world), world.spec.movement == "turning"

    def run(key):
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key)

        def step(state, time):
            action_key, forward_key, step_key = jax.random.split(jax.random.fold_in(play_key, time), 3)
            if hosted:
                actions = host(state, action_key)
            else:
                shape, count = state.seats.present.shape, len(world.spec.actions)
                actions = jax.random.randint(action_key, shape, 0, count, dtype=jnp.int32)
            if turning and not hosted:
                actions = jnp.where(jax.random.uniform(forward_key, shape) < 0.5, 2, actions)
            after, outcome = world.step(state, actions, step_key)
            return after, (state, actions, after, outcome)

        return level, jax.lax.scan(step, world.reset(level, reset_key), jnp.arange(steps))[1]

    return jax.device_get(jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(seed), worlds)))


def flat(state: Any) -> dict[str, np.ndarray]:
    """A state's fields in one dictionary: tiles, what the seats are and start with, the task's own, time."""
    fields = {"tiles": state.level.tiles, "start": state.level.position, "facing": state.level.heading}
    seats = {name: value for name, value in vars(state.seats).items() if value is not None}
    task = {} if isinstance(state.task, tuple) else vars(state.task)
    return fields | seats | task | {"time": state.time}


def at(fields: dict[str, np.ndarray], *index: int) -> dict[str, Any]:
    """The entry of every field at this index, such as one step of one world."""
    return {name: value[index] for name, value in fields.items()}


def begin(world: Any, text: str, seed: int = 0, **params: Any) -> State:
    """The first state of a hand-drawn level; params: parameters that replace the world's."""
    level = Level.from_ascii(text)
    return world.reset(level.edit(params=level.params | params), jax.random.key(seed))


def with_task(state: State, **changes: Any) -> State:
    """The state with fields of its task replaced."""
    task: Any = state.task
    return dataclasses.replace(state, task=dataclasses.replace(task, **changes))
