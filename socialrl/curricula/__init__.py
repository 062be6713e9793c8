"""What a curriculum is: what the numbers of training's levels are drawn from, and how that changes. One file
each.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array
from jaxtyping import Float32, Int32, Key

Numbers = dict[str, Array]  # overrides some of a world's numbers
Measure = Callable[[Callable[[Key[Array, ""]], Numbers], Key[Array, ""]], Float32[Array, " N"]]


class Curriculum(NamedTuple):
    """Pure functions over a state of arrays; evaluation never sees any of it.

    init() -> state
    numbers(state, steps, key) -> what one level of the pool overrides, after `steps` env steps of training
    update(state, measure, key) -> (state, metrics by name), once per chunk; measure(draw, key) -> every
        seat's mean return, shape (N,), in greedy episodes on fresh levels whose numbers are drawn by
        draw(key)
    """

    init: Callable[[], Any]
    numbers: Callable[[Any, Int32[Array, ""], Key[Array, ""]], Numbers]
    update: Callable[[Any, Measure, Key[Array, ""]], tuple[Any, dict[str, Array]]]


def constant() -> Curriculum:
    """Every level has the world's own numbers."""
    return Curriculum(
        init=lambda: (), numbers=lambda state, steps, key: {}, update=lambda state, measure, key: (state, {})
    )
