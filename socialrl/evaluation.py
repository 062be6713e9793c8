"""Greedy evaluation on held-out levels: returns, shares of the sources that were followed, traces for
replays.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Key, PyTree

from socialrl.curricula import Draw
from socialrl.rollout import Rollout, Trace
from socialrl.types import Learner, Metrics, Overrides
from socialrl_envs.types import WorldSpec

HELD_OUT = (
    0x5EED  # folded into a seed's key, so that evaluation shares no random stream and no level with training
)

Evaluate = Callable[..., tuple[Metrics, Trace]]


def evaluator(
    rollout: Rollout, spec: WorldSpec, episodes: int, replayed: int = 0, explore: bool = False
) -> Evaluate:
    """(learner_state, key, overrides=None) -> (metrics, trace): means over `episodes` episodes, see
    `summarise`, and the first `replayed` episodes. The same key gives the same levels, so evaluations of one
    seed are comparable.
    """

    def evaluate(
        learner_state: PyTree, key: Key[Array, ""], overrides: Overrides | Draw | None = None
    ) -> tuple[Metrics, Trace]:
        whole = trace(rollout, learner_state, key, episodes, overrides, explore)
        return summarise(whole, spec, sources_of(spec, rollout.learner)), first_episodes(whole, replayed)

    return evaluate


def first_episodes(trace: Trace, count: int) -> Trace:
    """The first `count` episodes of a trace."""
    return chosen_episodes(trace, slice(count))


def chosen_episodes(trace: Trace, which: slice | np.ndarray) -> Trace:
    """The episodes of a trace with these indices."""

    def cut(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: leaf[:, which], tree)

    return Trace(
        states=cut(trace.states),
        actions=cut(trace.actions),
        outcome=cut(trace.outcome),
        decision=cut(trace.decision),
        extras=cut(trace.extras),
        alive=cut(trace.alive),
        reset_key=trace.reset_key[which],
        step_key=cut(trace.step_key),
    )


def trace(
    rollout: Rollout,
    learner_state: PyTree,
    key: Key[Array, ""],
    episodes: int,
    overrides: Overrides | Draw | None = None,
    explore: bool = False,
) -> Trace:
    """`episodes` episodes on held-out levels, those of the seed whose root key this is. overrides: see
    `Rollout.pool`.
    """
    levels_key, episodes_key = jax.random.split(jax.random.fold_in(key, HELD_OUT))
    levels = rollout.pool(levels_key, episodes, overrides)
    return rollout.episodes(learner_state, levels, episodes_key, explore)


def sources_of(spec: WorldSpec, learner: Learner | None = None) -> tuple[str, ...]:
    """The names of the sources of behaviour: those of the learner, or "self", then the co-players in seat
    order.
    """
    if learner is not None and learner.sources is not None:
        return tuple(str(source) for source in learner.sources)
    return ("self", *(spec.agents[seat] for seat in spec.coplayers))


def summarise(trace: Trace, spec: WorldSpec, sources: tuple[str, ...] | None = None) -> Metrics:
    """Means over the episodes of a trace. sources: the learner's, by default "self" and the co-players.

    return: of the novices. return_<agent>: of each co-player, which no learner sees. share/<source>: share of
    the novices' steps in which that source was followed. cumulants/<name>: sum of the cumulant over an
    episode, per novice.
    """
    alive = trace.alive.astype(jnp.float32)
    returns = jnp.sum(trace.outcome.reward * alive[..., None], axis=0)
    cumulants = jnp.sum(trace.outcome.cumulants * alive[..., None, None], axis=0)
    novices = jnp.array(spec.novices)
    result = {"return": jnp.mean(returns[:, novices])}
    result |= {f"return_{spec.agents[seat]}": jnp.mean(returns[:, seat]) for seat in spec.coplayers}
    steps = jnp.sum(alive) * len(spec.novices)
    for number, source in enumerate(sources_of(spec) if sources is None else sources):
        followed = (trace.decision.source == number).astype(jnp.float32)
        result[f"share/{source}"] = jnp.sum(followed * alive[..., None]) / steps
    for number, cumulant in enumerate(spec.cumulants):
        result[f"cumulants/{cumulant}"] = jnp.mean(cumulants[:, novices, number])
    return result
