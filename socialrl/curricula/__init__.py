"""Curricula, one file each: distributions over the parameters of training levels that may change while
training.
"""

from collections.abc import Callable
from typing import NamedTuple

from jax import Array
from jaxtyping import Float32, Int32, Key, PyTree

from socialrl.types import Overrides

Draw = Callable[[Key[Array, ""]], Overrides]
Measure = Callable[[Draw, Key[Array, ""]], Float32[Array, " N"]]


class Curriculum(NamedTuple):
    """Pure functions over a pytree of arrays as state. Evaluation does not use the curriculum unless it is
    `evaluated`.

    init() -> state overrides(state, steps, key) -> the parameters of one training level, after `steps`
    environment steps update(state, measure, key) -> (state, metrics): once per chunk. measure(draw, key) is
    the mean return of each
        seat, shape (N,), in greedy episodes on fresh levels whose parameters draw(key) gives
    """

    init: Callable[[], PyTree]
    overrides: Callable[[PyTree, Int32[Array, ""], Key[Array, ""]], Overrides]
    update: Callable[[PyTree, Measure, Key[Array, ""]], tuple[PyTree, dict[str, Array]]]
    evaluated: bool = False


def constant() -> Curriculum:
    """The curriculum in which every level has the world's own parameters."""
    return Curriculum(
        init=lambda: (),
        overrides=lambda state, steps, key: {},
        update=lambda state, measure, key: (state, {}),
    )
