"""Presence schedules: when a seat is on the grid, as four numbers that a curriculum may vary.

(start, leave, back, until): a seat is present at the reset with probability `start`; at each step it leaves
with probability `leave` and returns with probability `back`; from the time `until * horizon` on it is absent.
With a negative `until` a seat that has left does not return, and every other seat leaves at a time that is
uniform over the first `-until * horizon` steps.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl_envs import grid
from socialrl_envs.errors import SocialRLError, unknown

Schedule = tuple[float, float, float, float]

SCHEDULES: dict[str, Schedule] = {
    "always": (1.0, 0.0, 0.0, 2.0),
    "never": (0.0, 0.0, 0.0, 2.0),
    "first_half": (1.0, 0.0, 0.0, 0.5),
    "some_episodes": (0.5, 0.0, 0.0, 2.0),
    "comes_and_goes": (0.5, 0.1, 0.1, 2.0),
    "leaves": (1.0, 0.0, 0.0, -1.0),
}


def parse(key: str, presence: str | Schedule) -> Schedule:
    """The schedule that `presence` names or gives.

    key: named in the error. Raises SocialRLError for an unknown name, or for values outside their bounds.
    """
    if isinstance(presence, str):
        if presence not in SCHEDULES:
            raise unknown(f"presence ({key})", presence, SCHEDULES)
        return SCHEDULES[presence]
    if len(presence) != 4 or not all(0 <= p <= 1 for p in presence[:3]) or presence[3] < -1:
        raise SocialRLError(
            f"{key}: {presence}",
            "give (start, leave, back, until): three probabilities in 0..1, then a share >= -1",
        )
    return presence


def begin(schedule: Float32[Array, "N 4"], key: Key[Array, ""]) -> Bool[Array, " N"]:
    """Which seats are present at the reset, bool (N,)."""
    start, _, _, until = schedule.T
    return (jax.random.uniform(key, start.shape) < start) & (until != 0)


def advance(
    schedule: Float32[Array, "N 4"],
    present: Bool[Array, " N"],
    time: Int32[Array, ""],
    horizon: int,
    key: Key[Array, ""],
) -> Bool[Array, " N"]:
    """Which seats are present after a step that ended at `time`, bool (N,)."""
    _, leave, back, until = schedule.T
    now, end, even = time.astype(jnp.float32), jnp.abs(until) * horizon, until < 0
    # Uniform leaving time: a seat that is still present leaves now with probability 1 / (steps left).
    goes = jnp.where(even, 1 / jnp.maximum(jnp.ceil(end) - now + 1, 1), 0.0)
    chance = jax.random.uniform(key, leave.shape)
    stays = jnp.where(present, chance >= leave + goes - leave * goes, (chance < back) & ~even)
    return stays & (now < end)


def wait_for_room(
    before: Bool[Array, " N"], after: Bool[Array, " N"], position: Int32[Array, "N 2"]
) -> Bool[Array, " N"]:
    """The presence `after` a step, in which no seat returns to an occupied cell.

    A returning seat stays absent while a present seat is on its cell; of two that return to one cell the
    lower index returns first. For worlds in which seats block one another.
    """
    stays, returns = before & after, after & ~before
    ahead = jnp.tri(len(after), k=-1, dtype=bool) & returns[None]
    taken = grid.same_cell(position[:, None], position[None]) & (stays[None] | ahead)
    return stays | (returns & ~jnp.any(taken, axis=1))
