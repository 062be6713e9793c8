"""The share of walls is drawn for each level, from 0 up to a limit that rises during training."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int32, Key

from socialrl.curricula import Curriculum
from socialrl_envs.options import Options, option
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Settings of more_walls. The world's layout must be "cluttered" for walls to appear."""

    limit: float = option(0.3, "share of inner cells that become walls, at most, at the end", low=0, high=1)
    steps: int = option(10_000, "environment steps until the limit is reached", low=1)

    def build(self, world: World) -> Curriculum:
        """The curriculum for a world."""

        def draw(state: Any, steps: Int32[Array, ""], key: Key[Array, ""]) -> dict[str, Array]:
            progress = jnp.minimum(steps.astype(jnp.float32) / self.steps, 1.0)
            return {"density": jax.random.uniform(key) * progress * self.limit}

        return Curriculum(init=lambda: (), overrides=draw, update=lambda state, measure, key: (state, {}))
