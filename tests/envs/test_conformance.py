"""Every registered world and co-player passes its checks, and the checks catch what they are there for."""

import dataclasses
import itertools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array
from jaxtyping import Float32

import socialrl_envs
from socialrl_envs import Seat, conformance, grid
from socialrl_envs.composed import GridWorld
from socialrl_envs.conformance import check_coplayer, check_world, with_seats
from socialrl_envs.roster import make_roster
from socialrl_envs.struct import pytree
from socialrl_envs.worlds.coin_grid import CoinGrid, CoinParams, Config

# Options that every world has. One size: what runs op by op compiles each op once per shape.
VARIANTS = {
    "default": {"size": 9},
    "crowd that comes and goes, blocking": {
        "size": 9,
        "blocking": True,
        "novices": 2,
        "experts": (Seat(policy="noisy", skill=0.5, presence="comes_and_goes"),) * 2,
        "coplayers": (
            Seat(policy="wanderer", presence="first_half"),
            Seat(policy="anti_expert", presence="some_episodes"),
        ),
    },
}


@pytest.mark.parametrize("variant", sorted(VARIANTS))
@pytest.mark.parametrize("name", socialrl_envs.names())
def test_every_world_keeps_every_rule(name, variant):
    check_world(socialrl_envs.make(name, horizon=12, **VARIANTS[variant]), eager=variant == "default")


@pytest.mark.parametrize(
    "options",
    [
        {"observation": "grid", "layout": "four_rooms"},
        {"observation": "partial", "identities": True, "respawn": False},
    ],
)
def test_coin_grid_keeps_them_under_its_own_options(options):
    check_world(socialrl_envs.make("coin_grid", horizon=12, **options), eager=False)


@cache
def pair(name):
    """A world of two, made once; of the one size, too."""
    return socialrl_envs.make(name, novices=1, experts=1, size=9)


@pytest.mark.parametrize("policy", socialrl_envs.coplayer_names())
@pytest.mark.parametrize("name", socialrl_envs.names())
def test_every_coplayer_lives_in_every_world(name, policy):
    check_coplayer(policy, pair(name))


class Sound(CoinGrid):
    """The task of the worlds below, each of which breaks one rule."""


def sound(task=Sound, world=GridWorld, **options):
    """A small coin_grid with this task, of this class of worlds."""
    config = Config(**({"horizon": 8, "size": 5, "coins": 1} | options))
    roster = make_roster(config.novices, config.experts, config.coplayers)
    made, movement = task(config, roster), config.make_movement()
    parts = (made, movement, config.make_view(made, roster), config.make_generator(made, roster, movement))
    return world(config, roster, *parts, fingerprint="")


def change_seats(effects, **changes):
    """The effects with fields of the seats replaced."""
    return dataclasses.replace(effects, seats=dataclasses.replace(effects.seats, **changes))


class ResetsItself(GridWorld):
    def step(self, state, actions, key):
        after, outcome = super().step(state, actions, key)
        return dataclasses.replace(after, time=jnp.where(outcome.truncated, 0, after.time)), outcome


class WalksThroughWalls(GridWorld):
    def step(self, state, actions, key):
        holes = jnp.where(state.level.tiles == grid.WALL, jnp.uint8(grid.FLOOR), state.level.tiles)
        open_state = dataclasses.replace(state, level=dataclasses.replace(state.level, tiles=holes))
        after, outcome = super().step(open_state, actions, key)
        tiles = jnp.where(state.level.tiles == grid.WALL, jnp.uint8(grid.WALL), after.level.tiles)
        return dataclasses.replace(after, level=dataclasses.replace(after.level, tiles=tiles)), outcome


class SeesTheAbsent(GridWorld):
    def observe(self, state):
        views = super().observe(with_seats(state, present=jnp.ones_like(state.seats.present)))
        return views * state.seats.present[:, None, None, None].astype(jnp.uint8)


class LetsTheAbsentStandInTheWay(Sound):
    def step(self, state, moves, key):
        effects, seats = super().step(state, moves, key), state.seats
        there = grid.same_cell(moves.seats.position[:, None], seats.position[None]) & ~seats.present[None]
        stopped = jnp.any(there, axis=1, keepdims=True)
        return change_seats(effects, position=jnp.where(stopped, seats.position, moves.seats.position))


class PaysTheAbsent(Sound):
    def step(self, state, moves, key):
        effects = super().step(state, moves, key)
        return dataclasses.replace(effects, reward=effects.reward + jnp.where(state.seats.present, 0.0, 1.0))


class ForgetsAColour(Sound):
    def __init__(self, config, roster):
        super().__init__(config, roster)
        self.cumulants = self.cumulants[:-1]


class RollsDiceOfItsOwn(Sound):
    def step(self, state, moves, key):
        turned = moves.seats.heading + int(np.random.default_rng().integers(1 << 20))
        return change_seats(super().step(state, moves, key), heading=turned)


class KeepsAHiddenCount(Sound):
    count = 0

    def step(self, state, moves, key):
        self.count += 1
        return change_seats(super().step(state, moves, key), heading=moves.seats.heading + self.count)


