"""How right a novice's belief is about where another is going, for learners that show one (`Diagnostics`)."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl.evaluation import first_episodes
from socialrl.hindsight import destinations
from socialrl.protocols import LearnerState
from socialrl.protocols._measures import BINS, mean_where
from socialrl.recording import demonstrated, diagnosed, remembered
from socialrl.rollout import Trace
from socialrl.types import BELIEFS, Diagnostics, Learner
from socialrl_envs.types import World

EPISODES = 32  # of a trace, at most: the belief of every cell at every step takes room
FAR = 100_000  # cells, to a co-player that is absent


def belief_measures(
    world: World, learner: Learner, state: LearnerState, trace: Trace, key: Key[Array, ""]
) -> dict[str, Array]:
    """Scalars by name; none of a learner that shows no belief.

    belief: the share of steps at which the likeliest cell is where the co-player nearest to the novice went
    next, of those at which it went somewhere before the end of the episode, see `hindsight`. belief_mass: the
    probability of that cell. belief/<bin>: the accuracy over BINS parts of the horizon.
    """
    if learner.capability(Diagnostics) is None or not world.spec.coplayers:
        return {}
    trace = first_episodes(trace, EPISODES)
    steps = remembered(world, learner, state, trace, key)
    found = diagnosed(world, learner, state, trace, steps)
    if "belief" not in found:
        return {}
    going = found["belief"][..., BELIEFS.index("going"), :, :]
    cell, known = nearest_destination(world, trace)
    return accuracy(going, cell, known & trace.alive[..., None])


def nearest_destination(world: World, trace: Trace) -> tuple[Int32[Array, "T B M 2"], Bool[Array, "T B M"]]:
    """Where the co-player nearest to each novice goes next, and whether it is known, before every step."""
    spec = world.spec
    novices, coplayers = np.array(spec.novices, np.int32), np.array(spec.coplayers, np.int32)
    seats = jax.tree.map(lambda leaf: leaf[:-1], trace.states.seats)
    others = demonstrated(trace, world, spec.coplayers)
    where, facing = seats.position[:, :, coplayers], seats.heading[:, :, coplayers]
    cell, known = destinations(spec, others, where, facing)
    apart = seats.position[:, :, novices, None] - where[:, :, None]
    away = jnp.where(others.present[:, :, None], jnp.sum(jnp.abs(apart), axis=-1), FAR)
    nearest = jnp.argmin(away, axis=-1)  # (T, B, M)
    its = jnp.take_along_axis(cell, nearest[..., None], axis=2)
    return its, jnp.take_along_axis(known, nearest, axis=2)


def accuracy(
    going: Float32[Array, "T B M H W"], cell: Int32[Array, "T B M 2"], known: Bool[Array, "T B M"]
) -> dict[str, Array]:
    """belief, belief_mass and belief/<bin>. going: the probability of every cell."""
    flat = going.reshape(*going.shape[:3], -1)
    index = cell[..., 0] * going.shape[-1] + cell[..., 1]
    right = jnp.argmax(flat, axis=-1) == index
    mass = jnp.take_along_axis(flat, index[..., None], axis=-1)[..., 0]
    result = {"belief": mean_where(right, known), "belief_mass": mean_where(mass, known)}
    for number, part in enumerate(np.array_split(np.arange(going.shape[0]), BINS)):
        result[f"belief/{number}"] = mean_where(right[part], known[part])
    return result
