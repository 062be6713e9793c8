"""What a kind of memory is: weights, and how they carry a state from step to step."""

import dataclasses
from collections.abc import Callable

from jax import Array
from jaxtyping import Bool, Float32, PyTree

Carry = tuple[Float32[Array, "..."], ...]  # the recurrent state, leaves (*batch, H); () without memory


Param = Callable[..., Array]
"""(name, init, shape) -> the parameter of this name, made by init(key, shape); flax's `self.param`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemoryCell:
    """One kind of memory with H units over F features.

    states: arrays (*batch, H) of its carry. weights: (param, F, H) -> its weights. unroll: (weights, x (T, N,
    F), first (T, N), carry) -> the carry after every step, leaves (T, N, H), set to 0 before a step that is
    `first`. step: (weights, carry, x (*batch, F)) -> the carry after one step. output: (weights, carry after
    a step, x of that step) -> the output (*batch, H).
    """

    states: int
    weights: Callable[[Param, int, int], PyTree]
    unroll: Callable[[PyTree, Float32[Array, "T N F"], Bool[Array, "T N"], Carry], Carry]
    step: Callable[[PyTree, Carry, Float32[Array, "*batch F"]], Carry]
    output: Callable[[PyTree, Carry, Float32[Array, "*batch F"]], Float32[Array, "*batch H"]]
