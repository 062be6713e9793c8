"""Memory over time (none, GRU or LSTM), reset at the start of an episode; and the encoder: torso, then
memory.
"""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Key, UInt8

from socialrl.nets.recurrence import Cell, Weights, gru, lstm, recur, step
from socialrl.nets.torso import Torso

Kind = Literal["none", "gru", "lstm"]
Carry = tuple[Float32[Array, "..."], ...]  # the recurrent state, the output first; () without memory
CELLS: dict[str, tuple[Cell, int, int]] = {"gru": (gru, 1, 3), "lstm": (lstm, 2, 4)}  # cell, states, gates


def initial_carry(kind: Kind, size: int, *batch: int) -> Carry:
    """The recurrent state at the start of an episode: zeros (*batch, size), one array per state of
    the cell.
    """
    states = 0 if kind == "none" else CELLS[kind][1]
    return tuple(jnp.zeros((*batch, size), jnp.float32) for _ in range(states))


class Memory(nn.Module):
    """Recurrence over features. kind: of the cell. size: of its output. features: F, the number of inputs."""

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
        self, carry: Carry, x: Float32[Array, "T N F"], first: Bool[Array, "T N"]
    ) -> tuple[Carry, Float32[Array, "T N size"]]:
        """The carry after every step, leaves (T, N, size), and the outputs. Without memory: () and the
        features.
        """
        if self.kind == "none":
            return (), x
        carries: Carry = recur(self.cell, self.weights, x, first, carry)
        return carries, carries[0]

    def next_output(self, carries: Carry, x: Float32[Array, "T N F"]) -> Float32[Array, "T N size"]:
        """The outputs of one more step after each of these carries, leaves (T, N, size), in the
        same episode.
        """
        return x if self.kind == "none" else step(self.cell, self.weights, carries, x)[0]


def _orthogonal_gates(key: Key[Array, ""], shape: tuple[int, int]) -> Float32[Array, "H G"]:
    """Recurrent weights with an orthogonal matrix for each gate."""
    size = shape[0]
    matrices = nn.initializers.orthogonal()(key, (shape[1] // size, size, size), jnp.float32)
    return matrices.swapaxes(0, 1).reshape(shape)


class Encoder(nn.Module):
    """Views -> features: torso, then memory. aux_inputs: how many numbers enter the memory besides
    the view. filters, highs, pixels: see `Torso`.
    """

    hidden: tuple[int, ...]
    memory: Kind = "none"
    aux_inputs: int = 0
    filters: tuple[int, ...] = ()
    highs: tuple[int, ...] = ()
    pixels: int = 1

    def setup(self) -> None:
        self.torso = Torso(self.hidden, self.filters, self.highs, self.pixels)
        self.recurrence = Memory(self.memory, self.hidden[-1], self.hidden[-1] + self.aux_inputs)

    def unroll(
        self,
        carry: Carry,
        obs: UInt8[Array, "T N V V C"],
        first: Bool[Array, "T N"],
        aux_inputs: Float32[Array, "T N aux"] | None = None,
    ) -> tuple[Carry, Float32[Array, "T N F"]]:
        """The carry after every step, leaves (T, N, F), and the features."""
        return self.recurrence(carry, self._inputs(obs, aux_inputs), first)

    def next_features(
        self,
        carries: Carry,
        obs: UInt8[Array, "T N V V C"],
        aux_inputs: Float32[Array, "T N aux"] | None = None,
    ) -> Float32[Array, "T N F"]:
        """The features of views that each follow one of these carries, leaves (T, N, F), in the
        same episode.
        """
        return self.recurrence.next_output(carries, self._inputs(obs, aux_inputs))

    def _inputs(
        self, obs: UInt8[Array, "T N V V C"], aux_inputs: Float32[Array, "T N aux"] | None
    ) -> Float32[Array, "T N inputs"]:
        """The inputs of the memory: the features of the torso, and what is known besides."""
        x = self.torso(obs)
        return x if aux_inputs is None else jnp.concatenate([x, aux_inputs], axis=-1)
