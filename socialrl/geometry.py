"""Grid offsets as an agent with a heading sees them."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Int32

FORWARD = (
    (-1, 0),
    (0, 1),
    (1, 0),
    (0, -1),
)  # (rows, columns) of a step forward, by heading: north, east, south, west


def egocentric(
    offset: Float32[Array, "*batch points 2"], heading: Int32[Array, "*batch"]
) -> Float32[Array, "*batch points 2"]:
    """Offsets in (rows, columns) as cells (ahead, to the right) of an agent with this heading."""
    ahead = jnp.array(FORWARD, jnp.float32)[heading]
    right = jnp.stack([ahead[..., 1], -ahead[..., 0]], axis=-1)
    return jnp.einsum("...kx,...ax->...ka", offset, jnp.stack([ahead, right], axis=-2))
