"""Memory without a step-by-step loop: `MINGRU` and `LRU`.

Their recurrences are linear in the state, h_t = a_t h_{t-1} + b_t, where a_t and b_t depend on the inputs
alone. All products of an unroll are made at once, and the states follow from a parallel scan; an episode
begins where a_t is 0. MINGRU is the minimal gated recurrent unit (Feng et al., 2024, arXiv 2410.01201), LRU
the linear recurrent unit (Orvieto et al., 2023, arXiv 2303.06349). Each has an output gate besides, by which
what is seen now decides what of the memory counts.
"""

import jax
import jax.numpy as jnp
from flax.linen import initializers
from jax import Array
from jaxtyping import Bool, Float32, Inexact, Key

from socialrl.nets.cell import Carry, MemoryCell, Param
from socialrl_envs.struct import pytree

LONGEST = 32.0  # steps of the slowest unit of a fresh MINGRU, by which its memory falls to 1/e
RADII = (0.5, 0.99)  # of the eigenvalues of a fresh LRU
PHASE = 0.3  # the largest angle of these, in radians


@jax.custom_vjp
def linear_scan(
    decay: Inexact[Array, "T N H"], inputs: Inexact[Array, "T N H"], start: Inexact[Array, "N H"]
) -> Inexact[Array, "T N H"]:
    """The states h_t = decay_t h_{t-1} + inputs_t after every step, from h_{-1} = start.

    On a CPU in one loop over steps, which stays in the cache and is several times as fast there; elsewhere by
    `in_parallel`.
    """
    if decay.shape[0] == 1:
        return inputs + decay * start
    return jax.lax.platform_dependent(decay, inputs, start, cpu=in_a_loop, default=in_parallel)


def in_parallel(
    decay: Inexact[Array, "T N H"], inputs: Inexact[Array, "T N H"], start: Inexact[Array, "N H"]
) -> Inexact[Array, "T N H"]:
    """`linear_scan` by an associative scan: pairs (a, b) stand for h -> a h + b, and are composed."""

    def composed(early: tuple[Array, Array], late: tuple[Array, Array]) -> tuple[Array, Array]:
        return late[0] * early[0], late[0] * early[1] + late[1]

    inputs = inputs.at[0].add(decay[0] * start)
    return jax.lax.associative_scan(composed, (decay, inputs))[1]


