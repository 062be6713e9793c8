"""Small learners in a small coin_grid, compiled once per setting and shared by the tests."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from socialrl.conformance import same, shapes
from socialrl.registry import learner_config
from socialrl.rollout import Rollout, make_rollout
from socialrl.types import Learner
from socialrl_envs.composed import GridWorld
from socialrl_envs.movement import Moves
from socialrl_envs.options import option
from socialrl_envs.roster import Roster
from socialrl_envs.task import Effects
from socialrl_envs.types import Seat, State
from socialrl_envs.worlds.coin_grid import CoinGrid, Config

__all__ = ["same", "shapes"]
WORLDS, UNROLL = 3, 4
SMALL = {
    "hidden": (8,),
    "gate_hidden": (8,),
    "sources": ("imitation",),
    "cumulants": 3,
    "batch": 2,
    "updates": 2,
    "capacity": 48,
    "epsilon_steps": 24,
}
PAIR = (Seat(policy="wanderer"), Seat(policy="wanderer"))


class Scrambled(CoinGrid):
    """The same task with other rewards for the co-players."""

    def step(self, state: State, moves: Moves, key: Any) -> Effects:
        effects = super().step(state, moves, key)
        others = jnp.array([seat.role == "coplayer" for seat in self.roster.seats])
        wave = jnp.arange(len(others), dtype=jnp.float32) + (state.time + 1).astype(jnp.float32)
        wild = 100.0 * jnp.sin(wave) - effects.reward[::-1]
        return dataclasses.replace(effects, reward=jnp.where(others, wild, effects.reward))


class Paid(CoinGrid):
    """The same task with twice the rewards for the novices."""

    def step(self, state: State, moves: Moves, key: Any) -> Effects:
        effects = super().step(state, moves, key)
        novices = jnp.array([seat.role == "novice" for seat in self.roster.seats])
        return dataclasses.replace(effects, reward=jnp.where(novices, 2.0, 1.0) * effects.reward)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskConfig(Config):
    """Options of coin_grid with a variant of its task."""

    task: type[CoinGrid] = option(CoinGrid, "the task")

    def make_task(self, roster: Roster) -> CoinGrid:
        return self.task(self, roster)


class Lab(NamedTuple):
    """A learner in a world, compiled. begin(key) -> (learner state, carry, levels). cycle(state, carry,
    levels, key) -> (state, carry, experience, metrics) after one unroll and update.
    """

    world: GridWorld
    learner: Learner
    rollout: Rollout
    begin: Callable[..., Any]
    cycle: Callable[..., Any]


def small(name: str, **options: Any) -> Any:
    """A small Config of this learner; options that it does not have are left out."""
    cls = learner_config(name)
    known = {field.name for field in dataclasses.fields(cls)}
    return cls(**{key: value for key, value in (SMALL | options).items() if key in known})


class Apprentice(NamedTuple):
    """A learner, begin(key) and update(...), compiled; they do not depend on the rewards of the world."""

    learner: Learner
    begin: Callable[..., Any]
    update: Callable[..., Any]


@functools.cache
def pool(config: Config) -> Callable[..., Any]:
    """key -> eight levels, compiled once for all learners."""
    world = config.build()
    return jax.jit(lambda key: jax.vmap(world.sample_level)(jax.random.split(key, 8)))


@functools.cache
def apprentice(config: Config, learner_config: Any) -> Apprentice:
    """The parts of a lab that do not depend on rewards."""
    built = config.build()
    learner = learner_config.build(built.spec)
    rollout = make_rollout(built, learner)

    @jax.jit
    def enter(levels: Any, key: Any) -> Any:
        return rollout.begin(levels, key, WORLDS)

    init = jax.jit(lambda key: learner.init(key, UNROLL, WORLDS))

    def begin(key: Any) -> Any:
        init_key, pool_key, begin_key = jax.random.split(key, 3)
        levels = pool(config)(pool_key)
        return init(init_key), enter(levels, begin_key), levels

    return Apprentice(learner, begin, jax.jit(learner.update))


@functools.cache
def lab(
    name: str,
    novices: int = 2,
    coplayers: tuple[Seat, ...] = PAIR,
    task: type[CoinGrid] = CoinGrid,
    **options: Any,
) -> Lab:
    """The lab of a learner, cached. Updates are compiled apart from the world, so that equal experience gives
    equal bits.
    """
    config = TaskConfig(
        novices=novices, experts=0, coplayers=coplayers, size=5, colours=2, coins=1, horizon=6
    )
    learner, begin, update = apprentice(config, small(name, **options))
    built = dataclasses.replace(config, task=task).build()
    rollout = make_rollout(built, learner)

    @jax.jit
    def unroll(state: Any, carry: Any, levels: Any, key: Any) -> Any:
        return rollout.unroll(state, carry, levels, key, UNROLL)[:2]

    def cycle(state: Any, carry: Any, levels: Any, key: Any) -> Any:
        unroll_key, learn_key = jax.random.split(key)
        carry, experience = unroll(state, carry, levels, unroll_key)
        state, metrics = update(state, experience, learn_key)
        return state, carry, experience, metrics

    return Lab(built, learner, rollout, begin, cycle)


def train(of: Lab, cycles: int, seed: int = 0) -> Any:
    """(state, carry, experience, metrics) after that many cycles."""
    begin_key, *keys = jax.random.split(jax.random.key(seed), cycles + 1)
    state, carry, levels = of.begin(begin_key)
    experience, metrics = None, {}
    for key in keys:
        state, carry, experience, metrics = of.cycle(state, carry, levels, key)
    return state, carry, experience, metrics
