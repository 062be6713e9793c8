"""Left and right swapped: what a view, an action or a table over actions looks like in the mirror."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Shaped

from socialrl_envs.types import WorldSpec


def _swapped(names: tuple[str, ...]) -> np.ndarray:
    """For each name the index of the one with "left" and "right" swapped; its own where there is none."""
    swap = {"left": "right", "right": "left"}
    partners = ["_".join(swap.get(word, word) for word in name.split("_")) for name in names]
    return np.array([names.index(p) if p in names else i for i, p in enumerate(partners)], np.int32)


class Mirror:
    """The mirror of a world: the rules of its worlds do not tell left from right, so what is best in it is
    the mirror image.
    """

    def __init__(self, spec: WorldSpec):
        self.channels, self.actions = _swapped(spec.channels), _swapped(spec.actions)

    def view(self, obs: Shaped[Array, "*batch V V C"]) -> Shaped[Array, "*batch V V C"]:
        """The view with its columns reversed, and what faces left facing right."""
        return obs[..., ::-1, :][..., self.channels]

    def action(self, action: Int32[Array, "*batch"]) -> Int32[Array, "*batch"]:
        """The action with left and right swapped."""
        return jnp.asarray(self.actions)[action]

    def table(self, table: Float32[Array, "*batch A"]) -> Float32[Array, "*batch A"]:
        """One number per action, each at its mirrored action."""
        return table[..., self.actions]
