"""Whether a seat is on the grid now: schedules as four numbers, so that a curriculum can turn them.

(start, leave, back, until, latest): it is there at the reset with probability `start`; at each step it leaves with probability
`leave` and comes back with probability `back`. It goes for good at a time drawn evenly between the shares `until` and `latest` of
the horizon; from `until` on nobody comes back. Without `latest` it goes at `until`.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key

from socialrl_envs import grid
from socialrl_envs.errors import SocialRLError, unknown

Schedule = tuple[float, float, float, float, float]

SCHEDULES: dict[str, Schedule] = {
    "always": (1.0, 0.0, 0.0, 2.0, 2.0),
    "never": (0.0, 0.0, 0.0, 2.0, 2.0),
    "first_half": (1.0, 0.0, 0.0, 0.5, 0.5),
    "some_episodes": (0.5, 0.0, 0.0, 2.0, 2.0),
    "comes_and_goes": (0.5, 0.1, 0.1, 2.0, 2.0),
    "leaves": (1.0, 0.0, 0.0, 0.0, 1.0),
}


def parse(key: str, presence: str | tuple[float, ...]) -> Schedule:
    """The five numbers of a schedule given by name or outright, `latest` at will; `key` names it in the error."""
    if isinstance(presence, str):
        if presence not in SCHEDULES:
            raise unknown(f"presence ({key})", presence, SCHEDULES)
        return SCHEDULES[presence]
    if len(presence) not in (4, 5) or not all(0 <= p <= 1 for p in presence[:3]) or not 0 <= presence[3] <= presence[-1]:
        numbers = "(start, leave, back, until) or (start, leave, back, until, latest)"
        raise SocialRLError(
            f"{key}: {presence}", f"give {numbers}: three probabilities in 0..1, then shares >= 0, latest >= until"
        )
    start, leave, back, until = presence[:4]
    return start, leave, back, until, presence[-1]


def begin(schedule: Float32[Array, "N 5"], key: Key[Array, ""]) -> Bool[Array, " N"]:
    """Who is there at the reset."""
    start, _, _, _, latest = schedule.T
    return (jax.random.uniform(key, start.shape) < start) & (latest > 0)


def advance(
    schedule: Float32[Array, "N 5"], present: Bool[Array, " N"], time: Int32[Array, ""], horizon: int, key: Key[Array, ""]
) -> Bool[Array, " N"]:
    """Who is there after a step that ended at `time`."""
    _, leave, back, until, latest = schedule.T
    now = time.astype(jnp.float32)
    # An even draw of the time to go: the chance to go now, if not gone before, is one in the steps that are left.
    left = jnp.ceil(latest * horizon) - now + 1
    goes = jnp.where(now < until * horizon, 0.0, 1 / jnp.maximum(left, 1))
    chance = jax.random.uniform(key, leave.shape)
    stays = jnp.where(present, chance >= leave + goes - leave * goes, (chance < back) & (now < until * horizon))
    return stays & (now < latest * horizon)


def wait_for_room(before: Bool[Array, " N"], after: Bool[Array, " N"], position: Int32[Array, "N 2"]) -> Bool[Array, " N"]:
    """`after`, except that a seat that comes back waits while somebody is on its cell (two at once: the lower index first).

    For worlds in which seats block one another.
    """
    stays, returns = before & after, after & ~before
    ahead = jnp.tri(len(after), k=-1, dtype=bool) & returns[None]
    taken = grid.same_cell(position[:, None], position[None]) & (stays[None] | ahead)
    return stays | (returns & ~jnp.any(taken, axis=1))
