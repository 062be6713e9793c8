"""The learner of seats in which nobody acts."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Key, PyTree

from socialrl.types import ActOutput, Learner, Timestep, decision_of
from socialrl_envs.types import WorldSpec


def passive_learner(spec: WorldSpec) -> Learner[tuple[()]]:
    """A learner without state that always takes action 0 and learns nothing; its values are NaN."""
    sources, actions = 1 + len(spec.coplayers), len(spec.actions)

    def act(
        state: tuple[()], carry: PyTree, timestep: Timestep, key: Key[Array, ""], explore: bool
    ) -> ActOutput:
        batch = timestep.first.shape
        values = jnp.full((*batch, sources, actions), jnp.nan, jnp.float32)
        return ActOutput(decision_of(jnp.zeros(batch, jnp.int32), values), carry, ())

    return Learner(
        init=lambda key, unroll_length, num_envs: (),
        act=act,
        update=lambda state, experience, key: (state, {}),
        initial_carry=lambda *batch: (),
    )
