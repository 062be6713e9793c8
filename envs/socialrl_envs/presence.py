"""Whether a seat is on the grid now: schedules as four numbers, so that a curriculum can turn them.

(start, leave, back, until): it is there at the reset with probability `start`; at each step it leaves with
probability `leave` and comes back with probability `back`; from `until` (a share of the horizon) on it is
gone for good. With a negative `until` who has left does not come back, and all others go at a time drawn
evenly up to the share -until.
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
    """The four numbers of a schedule given by name or outright; `key` names it in the error."""
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
    """Who is there at the reset."""
    start, _, _, until = schedule.T
    return (jax.random.uniform(key, start.shape) < start) & (until != 0)


def advance(
    schedule: Float32[Array, "N 4"],
    present: Bool[Array, " N"],
    time: Int32[Array, ""],
    horizon: int,
    key: Key[Array, ""],
) -> Bool[Array, " N"]:
    """Who is there after a step that ended at `time`."""
    _, leave, back, until = schedule.T
    now, end, even = time.astype(jnp.float32), jnp.abs(until) * horizon, until < 0
    # A time drawn evenly: who is still there goes now with a chance of one in the steps that are left.
    goes = jnp.where(even, 1 / jnp.maximum(jnp.ceil(end) - now + 1, 1), 0.0)
    chance = jax.random.uniform(key, leave.shape)
    stays = jnp.where(present, chance >= leave + goes - leave * goes, (chance < back) & ~even)
    return stays & (now < end)


def wait_for_room(
    before: Bool[Array, " N"], after: Bool[Array, " N"], position: Int32[Array, "N 2"]
) -> Bool[Array, " N"]:
    """`after`, except that a seat that comes back waits while somebody is on its cell (two at once: the lower
    index first).

    For worlds in which seats block one another.
    """
    stays, returns = before & after, after & ~before
    ahead = jnp.tri(len(after), k=-1, dtype=bool) & returns[None]
    taken = grid.same_cell(position[:, None], position[None]) & (stays[None] | ahead)
    return stays | (returns & ~jnp.any(taken, axis=1))
