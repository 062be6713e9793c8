"""Whom a decision follows, and who would have been the right one.

Where a learner's sources say whom they follow, that is whom; where they do not (`ANYONE`), it is the
co-player that is nearest to the novice. A source of nobody, such as a random walk, follows nobody.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32

from socialrl.protocols._overrides import has_preferences
from socialrl.sources import ANYONE
from socialrl.types import Learner
from socialrl_envs.types import State, World, WorldSpec

NOBODY, NEAREST = -1, -2
PLANNERS = ("planner", "noisy")  # policies that go for what their seat prefers
FAR = 100_000  # cells, to a co-player that is absent


def numbers(spec: WorldSpec, learner: Learner) -> Int32[np.ndarray, " S"]:
    """For each source 0, if it is the novice itself, the number of the co-player, from 1, NEAREST or
    NOBODY.
    """
    names = [spec.agents[seat] for seat in spec.coplayers]
    if learner.sources is None:
        return np.arange(1 + len(names), dtype=np.int32)
    known = {name: number for number, name in enumerate(names, 1)} | {ANYONE: NEAREST}
    return np.array([0, *(known.get(source.whom, NOBODY) for source in learner.sources[1:])], np.int32)


def followed(
    source: Int32[Array, "T B M"], which: Int32[np.ndarray, " S"], states: State, spec: WorldSpec
) -> Int32[Array, "T B M"]:
    """The number of the co-player that each decision follows, 0 for the novice itself, NOBODY.

    which: the result of `numbers`. states: before each step, leaves (T, B, ...).
    """
    whom = jnp.asarray(which)[source]
    if not spec.coplayers:
        return whom
    novices, coplayers = np.array(spec.novices), np.array(spec.coplayers)
    position, present = states.seats.position, states.seats.present[:, :, None, coplayers]
    apart = position[:, :, novices, None] - position[:, :, None, coplayers]
    away = jnp.where(present, jnp.sum(jnp.abs(apart), axis=-1), FAR)  # (T, B, M, P)
    nearest = 1 + jnp.argmin(away, axis=-1).astype(jnp.int32)
    anyone = jnp.where(jnp.any(present, axis=-1), nearest, NOBODY)
    return jnp.where(whom == NEAREST, anyone, whom)


def cosines(preferences: Float32[Array, "*batch N K"], spec: WorldSpec) -> Float32[Array, "*batch M P"]:
    """The cosine of each novice's preferences and each co-player's; 0 if one of them wants nothing."""
    length = jnp.sqrt(jnp.sum(preferences**2, axis=-1, keepdims=True))
    unit = preferences / jnp.where(length > 0, length, 1.0)
    novices, coplayers = (unit[..., np.array(seats, np.int32), :] for seats in (spec.novices, spec.coplayers))
    return jnp.einsum("...mk,...pk->...mp", novices, coplayers)


def right_ones(world: World, states: State) -> Bool[Array, "T B M P"]:
    """Which co-players are the right ones to follow, for each novice: those whose agreement is the highest,
    if it is positive.

    The agreement of a planner is its skill times the cosine of its preferences and the novice's, as they are
    on this level (1 where everybody is paid alike); other policies, and absent ones, have none.
    """
    spec, params = world.spec, states.level.params.named()
    coplayers = np.array(spec.coplayers, np.int32)
    plans = np.array([spec.seats[seat].policy in PLANNERS for seat in spec.coplayers], bool)
    skilled = np.array([spec.seats[seat].policy == "noisy" for seat in spec.coplayers], bool)
    skill = jnp.where(skilled, jnp.asarray(params["skill"])[..., coplayers], 1.0)[..., None, :]
    shape = (*states.seats.present.shape[:-1], len(spec.novices), len(coplayers))
    alike = cosines(jnp.asarray(params["preferences"]), spec) if has_preferences(world) else 1.0
    there = states.seats.present[..., None, coplayers] & plans
    agreement = jnp.where(there, jnp.broadcast_to(skill * alike, shape), 0.0)
    best = jnp.max(agreement, axis=-1, keepdims=True, initial=0.0)
    return (agreement > 0) & (agreement >= best * (1 - 1e-5))
