"""Levels drawn at random for every round, their company, too, if that is designed: the baseline of
environment design.

Which the authors of JaxUED found unexpectedly competitive (Coward et al., 2024, arXiv 2403.13091).
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Key, PyTree

from socialrl.curricula import Choice, Chooser, Curriculum, choosing
from socialrl.curricula._design import Design, DesignConfig
from socialrl_envs.types import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(DesignConfig):
    """Options of domain_randomisation."""

    def build(self, world: World) -> Curriculum:
        """The curriculum for this world; raises SocialRLError if company is designed where there is none."""
        design = Design(self, world)

        def choose(state: PyTree, key: Key[Array, ""], num_envs: int) -> Choice:
            levels = jax.vmap(design.fresh)(jax.random.split(key, num_envs))
            return Choice(levels=levels, trains=jnp.ones(num_envs, bool))

        chooser = Chooser(
            init=lambda key, unroll_length, num_envs: (),
            choose=choose,
            learn=lambda state, choice, results, key: (state, {}),
            unrolls=self.unrolls,
        )
        return choosing(chooser)
