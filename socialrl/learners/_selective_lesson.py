"""What the sources of `selective` learn from: an unroll, and what became of the co-players in it."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.hindsight import destinations, on_map
from socialrl.sources import Lesson
from socialrl.spatial import Sight, SpatialMemory
from socialrl.types import Experience
from socialrl_envs.types import WorldSpec


def lesson_of(spec: WorldSpec, memory: SpatialMemory, experience: Experience, share: float) -> Lesson:
    """What the sources learn from, in this share of the worlds of the unroll (the first ones)."""
    few = max(1, round(share * experience.own.reward.shape[1]))
    part = jax.tree.map(
        lambda x: x[:, :few],
        (experience.own, experience.others, experience.extras, experience.positions, experience.headings),
    )
    own, others, extras, positions, headings = part
    novices, coplayers = np.array(spec.novices, np.int32), np.array(spec.coplayers, np.int32)
    where, facing = positions[:, :, coplayers], headings[:, :, coplayers]
    place, looks = positions[:, :, novices], headings[:, :, novices]
    cell, known = destinations(spec, others, where, facing)
    goal, inside = on_map(cell, where, facing, memory.radius, memory.turning)
    away = jnp.sum(jnp.abs(where[:, :, None] - place[:, :, :, None]), axis=-1)  # (T, n, novices, P)
    nearest = jnp.argmin(jnp.where(others.present[:, :, None], away, 10_000), axis=-1)
    its = jnp.take_along_axis(cell, nearest[..., None], axis=2)
    target, near = on_map(its, place, looks, memory.radius, memory.turning)
    reached = jnp.take_along_axis(known, nearest, axis=2) & near
    seen = (own.timestep.obs, extras.code, extras.time, extras.heading, extras.behaviour, target, reached)
    obs, code, time, heading, behaviour, target, reached = jax.tree.map(
        lambda x: x.reshape(x.shape[0], -1, *x.shape[3:]), seen
    )
    return Lesson(
        others=others,
        goal=goal,
        goal_known=known & inside,
        sight=Sight(obs=obs, code=code, time=time, heading=heading, behaviour=behaviour),
        target=target,
        target_known=reached,
    )