class StartsOnACoin(GridWorld):
    def sample_level(self, key, overrides=None):
        level = super().sample_level(key, overrides)
        coin = jnp.argwhere(level.tiles >= grid.COIN, size=1)[0].astype(jnp.int32)
        return dataclasses.replace(level, position=level.position.at[0].set(coin))


class LosesCoinsWhenMutated(GridWorld):
    def mutate(self, level, key):
        bare = jnp.where(level.tiles >= grid.COIN, jnp.uint8(grid.FLOOR), level.tiles)
        return super().mutate(level.edit(tiles=bare), key)


class MutatesSeatsOntoOneCell(GridWorld):
    def mutate(self, level, key):
        together = jnp.broadcast_to(level.position[:1], level.position.shape)
        return dataclasses.replace(level, position=together)


class MutatesSeatsIntoWalls(GridWorld):
    def mutate(self, level, key):
        corners = jnp.zeros_like(level.position).at[:, 0].set(jnp.arange(len(self.spec.seats)))
        return dataclasses.replace(level, position=corners)


class MutantsAreNotReady(GridWorld):
    def mutate(self, level, key):
        return super().mutate(level, key).edit()


class MutatesParameters(GridWorld):
    def mutate(self, level, key):
        after = super().mutate(level, key)
        params = level.params.with_overrides({"density": level.params.density + 0.25})
        return dataclasses.replace(after, params=params)


@pytree
class BareParams(CoinParams):
    """Parameters of which one is a plain field."""

    weather: Float32[Array, ""]


class HasAParameterWithoutMeaning(Sound):
    params = BareParams

    def default_params(self):
        return super().default_params() | {"weather": 0.0}


class DrawsParametersOutOfBounds(Sound):
    draws_params = True

    def draw_params(self, key):
        return {"density": jnp.float32(1.5)}


class ShowsSeatsInAnotherOrder(GridWorld):
    def picture(self, state, seat=None):
        shown = super().picture(state, seat)
        return shown if seat is None else dataclasses.replace(shown, position=shown.position[::-1])


class MarksASeatThatIsNotThere(GridWorld):
    def picture(self, state, seat=None):
        return dataclasses.replace(super().picture(state, seat), seat=len(self.spec.seats))


BROKEN = {
    ResetsItself: "a world never resets itself: time goes",
    WalksThroughWalls: "nobody stands on a solid tile",
    SeesTheAbsent: "a view depends on where an absent seat is",
    LetsTheAbsentStandInTheWay: "what happens depends on where an absent seat is",
    PaysTheAbsent: "an absent seat is paid",
    ForgetsAColour: "outcome.cumulants is float32(3, 3), not float32(3, 2)",
    RollsDiceOfItsOwn: "one key, one trajectory",
    KeepsAHiddenCount: "one key, one trajectory",
    StartsOnACoin: "seats start on free floor",
}
BROKEN_MUTATIONS = {
    LosesCoinsWhenMutated: "mutant 0 has other items",
    MutatesSeatsOntoOneCell: "two seats of mutant 0 share a cell",
    MutatesSeatsIntoWalls: "a seat of mutant 0 does not start on floor",
    MutantsAreNotReady: "a mutant has other shapes, or is not as ready as the level",
    MutatesParameters: "the parameters change",
}
BROKEN_PARTS = {
    HasAParameterWithoutMeaning: (conformance.params_within_bounds, "weather has no meaning: use `param`"),
    DrawsParametersOutOfBounds: (conformance.params_within_bounds, "density is 1.5, it must be in 0..1"),
    ShowsSeatsInAnotherOrder: (conformance.pictures_show_the_state, "its tiles or seats are other ones"),
    MarksASeatThatIsNotThere: (conformance.pictures_show_the_state, "seat: 3 (there are 3 seats, from 0)"),
}


def broken(part):
    """The world with this broken task, or of this broken class."""
    return sound(world=part) if issubclass(part, GridWorld) else sound(task=part)


@pytest.mark.parametrize("part", [*BROKEN])
def test_a_broken_world_is_caught_and_the_rule_named(part):
    with pytest.raises((AssertionError, socialrl_envs.SocialRLError)) as error:
        check_world(broken(part), eager=False)
    assert BROKEN[part] in str(error.value)


@pytest.mark.parametrize("part", [*BROKEN_MUTATIONS])
def test_a_broken_mutation_is_caught(part):
    with pytest.raises(AssertionError) as error:
        conformance.mutants_are_levels(broken(part), jax.random.key(0), edits=2)
    assert f"coin_grid: mutants are levels: {BROKEN_MUTATIONS[part]}" in str(error.value)


@pytest.mark.parametrize("part", [*BROKEN_PARTS])
def test_wrong_parameters_and_pictures_are_caught(part):
    rule, told = BROKEN_PARTS[part]
    world = broken(part)
    with pytest.raises((AssertionError, socialrl_envs.SocialRLError)) as error:
        rule(world, conformance.trace(world, jax.random.key(1), 2))
    assert told in str(error.value)


