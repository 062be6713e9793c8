"""Memory over time: none, gru or lstm; forgets at the start of an episode."""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32

from socialrl.nets.torso import Torso

Kind = Literal["none", "gru", "lstm"]
CELLS = {"gru": nn.GRUCell, "lstm": nn.OptimizedLSTMCell}


def blank(kind: Kind, size: int, *batch: int) -> Any:
    """The memory at the start of an episode."""
    zeros = jnp.zeros((*batch, size), jnp.float32)
    return {"none": (), "gru": zeros, "lstm": (zeros, zeros)}[kind]


class Memory(nn.Module):
    """Runs features (T, N, F) through the cell.

    Returns the memory after the last step, the outputs (T, N, size), and what the outputs would be for `peek` (T, N, F): the
    true successors, each seen with the memory of its own step. Without memory outputs are the features themselves.
    """

    kind: Kind
    size: int

    @nn.compact
    def __call__(
        self, memory: Any, x: Float32[Array, "T N F"], first: Bool[Array, "T N"], peek: Float32[Array, "T N F"] | None = None
    ) -> tuple[Any, Float32[Array, "T N G"], Float32[Array, "T N G"] | None]:
        if self.kind == "none":
            return memory, x, peek
        cell = CELLS[self.kind](self.size)

        def one(cell: nn.Module, memory: Any, inputs: tuple[Array, Array]) -> tuple[Any, tuple[Any, Array]]:
            features, starts = inputs
            fresh = blank(self.kind, self.size, features.shape[0])
            memory = jax.tree.map(lambda new, old: jnp.where(starts[:, None], new, old), fresh, memory)
            memory, out = cell(memory, features)
            return memory, (memory, out)

        run = nn.scan(one, variable_broadcast="params", split_rngs={"params": False})
        memory, (memories, out) = run(cell, memory, (x, first))
        return memory, out, None if peek is None else cell(memories, peek)[1]


class Encoder(nn.Module):
    """Torso, then memory: the body of every learner."""

    hidden: tuple[int, ...]
    memory: Kind = "none"

    def setup(self) -> None:
        self.torso = Torso(self.hidden)
        self.recurrence = Memory(self.memory, self.hidden[-1])

    def __call__(self, memory: Any, obs: Array, first: Array, peek: Array | None = None) -> tuple[Any, Array, Array | None]:
        """obs, peek (T, N, V, V, C), first (T, N) -> memory, features (T, N, F), features of `peek` or None."""
        ahead = None if peek is None else self.torso(peek)
        return self.recurrence(memory, self.torso(obs), first, ahead)
