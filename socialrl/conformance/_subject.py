"""What the rules of a learner share: a small world, and a learner in it with its states and experience."""

from collections.abc import Callable
from functools import cache, cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int32, Key, PyTree

from socialrl.rollout import Carry, make_rollout
from socialrl.types import (
    ActOutput,
    Experience,
    Learner,
    Metrics,
)
from socialrl_envs.struct import replace
from socialrl_envs.types import ConceptWorld, Level, Outcome, Seat, State, World
from socialrl_envs.worlds import coin_grid, goal_cycle

NUM_ENVS, UNROLL_LENGTH, UPDATES = 3, 4, 4  # they end amid an episode of 6 steps


@cache
def learner_world() -> World:
    """The world in which learners are checked: two novices and two wanderers in a tiny coin_grid."""
    wanderers = (Seat(policy="wanderer"), Seat(policy="wanderer"))
    config = coin_grid.Config(
        novices=2, experts=0, coplayers=wanderers, size=5, colours=2, coins=1, horizon=6
    )
    return config.build()


def curriculum_world() -> World:
    """The world in which curricula are checked: one novice and one expert in a small goal_cycle."""
    world: Any = goal_cycle.Config(novices=1, experts=1, size=7, horizon=6).build()
    return world


@lru_cache(maxsize=1)
def pool(world: World) -> Callable[[Key[Array, ""]], Level]:
    """key -> eight levels of a world, compiled once for all learners that are checked in it."""
    return jax.jit(lambda key: jax.vmap(world.sample_level)(jax.random.split(key, 8)))


class Repaid:
    """A world whose co-players are paid something else where `repaid` is True; all else is the world's."""

    def __init__(self, world: World, repaid: Bool[Array, ""]):
        self._world, self._repaid = world, repaid

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def step(self, state: State, actions: Int32[Array, " N"], key: Key[Array, ""]) -> tuple[State, Outcome]:
        """The step of the world, perhaps with other rewards for the co-players."""
        after, outcome = self._world.step(state, actions, key)
        seats = np.arange(len(outcome.reward))
        wild = 100.0 * jnp.sin(seats.astype(np.float32) + after.time.astype(jnp.float32))
        honest = np.isin(seats, self._world.spec.novices) | ~self._repaid
        return after, replace(outcome, reward=jnp.where(honest, outcome.reward, wild - outcome.reward[::-1]))

    def concepts(self, state: State, after: State) -> Int32[Array, "N concepts"]:
        """Those of the world, which must know some."""
        assert isinstance(self._world, ConceptWorld)
        return self._world.concepts(state, after)


class Subject:
    """A learner in a world, with what the rules share: states, experience and compiled functions."""

    def __init__(self, learner: Learner, world: World | None = None):
        self.learner, self.world = learner, world or learner_world()
        self.rollout = make_rollout(self.world, learner)
        self.act = jax.jit(learner.act, static_argnums=4)
        self.update = jax.jit(learner.update)
        self.init = jax.jit(learner.init, static_argnums=(1, 2))
        self.enter = jax.jit(lambda levels, key: self.rollout.begin(levels, key, NUM_ENVS))
        self.unroll = jax.jit(self._unroll)

    @cached_property
    def fresh(self) -> tuple[PyTree, Carry, PyTree]:
        """(learner's state, Carry, levels) before the first step."""

        pool_key, begin_key = jax.random.split(jax.random.key(1))
        levels = pool(self.world)(pool_key)
        return self.init(jax.random.key(0), UNROLL_LENGTH, NUM_ENVS), self.enter(levels, begin_key), levels

    @cached_property
    def trained(self) -> tuple[PyTree, Carry, Experience, Metrics]:
        """(learner's state, Carry, last Experience, last metrics) after UPDATES updates."""
        return self.train(repaid=False)

    def train(self, *, repaid: bool) -> tuple[PyTree, Carry, Experience, Metrics]:
        """The same, by one program, where the others are paid otherwise if `repaid`."""
        state, carry, levels = self.fresh
        experience, metrics = None, {}
        for number in range(UPDATES):
            unroll_key, learn_key = jax.random.split(jax.random.fold_in(jax.random.key(2), number))
            carry, experience = self.unroll(state, carry, levels, unroll_key, jnp.array(repaid))
            state, metrics = self.update(state, experience, learn_key)
        assert experience is not None
        return state, carry, experience, metrics

    def _unroll(
        self, state: PyTree, carry: Carry, levels: Level, key: Key[Array, ""], repaid: Bool[Array, ""]
    ) -> tuple[Carry, Experience]:
        world: Any = Repaid(self.world, repaid)
        return make_rollout(world, self.learner).unroll(state, carry, levels, key, UNROLL_LENGTH)[:2]

    @property
    def batch(self) -> tuple[int, int]:
        """The batch axes of the novices: (worlds, novices)."""
        return NUM_ENVS, len(self.world.spec.novices)

    def decided(self, state: PyTree, explore: bool = False) -> ActOutput:
        """What the learner does in this state at the end of the checked experience."""
        _, carry, _, _ = self.trained
        return self.act(state, carry.carry, carry.timestep, jax.random.key(3), explore)
