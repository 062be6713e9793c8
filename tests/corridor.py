"""A world for tests: a corridor whose right end is the goal, so that tasks end, with views that tell
position, time, level and seat. With `slippery`, moves fail at random.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from socialrl.types import ActOutput, Learner, decision_of
from socialrl_envs.types import Level, Outcome, Seat, State, WorldSpec

LEFT, RIGHT, STAY = 0, 1, 2


class Corridor:
    """Seats walk along `length` cells; the task ends when the first seat is at the last cell, and is cut off
    at `horizon`.

    Reward: 1 per step to the right, times 1 + the number of the seat. The last seat is absent in odd steps,
    unless all seats are novices.
    """

    name = "corridor"
    config: Any = None

    def __init__(
        self, coplayers: int = 2, novices: int = 1, length: int = 5, horizon: int = 6, slippery: bool = False
    ):
        seats = (Seat(),) * novices + (Seat(policy="wanderer"),) * coplayers
        self.length, self.slippery = length, slippery
        self.numbers: dict[str, Any] = {}
        self.spec = WorldSpec(
            name=self.name,
            seats=seats,
            agents=tuple(f"{seat.role}_{i}" for i, seat in enumerate(seats)),
            height=1,
            width=length,
            obs_shape=(1, 1, 4),
            channels=("position", "time", "level", "seat"),
            actions=("left", "right", "stay"),
            cumulants=("step",),
            horizon=horizon,
        )

    def sample_level(self, key: Any, numbers: dict[str, Array] | None = None) -> Level:
        seats = len(self.spec.seats)
        return Level(
            tiles=jnp.zeros((1, self.length), jnp.uint8),
            position=jnp.zeros((seats, 2), jnp.int32),
            heading=jnp.zeros(seats, jnp.int32),
            numbers={"id": jax.random.randint(key, (), 0, 256).astype(jnp.float32)} | (numbers or {}),
        )

    def reset(self, level: Level, key: Any) -> State:
        shift = jax.random.randint(key, (len(self.spec.seats),), 0, 2) if self.slippery else 0
        return State(
            tiles=level.tiles,
            position=level.position.at[:, 1].add(shift),
            heading=level.heading,
            present=self._present(jnp.int32(0)),
            time=jnp.int32(0),
            numbers=level.numbers,
        )

    def _present(self, time: Array) -> Array:
        last = jnp.arange(len(self.spec.seats)) == len(self.spec.seats) - 1
        return ~(last & (time % 2 == 1)) | (len(self.spec.novices) == len(self.spec.seats))

    def step(self, state: State, actions: Array, key: Any) -> tuple[State, Outcome]:
        move = jnp.array([-1, 1, 0], jnp.int32)[actions]
        if self.slippery:
            move = jnp.where(jax.random.bernoulli(key, 0.3, move.shape), 0, move)
        column = jnp.clip(state.position[:, 1] + move, 0, self.length - 1)
        moved = (column - state.position[:, 1]).astype(jnp.float32)
        time = state.time + 1
        after = dataclasses.replace(
            state, position=state.position.at[:, 1].set(column), time=time, present=self._present(time)
        )
        terminated = column[0] == self.length - 1
        scale = 1 + jnp.arange(len(moved), dtype=jnp.float32)
        outcome = Outcome(
            reward=moved * scale,
            terminated=terminated,
            truncated=(time >= self.spec.horizon) & ~terminated,
            events=moved[:, None],
        )
        return after, outcome

    def observe(self, state: State) -> Array:
        seats = jnp.arange(len(self.spec.seats), dtype=jnp.int32)
        shared = [state.time, state.numbers["id"].astype(jnp.int32)]
        columns = [
            state.position[:, 1],
            *(jnp.full(seats.shape, value, jnp.int32) for value in shared),
            seats,
        ]
        return jnp.stack(columns, axis=1).astype(jnp.uint8)[:, None, None, :]

    def solid(self, tiles: Array) -> Array:
        return jnp.zeros(tiles.shape, bool)

    def appeal(self, state: State) -> Array:
        return jnp.zeros((len(self.spec.seats), 1, self.length), jnp.float32)


def walker(spec: WorldSpec, right: float = 0.7) -> Learner:
    """A learner that walks right with this probability, else left, and does not learn. Its carry counts the
    steps of the episode, from 0 at `first`; the count, the previous action and the previous reward are the
    decision's values.
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
