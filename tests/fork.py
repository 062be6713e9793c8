"""A world for tests in which it is known what following is worth, and an agent that follows others there."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from socialrl.types import ActOutput, Learner, decision_of
from socialrl_envs.types import Level, Outcome, Seat, State
from tests.scratch_world import ScratchWorld, scratch_spec

GOOD, BAD, OWN = 0, 1, 2
LATER = 2  # steps after which a good action pays
USUAL = 5.0  # reward of every step, whatever is done


class Fork(ScratchWorld):
    """One novice, an expert and a wanderer; every step pays the novice USUAL and a random number.

    Besides, GOOD pays 1 after LATER steps, BAD -1 at once, OWN nothing. The task holds what is still to be
    paid. Views are (time, mark of the level).
    """

    def __init__(self, horizon: int = 6):
        seats = (Seat(), Seat(policy="planner"), Seat(policy="wanderer"))
        super().__init__(scratch_spec("fork", seats, ("time", "mark"), ("good", "bad", "own"), horizon))

    def draw_mark(self, key: Any) -> Array:
        return jax.random.randint(key, (), 0, 256)

    def reset(self, level: Level, key: Any) -> State:
        return dataclasses.replace(super().reset(level, key), task=jnp.zeros(LATER, jnp.float32))

    def step(self, state: State, actions: Array, key: Any) -> tuple[State, Outcome]:
        due = state.task[0] - (actions[0] == BAD).astype(jnp.float32)
        later = jnp.concatenate([state.task[1:], (actions[0] == GOOD).astype(jnp.float32)[None]])
        seats = len(self.spec.seats)
        luck = jax.random.randint(key, (), 0, 8).astype(jnp.float32)
        after = dataclasses.replace(state, task=later, time=state.time + 1)
        outcome = Outcome(
            reward=jnp.zeros(seats, jnp.float32).at[0].set(USUAL + luck + due),
            terminated=jnp.zeros((), bool),
            truncated=after.time >= self.spec.horizon,
            cumulants=jnp.zeros((seats, 1), jnp.float32),
        )
        return after, outcome

    def observe(self, state: State) -> Array:
        seen = jnp.stack([state.time, state.level.params.mark.astype(jnp.int32)]).astype(jnp.uint8)
        return jnp.broadcast_to(seen, (len(self.spec.seats), 1, 1, 2))


def follower() -> Learner:
    """A learner that follows sources in turn: the expert's action is GOOD, the wanderer's BAD, its own OWN.

    Its state is the source of every step, int32 (horizon,), and it knows the step by its carry alone. Its
    values are 1 for what a source does, else 0.
    """
    table = np.array([OWN, GOOD, BAD], np.int32)

    def act(state: Any, carry: Array, timestep: Any, key: Any, explore: bool) -> ActOutput:
        count = jnp.where(timestep.first, 0, carry)
        source = state[jnp.minimum(count, len(state) - 1)]
        values = jnp.broadcast_to(jax.nn.one_hot(table, 3, dtype=jnp.float32), (*source.shape, 3, 3))
        return ActOutput(decision_of(jnp.asarray(table)[source], values, source), count + 1, ())

    return Learner(
        init=lambda key, unroll_length, num_envs: jnp.zeros(unroll_length, jnp.int32),
        act=act,
        update=lambda state, experience, key: (state, {}),
        initial_carry=lambda *batch: jnp.zeros(batch, jnp.int32),
    )
