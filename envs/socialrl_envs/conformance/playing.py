"""Playing a world with random actions, and comparing what came out."""

import dataclasses
from collections.abc import Callable, Sequence
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


def random_script(world: World, key: Key[Array, ""], steps: int) -> Int32[Array, "T N"]:
    """A uniformly drawn action per step and seat."""
    shape = (steps, len(world.spec.seats))
    return jax.random.randint(key, shape, 0, len(world.spec.actions), dtype=jnp.int32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Functions:
    """The functions of a world. `step` and `mutate` have a number besides, which they fold into the key."""

    draw: Callable[[Array], Level]
    reset: Callable[[Level, Array], State]
    step: Callable[[State, ArrayLike, Array, ArrayLike], tuple[State, Outcome]]
    mutate: Callable[[Level, Array, ArrayLike], Level]
    solvable: Callable[[Level], Array]
    observe: Callable[[State], Array]
    cell_rewards: Callable[[State], Array]


def functions(world: World) -> Functions:
    """The functions as they are, which run op by op."""
    return Functions(
        draw=lambda key: world.sample_level(key),
        reset=world.reset,
        step=lambda state, actions, key, time: world.step(
            state, jnp.asarray(actions), jax.random.fold_in(key, time)
        ),
        mutate=lambda level, key, number: world.mutate(level, jax.random.fold_in(key, number)),
        solvable=world.solvable,
        observe=world.observe,
        cell_rewards=world.cell_rewards,
    )


@lru_cache(maxsize=1)
def traced(world: World) -> Functions:
    """The functions, each traced once for all rules: to be called by what is compiled."""
    return Functions(**{name: jax.jit(function) for name, function in vars(functions(world)).items()})


@lru_cache(maxsize=1)
def compiled(world: World) -> Functions:
    """The functions, each compiled by itself, once for all rules that call it."""
    once = vars(traced(world)).items()
    return Functions(**{name: jax.jit(function, compiler_options=QUICK) for name, function in once})


def player(world: World) -> Callable[[Key[Array, ""], Int32[Array, "T N"]], tuple[Any, ...]]:
    """(key, script (T, N) of actions) -> a trace of that many steps, under scan; `as_trace` brings it to the
    host.
    """
    now = traced(world)

    def play(key: Key[Array, ""], script: Int32[Array, "T N"]) -> tuple[Any, ...]:
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = now.draw(level_key)
        state = now.reset(level, reset_key)

        def step(state: State, given: tuple[Array, Array]) -> tuple[State, Any]:
            time, actions = given
            after, outcome = now.step(state, actions, play_key, time)
            return after, (after, outcome)

        times = jnp.arange(len(script), dtype=jnp.int32)
        _, (after, outcomes) = jax.lax.scan(step, state, (times, script))
        states = jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs]), state, after)
        return level, states, jax.lax.map(now.observe, states), script, outcomes

    return play


def random_player(world: World, steps: int) -> Callable[[Array], tuple[Any, ...]]:
    """key -> what `play` gives, as one program."""

    def play(key: Key[Array, ""]) -> tuple[Any, ...]:
        play_key, script_key = jax.random.split(key)
        return player(world)(play_key, random_script(world, script_key, steps))

    return play


def play(world: World, key: Key[Array, ""], steps: int) -> tuple[Any, ...]:
    """A trace of that many steps with random actions, from the compiled functions, on the host."""
    now = compiled(world)
    play_key, script_key = jax.random.split(key)
    level_key, reset_key, step_key = jax.random.split(play_key, 3)
    script = np.asarray(random_script(world, script_key, steps))
    level = now.draw(level_key)
    states, outcomes = [now.reset(level, reset_key)], []
    for time, actions in enumerate(script):
        state, outcome = now.step(states[-1], actions, step_key, np.int32(time))
        states.append(state)
        outcomes.append(outcome)
    views = [now.observe(state) for state in states]
    return jax.device_get(level), stacked(states), stacked(views), script, stacked(outcomes)


def stacked(trees: Sequence[PyTree]) -> PyTree:
    """One tree of what a list of trees holds, on the host, along a new first axis."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *jax.device_get(trees))


def trace(world: World, key: Key[Array, ""], steps: int) -> Trace:
    """Plays `steps` steps with random actions."""
    return as_trace(play(world, key, steps))


def as_trace(played: tuple[Any, ...]) -> Trace:
    """What a player gives, as numpy."""
    level, states, views, actions, outcomes = jax.device_get(played)
    return Trace(level=level, states=states, views=views, actions=actions, outcomes=outcomes)


def with_seats(state: State, **changes: Shaped[Array, "N ..."]) -> State:
    """The state with fields of its seats replaced."""
    return dataclasses.replace(state, seats=dataclasses.replace(state.seats, **changes))
