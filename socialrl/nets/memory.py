"""Memory over time: none, gru or lstm; forgets at the start of an episode."""

from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32

from socialrl.nets.recurrence import Cell, Weights, gru, lstm, recur, step
from socialrl.nets.torso import Torso

Kind = Literal["none", "gru", "lstm"]
CELLS: dict[str, tuple[Cell, int, int]] = {
    "gru": (gru, 1, 3),
    "lstm": (lstm, 2, 4),
}  # the cell, states carried, gates


def blank(kind: Kind, size: int, *batch: int) -> Any:
    """The memory at the start of an episode: the states (*batch, size) that are carried, the output first."""
    states = 0 if kind == "none" else CELLS[kind][1]
    return tuple(jnp.zeros((*batch, size), jnp.float32) for _ in range(states))


class Memory(nn.Module):
    """What is remembered after every step, and what it would be one step ahead. features: F, what the inputs
    have.
    """

    kind: Kind
    size: int
    features: int

    def setup(self) -> None:
        if self.kind != "none":
            self.cell, _, gates = CELLS[self.kind]
            width = gates * self.size
            self.weights = Weights(
                inputs=self.param("inputs", nn.initializers.lecun_normal(), (self.features, width)),
                recurrent=self.param("recurrent", _orthogonal_gates, (self.size, width)),
                bias=self.param("bias", nn.initializers.zeros, (width,)),
            )

    def __call__(
        self, memory: Any, x: Float32[Array, "T N F"], first: Bool[Array, "T N"]
    ) -> tuple[Any, Array]:
        """Features -> the memories after every step, leaves (T, N, size), and the outputs (T, N, size).

        Without memory the memories are () and the outputs the features themselves.
        """
        if self.kind == "none":
            return (), x
        memories: Any = recur(self.cell, self.weights, x, first, memory)
        return memories, memories[0]

    def ahead(self, memories: Any, x: Float32[Array, "T N F"]) -> Array:
        """The outputs of one more step from each of these memories, in the same episode."""
        return x if self.kind == "none" else step(self.cell, self.weights, memories, x)[0]


def _orthogonal_gates(key: Any, shape: tuple[int, int]) -> Array:
    """An orthogonal matrix per gate."""
    size = shape[0]
    return (
        nn.initializers.orthogonal()(key, (shape[1] // size, size, size), jnp.float32)
        .swapaxes(0, 1)
        .reshape(shape)
    )


class Encoder(nn.Module):
    """Torso, then memory: the body of every learner. told: how many numbers are known besides the view."""

    hidden: tuple[int, ...]
    memory: Kind = "none"
    told: int = 0

    def setup(self) -> None:
        self.torso = Torso(self.hidden)
        self.recurrence = Memory(self.memory, self.hidden[-1], self.hidden[-1] + self.told)

    def __call__(
        self, memory: Any, obs: Array, first: Array, peek: Array | None = None, told: Array | None = None
    ) -> tuple[Any, Array, Array | None]:
        """obs, peek (T, N, V, V, C), first (T, N) -> memory after the last step, features (T, N, F), those of
        `peek` or None.

        peek: the true successors, each seen with the memory of its own step. told: what else is known, (T, N,
        told).
        """
        memories, x = self.unroll(memory, obs, first, told)
        after = tuple(part[-1] for part in memories)
        return after, x, None if peek is None else self.ahead(memories, peek)

    def unroll(self, memory: Any, obs: Array, first: Array, told: Array | None = None) -> tuple[Any, Array]:
        """The memories after every step, leaves (T, N, F), and the features."""
        return self.recurrence(memory, self._seen(obs, told), first)

    def ahead(self, memories: Any, obs: Array, told: Array | None = None) -> Array:
        """Features of what is seen one step after each of these memories."""
        return self.recurrence.ahead(memories, self._seen(obs, told))

    def _seen(self, obs: Array, told: Array | None) -> Array:
        x = self.torso(obs)
        return x if told is None else jnp.concatenate([x, told], axis=-1)
