"""Measures of social learning: pure functions of a trace, means over its episodes and novices.

Axis letters: `T` time, `B` episodes, `M` novices. A *visit* is a step onto a goal tile, right or wrong; it is
*free* if it is the first of the episode in a world in which any goal is right then. A mean over no episodes
is NaN.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Shaped, UInt8

from socialrl.rollout import Trace
from socialrl_envs import grid
from socialrl_envs.types import World

SCORING = 1.5  # a return above it takes more visits than the free one
BINS = 10  # parts of an episode in curves over it


@runtime_checkable
class HiddenOrder(Protocol):
    """The config of a world whose goal tiles have a hidden order."""

    @property
    def goals(self) -> int:
        """The number of goal tiles."""
        ...


class Visits(NamedTuple):
    """Steps onto goal tiles: right ones, wrong ones, and those of the right ones that are free."""

    right: Bool[Array, "T B M"]
    wrong: Bool[Array, "T B M"]
    free: Bool[Array, "T B M"]


def measures(trace: Trace, world: World, influence: bool) -> dict[str, Array]:
    """Scalars by name.

    return, return_second_half: of the novices, over the whole episode and from half of the horizon on.
    return_coplayers: of the co-players, which no learner sees. penalties, penalties_second_half: steps with a
    negative reward, per episode.
    scoring: share of episodes with a return above SCORING. followed: share of steps whose decision follows a
    co-player (learners with several sources). influence, influence/<bin>: see `influence_curve`, if
    `influence` is True (learners with a stochastic policy). Worlds with a hidden order add those of
    `order_measures`.
    """
    spec, novices = world.spec, np.array(world.spec.novices)
    reward = jnp.where(trace.alive[..., None], trace.outcome.reward, 0.0)
    own, late = reward[..., novices], 2 * np.arange(reward.shape[0]) >= spec.horizon
    returns = jnp.sum(own, axis=0)
    result = {
        "return": jnp.mean(returns),
        "return_second_half": jnp.mean(jnp.sum(own[late], axis=0)),
        "penalties": jnp.mean(jnp.sum(own < 0, axis=0, dtype=jnp.float32)),
        "penalties_second_half": jnp.mean(jnp.sum(own[late] < 0, axis=0, dtype=jnp.float32)),
        "scoring": jnp.mean(returns > SCORING, dtype=jnp.float32),
    }
    if spec.coplayers:
        result["return_coplayers"] = jnp.mean(jnp.sum(reward[..., np.array(spec.coplayers)], axis=0))
    if trace.decision.values.shape[-2] > 1:
        result["followed"] = mean_where(trace.decision.source > 0, trace.alive[..., None])
    if influence:
        result |= influence_curve(trace.decision.influence, trace.alive)
    if {"right_goal", "wrong_goal"} <= set(spec.cumulants):
        result |= order_measures(trace, world, returns)
    return result


def mean_where(values: Shaped[Array, "*shape"], mask: Bool[Array, "..."]) -> Float32[Array, ""]:
    """The mean of the values where the mask, broadcast to their shape, is True; NaN if it is True nowhere."""
    chosen = jnp.broadcast_to(mask, values.shape)
    count = jnp.sum(chosen, dtype=jnp.float32)
    total = jnp.sum(jnp.where(chosen, values.astype(jnp.float32), 0.0))
    return jnp.where(count > 0, total / jnp.maximum(count, 1.0), jnp.nan)


def influence_curve(influence: Float32[Array, "T B M"], alive: Bool[Array, "T B"]) -> dict[str, Array]:
    """Mean KL(policy || policy with the others hidden) in nats per step: `influence` over all steps, and
    `influence/<bin>` over BINS parts of the horizon, equal to within one step."""
    known = alive[..., None] & jnp.isfinite(influence)
    parts = np.array_split(np.arange(influence.shape[0]), BINS)
    curve = {f"influence/{i}": mean_where(influence[part], known[part]) for i, part in enumerate(parts)}
    return {"influence": mean_where(influence, known)} | curve


def order_measures(trace: Trace, world: World, returns: Float32[Array, "B M"]) -> dict[str, Array]:
    """Scalars by name, of worlds whose goal tiles have a hidden order.

    recovered: share of episodes in which the order is recovered, see `recovers_order`. first_choice: share
    of right ones among the first choices after the co-players' departure, see `nth_choice`.
    first_choice_made: share of episodes with such a choice. choice/<n>, choice_made/<n>: the same of the
    n-th choices, n from 2 to the number of goals. later_choices: share of right ones among the 2nd to the
    last of these, together, which nobody knows who was shown only the next goal. mistakes_after,
    right_after: wrong and right visits after the departure, per episode in which they depart, free visits
    left out. return_clockwise, return_counterclockwise: with three goals in a cycle, the return by the
    orientation in which they lie; they differ for a policy that follows in one orientation only.
    """
    assert isinstance(world.config, HiddenOrder)
    goals, seen = world.config.goals, visits(trace, world)
    recovered = jnp.mean(recovers_order(seen, goals), dtype=jnp.float32)
    result = {"recovered": recovered} | measures_after(seen, departed(trace, world), goals)
    if "first_goal" in world.spec.cumulants and goals == 3:
        sign = orientation(trace.states.level.tiles[0])[:, None]
        result["return_clockwise"] = mean_where(returns, sign > 0)
        result["return_counterclockwise"] = mean_where(returns, sign < 0)
    return result


def measures_after(seen: Visits, gone: Bool[Array, "T B"], goals: int) -> dict[str, Array]:
    """Scalars by name, of the time after the co-players' departure; see `order_measures`."""
    choices = [nth_choice(seen, gone, n) for n in range(1, goals + 1)]
    made, right = (jnp.stack(parts) for parts in zip(*choices, strict=True))
    result = {"later_choices": mean_where(right[1:], made[1:])}
    for n in range(goals):
        first, later = ("first_choice", "first_choice_made"), (f"choice/{n + 1}", f"choice_made/{n + 1}")
        share, number = later if n else first
        result |= {share: mean_where(right[n], made[n]), number: jnp.mean(made[n], dtype=jnp.float32)}
    left = jnp.any(gone, axis=0)[:, None]
    for name, what in (("mistakes_after", seen.wrong), ("right_after", seen.right & ~seen.free)):
        result[name] = mean_where(jnp.sum(what & gone[..., None], axis=0, dtype=jnp.float32), left)
    return result


