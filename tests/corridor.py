"""A world for tests and a learner that walks through it."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from socialrl.types import ActOutput, Learner, decision_of
from socialrl_envs.types import Level, Outcome, Seat, State, WorldSpec
from tests.scratch_world import ScratchWorld, scratch_spec

LEFT, RIGHT, STAY = 0, 1, 2


class Corridor(ScratchWorld):
    """Seats walk along `length` cells; the task ends when the first seat is at the last cell, and is cut off
    at `horizon`.

    Views are (position, time, mark of the level, seat). Reward: 1 per step to the right, -1 per step to the
    left, times 1 + the number of the seat. The last seat is absent in odd steps, unless all seats are
    novices. slippery: moves fail with probability 0.3, and a seat starts at the first or the second cell.
    """

    def __init__(
        self, coplayers: int = 2, novices: int = 1, length: int = 5, horizon: int = 6, slippery: bool = False
    ):
        seats = (Seat(),) * novices + (Seat(policy="wanderer"),) * coplayers
        channels, actions = ("position", "time", "level", "seat"), ("left", "right", "stay")
        super().__init__(
            scratch_spec("corridor", seats, channels, actions, horizon, length), {"slippery": slippery}
        )
        self.length, self.slippery = length, slippery

    def draw_mark(self, key: Any) -> Array:
        return jax.random.randint(key, (), 0, 256)

    def reset(self, level: Level, key: Any) -> State:
        state = super().reset(level, key)
        shift = jax.random.randint(key, (len(self.spec.seats),), 0, 2) if self.slippery else 0
        return self._at(state, state.seats.position[:, 1] + shift, state.time)

    def _at(self, state: State, column: Array, time: Array) -> State:
        """The state in which seats stand in these columns at this time."""
        last = jnp.arange(len(self.spec.seats)) == len(self.spec.seats) - 1
        present = ~(last & (time % 2 == 1)) | (len(self.spec.novices) == len(self.spec.seats))
        position = state.seats.position.at[:, 1].set(column)
        seats = dataclasses.replace(state.seats, position=position, present=present)
        return dataclasses.replace(state, seats=seats, time=time)

    def step(self, state: State, actions: Array, key: Any) -> tuple[State, Outcome]:
        before, move = state.seats.position[:, 1], jnp.array([-1, 1, 0], jnp.int32)[actions]
        if self.slippery:
            move = jnp.where(jax.random.bernoulli(key, 0.3, move.shape), 0, move)
        column = jnp.clip(before + move, 0, self.length - 1)
        moved = (column - before).astype(jnp.float32)
        after, terminated = self._at(state, column, state.time + 1), column[0] == self.length - 1
        outcome = Outcome(
            reward=moved * (1 + jnp.arange(len(moved), dtype=jnp.float32)),
            terminated=terminated,
            truncated=(after.time >= self.spec.horizon) & ~terminated,
            cumulants=moved[:, None],
        )
        return after, outcome

    def observe(self, state: State) -> Array:
        seats = jnp.arange(len(self.spec.seats), dtype=jnp.int32)
        shared = (state.time, state.level.params.mark.astype(jnp.int32))
        columns = (*(jnp.full(seats.shape, value, jnp.int32) for value in shared), seats)
        seen = jnp.stack([state.seats.position[:, 1], *columns], axis=1)
        return seen.astype(jnp.uint8)[:, None, None, :]


def walker(spec: WorldSpec, right: float = 0.7) -> Learner:
    """A learner that walks right with this probability, else left, and does not learn. Its carry counts the
    steps of the episode, from 0 at `first`; its decision's values are (count, previous action, previous
    reward).
    """

    def act(state: Any, carry: Array, timestep: Any, key: Any, explore: bool) -> ActOutput:
        count = jnp.where(timestep.first, 0, carry) + 1
        action = jnp.where(jax.random.uniform(key, count.shape) < right, RIGHT, LEFT).astype(jnp.int32)
        seen = (count.astype(jnp.float32), timestep.prev_action.astype(jnp.float32), timestep.prev_reward)
        return ActOutput(decision_of(action, jnp.stack(seen, axis=-1)[..., None, :]), count, ())

    return Learner(
        init=lambda key, unroll_length, num_envs: (),
        act=act,
        update=lambda state, experience, key: (state, {}),
        initial_carry=lambda *batch: jnp.zeros(batch, jnp.int32),
    )
