"""Gated recurrence over time, with few passes over memory: `GRU` and `LSTM`.

Only the product of the last output with the recurrent weights has to wait for the step before. The loops
take a few steps at a time: their inputs are projected at once, and the gradients of the weights are one
product. All steps at once would be too much for a CPU's cache, and take twice as long there. The forward pass
keeps the gate inputs of every step, so that the backward pass makes no product again.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax.linen import initializers
from jax import Array
from jaxtyping import Bool, Float32, Key, PyTree

from socialrl.nets.cell import MemoryCell, Param
from socialrl_envs.struct import pytree

State = tuple[Float32[Array, "..."], ...]  # (*batch, H) each, the output first
Gates = tuple[Float32[Array, "..."], ...]  # inputs of gates, (*batch, H) each
ROWS, TOGETHER = 256, 8  # the loops take at most so many rows, and so many steps, at a time


class Gated(NamedTuple):
    """A gated cell. inputs: (projected input (*batch, G), projected output (*batch, G)) -> Gates, by sums
    alone. after: (state, Gates) -> the state after the step. states: parts of the state. gates: G / H.
    """

    inputs: Callable[[Array, Array], Gates]
    after: Callable[[State, Gates], State]
    states: int
    gates: int


@pytree
class Weights:
    """Projections of the input and of the last output to the G gate inputs."""

    inputs: Float32[Array, "F G"]
    recurrent: Float32[Array, "H G"]
    bias: Float32[Array, " G"]


def _gru_inputs(x: Float32[Array, "*batch G"], recurrent: Float32[Array, "*batch G"]) -> Gates:
    x_r, x_z, x_n = jnp.split(x, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(recurrent, 3, axis=-1)
    return x_r + h_r, x_z + h_z, x_n, h_n


def _gru_after(state: State, inputs: Gates) -> State:
    (h,), (r, z, x_n, h_n) = state, inputs
    reset, update = jax.nn.sigmoid(r), jax.nn.sigmoid(z)
    candidate = jnp.tanh(x_n + reset * h_n)
    return ((1 - update) * candidate + update * h,)


def _lstm_inputs(x: Float32[Array, "*batch G"], recurrent: Float32[Array, "*batch G"]) -> Gates:
    return tuple(jnp.split(x + recurrent, 4, axis=-1))


def _lstm_after(state: State, inputs: Gates) -> State:
    (_, c), (i, f, g, o) = state, inputs
    c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


gru = Gated(_gru_inputs, _gru_after, states=1, gates=3)
"""Gated recurrent unit (Cho et al., 2014), the reset gate after the product; G = 3 H: reset, update,
candidate.
"""
lstm = Gated(_lstm_inputs, _lstm_after, states=2, gates=4)
"""Long short-term memory (Hochreiter and Schmidhuber, 1997); G = 4 H: input, forget, candidate, output.