def in_a_loop(
    decay: Inexact[Array, "T N H"], inputs: Inexact[Array, "T N H"], start: Inexact[Array, "N H"]
) -> Inexact[Array, "T N H"]:
    """`linear_scan` step by step."""

    def one(state: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        after = now[0] * state + now[1]
        return after, after

    return jax.lax.scan(one, start, (decay, inputs))[1]


def _forward(decay: Array, inputs: Array, start: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    states = linear_scan(decay, inputs, start)
    return states, (decay, start, states)


def _backward(saved: tuple[Array, Array, Array], gradient: Array) -> tuple[Array, Array, Array]:
    """Gradients g_t = gradient_t + decay_{t+1} g_{t+1}: the same recurrence, from the last step to the
    first.
    """
    decay, start, states = saved
    later = jnp.concatenate([decay[1:], jnp.zeros_like(decay[:1])])
    into_inputs = linear_scan(later[::-1], gradient[::-1], jnp.zeros_like(start))[::-1]
    before = jnp.concatenate([start[None], states[:-1]])
    return into_inputs * before, into_inputs, decay[0] * into_inputs[0]


linear_scan.defvjp(_forward, _backward)


def _kept(decay: Inexact[Array, "T N H"], first: Bool[Array, "T N"]) -> Inexact[Array, "T N H"]:
    """The decay, 0 where an episode starts."""
    return jnp.where(first[..., None], 0.0, decay)


@pytree
class MinGRUWeights:
    """Projections of the input to update gate, candidate and output gate, G = 3 H."""

    inputs: Float32[Array, "F G"]
    bias: Float32[Array, " G"]


def _mingru_weights(param: Param, features: int, size: int) -> MinGRUWeights:
    """Fresh weights; the units forget over 1 to `LONGEST` steps."""

    def bias(key: Key[Array, ""], shape: tuple[int, ...]) -> Float32[Array, " G"]:
        slow = -jnp.log(jnp.linspace(1.0, LONGEST - 1, size, dtype=jnp.float32))
        return jnp.concatenate([slow, jnp.zeros(2 * size, jnp.float32)])

    inputs = param("inputs", initializers.lecun_normal(), (features, 3 * size))
    return MinGRUWeights(inputs=inputs, bias=param("bias", bias, (3 * size,)))


def _mingru_gates(
    weights: MinGRUWeights, x: Float32[Array, "*batch F"]
) -> tuple[Float32[Array, "*batch H"], Float32[Array, "*batch H"]]:
    """(decay, inputs): 1 - z and z times the candidate."""
    size = weights.bias.size // 3
    update, candidate = jnp.split(x @ weights.inputs[:, : 2 * size] + weights.bias[: 2 * size], 2, axis=-1)
    return jax.nn.sigmoid(-update), jax.nn.sigmoid(update) * candidate


def _mingru_unroll(
    weights: MinGRUWeights, x: Float32[Array, "T N F"], first: Bool[Array, "T N"], carry: Carry
) -> Carry:
    decay, inputs = _mingru_gates(weights, x)
    return (linear_scan(_kept(decay, first), inputs, carry[0]),)


def _mingru_step(weights: MinGRUWeights, carry: Carry, x: Float32[Array, "*batch F"]) -> Carry:
    decay, inputs = _mingru_gates(weights, x)
    return (decay * carry[0] + inputs,)


def _mingru_output(
    weights: MinGRUWeights, carry: Carry, x: Float32[Array, "*batch F"]
) -> Float32[Array, "*batch H"]:
    size = weights.bias.size // 3
    gate = x @ weights.inputs[:, 2 * size :] + weights.bias[2 * size :]
    return jax.nn.sigmoid(gate) * carry[0]


MINGRU = MemoryCell(
    states=1,
    weights=_mingru_weights,
    unroll=_mingru_unroll,
    step=_mingru_step,
    output=_mingru_output,
)


@pytree
class LRUWeights:
    """inputs: projections to the real and the imaginary part of the state's input, to the output and to its
    gate, G = 4 H. outputs: of both parts of the state to the output, D = 2 H. log_decay, log_angle: log of
    minus the log radius, and of the angle, of each eigenvalue.
    """

    inputs: Float32[Array, "F G"]
    bias: Float32[Array, " G"]
    outputs: Float32[Array, "D H"]
    log_decay: Float32[Array, " H"]
    log_angle: Float32[Array, " H"]


def _lru_weights(param: Param, features: int, size: int) -> LRUWeights:
    def log_decay(key: Key[Array, ""], shape: tuple[int, ...]) -> Float32[Array, " H"]:
        low, high = RADII
        square = jax.random.uniform(key, shape, minval=low**2, maxval=high**2)
        return jnp.log(-0.5 * jnp.log(square))

    def log_angle(key: Key[Array, ""], shape: tuple[int, ...]) -> Float32[Array, " H"]:
        return jnp.log(PHASE * jax.random.uniform(key, shape, minval=1e-3))

    return LRUWeights(
        inputs=param("inputs", initializers.lecun_normal(), (features, 4 * size)),
        bias=param("bias", initializers.zeros, (4 * size,)),
        outputs=param("outputs", initializers.lecun_normal(), (2 * size, size)),
        log_decay=param("log_decay", log_decay, (size,)),
        log_angle=param("log_angle", log_angle, (size,)),
    )


def _lru_eigenvalues(weights: LRUWeights) -> Inexact[Array, " H"]:
    radius, angle = jnp.exp(-jnp.exp(weights.log_decay)), jnp.exp(weights.log_angle)
    return jax.lax.complex(radius * jnp.cos(angle), radius * jnp.sin(angle))


def _lru_inputs(weights: LRUWeights, x: Float32[Array, "*batch F"]) -> Inexact[Array, "*batch H"]:
    """The inputs of the state, scaled so that it is as large as they are."""
    size = weights.log_decay.size
    real, imaginary = jnp.split(x @ weights.inputs[:, : 2 * size] + weights.bias[: 2 * size], 2, axis=-1)
    scale = jnp.sqrt(1 - jnp.exp(-2 * jnp.exp(weights.log_decay)))
    return jax.lax.complex(scale * real, scale * imaginary)


def _lru_unroll(
    weights: LRUWeights, x: Float32[Array, "T N F"], first: Bool[Array, "T N"], carry: Carry
) -> Carry:
    inputs = _lru_inputs(weights, x)
    decay = _kept(jnp.broadcast_to(_lru_eigenvalues(weights), inputs.shape), first)
    states = linear_scan(decay, inputs, jax.lax.complex(*carry))
    return jnp.real(states), jnp.imag(states)


def _lru_step(weights: LRUWeights, carry: Carry, x: Float32[Array, "*batch F"]) -> Carry:
    after = _lru_eigenvalues(weights) * jax.lax.complex(*carry) + _lru_inputs(weights, x)
    return jnp.real(after), jnp.imag(after)


def _lru_output(
    weights: LRUWeights, carry: Carry, x: Float32[Array, "*batch F"]
) -> Float32[Array, "*batch H"]:
    size = weights.log_decay.size
    direct, gate = jnp.split(x @ weights.inputs[:, 2 * size :] + weights.bias[2 * size :], 2, axis=-1)
    read = jnp.concatenate(carry, axis=-1) @ weights.outputs
    return jax.nn.gelu(read + direct) * jax.nn.sigmoid(gate)


LRU = MemoryCell(
    states=2,
    weights=_lru_weights,
    unroll=_lru_unroll,
    step=_lru_step,
    output=_lru_output,
)
