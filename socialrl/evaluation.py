"""How good is it? Greedy episodes on held-out levels: returns, whom it followed, and traces for replays."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Key

from socialrl.rollout import Rollout, Trace
from socialrl_envs.types import WorldSpec

HELD_OUT = 0x5EED  # folded into a seed's key: evaluation never shares a stream, and so a level, with training


def evaluator(
    rollout: Rollout, spec: WorldSpec, episodes: int, replayed: int = 0, explore: bool = False
) -> Callable[..., tuple[dict[str, Array], Trace]]:
    """(learner_state, key, numbers=None) -> metrics by name, means over `episodes` episodes, and the first
    `replayed` of them.

    key: the same key gives the same levels, so that evaluations of one seed are comparable.
    """

    def evaluate(
        learner_state: Any, key: Key[Array, ""], numbers: dict[str, Array] | None = None
    ) -> tuple[dict[str, Array], Trace]:
        whole = trace(rollout, learner_state, key, episodes, numbers, explore)
        return summarise(whole, spec), first_episodes(whole, replayed)

    return evaluate


def first_episodes(trace: Trace, count: int) -> Trace:
    """The first episodes of a trace."""
    rest = {
        name: getattr(trace, name)
        for name in ("states", "actions", "outcome", "decision", "alive", "step_key")
    }
    cut = jax.tree.map(lambda leaf: leaf[:, :count], rest)
    return Trace(**cut, reset_key=trace.reset_key[:count])


def trace(
    rollout: Rollout,
    learner_state: Any,
    key: Key[Array, ""],
    episodes: int,
    numbers: dict[str, Array] | None = None,
    explore: bool = False,
) -> Trace:
    """Episodes on held-out levels of the seed whose key this is."""
    levels_key, episodes_key = jax.random.split(jax.random.fold_in(key, HELD_OUT))
    return rollout.episodes(learner_state, rollout.pool(levels_key, episodes, numbers), episodes_key, explore)


def sources_of(spec: WorldSpec) -> tuple[str, ...]:
    """Names of the sources of behaviour: self, then the co-players in seat order."""
    return ("self", *(spec.agents[seat] for seat in spec.coplayers))


def summarise(trace: Trace, spec: WorldSpec) -> dict[str, Array]:
    """Means over the episodes of a trace.

    return: of the novices. return_<agent>: of every co-player, which only the experimenter sees.
    share/<source>: share of the novices' steps on which that source was followed. events/<cumulant>: how
    often it happened to a novice, per episode.
    """
    alive = trace.alive.astype(jnp.float32)
    returns = jnp.sum(trace.outcome.reward * alive[..., None], axis=0)
    events = jnp.sum(trace.outcome.events * alive[..., None, None], axis=0)
    novices = jnp.array(spec.novices)
    result = {"return": jnp.mean(returns[:, novices])}
    result |= {f"return_{spec.agents[seat]}": jnp.mean(returns[:, seat]) for seat in spec.coplayers}
    steps = jnp.sum(alive) * len(spec.novices)
    for number, source in enumerate(sources_of(spec)):
        followed = (trace.decision.source == number).astype(jnp.float32)
        result[f"share/{source}"] = jnp.sum(followed * alive[..., None]) / steps
    for number, cumulant in enumerate(spec.cumulants):
        result[f"events/{cumulant}"] = jnp.mean(events[:, novices, number])
    return result
