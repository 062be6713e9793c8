"""A process that builds many different worlds one after the other, as a notebook does.

Every world is compiled as functions and as a PettingZoo environment, and all of them are held to the end.
Without room made for new programs, such a process uses up its memory maps and dies.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

import socialrl_envs
from socialrl_envs import pettingzoo
from socialrl_envs.programs import count_maps


@dataclass(frozen=True)
class Point:
    """What a process holds after so many worlds: memory maps, and MiB. seconds: that the last one took."""

    worlds: int
    maps: int
    mib: float
    seconds: float


def build_many(count: int, say: Callable[[str], None] = print) -> list[Point]:
    """A Point after every world; all worlds differ."""
    from benchmarks.endurance.memory import resident

    names, held, points = socialrl_envs.names(), [], []
    for number in range(count):
        began = time.process_time()
        name, size = names[number % len(names)], 9 + number // len(names)
        held.append(used(name, size=size))
        point = Point(number + 1, count_maps(), resident(0), time.process_time() - began)
        points.append(point)
        facts = f"{point.worlds:>4} worlds {point.maps:>7} maps {point.mib:>7.0f} MiB"
        say(f"{facts} {point.seconds:>6.1f} s {name}")
    return points


def used(name: str, **config: Any) -> tuple[Any, ...]:
    """A world that has taken a step as functions and in PettingZoo: what a notebook holds of it."""
    world = socialrl_envs.make(name, **config)
    sample, reset, step = jax.jit(world.sample_level), jax.jit(world.reset), jax.jit(world.step)
    state = reset(sample(jax.random.key(0)), jax.random.key(1))
    state, _ = step(state, jnp.zeros(len(world.spec.seats), jnp.int32), jax.random.key(2))
    env = pettingzoo.parallel_env(name, **config)
    env.reset(seed=0)
    env.step(dict.fromkeys(env.agents, 0))
    return world, sample, reset, step, state, env