@pytest.fixture(scope="module")
def played():
    """A world and a sound trace of it: every rule holds, until a test spoils something."""
    world = sound(experts=(Seat(policy="planner", presence="comes_and_goes"),) * 2, blocking=True)
    trace = conformance.trace(world, jax.random.key(4), 14)
    for rule in conformance.TRACE_RULES:
        rule(world, trace)
    assert not trace.states.seats.present.all()
    assert trace.outcomes.cumulants.any()
    return world, trace


def spoil(tree, field, change):
    """The tree with a changed copy of one field, given as a path."""
    first, _, rest = field.partition(".")
    old = getattr(tree, first)
    new = spoil(old, rest, change) if rest else change(old.copy())
    return _with(tree, first, new)


def _with(tree, name, value):
    changed = object.__new__(type(tree))
    changed.__dict__.update(vars(tree) | {name: value})
    return changed


def put(where, value):
    def change(array):
        array[where] = value
        return array

    return change


@pytest.mark.parametrize(
    ("field", "change", "told"),
    [
        ("views", put((3, 0, 1, 1, 1), 255), "an entry is 255"),
        ("states.seats.position", put((5, 0), (0, 0)), "a present seat does"),
        ("states.seats.position", put((5, 0), (9, 9)), "off the grid"),
        ("states.seats.position", lambda p: np.broadcast_to(p[:, :1], p.shape), "no overlap when blocking"),
        ("states.time", put(slice(9, None), np.arange(6)), "time goes [0, 1"),
        ("states.level.tiles", put((7, 0, 0), 0), "walls move"),
        ("outcomes.truncated", put(5, True), "truncated before the horizon 8"),
        ("outcomes.truncated", put(7, False), "at the horizon 8 is not truncated"),
        ("outcomes.terminated", put(7, True), "a step reports both"),
        ("outcomes.reward", lambda r: r + np.float32(0.01), "reward = cumulants . preferences"),
        ("outcomes.reward", put((2, 0), np.nan), "a reward is not"),
        ("outcomes.cumulants", put((2, 0, 0), np.inf), "a cumulant is not"),
    ],
)
def test_a_spoilt_trace_is_caught_and_the_rule_named(played, field, change, told):
    world, trace = played
    spoilt = spoil(trace, field, change)
    found = []
    for rule in conformance.TRACE_RULES:
        try:
            rule(world, spoilt)
        except AssertionError as error:
            found.append(str(error))
    assert any(told in message for message in found), found
    assert all(message.startswith("coin_grid: ") for message in found)


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("states.seats.position", "an absent seat moves"),
        ("outcomes.reward", "an absent seat is paid"),
        ("outcomes.cumulants", "something happens to an absent seat"),
        ("views", "an absent seat sees something"),
    ],
)
def test_an_absent_seat_that_does_something_is_caught(played, field, told):
    world, trace = played
    absent = ~trace.states.seats.present[:-1]

    def change(array):
        part = array[1:] if len(array) > len(absent) else array
        part[absent] = 1 - part[absent]
        return array

    spoilt = spoil(trace, field, (lambda a: put(slice(None), 1)(a)) if field == "views" else change)
    with pytest.raises(AssertionError, match=told):
        conformance.absent_seats_stay(world, spoilt)


def test_a_world_that_behaves_otherwise_under_jit_is_caught():
    class KnowsItIsTraced(GridWorld):
        def observe(self, state):
            traced = isinstance(state.time, jax.core.Tracer)
            return super().observe(state) * jnp.uint8(0 if traced else 1)

    with pytest.raises(AssertionError, match="jit equals eager"):
        conformance.jit_equals_eager(sound(world=KnowsItIsTraced), jax.random.key(0))


def test_a_world_that_mixes_up_a_batch_is_caught():
    class ReadsItsNeighbour(GridWorld):
        def step(self, state, actions, key):
            after, outcome = super().step(state, actions, key)
            return with_seats(after, heading=_of_first(after.seats.position[:, 0])), outcome

    @jax.custom_batching.custom_vmap
    def _of_first(rows):
        return rows

    @_of_first.def_vmap
    def _rule(size, batched, rows):
        return jnp.broadcast_to(rows[:1], rows.shape), True

    with pytest.raises(AssertionError, match="vmap equals a loop"):
        conformance.vmap_equals_loop(sound(world=ReadsItsNeighbour), jax.random.key(0))


def flies_off(world, state, seat, key):
    return jnp.int32(len(world.spec.actions))


def hesitates(world, state, seat, key):
    return jax.random.uniform(key)


CALLS = itertools.count()


def rolls_dice(world, state, seat, key):
    return jnp.int32(
        next(CALLS) % len(world.spec.actions)
    )  # not from the key, and never twice the same in a row


@pytest.mark.parametrize(
    ("policy", "told"), [(flies_off, "in range"), (hesitates, "int32 scalars"), (rolls_dice, "equals")]
)
def test_a_broken_coplayer_is_caught_and_named(policy, told):
    with pytest.raises(AssertionError) as error:
        check_coplayer(policy, sound(experts=0))
    assert told in str(error.value)
    assert policy.__name__ in str(error.value)
