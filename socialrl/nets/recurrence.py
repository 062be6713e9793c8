"""Gated recurrence over time, fast in both directions: what does not depend on the past is computed for all steps at once.

Inputs are projected before the loop. In the backward pass the gradient of the recurrent weights, a sum over all steps, is one
large matrix product after the loop instead of a small one in each step of it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32

State = tuple[Array, ...]  # what is carried, the output first; (*batch, H) each
Cell = Callable[[State, Array, Array], State]  # (state, projected input (*batch, G), projected output (*batch, G)) -> state


def gru(state: State, x: Float32[Array, "*batch G"], recurrent: Float32[Array, "*batch G"]) -> State:
    """Gated recurrent unit (Cho et al., 2014), the reset gate after the product; G = 3 H: reset, update, candidate."""
    (h,) = state
    x_r, x_z, x_n = jnp.split(x, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(recurrent, 3, axis=-1)
    reset, update = jax.nn.sigmoid(x_r + h_r), jax.nn.sigmoid(x_z + h_z)
    candidate = jnp.tanh(x_n + reset * h_n)
    return ((1 - update) * candidate + update * h,)


def lstm(state: State, x: Float32[Array, "*batch G"], recurrent: Float32[Array, "*batch G"]) -> State:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); G = 4 H: input, forget, candidate, output.

    The forget gate is open by 1 at the start (Jozefowicz et al., 2015).
    """
    _, c = state
    i, f, g, o = jnp.split(x + recurrent, 4, axis=-1)
    c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def forget(first: Bool[Array, " N"], state: State) -> State:
    """Zeros where an episode starts."""
    return tuple(jnp.where(first[:, None], 0.0, part) for part in state)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recur(
    cell: Cell, kernel: Float32[Array, "H G"], x: Float32[Array, "T N G"], first: Bool[Array, "T N"], state: State
) -> State:
    """The states after every step, (T, N, H) each; the state is forgotten before a step that is `first`."""
    return _run(cell, kernel, first, x, jnp.zeros((), jnp.float32), state)


def _run(cell: Cell, kernel: Array, first: Array, x: Array, nudge: Array, state: State) -> State:
    """`nudge` is added to the projected outputs; a number, or one for each."""

    def step(state: State, inputs: tuple[Array, Array, Array]) -> tuple[State, State]:
        x_t, first_t, nudge_t = inputs
        state = forget(first_t, state)
        after = cell(state, x_t, state[0] @ kernel + nudge_t)
        return after, after

    nudges = nudge if nudge.ndim else jnp.broadcast_to(nudge, x.shape[:1])
    return jax.lax.scan(step, state, (x, first, nudges))[1]


def _forward(cell: Cell, kernel: Array, x: Array, first: Array, state: State) -> tuple[State, Any]:
    states, pull_back = jax.vjp(partial(_run, cell, kernel, first), x, jnp.zeros_like(x), state)
    return states, (kernel, first, state, states, pull_back)


def _backward(cell: Cell, saved: Any, gradient: State) -> tuple[Any, ...]:
    kernel, first, state, states, pull_back = saved
    into_x, into_recurrent, into_state = pull_back(gradient)
    before = jnp.concatenate([state[0][None], states[0][:-1]])
    before = jnp.where(first[..., None], 0.0, before)
    into_kernel = jnp.einsum("tnh,tng->hg", before, into_recurrent).astype(kernel.dtype)
    return into_kernel, into_x, None, into_state


recur.defvjp(_forward, _backward)
