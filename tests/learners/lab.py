"""Small learners in a small coin_grid, compiled once per setting and shared by the tests."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from socialrl.conformance import Subject, same, shapes
from socialrl.conformance._subject import NUM_ENVS as WORLDS
from socialrl.conformance._subject import UNROLL_LENGTH as UNROLL
from socialrl.registry import learner_config
from socialrl.types import Learner
from socialrl_envs.composed import GridWorld
from socialrl_envs.movement import Moves
from socialrl_envs.options import option
from socialrl_envs.roster import Roster
from socialrl_envs.task import Effects
from socialrl_envs.types import Seat, State
from socialrl_envs.worlds.coin_grid import CoinGrid, Config

__all__ = ["UNROLL", "WORLDS", "same", "shapes"]
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
    levels, key) -> (state, carry, experience, metrics) after one unroll and update. act, update: the
    learner's own.
    """

    world: GridWorld
    learner: Learner
    begin: Callable[..., Any]
    cycle: Callable[..., Any]
    act: Callable[..., Any]
    update: Callable[..., Any]


def small(name: str, **options: Any) -> Any:
    """A small Config of this learner; options that it does not have are left out."""
    cls = learner_config(name)
    known = {field.name for field in dataclasses.fields(cls)}
    return cls(**{key: value for key, value in (SMALL | options).items() if key in known})


@functools.cache
def place(config: TaskConfig) -> GridWorld:
    """The world of a config, one for all learners."""
    return config.build()


@functools.cache
def pool(config: TaskConfig) -> Callable[..., Any]:
    """key -> eight levels, compiled once for all learners."""
    return jax.jit(lambda key: jax.vmap(place(config).sample_level)(jax.random.split(key, 8)))


@functools.cache
def compiled(config: TaskConfig, learner_config: Any) -> Subject:
    """What is compiled of a learner in a world: for all labs of the two, and for the conformance check."""
    return Subject(learner_config.build(place(config).spec), place(config))


def room(novices: int = 2, coplayers: tuple[Seat, ...] = PAIR) -> TaskConfig:
    """The config of a world like that of the conformance check, by default the same."""
    return TaskConfig(novices=novices, experts=0, coplayers=coplayers, size=5, colours=2, coins=1, horizon=6)


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
    config = room(novices, coplayers)
    of = compiled(config, small(name, **options))
    world = place(dataclasses.replace(config, task=task))
    played = of if task is CoinGrid else Subject(of.learner, world)

    def begin(key: Any) -> Any:
        init_key, pool_key, begin_key = jax.random.split(key, 3)
        levels = pool(config)(pool_key)
        return of.init(init_key, UNROLL, WORLDS), of.enter(levels, begin_key), levels

    def cycle(state: Any, carry: Any, levels: Any, key: Any) -> Any:
        unroll_key, learn_key = jax.random.split(key)
        carry, experience = played.unroll(state, carry, levels, unroll_key, jnp.array(False))
        state, metrics = of.update(state, experience, learn_key)
        return state, carry, experience, metrics

    return Lab(world, of.learner, begin, cycle, of.act, of.update)


def train(of: Lab, cycles: int, seed: int = 0) -> Any:
    """(state, carry, experience, metrics) after that many cycles."""
    begin_key, *keys = jax.random.split(jax.random.key(seed), cycles + 1)
    state, carry, levels = of.begin(begin_key)
    experience, metrics = None, {}
    for key in keys:
        state, carry, experience, metrics = of.cycle(state, carry, levels, key)
    return state, carry, experience, metrics
