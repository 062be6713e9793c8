"""Memory over time, reset at the start of an episode; and the encoder: torso, then memory."""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, UInt8

from socialrl.nets.cell import Carry, MemoryCell
from socialrl.nets.linear_recurrence import LRU, MINGRU
from socialrl.nets.recurrence import GRU, LSTM
from socialrl.nets.torso import Torso

Kind = Literal["none", "gru", "lstm", "mingru", "lru"]
CELLS: dict[str, MemoryCell] = {"gru": GRU, "lstm": LSTM, "mingru": MINGRU, "lru": LRU}


def initial_carry(kind: Kind, size: int, *batch: int) -> Carry:
    """The recurrent state at the start of an episode: zeros (*batch, size), one array per state of
    the cell.
    """
    states = 0 if kind == "none" else CELLS[kind].states
    return tuple(jnp.zeros((*batch, size), jnp.float32) for _ in range(states))


class Memory(nn.Module):
    """Recurrence over features. kind: of the cell. size: of its output. features: F, the number of inputs."""

    kind: Kind
    size: int
    features: int

    def setup(self) -> None:
        if self.kind != "none":
            self.cell = CELLS[self.kind]
            self.weights = self.cell.weights(self.param, self.features, self.size)

    def __call__(
        self, carry: Carry, x: Float32[Array, "T N F"], first: Bool[Array, "T N"]
    ) -> tuple[Carry, Float32[Array, "T N size"]]:
        """The carry after every step, leaves (T, N, size), and the outputs. Without memory: () and the
        features.
        """
        if self.kind == "none":
            return (), x
        carries = self.cell.unroll(self.weights, x, first, carry)
        return carries, self.cell.output(self.weights, carries, x)

    def next_output(self, carries: Carry, x: Float32[Array, "T N F"]) -> Float32[Array, "T N size"]:
        """The outputs of one more step after each of these carries, leaves (T, N, size), in the
        same episode.
        """
        if self.kind == "none":
            return x
        return self.cell.output(self.weights, self.cell.step(self.weights, carries, x), x)


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
