"""Left-right symmetry: mirror images of views, actions, tables over actions and offsets."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float32, Int32, Shaped

from socialrl_envs.types import WorldSpec


def _swapped(names: tuple[str, ...]) -> np.ndarray:
    """For each name the index of the one with "left" and "right" swapped, or its own index if there
    is none.
    """
    swap = {"left": "right", "right": "left"}
    partners = ["_".join(swap.get(word, word) for word in name.split("_")) for name in names]
    return np.array([names.index(p) if p in names else i for i, p in enumerate(partners)], np.int32)


class Mirror:
    """The reflection of a world that swaps left and right, under which the rules of all worlds are invariant.

    enabled: whether `copies` holds the mirror images, or the originals alone. count: how many copies it
    makes.
    """

    def __init__(self, spec: WorldSpec, enabled: bool = True):
        self.channels, self.actions = _swapped(spec.channels), _swapped(spec.actions)
        self.enabled, self.count = enabled, 2 if enabled else 1

    def view(self, obs: Shaped[Array, "*batch V V C"]) -> Shaped[Array, "*batch V V C"]:
        """The view with its columns reversed, and channels of what faces left swapped with those of right."""
        return obs[..., ::-1, :][..., self.channels]

    def action(self, action: Int32[Array, "*batch"]) -> Int32[Array, "*batch"]:
        """The action with left and right swapped."""
        return jnp.asarray(self.actions)[action]

    def table(self, table: Float32[Array, "*batch A"]) -> Float32[Array, "*batch A"]:
        """A table over actions with the entries of left and right swapped."""
        return table[..., self.actions]

    def offset(self, offset: Float32[Array, "*batch 2"]) -> Float32[Array, "*batch 2"]:
        """Cells (ahead, to the right) as (ahead, to the left)."""
        return offset * jnp.array([1.0, -1.0])

    def same(self, x: Shaped[Array, "*shape"]) -> Shaped[Array, "*shape"]:
        """What has no left and right, unchanged."""
        return x

    def copies(
        self, x: Shaped[Array, "T N *rest"], image: Callable[[Array], Array]
    ) -> Shaped[Array, "T N copies *rest"]:
        """x and, if enabled, its mirror image image(x), along a new axis 2."""
        return jnp.stack([x, image(x)] if self.enabled else [x], axis=2)

    def restored(
        self, x: Shaped[Array, "T N copies *rest"], image: Callable[[Array], Array]
    ) -> Shaped[Array, "T N copies *rest"]:
        """The copies with each mirror image mirrored back, so that all can be compared or averaged."""
        return jnp.stack([x[:, :, 0], image(x[:, :, 1])], axis=2) if self.enabled else x