def visits(trace: Trace, world: World) -> Visits:
    """The novices' steps onto goal tiles."""
    cumulants, seats = world.spec.cumulants, np.array(world.spec.novices)

    def happened(name: str) -> Bool[Array, "T B M"]:
        return (trace.outcome.cumulants[:, :, seats, cumulants.index(name)] > 0) & trace.alive[..., None]

    right = happened("right_goal")
    free = happened("first_goal") if "first_goal" in cumulants else jnp.zeros_like(right)
    return Visits(right=right, wrong=happened("wrong_goal"), free=free)


def recovers_order(seen: Visits, goals: int) -> Bool[Array, "B M"]:
    """Whether the last `goals` visits of the episode, free ones left out, exist and are all right, so that
    the whole order is known at the end. Guessing among the other goals of a cycle passes with probability
    (goals - 1) ** -goals.
    """
    choice = (seen.right | seen.wrong) & ~seen.free
    remaining = jnp.cumsum(choice[::-1], axis=0, dtype=jnp.int32)[::-1]  # visits from this step on
    enough = remaining[0] >= goals
    return enough & ~jnp.any(seen.wrong & (remaining <= goals), axis=0)


def departed(trace: Trace, world: World) -> Bool[Array, "T B"]:
    """Whether, before each step, no co-player is present but one has been."""
    present = jnp.any(
        trace.states.seats.present[:-1][:, :, np.array(world.spec.coplayers, np.int32)], axis=-1
    )
    return ~present & (jnp.cumsum(present, axis=0, dtype=jnp.int32) > 0)


def nth_choice(
    seen: Visits, gone: Bool[Array, "T B"], n: int
) -> tuple[Bool[Array, "B M"], Bool[Array, "B M"]]:
    """Whether there are n visits after the co-players' departure that are not free, and whether the n-th one
    is right. n: from 1.
    """
    choice = (seen.right | seen.wrong) & ~seen.free & gone[..., None]
    nth = choice & (jnp.cumsum(choice, axis=0, dtype=jnp.int32) == n)
    return jnp.any(nth, axis=0), jnp.any(nth & seen.right, axis=0)


def orientation(tiles: UInt8[Array, "B H W"]) -> Int32[Array, " B"]:
    """The orientation of goals 1, 2, 3 as drawn: 1 clockwise, -1 counterclockwise, 0 in one line."""
    flat = tiles.reshape(tiles.shape[0], -1)
    cells = jnp.stack([jnp.argmax(flat == grid.GOAL + i, axis=1) for i in range(3)]).astype(jnp.int32)
    row, column = cells // tiles.shape[2], cells % tiles.shape[2]
    cross = (column[1] - column[0]) * (row[2] - row[0]) - (row[1] - row[0]) * (column[2] - column[0])
    return jnp.sign(cross)  # rows count downwards, so a positive one is clockwise
