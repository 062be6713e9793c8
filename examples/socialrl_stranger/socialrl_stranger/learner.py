"""A bandit: remembers the mean reward of each action, whatever it observes, and takes the best one."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float32, Key

from socialrl.types import ActOutput, Experience, Learner, Timestep, decision_of
from socialrl_envs.options import Options, option
from socialrl_envs.types import WorldSpec

Means = Float32[Array, " A"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Settings of the bandit."""

    rate: float = option(0.1, "weight of the newest rewards in the mean", above=0, high=1)
    epsilon: float = option(0.1, "probability of a random action while training", low=0, high=1)

    def build(self, spec: WorldSpec) -> Learner:
        """The learner for a world with these actions."""
        actions = len(spec.actions)

        def init(key: Key[Array, ""], unroll_length: int, num_envs: int) -> Means:
            return jnp.zeros(actions, jnp.float32)

        def act(
            state: Means, carry: Any, timestep: Timestep, key: Key[Array, ""], explore: bool
        ) -> ActOutput:
            batch = timestep.first.shape
            random_key, action_key = jax.random.split(key)
            best = jnp.full(batch, jnp.argmax(state), jnp.int32)
            drawn = jax.random.randint(action_key, batch, 0, actions, dtype=jnp.int32)
            at_random = jax.random.uniform(random_key, batch) < (self.epsilon if explore else 0.0)
            values = jnp.broadcast_to(state, (*batch, 1, actions))
            action = jnp.where(at_random, drawn, best)
            return ActOutput(decision_of(action, values), carry, ())

        def update(
            state: Means, experience: Experience, key: Key[Array, ""]
        ) -> tuple[Means, dict[str, Array]]:
            took = jax.nn.one_hot(experience.own.action.reshape(-1), actions)
            count = took.sum(0)
            mean = (took * experience.own.reward.reshape(-1, 1)).sum(0) / jnp.maximum(count, 1)
            after = jnp.where(count > 0, state + self.rate * (mean - state), state)
            return after, {"loss/change": jnp.abs(after - state).mean()}

        return Learner(init=init, act=act, update=update, initial_carry=lambda *batch: ())
