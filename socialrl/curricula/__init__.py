"""Curricula, one file each: what training's levels are.

Most vary the parameters of levels that the world draws (`overrides`). Some choose the levels themselves,
round by round, as environment design does: they have a `Chooser`. Files whose name begins with "_" are shared
parts.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jax import Array
from jaxtyping import Bool, Float32, Int32, Key, PyTree

from socialrl.types import Metrics, Overrides
from socialrl_envs.struct import pytree
from socialrl_envs.types import Level

Draw = Callable[[Key[Array, ""]], Overrides]
Measure = Callable[[Draw, Key[Array, ""]], Float32[Array, " N"]]


@pytree
class Choice:
    """The levels of a round, one for each parallel world.

    levels: leaves (B, ...), ready for `reset`. trains: whether the novices may learn from what happens there;
    they never do on a level that cannot be solved, if the chooser `withholds`. notes: a pytree of the
    curriculum's own, which `learn` gets back; () if it needs nothing.
    """

    levels: Level
    trains: Bool[Array, " B"]
    notes: PyTree = ()


@pytree
class Results:
    """What the novices did on each level of a round. Rewards, returns and values are means over the novices.

    steps: how many there were. episodes: how many ended. solved: how many of these had a return above the
    world's `spec.solved_above`. returns: the sum of their returns; discounted: that of their discounted
    returns. best: the highest discounted return of one of them, -inf if none ended. values: the sum of V(s_t)
    over the steps; gains: that of max(A_t, 0), with A_t the generalised advantage; both 0 unless the chooser
    `judges`. solvable: whether the level can be solved at all; True unless the chooser `withholds`. rival:
    the Results of the second learner on the same levels, if the chooser has a `rival`, else None.
    """

    steps: Float32[Array, " B"]
    episodes: Float32[Array, " B"]
    solved: Float32[Array, " B"]
    returns: Float32[Array, " B"]
    discounted: Float32[Array, " B"]
    best: Float32[Array, " B"]
    values: Float32[Array, " B"]
    gains: Float32[Array, " B"]
    solvable: Bool[Array, " B"]
    rival: PyTree = None


@pytree
class Shelf:
    """Levels that a curriculum keeps, C of them, for people to look at; on the device or on the host.

    score: what it thinks of each, NaN where it has no opinion, -inf where there is no level. replayed: how
    often each was handed out again.
    """

    levels: Level
    score: Float32[Array | np.ndarray, " C"]
    replayed: Int32[Array | np.ndarray, " C"]


@runtime_checkable
class Play(Protocol):
    """(levels, key) -> Results of one episode's time on each level by the learner as it is now, exploring as
    in training; nobody learns from it, and `steps` does not count it.
    """

    def __call__(self, levels: Level, key: Key[Array, ""], /) -> Results: ...


def unprepared(state: PyTree, play: Play, key: Key[Array, ""]) -> tuple[PyTree, Metrics]:
    """The state as it is: what a chooser does at the beginning of a chunk unless it says otherwise."""
    return state, {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chooser:
    """Chooses the levels of training; pure functions over a pytree of arrays as state.

    Training goes by rounds. In each of them world i plays level i of a `Choice`, again and again, for
    `unrolls` unrolls, each followed by an update; then the next round begins on its own levels.

    init(key, unroll_length, num_envs) -> state
    choose(state, key, num_envs) -> the Choice of a round, of so many levels (static)
    learn(state, choice, results, key) -> (state, metrics): once per round, with its Results
    prepare(state, play, key) -> (state, metrics): once per chunk, before its rounds
    shelf(state) -> the levels that it keeps; None if it keeps none

    withholds: whether some levels of a choice may not train; the learner must then be `Masked`. judges:
    whether `learn` needs `values` and `gains`; the learner must then have a `Critic`. rival: whether a second
    learner of the arm's kind, with parameters of its own, learns on the same levels, for as many steps, which
    are not counted.
    """

    init: Callable[[Key[Array, ""], int, int], Any]
    choose: Callable[[Any, Key[Array, ""], int], Choice]
    learn: Callable[[Any, Choice, Results, Key[Array, ""]], tuple[Any, Metrics]]
    prepare: Callable[[Any, Play, Key[Array, ""]], tuple[Any, Metrics]] = unprepared
    shelf: Callable[[Any], Shelf] | None = None
    unrolls: int = 1
    withholds: bool = False
    judges: bool = False
    rival: bool = False


class Curriculum(NamedTuple):
    """Pure functions over a pytree of arrays as state. Evaluation does not use the curriculum unless it is
    `evaluated`.

    init() -> state
    overrides(state, steps, key) -> the parameters of one training level, after `steps` environment steps
    update(state, measure, key) -> (state, metrics): once per chunk. measure(draw, key) is the mean return of
        each seat, shape (N,), in greedy episodes on fresh levels whose parameters draw(key) gives

    chooser: the optional capability to choose levels. The state of training is then the chooser's, and
    `overrides` and `update` are not used.
    """

    init: Callable[[], PyTree]
    overrides: Callable[[PyTree, Int32[Array, ""], Key[Array, ""]], Overrides]
    update: Callable[[PyTree, Measure, Key[Array, ""]], tuple[PyTree, dict[str, Array]]]
    evaluated: bool = False
    chooser: Chooser | None = None


def constant() -> Curriculum:
    """The curriculum in which every level has the world's own parameters."""
    return Curriculum(
        init=lambda: (),
        overrides=lambda state, steps, key: {},
        update=lambda state, measure, key: (state, {}),
    )


def choosing(chooser: Chooser) -> Curriculum:
    """The curriculum of a chooser."""
    return constant()._replace(chooser=chooser)
