"""Values of cells for a planner, by value iteration, and distances to the nearest target."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float32, Int32, Shaped

from socialrl_envs import grid

DISCOUNT = 0.95  # per step, so that of two equal goals the nearer one has the higher value


def shifted(field: Shaped[Array, "H W"], delta: tuple[int, int], fill: float | int) -> Shaped[Array, "H W"]:
    """The field shifted by a step: result[r, c] = field[r + dr, c + dc], `fill` beyond the edges."""
    padded = jnp.pad(field, 1, constant_values=fill)
    height, width = field.shape
    return jax.lax.dynamic_slice(padded, (1 + delta[0], 1 + delta[1]), (height, width))


def cardinal_values(
    gain: Float32[Array, "H W"],
    solid: Bool[Array, "H W"],
    value: Float32[Array, "H W"],
    discount: float = DISCOUNT,
) -> Float32[Array, "5 H W"]:
    """Action values Q(c, m) of the moves up, right, down, left and stay from each cell, for one goal.

    Entering c' has the value gain(c') if that is positive, since the goal is reached and the next one is
    planned from there, else gain(c') + discount * V(c'), so that a negative gain is a cost of passing
    through. A move into a wall leaves the seat in place.
    """
    entering = jnp.where(gain > 0, gain, gain + discount * value)
    moves = [
        jnp.where(shifted(solid, delta, True), discount * value, shifted(entering, delta, 0.0))
        for delta in grid.DELTAS
    ]
    return jnp.stack([*moves, discount * value])


def turning_values(
    gain: Float32[Array, "H W"],
    solid: Bool[Array, "H W"],
    value: Float32[Array, "4 H W"],
    discount: float = DISCOUNT,
) -> Float32[Array, "3 4 H W"]:
    """Action values of left, right and forward from each heading and cell, as `cardinal_values`."""
    entering = jnp.where(gain > 0, gain, gain + discount * value)
    blocked = jnp.stack([shifted(solid, delta, True) for delta in grid.DELTAS])
    entered = jnp.stack([shifted(entering[h], delta, 0.0) for h, delta in enumerate(grid.DELTAS)])
    forward = jnp.where(blocked, discount * value, entered)
    return jnp.stack([discount * jnp.roll(value, 1, axis=0), discount * jnp.roll(value, -1, axis=0), forward])


def _relaxed(
    improved: Callable[[Array], Array], solid: Bool[Array, "H W"], start: Float32[Array, "*headings H W"]
) -> Float32[Array, "*headings H W"]:
    """The fixed point of V = max(improved(V), 0), 0 in walls, after at most V.size iterations."""

    def sweep(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        value, _, rounds = carry
        better = jnp.maximum(improved(value), 0.0)
        return better, jnp.any(better * (1 - 1e-6) > value), rounds + 1

    def unfinished(carry: tuple[Array, Array, Array]) -> Array:
        return carry[1] & (carry[2] < start.size)

    value = jax.lax.while_loop(unfinished, sweep, (start, jnp.array(True), jnp.int32(0)))[0]
    return jnp.where(solid, 0.0, value)


def cardinal_state_values(
    gain: Float32[Array, "H W"], solid: Bool[Array, "H W"], discount: float = DISCOUNT
) -> Float32[Array, "H W"]:
    """V(c), the value of the best goal from each cell: the fixed point of V(c) = max(max_m Q(c, m), 0).

    Staying and moves into walls never raise V, so an iteration takes the maximum over the four neighbours.
    """
    cost = jnp.where(solid, 0.0, gain)
    onward = jnp.where(solid | (gain > 0), 0.0, discount).astype(jnp.float32)

    def improved(value: Float32[Array, "H W"]) -> Float32[Array, "H W"]:
        entering = cost + onward * value
        up, right, down, left = (shifted(entering, delta, 0.0) for delta in grid.DELTAS)
        return jnp.maximum(jnp.maximum(up, right), jnp.maximum(down, left))

    return _relaxed(improved, solid, jnp.zeros(gain.shape, jnp.float32))


def turning_state_values(
    gain: Float32[Array, "H W"], solid: Bool[Array, "H W"], discount: float = DISCOUNT
) -> Float32[Array, "4 H W"]:
    """V(h, c), the value of the best goal from each heading and cell; a turn takes one step."""

    def improved(value: Float32[Array, "4 H W"]) -> Float32[Array, "4 H W"]:
        return jnp.max(turning_values(gain, solid, value, discount), axis=0)

    return _relaxed(improved, solid, jnp.zeros((4, *gain.shape), jnp.float32))


def distances(targets: Bool[Array, "H W"], solid: Bool[Array, "H W"]) -> Int32[Array, "H W"]:
    """Cardinal moves from every cell to the nearest target; H * W where none can be reached."""
    far = targets.size

    def sweep(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        steps, _ = carry
        near = jnp.min(jnp.stack([shifted(steps, delta, far) for delta in grid.DELTAS]), axis=0) + 1
        better = jnp.where(solid, far, jnp.minimum(steps, jnp.minimum(near, far)))
        return better, jnp.any(better < steps)

    start = jnp.where(targets & ~solid, 0, far).astype(jnp.int32)
    return jax.lax.while_loop(lambda carry: carry[1], sweep, (start, jnp.array(True)))[0]
