"""Rules of a world about its functions: shapes, purity, absent seats, mutants, vmap and jit."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.random import clone  # one key for two runs that must be equal
from jaxtyping import Key

from socialrl_envs import grid, presence
from socialrl_envs.conformance.playing import (
    QUICK,
    Functions,
    close,
    compiled,
    demand,
    equal,
    functions,
    play,
    random_actions,
    random_player,
    random_script,
    stacked,
    traced,
    with_seats,
)
from socialrl_envs.types import ConceptWorld, Level, Outcome, State, World


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
    now = compiled(world)
    level = jax.eval_shape(now.draw, key)
    state = jax.eval_shape(now.reset, level, key)
    actions, time = jax.ShapeDtypeStruct((seats,), jnp.int32), jax.ShapeDtypeStruct((), jnp.int32)
    after, outcome = jax.eval_shape(now.step, state, actions, key, time)
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
        "observe": (jax.eval_shape(now.observe, state), (seats, *spec.obs_shape), jnp.uint8),
        "cell_rewards": (jax.eval_shape(now.cell_rewards, state), (seats, *cells), jnp.float32),
        "outcome.reward": (outcome.reward, (seats,), jnp.float32),
        "outcome.terminated": (outcome.terminated, (), jnp.bool_),
        "outcome.truncated": (outcome.truncated, (), jnp.bool_),
        "outcome.cumulants": (outcome.cumulants, (seats, cumulants), jnp.float32),
    }
    if isinstance(world, ConceptWorld):
        concepts = jax.eval_shape(world.concepts, state, after)
        expected["concepts"] = (concepts, (seats, len(spec.concepts)), jnp.int32)
        names = [concept.name for concept in spec.concepts]
        demand(len(set(names)) == len(names), world, rule, f"concepts {names} have different names")
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
    """The key is the only source of chance: traced again, each function is the same program with the same
    constants.
    """
    now, plain = traced(world), vars(functions(world))
    level = jax.eval_shape(now.draw, key)
    state = jax.eval_shape(now.reset, level, key)
    actions, time = (jax.ShapeDtypeStruct(shape, jnp.int32) for shape in ((len(world.spec.seats),), ()))
    calls = {"draw": (key,), "reset": (level, key), "step": (state, actions, key, time), "observe": (state,)}
    for name, inputs in calls.items():
        anew = jax.jit(lambda *inputs, function=plain[name]: function(*inputs))  # a new function
        one, two = (function.trace(*inputs).jaxpr for function in (vars(now)[name], anew))
        demand(
            str(one) == str(two) and equal(one.consts, two.consts),
            world,
            "one key, one trajectory",
            f"tracing {name} a second time gives another program (hidden randomness or state?)",
        )


def absent_seats_do_not_matter(world: World, key: Key[Array, ""], steps: int = 8) -> None:
    """Wherever an absent seat stands, nobody sees it, nobody is stopped by it, and it does not move, earn or
    see.
    """
    rule, gone = "absent seats are neither seen nor in the way", len(world.spec.seats) - 1
    if gone < 1:
        return
    now, (level_key, reset_key, script_key, play_key) = compiled(world), jax.random.split(key, 4)
    here = now.reset(_level_without(world, gone, level_key), reset_key)
    for time, actions in enumerate(np.asarray(random_script(world, script_key, steps))):
        position = np.array(here.seats.position)
        position[gone] = position[0]
        elsewhere = with_seats(here, position=jnp.asarray(position))
        (after, outcome), (other, _) = (
            now.step(state, actions, play_key, np.int32(time)) for state in (here, elsewhere)
        )
        broken = _absence(gone, here, (now.observe(here), now.observe(elsewhere)), (after, other), outcome)
        for detail, found in broken.items():
            demand(~found, world, rule, detail)
        here = after


def _level_without(world: World, gone: int, key: Key[Array, ""]) -> Level:
    """A level from whose episodes a seat is absent: with the parameters that come of a level drawn so."""
    schedules = np.array(world.params.presence)
    schedules[gone] = np.asarray(presence.SCHEDULES["never"], np.float32)
    absent = {"presence": jnp.asarray(schedules)}
    params = jax.jit(lambda key: world.sample_level(key, absent).params, compiler_options=QUICK)
    return dataclasses.replace(compiled(world).draw(key), params=params(clone(key)))


def _absence(
    gone: int, here: State, views: tuple[Array, Array], after: tuple[State, State], outcome: Outcome
) -> dict[str, np.bool_]:
    """What goes wrong in a step while the seat `gone` is absent. views, after: of it in two places."""
    tiles = [np.asarray(state.level.tiles) for state in after]
    before, *positions = (np.asarray(state.seats.position) for state in (here, *after))
    seen, otherwise = (np.asarray(view) for view in views)
    return {
        "a seat whose presence is never is present": np.asarray(here.seats.present)[gone],
        "a view depends on where an absent seat is": np.any(seen != otherwise),
        "an absent seat sees something": np.any(seen[gone] != 0),
        "what happens depends on where an absent seat is": np.any(positions[0][:gone] != positions[1][:gone])
        | np.any(tiles[0] != tiles[1]),
        "an absent seat moves": np.any(positions[0][gone] != before[gone]),
        "an absent seat is paid": np.asarray(outcome.reward)[gone] != 0,
        "something happens to an absent seat": np.any(np.asarray(outcome.cumulants)[gone] != 0),
    }


def mutants_are_levels(world: World, key: Key[Array, ""], edits: int = 12) -> None:
    """A mutated level has the same shapes, items and parameters, seats on different free cells, and can be
    played; it can be solved, and so can the level that was drawn.
    """
    rule, (level_key, edit_key, reset_key) = "mutants are levels", jax.random.split(key, 3)

    now = compiled(world)
    drawn = jax.eval_shape(now.draw, level_key)
    mutant = jax.eval_shape(now.mutate, drawn, edit_key, jax.ShapeDtypeStruct((), jnp.int32))
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), level) for level in (drawn, mutant)]
    demand(shapes[0] == shapes[1], world, rule, "a mutant has other shapes, or is not as ready as the level")
    jax.eval_shape(now.reset, mutant, reset_key)
    levels = [now.draw(level_key)]
    for number in range(edits):
        levels.append(now.mutate(levels[-1], edit_key, np.int32(number)))
    demand(now.solvable(levels[0]), world, rule, "a level that was drawn cannot be solved")
    first, mutants = jax.device_get(levels[0]), stacked(levels[1:])
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
        demand(now.solvable(levels[1 + number]), world, rule, f"mutant {number} cannot be solved")
    same = equal(jax.tree.map(lambda x: x[0], mutants.params), first.params)
    demand(same, world, rule, "the parameters change")


def vmap_equals_loop(world: World, key: Key[Array, ""], steps: int = 8, batch: int = 3) -> None:
    """A batch of worlds does what its members do one by one, and one key always gives one trajectory, bit for
    bit.
    """
    together = jax.jit(jax.vmap(random_player(world, steps)), compiler_options=QUICK)
    keys = jax.random.split(key, batch)
    members = jax.device_get(together(clone(keys)))
    for i in range(batch):
        member, one = jax.tree.map(lambda x, i=i: x[i], members), play(world, clone(keys)[i], steps)
        again = play(world, clone(keys)[i], steps)
        demand(equal(one, again), world, "one key, one trajectory", "two runs of one key differ")
        demand(close(member, one), world, "vmap equals a loop", f"member {i} of {batch} differs")


def jit_equals_eager(world: World, key: Key[Array, ""]) -> None:
    """Compiled and op by op, the same comes out."""
    level_key, reset_key, action_key, step_key = jax.random.split(key, 4)
    actions = random_actions(world, action_key)

    def once(now: Functions) -> Any:
        state = now.reset(now.draw(clone(level_key)), clone(reset_key))
        after, outcome = now.step(state, actions, step_key, np.int32(0))
        return state, after, outcome, now.observe(after), now.cell_rewards(after)

    same = close(once(functions(world)), once(compiled(world)))
    demand(same, world, "jit equals eager", "they differ")
