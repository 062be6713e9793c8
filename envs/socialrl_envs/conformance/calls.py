"""Rules of a world about its functions: shapes, purity, absent seats, mutants, vmap and jit."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.random import clone  # one key for two runs that must be equal
from jaxtyping import Int32, Key

from socialrl_envs import grid, presence
from socialrl_envs.conformance.playing import (
    QUICK,
    begin,
    close,
    compiled_player,
    demand,
    equal,
    random_actions,
    random_player,
    with_seats,
)
from socialrl_envs.types import Level, State, World


def shapes_and_dtypes(world: World, key: Key[Array, ""]) -> None:
    """Everything has the shape and dtype that the spec says, and a step gives back a state of the very same
    type.
    """
    rule, spec = "shapes and dtypes", world.spec
    seats, cumulants = len(spec.seats), len(spec.cumulants)
    demand(
        len(spec.agents) == len(set(spec.agents)) == seats,
        world,
        rule,
        f"agents {spec.agents} name {seats} seats",
    )
    demand(
        len(spec.channels) == spec.obs_shape[2],
        world,
        rule,
        f"channels {spec.channels} in obs_shape {spec.obs_shape}",
    )
    level = jax.eval_shape(world.sample_level, key)
    state = jax.eval_shape(world.reset, level, key)
    actions = jax.ShapeDtypeStruct((seats,), jnp.int32)
    after, outcome = jax.eval_shape(world.step, state, actions, key)
    cells = (spec.height, spec.width)
    expected: dict[str, tuple[Any, tuple[int, ...], Any]] = {
        "level.tiles": (level.tiles, cells, jnp.uint8),
        "level.position": (level.position, (seats, 2), jnp.int32),
        "level.heading": (level.heading, (seats,), jnp.int32),
        "state.level.tiles": (state.level.tiles, cells, jnp.uint8),
        "state.seats.position": (state.seats.position, (seats, 2), jnp.int32),
        "state.seats.heading": (state.seats.heading, (seats,), jnp.int32),
        "state.seats.present": (state.seats.present, (seats,), jnp.bool_),
        "state.seats.out": (state.seats.out, (seats,), jnp.bool_),
        "state.time": (state.time, (), jnp.int32),
        "observe": (jax.eval_shape(world.observe, state), (seats, *spec.obs_shape), jnp.uint8),
        "cell_rewards": (jax.eval_shape(world.cell_rewards, state), (seats, *cells), jnp.float32),
        "outcome.reward": (outcome.reward, (seats,), jnp.float32),
        "outcome.terminated": (outcome.terminated, (), jnp.bool_),
        "outcome.truncated": (outcome.truncated, (), jnp.bool_),
        "outcome.cumulants": (outcome.cumulants, (seats, cumulants), jnp.float32),
    }
    for name, (array, shape, dtype) in expected.items():
        found = f"{name} is {array.dtype}{array.shape}, not {jnp.dtype(dtype)}{shape}"
        demand(array.shape == shape and array.dtype == dtype, world, rule, found)
    before, now = jax.tree.flatten_with_path(state)[0], jax.tree.flatten_with_path(after)[0]
    demand(
        jax.tree.structure(state) == jax.tree.structure(after),
        world,
        rule,
        "a step changes the state's structure",
    )
    for (path, old), (_, new) in zip(before, now, strict=True):
        same = old.shape == new.shape and old.dtype == new.dtype and old.weak_type == new.weak_type
        demand(same, world, rule, f"a step turns state{jax.tree_util.keystr(path)} from {old} into {new}")


def traced_anew_the_same(world: World, key: Key[Array, ""]) -> None:
    """The key is the only source of chance: a second tracing gives the same program with the same
    constants.
    """
    first, again = (jax.make_jaxpr(random_player(world, 1))(key) for _ in range(2))
    same = str(first) == str(again) and equal(first.consts, again.consts)
    demand(
        same,
        world,
        "one key, one trajectory",
        "tracing it a second time gives another program (hidden randomness or state?)",
    )


def absent_seats_do_not_matter(world: World, key: Key[Array, ""], steps: int = 8) -> None:
    """Wherever an absent seat stands, nobody sees it, nobody is stopped by it, and it does not move, earn or
    see.
    """
    seats = len(world.spec.seats)
    if seats < 2:
        return
    broken = jax.jit(_absence(world, seats - 1, steps), compiler_options=QUICK)(key)
    for detail, found in broken.items():
        demand(~found, world, "absent seats are neither seen nor in the way", detail)


def _absence(world: World, gone: int, steps: int) -> Callable[[Array], dict[str, Array]]:
    """key -> what goes wrong, per step, while the seat `gone` is absent and stands here, or where the first
    seat is.
    """
    never = jnp.array(presence.SCHEDULES["never"], jnp.float32)
    absent = {"presence": jnp.asarray(world.params.presence).at[gone].set(never)}

    def play(key: Key[Array, ""]) -> dict[str, Array]:
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key, absent)

        def step(here: State, time: Int32[Array, ""]) -> tuple[State, dict[str, Array]]:
            elsewhere = with_seats(here, position=here.seats.position.at[gone].set(here.seats.position[0]))
            action_key, step_key = jax.random.split(jax.random.fold_in(play_key, time))
            actions = random_actions(world, action_key)
            after, outcome = world.step(here, actions, step_key)
            other, _ = world.step(elsewhere, actions, clone(step_key))
            apart = jnp.any(after.seats.position[:gone] != other.seats.position[:gone])
            views = world.observe(here)
            return after, {
                "a seat whose presence is never is present": here.seats.present[gone],
                "a view depends on where an absent seat is": jnp.any(views != world.observe(elsewhere)),
                "an absent seat sees something": jnp.any(views[gone] != 0),
                "what happens depends on where an absent seat is": apart
                | jnp.any(after.level.tiles != other.level.tiles),
                "an absent seat moves": jnp.any(after.seats.position[gone] != here.seats.position[gone]),
                "an absent seat is paid": outcome.reward[gone] != 0,
                "something happens to an absent seat": jnp.any(outcome.cumulants[gone] != 0),
            }

        return jax.lax.scan(step, world.reset(level, reset_key), jnp.arange(steps))[1]

    return play


def mutants_are_levels(world: World, key: Key[Array, ""], edits: int = 12) -> None:
    """A mutated level has the same shapes, items and parameters, seats on different free cells, and can be
    played.
    """
    rule, (level_key, edit_key, reset_key) = "mutants are levels", jax.random.split(key, 3)

    drawn = jax.eval_shape(world.sample_level, level_key)
    mutant = jax.eval_shape(world.mutate, drawn, edit_key)
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), level) for level in (drawn, mutant)]
    demand(shapes[0] == shapes[1], world, rule, "a mutant has other shapes, or is not as ready as the level")
    jax.eval_shape(world.reset, mutant, reset_key)

    def chain(key: Key[Array, ""], keys: Key[Array, " T"]) -> tuple[Level, Level]:
        def edit(level: Level, key: Key[Array, ""]) -> tuple[Level, Level]:
            after = world.mutate(level, key)
            return after, after

        first = world.sample_level(key)
        return first, jax.lax.scan(edit, first, keys)[1]

    compiled = jax.jit(chain, compiler_options=QUICK)
    first, mutants = jax.device_get(compiled(level_key, jax.random.split(edit_key, edits)))
    things = [
        np.sort(tiles[~np.isin(tiles, (grid.FLOOR, grid.WALL))]) for tiles in (first.tiles, *mutants.tiles)
    ]
    for number, (tiles, start) in enumerate(zip(mutants.tiles, mutants.position, strict=True)):
        demand(np.array_equal(things[0], things[1 + number]), world, rule, f"mutant {number} has other items")
        demand(
            len(np.unique(start, axis=0)) == len(start),
            world,
            rule,
            f"two seats of mutant {number} share a cell",
        )
        floor = tiles[start[:, 0], start[:, 1]] == grid.FLOOR
        demand(floor, world, rule, f"a seat of mutant {number} does not start on floor")
    same = equal(jax.tree.map(lambda x: x[0], mutants.params), first.params)
    demand(same, world, rule, "the parameters change")


def vmap_equals_loop(world: World, key: Key[Array, ""], steps: int = 8, batch: int = 3) -> None:
    """A batch of worlds does what its members do one by one, and one key always gives one trajectory, bit for
    bit.
    """
    alone = compiled_player(world, steps)
    together = jax.jit(jax.vmap(random_player(world, steps)), compiler_options=QUICK)
    keys = jax.random.split(key, batch)
    members = jax.device_get(together(clone(keys)))
    for i in range(batch):
        member, one = jax.tree.map(lambda x, i=i: x[i], members), alone(clone(keys)[i])
        demand(
            equal(one, alone(clone(keys)[i])), world, "one key, one trajectory", "two runs of one key differ"
        )
        demand(close(member, one), world, "vmap equals a loop", f"member {i} of {batch} differs")


def jit_equals_eager(world: World, key: Key[Array, ""]) -> None:
    """Compiled and op by op, the same comes out."""
    begin_key, action_key, step_key = jax.random.split(key, 3)
    actions = random_actions(world, action_key)

    def once(begin_key: Key[Array, ""], step_key: Key[Array, ""]) -> Any:
        state = begin(world, begin_key)
        after, outcome = world.step(state, actions, step_key)
        return state, after, outcome, world.observe(after), world.cell_rewards(after)

    compiled = jax.jit(once, compiler_options=QUICK)(clone(begin_key), clone(step_key))
    demand(close(once(begin_key, step_key), compiled), world, "jit equals eager", "they differ")
