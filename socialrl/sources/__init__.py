"""Ways to follow others, one file each: a source proposes an action to the novice, who may take it or act for
itself.

A file defines `build(spec, memory) -> Source`. What a source has to learn it learns from the others' steps
and from what became of them, never from a reward.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl.spatial import Sight, SpatialMemory
from socialrl.types import Demonstration, Metrics
from socialrl_envs.struct import pytree
from socialrl_envs.types import WorldSpec

ANYONE = "anyone"


@pytree
class Proposal:
    """What a source proposes in N novices' places.

    action: of each of its P proposals. available: whether there is anybody to follow in this way. confidence:
    0 to 1, an input of the decision.
    """

    action: Int32[Array, "N P"]
    available: Bool[Array, "N P"]
    confidence: Float32[Array, "N P"]


@pytree
class Lesson:
    """What there is to learn from some worlds of an unroll.

    others: the co-players' steps, leaves (T, n, coplayers, ...). goal, goal_known: where each of them went
    next (see `hindsight`), as the number of a cell on its own map. sight: of every novice of every world,
    leaves (T, m, ...), m = n times the novices. target, target_known: where the co-player nearest to that
    novice then went next, on its map.
    """

    others: Demonstration
    goal: Int32[Array, "T n coplayers"]
    goal_known: Bool[Array, "T n coplayers"]
    sight: Sight
    target: Int32[Array, "T m"]
    target_known: Bool[Array, "T m"]


def no_params(key: Key[Array, ""]) -> PyTree:
    """The parameters of a source that has none."""
    return ()


def no_loss(params: PyTree, lesson: Lesson) -> tuple[Any, Metrics]:
    """The loss of a source that learns nothing."""
    return 0.0, {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One way to follow.

    whom: for each proposal the name of the co-player, or `ANYONE` where views do not tell who is who.
    propose: (params, sight, key, explore) -> Proposal; it does not depend on the key unless `explore`, which
    is static. loss: (params, lesson) -> (loss, metrics). going: (params, sight) -> the probability of every
    cell of the novice's map that another is going there, for pictures; None for a source that does not ask.
    """

    whom: tuple[str, ...]
    propose: Callable[[PyTree, Sight, Key[Array, ""], bool], Proposal]
    init: Callable[[Key[Array, ""]], PyTree] = no_params
    loss: Callable[[PyTree, Lesson], tuple[Any, Metrics]] = no_loss
    going: Callable[[PyTree, Sight], Float32[Array, "*batch cells"]] | None = None


Build = Callable[[WorldSpec, SpatialMemory], Source]


def told_apart(spec: WorldSpec) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """(name, channels) of every co-player that has a channel of its own in the view; where they share theirs,
    `ANYONE` with the channels of all. Empty without co-players.
    """
    channels = list(spec.channels)
    names = [spec.agents[seat] for seat in spec.coplayers]
    if not names:
        return ()
    if all(name in channels for name in names):
        return tuple((name, (channels.index(name),)) for name in names)
    shared = tuple(channels.index(name) for name in spec.channels_of_others if name != "prestige")
    return ((ANYONE, shared),)
