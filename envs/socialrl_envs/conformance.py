"""check_world() and check_coplayer(): whether a world or a co-player of one's own keeps the contract.

    from socialrl_envs.conformance import check_coplayer, check_world
    check_world(MyWorld(config))
    check_coplayer(my_policy, MyWorld(config))

Every rule is a function of its own below; what breaks one raises AssertionError that begins with the world's
name and the rule.
"""

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.random import clone  # one key for two runs that must be equal
from jaxtyping import Int32, Key

from socialrl_envs import grid, presence, registry
from socialrl_envs.options import meanings
from socialrl_envs.types import CoPlayer, Level, Outcome, Overrides, State, World

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


def demand(kept: Any, world: World, rule: str, detail: str) -> None:
    """Raises AssertionError that names the world and the rule, unless it is kept."""
    if not bool(np.all(kept)):
        raise AssertionError(f"{world.spec.name}: {rule}: {detail}")


def equal(a: Any, b: Any) -> bool:
    """Whether two trees have one structure and bit-equal leaves of the same dtype."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    pairs = zip(jax.tree.leaves(jax.device_get(a)), jax.tree.leaves(jax.device_get(b)), strict=True)
    return all(
        np.asarray(x).dtype == np.asarray(y).dtype and np.array_equal(x, y, equal_nan=_floats(x))
        for x, y in pairs
    )


def _floats(leaf: Any) -> bool:
    return np.issubdtype(np.asarray(leaf).dtype, np.floating)


def _close(a: Any, b: Any) -> bool:
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


def player(world: World) -> Callable[[Array, Array], tuple[Any, ...]]:
    """(key, script (T, N) of actions) -> a trace of that many steps, under scan; `as_trace` brings it to the
    host.
    """

    def play(key: Array, script: Array) -> tuple[Any, ...]:
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


def _player(world: World, steps: int) -> Callable[[Array], tuple[Any, ...]]:
    """key -> a trace of that many steps with random actions."""

    def play(key: Array) -> tuple[Any, ...]:
        play_key, script_key = jax.random.split(key)
        shape = (steps, len(world.spec.seats))
        return player(world)(
            play_key, jax.random.randint(script_key, shape, 0, len(world.spec.actions), dtype=jnp.int32)
        )

    return play


def _after(first: Any, rest: Any) -> Any:
    return jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs]), first, rest)


@lru_cache(maxsize=1)
def _compiled_player(world: World, steps: int) -> Callable[[Array], tuple[Any, ...]]:
    return jax.jit(_player(world, steps), compiler_options=QUICK)


@lru_cache(maxsize=1)
def _compiled_begin(world: World) -> Callable[[Array], State]:
    return jax.jit(lambda key: begin(world, key), compiler_options=QUICK)


def trace(world: World, key: Key[Array, ""], steps: int) -> Trace:
    """Plays `steps` steps with random actions in one compiled scan."""
    return as_trace(_compiled_player(world, steps)(key))


def as_trace(played: tuple[Any, ...]) -> Trace:
    """What a player gives, as numpy."""
    level, states, views, actions, outcomes = jax.device_get(played)
    return Trace(level=level, states=states, views=views, actions=actions, outcomes=outcomes)


# --- rules about one call


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
    first, again = (jax.make_jaxpr(_player(world, 1))(key) for _ in range(2))
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

    def play(key: Array) -> dict[str, Array]:
        level_key, reset_key, play_key = jax.random.split(key, 3)
        level = world.sample_level(level_key, absent)

        def step(here: State, time: Array) -> tuple[State, dict[str, Array]]:
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


def with_seats(state: State, **changes: Array) -> State:
    """The state with fields of its seats replaced."""
    return dataclasses.replace(state, seats=dataclasses.replace(state.seats, **changes))


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

    def chain(key: Array, keys: Array) -> tuple[Level, Level]:
        def edit(level: Level, key: Array) -> tuple[Level, Level]:
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


# --- rules about two ways to run the same


def vmap_equals_loop(world: World, key: Key[Array, ""], steps: int = 8, batch: int = 3) -> None:
    """A batch of worlds does what its members do one by one, and one key always gives one trajectory, bit for
    bit.
    """
    alone = _compiled_player(world, steps)
    together = jax.jit(jax.vmap(_player(world, steps)), compiler_options=QUICK)
    keys = jax.random.split(key, batch)
    members = jax.device_get(together(clone(keys)))
    for i in range(batch):
        member, one = jax.tree.map(lambda x, i=i: x[i], members), alone(clone(keys)[i])
        demand(
            equal(one, alone(clone(keys)[i])), world, "one key, one trajectory", "two runs of one key differ"
        )
        demand(_close(member, one), world, "vmap equals a loop", f"member {i} of {batch} differs")


def jit_equals_eager(world: World, key: Key[Array, ""]) -> None:
    """Compiled and op by op, the same comes out."""
    begin_key, action_key, step_key = jax.random.split(key, 3)
    actions = random_actions(world, action_key)

    def once(begin_key: Array, step_key: Array) -> Any:
        state = begin(world, begin_key)
        after, outcome = world.step(state, actions, step_key)
        return state, after, outcome, world.observe(after), world.cell_rewards(after)

    compiled = jax.jit(once, compiler_options=QUICK)(clone(begin_key), clone(step_key))
    demand(_close(once(begin_key, step_key), compiled), world, "jit equals eager", "they differ")


# --- rules about a trace


def level_survives_ascii(world: World, played: Trace) -> None:
    """A level, its ASCII picture and the level read from it are the same."""
    text = played.level.to_ascii()
    read = Level.from_ascii(text)
    level = played.level
    pairs = {
        "tiles": (level.tiles, read.tiles),
        "starts": ((level.position, level.heading), (read.position, read.heading)),
        "parameters": (
            level.params.named(),
            {name: np.asarray(value) for name, value in read.params.items()},
        ),
    }
    for field, (written, found) in pairs.items():
        same = equal(written, found)
        demand(same, world, "level -> ASCII -> level is the identity", f"{field} differ:\n{text}")


def observations_in_space(world: World, played: Trace) -> None:
    """Every entry of a view is 0 or 1, if the spec says that views are binary."""
    most, highest = int(played.views.max()), world.spec.highest
    demand(
        most <= highest,
        world,
        "observations are within their space",
        f"an entry is {most}, the highest is {highest}",
    )


def seats_on_walkable_cells(world: World, played: Trace) -> None:
    """Levels put seats and items on different free cells, and nobody ever stands on a solid tile or off the
    grid.
    """
    rule, position = "nobody stands on a solid tile", played.states.seats.position
    size = np.array([world.spec.height, world.spec.width])
    demand((position >= 0) & (position < size), world, rule, "a seat is off the grid")
    starts = played.level.position
    demand(len(np.unique(starts, axis=0)) == len(starts), world, rule, "two seats start on one cell")
    demand(
        played.level.tiles[starts[:, 0], starts[:, 1]] == grid.FLOOR,
        world,
        rule,
        "a seat starts on something",
    )
    solid = np.asarray(jax.vmap(world.solid)(jnp.asarray(played.states.level.tiles)))
    under = np.stack([s[p[:, 0], p[:, 1]] for s, p in zip(solid, position, strict=True)])
    demand(~(under & played.states.seats.present), world, rule, "a present seat does")


def no_overlap_when_blocking(world: World, played: Trace) -> None:
    """With the option `blocking`, no two present seats share a cell."""
    if not world.spec.blocking:
        return
    position, present = played.states.seats.position, played.states.seats.present
    together = (position[:, :, None] == position[:, None]).all(-1) & present[:, :, None] & present[:, None]
    together &= ~np.eye(position.shape[1], dtype=bool)
    demand(
        ~together, world, "no overlap when blocking", f"first at time {int(np.argmax(together.any((1, 2))))}"
    )


def absent_seats_stay(world: World, played: Trace) -> None:
    """A seat that is absent during a step is where it was, and gets nothing."""
    absent = ~played.states.seats.present[:-1]
    moved = (played.states.seats.position[1:] != played.states.seats.position[:-1]).any(-1)
    rule = "absent seats are neither seen nor in the way"
    demand(~(absent & moved), world, rule, "an absent seat moves")
    demand(played.outcomes.reward[absent] == 0, world, rule, "an absent seat is paid")
    demand(played.outcomes.cumulants[absent] == 0, world, rule, "something happens to an absent seat")
    demand(~played.views[~played.states.seats.present].any(), world, rule, "an absent seat sees something")


def endings(world: World, played: Trace) -> None:
    """Termination (the task ended) and truncation (time ran out) are told apart; time runs out exactly at the
    horizon.
    """
    rule, horizon = "terminated and truncated are apart", world.spec.horizon
    time, ended, cut = played.states.time[1:], played.outcomes.terminated, played.outcomes.truncated
    demand(~(ended & cut), world, rule, "a step reports both")
    demand(~cut | (time >= horizon), world, rule, f"a step is truncated before the horizon {horizon}")
    demand(cut | ended | (time < horizon), world, rule, f"a step at the horizon {horizon} is not truncated")


def never_resets_itself(world: World, played: Trace) -> None:
    """After its end an episode goes on as if nothing were: time counts, walls stay, numbers stay."""
    rule, states = "a world never resets itself", played.states
    expected = np.arange(len(states.time))
    demand(states.time == expected, world, rule, f"time goes {states.time.tolist()}")
    solid = states.level.tiles == grid.WALL
    demand(solid == solid[0], world, rule, "walls move")


def finite_numbers(world: World, played: Trace) -> None:
    """Rewards and events are finite."""
    demand(np.isfinite(played.outcomes.reward), world, "finite rewards", "a reward is not")
    demand(np.isfinite(played.outcomes.cumulants), world, "finite cumulants", "a cumulant is not")


def reward_is_worth_of_cumulants(world: World, played: Trace) -> None:
    """Where a world has preferences, reward = cumulants . preferences, seat by seat."""
    preferences = played.states.level.params.named().get("preferences")
    if preferences is None:
        return
    worth = np.sum(played.outcomes.cumulants * preferences[:-1], axis=-1)
    off = np.abs(worth - played.outcomes.reward)
    demand(off < 1e-4, world, "reward = cumulants . preferences", f"off by {off.max():.3g} for a seat")


def params_within_bounds(world: World, played: Trace) -> None:
    """Every parameter of a level is declared with a meaning, and within the bounds that are declared."""
    rule, declared = "parameters are declared", meanings(type(world.params))
    for name, value in played.level.params.named().items():
        demand(name in declared and declared[name].help, world, rule, f"{name} has no meaning: use `param`")
        bounds = declared[name]
        within = all(bounds.takes(float(entry)) for entry in np.ravel(value))
        demand(within, world, rule, f"{name} is {value}, it must be {bounds.bound}")


def pictures_show_the_state(world: World, played: Trace) -> None:
    """`picture` gives the tiles and seats of the state, for everybody and for one seat."""
    rule, last = "pictures show the state", jax.tree.map(lambda x: x[-1], played.states)
    for seat in (None, 0):
        picture = world.picture(last, seat)
        picture.check()
        same = np.array_equal(picture.tiles, last.level.tiles) and np.array_equal(
            picture.position, last.seats.position
        )
        demand(same, world, rule, "its tiles or seats are other ones")


CALL_RULES: tuple[Callable[[Any, Any], None], ...] = (
    shapes_and_dtypes,
    traced_anew_the_same,
)
TRACE_RULES: tuple[Callable[[Any, Trace], None], ...] = (
    level_survives_ascii,
    observations_in_space,
    seats_on_walkable_cells,
    no_overlap_when_blocking,
    absent_seats_stay,
    never_resets_itself,
    endings,
    finite_numbers,
    reward_is_worth_of_cumulants,
    params_within_bounds,
    pictures_show_the_state,
)


def check_world(
    world: World, key: Key[Array, ""] | None = None, steps: int | None = None, eager: bool = True
) -> None:
    """Checks every rule on levels drawn from the key.

    steps: length of the random trajectory, to past the horizon by default. eager: also compare compiled with
    op-by-op execution, which takes longer than all the rest. Raises AssertionError that names the world and
    the broken rule.
    """
    key = jax.random.key(0) if key is None else key
    play_key, absent_key, mutant_key, *keys = jax.random.split(key, 5 + len(CALL_RULES))
    for rule in CALL_RULES:
        rule(world, keys.pop())
    length: int = world.spec.horizon + 10 if steps is None else steps
    played = trace(world, play_key, length)
    for rule in TRACE_RULES:
        rule(world, played)
    absent_seats_do_not_matter(world, absent_key)
    mutants_are_levels(world, mutant_key)
    vmap_equals_loop(world, keys.pop(), length)
    if eager:
        jit_equals_eager(world, keys.pop())


def check_coplayer(
    policy: str | CoPlayer, world: World, key: Key[Array, ""] | None = None, steps: int = 32
) -> None:
    """Checks a co-player (its name, or `act(world, state, seat, key)`) on every seat of a world: actions are
    int32 scalars in range, also while absent; jit equals eager, vmap equals a loop, one key one action.

    Raises AssertionError that names the world, the co-player and the broken rule.
    """
    act = registry.coplayer(policy).act if isinstance(policy, str) else policy
    name = (
        policy
        if isinstance(policy, str)
        else type(policy).__name__
        if not isinstance(policy, FunctionType)
        else policy.__name__
    )
    begin_key, play_key, eager_key = jax.random.split(jax.random.key(0) if key is None else key, 3)
    seats, count = range(len(world.spec.seats)), len(world.spec.actions)

    def choose(state: State, key: Array) -> list[Array]:
        return [
            act(world, state, seat, k)
            for seat, k in zip(seats, jax.random.split(key, len(seats)), strict=True)
        ]

    first = _compiled_begin(world)(begin_key)
    for seat, action in zip(seats, jax.eval_shape(choose, first, eager_key), strict=True):
        found = f"{name} on seat {seat} gives {action.dtype}{action.shape}"
        demand(action.shape == () and action.dtype == jnp.int32, world, "actions are int32 scalars", found)

    def step(state: State, key: Array) -> tuple[State, tuple[State, Array, Array]]:
        act_key, step_key, presence_key = jax.random.split(key, 3)
        actions = jnp.stack(choose(state, act_key))
        after, _ = world.step(state, actions, step_key)
        present = state.seats.present & (jax.random.uniform(presence_key, state.seats.present.shape) < 0.9)
        return with_seats(after, present=present), (state, actions, act_key)

    scanned = jax.jit(
        lambda state, key: jax.lax.scan(step, state, jax.random.split(key, steps))[1], compiler_options=QUICK
    )
    states, actions, keys = scanned(first, play_key)
    demand(
        (actions >= 0) & (actions < count),
        world,
        f"{name}'s actions are in range",
        f"0..{count - 1}: {actions.tolist()}",
    )
    batched = jnp.stack(jax.jit(jax.vmap(choose), compiler_options=QUICK)(states, clone(keys)), axis=1)
    demand(batched == actions, world, f"{name} under vmap equals a loop", "they differ")
    again = jnp.stack(choose(first, clone(keys)[0]))
    demand(again == actions[0], world, f"{name} jitted equals eager, one key one action", "they differ")
