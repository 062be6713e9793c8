"""Playing a world with random actions, and comparing what came out."""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Int32, Key, PyTree, Shaped

from socialrl_envs.types import Level, Outcome, Overrides, State, World

QUICK = {"xla_backend_optimization_level": 0}  # compiling is nearly all of the time here


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trace:
    """Some steps of a world with random actions, on the host. `states` and `views` have one entry more than
    `outcomes`.
    """

    level: Level
    states: State
    views: np.ndarray
    actions: np.ndarray
    outcomes: Outcome


def demand(kept: ArrayLike | list[bool], world: World, rule: str, detail: str) -> None:
    """Raises AssertionError that names the world and the rule, unless it is kept."""
    if not bool(np.all(kept)):
        raise AssertionError(f"{world.spec.name}: {rule}: {detail}")


def equal(a: PyTree, b: PyTree) -> bool:
    """Whether two trees have one structure and bit-equal leaves of the same dtype."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    pairs = zip(jax.tree.leaves(jax.device_get(a)), jax.tree.leaves(jax.device_get(b)), strict=True)
    return all(
        np.asarray(x).dtype == np.asarray(y).dtype and np.array_equal(x, y, equal_nan=_floats(x))
        for x, y in pairs
    )


def _floats(leaf: object) -> bool:
    return np.issubdtype(np.asarray(leaf).dtype, np.floating)


def close(a: PyTree, b: PyTree) -> bool:
    """As `equal`, but floats may differ in the last bits (a compiler fuses)."""
    pairs = zip(jax.tree.leaves(jax.device_get(a)), jax.tree.leaves(jax.device_get(b)), strict=True)
    return all(np.allclose(x, y, atol=1e-5) if _floats(x) else np.array_equal(x, y) for x, y in pairs)


def random_actions(world: World, key: Key[Array, ""]) -> Int32[Array, " N"]:
    """A uniformly drawn action per seat."""
    return jax.random.randint(key, (len(world.spec.seats),), 0, len(world.spec.actions), dtype=jnp.int32)


def begin(world: World, key: Key[Array, ""], overrides: Overrides | None = None) -> State:
    """A first state on a freshly drawn level."""
    level_key, reset_key = jax.random.split(key)
    return world.reset(world.sample_level(level_key, overrides), reset_key)


def player(world: World) -> Callable[[Key[Array, ""], Int32[Array, "T N"]], tuple[Any, ...]]:
    """(key, script (T, N) of actions) -> a trace of that many steps, under scan; `as_trace` brings it to the
    host.
    """

    def play(key: Key[Array, ""], script: Int32[Array, "T N"]) -> tuple[Any, ...]:
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key)
        state = world.reset(level, reset_key)

        def step(state: State, now: tuple[Array, Array]) -> tuple[State, Any]:
            time, actions = now
            after, outcome = world.step(state, actions, jax.random.fold_in(play_key, time))
            return after, (after, world.observe(after), actions, outcome)

        _, (states, views, actions, outcomes) = jax.lax.scan(step, state, (jnp.arange(len(script)), script))
        return level, _after(state, states), _after(world.observe(state), views), actions, outcomes

    return play


def random_player(world: World, steps: int) -> Callable[[Array], tuple[Any, ...]]:
    """key -> a trace of that many steps with random actions."""

    def play(key: Key[Array, ""]) -> tuple[Any, ...]:
        play_key, script_key = jax.random.split(key)
        shape = (steps, len(world.spec.seats))
        return player(world)(
            play_key, jax.random.randint(script_key, shape, 0, len(world.spec.actions), dtype=jnp.int32)
        )

    return play


def _after(first: PyTree, rest: PyTree) -> PyTree:
    return jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs]), first, rest)


@lru_cache(maxsize=1)
def compiled_player(world: World, steps: int) -> Callable[[Array], tuple[Any, ...]]:
    return jax.jit(random_player(world, steps), compiler_options=QUICK)


@lru_cache(maxsize=1)
def compiled_begin(world: World) -> Callable[[Array], State]:
    return jax.jit(lambda key: begin(world, key), compiler_options=QUICK)


def trace(world: World, key: Key[Array, ""], steps: int) -> Trace:
    """Plays `steps` steps with random actions in one compiled scan."""
    return as_trace(compiled_player(world, steps)(key))


def as_trace(played: tuple[Any, ...]) -> Trace:
    """What a player gives, as numpy."""
    level, states, views, actions, outcomes = jax.device_get(played)
    return Trace(level=level, states=states, views=views, actions=actions, outcomes=outcomes)


def with_seats(state: State, **changes: Shaped[Array, "N ..."]) -> State:
    """The state with fields of its seats replaced."""
    return dataclasses.replace(state, seats=dataclasses.replace(state.seats, **changes))