1 is added to the input of the forget gate (Jozefowicz et al., 2015).
"""


def step(cell: Gated, weights: Weights, state: State, x: Float32[Array, "*batch F"]) -> State:
    """The state after one step."""
    gates = cell.inputs(x @ weights.inputs + weights.bias, state[0] @ weights.recurrent)
    return cell.after(state, gates)


def forget(first: Bool[Array, " N"], state: State) -> State:
    """The state, set to 0 where an episode starts."""
    return tuple(jnp.where(first[:, None], 0.0, part) for part in state)


def together(steps: int, rows: int) -> int:
    """How many steps of so many sequences the loops take at a time; it divides their number."""
    most = min(max(ROWS // max(rows, 1), 1), TOGETHER, steps)
    return next(count for count in range(most, 0, -1) if steps % count == 0)


def _in_parts(tree: PyTree, count: int) -> PyTree:
    """Leaves (T, ...) as (T / count, count, ...)."""
    return jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0] // count, count, *leaf.shape[1:]), tree)


def _unroll(
    cell: Gated,
    weights: Weights,
    x: Float32[Array, "T N F"],
    first: Bool[Array, "T N"],
    state: State,
    keep: bool,
) -> tuple[State, Gates]:
    """The states after every step, and the gate inputs of every step if they are to be kept."""
    count = together(*first.shape)

    def some(state: State, inputs: tuple[Array, Array]) -> tuple[State, tuple[State, Gates]]:
        projected, starts = inputs[0] @ weights.inputs + weights.bias, inputs[1]
        found: list[tuple[State, Gates]] = []
        for t in range(count):
            before = forget(starts[t], state)
            gates = cell.inputs(projected[t], before[0] @ weights.recurrent)
            state = cell.after(before, gates)
            found.append((state, gates if keep else ()))
        return state, jax.tree.map(lambda *steps: jnp.stack(steps), *found)

    _, kept = jax.lax.scan(some, state, _in_parts((x, first), count))
    return jax.tree.map(lambda leaf: leaf.reshape(first.shape[0], *leaf.shape[2:]), kept)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recur(
    cell: Gated, weights: Weights, x: Float32[Array, "T N F"], first: Bool[Array, "T N"], state: State
) -> State:
    """The states after every step, (T, N, H) each; the state is set to 0 before a step that is `first`."""
    return _unroll(cell, weights, x, first, state, False)[0]


Saved = tuple[Weights, Array, Array, State, State, Gates]
"""For the backward pass: weights, inputs, starts, the state before and the states after the steps, and their
gate inputs.
"""


def _forward(
    cell: Gated, weights: Weights, x: Float32[Array, "T N F"], first: Bool[Array, "T N"], state: State
) -> tuple[State, Saved]:
    """`recur`, which keeps the gate inputs."""
    states, gates = _unroll(cell, weights, x, first, state, True)
    return states, (weights, x, first, state, states, gates)


def _backward(cell: Gated, saved: Saved, gradient: State) -> tuple[Any, ...]:
    """Gradients of weights, inputs and initial state, accumulated from the last steps to the first."""
    weights, x, first, state, states, gates = saved
    before = tuple(
        jnp.concatenate([start[None], part[:-1]]) for start, part in zip(state, states, strict=True)
    )

    def some(carry: tuple[State, Weights], inputs: tuple[Any, ...]) -> tuple[tuple[State, Weights], Array]:
        into_state, into_weights = carry
        into_state, more, into_x = _back(cell, weights, into_state, *inputs)
        return (into_state, jax.tree.map(jnp.add, into_weights, more)), into_x

    start = (jax.tree.map(jnp.zeros_like, state), jax.tree.map(jnp.zeros_like, weights))
    inputs = _in_parts((x, first, before, gates, gradient), together(*first.shape))
    (into_state, into_weights), into_x = jax.lax.scan(some, start, inputs, reverse=True)
    return into_weights, into_x.reshape(x.shape), None, into_state


def _back(
    cell: Gated,
    weights: Weights,
    into_state: State,
    x: Float32[Array, "few N F"],
    first: Bool[Array, "few N"],
    before: State,
    gates: Gates,
    gradient: State,
) -> tuple[State, Weights, Float32[Array, "few N F"]]:
    """Gradients of the state before a few steps, of the weights and of the inputs. into_state: of the state
    after them, from what comes later.
    """
    blank = jnp.zeros((x.shape[1], weights.bias.size), x.dtype)
    _, into_projections = jax.vjp(cell.inputs, blank, blank)
    found: list[tuple[Array, Array, Array]] = []
    for t in reversed(range(x.shape[0])):
        start = forget(first[t], tuple(part[t] for part in before))
        _, pull_back = jax.vjp(cell.after, start, tuple(part[t] for part in gates))
        arriving = tuple(a + b[t] for a, b in zip(into_state, gradient, strict=True))
        earlier, into_gates = pull_back(arriving)
        into_input, into_output = into_projections(into_gates)
        earlier = (earlier[0] + into_output @ weights.recurrent.T, *earlier[1:])
        into_state = forget(first[t], earlier)
        found.insert(0, (into_input, into_output, start[0]))
    into_inputs, into_outputs, outputs = (jnp.concatenate(part) for part in zip(*found, strict=True))
    more = Weights(
        inputs=x.reshape(into_inputs.shape[0], x.shape[-1]).T @ into_inputs,
        recurrent=outputs.T @ into_outputs,
        bias=jnp.sum(into_inputs, axis=0),
    )
    return into_state, more, (into_inputs @ weights.inputs.T).reshape(x.shape)


recur.defvjp(_forward, _backward)


def _orthogonal_gates(key: Key[Array, ""], shape: tuple[int, int]) -> Float32[Array, "H G"]:
    """Recurrent weights with an orthogonal matrix for each gate."""
    size = shape[0]
    matrices = initializers.orthogonal()(key, (shape[1] // size, size, size), jnp.float32)
    return matrices.swapaxes(0, 1).reshape(shape)


def _memory(cell: Gated) -> MemoryCell:
    """The memory with this cell; its output is the first part of the state."""

    def weights(param: Param, features: int, size: int) -> Weights:
        width = cell.gates * size
        return Weights(
            inputs=param("inputs", initializers.lecun_normal(), (features, width)),
            recurrent=param("recurrent", _orthogonal_gates, (size, width)),
            bias=param("bias", initializers.zeros, (width,)),
        )

    return MemoryCell(
        states=cell.states,
        weights=weights,
        unroll=lambda weights, x, first, carry: recur(cell, weights, x, first, carry),
        step=lambda weights, carry, x: step(cell, weights, carry, x),
        output=lambda weights, carry, x: carry[0],
    )


GRU, LSTM = _memory(gru), _memory(lstm)
