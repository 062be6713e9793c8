"""Every registered world and co-player passes its checks, and the checks catch what they are there for."""

import dataclasses
import itertools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import Seat, conformance, grid
from socialrl_envs.conformance import check_coplayer, check_world
from socialrl_envs.worlds.coin_grid import CoinGrid, Config

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
    """A world of two, made once."""
    return socialrl_envs.make(name, novices=1, experts=1)


@pytest.mark.parametrize("policy", socialrl_envs.coplayer_names())
@pytest.mark.parametrize("name", socialrl_envs.names())
def test_every_coplayer_lives_in_every_world(name, policy):
    check_coplayer(policy, pair(name))


class Broken(CoinGrid):
    """A world to break."""

    def __init__(self, **config):
        super().__init__(Config(**({"horizon": 8, "size": 5, "coins": 1} | config)))


class ResetsItself(Broken):
    def step(self, state, actions, key):
        after, outcome = super().step(state, actions, key)
        return dataclasses.replace(after, time=jnp.where(outcome.truncated, 0, after.time)), outcome


class WalksThroughWalls(Broken):
    def solid(self, tiles):
        return super().solid(tiles) & (jnp.arange(5) > 0)[:, None] if self.walking else super().solid(tiles)

    walking = False

    def step(self, state, actions, key):
        self.walking = True
        result = super().step(state, actions, key)
        self.walking = False
        return result


class SeesTheAbsent(Broken):
    def observe(self, state):
        views = super().observe(dataclasses.replace(state, present=jnp.ones_like(state.seats.present)))
        return views * state.seats.present[:, None, None, None].astype(jnp.uint8)


class LetsTheAbsentStandInTheWay(Broken):
    def step(self, state, actions, key):
        after, outcome = super().step(state, actions, key)
        there = (
            grid.same_cell(after.seats.position[:, None], state.seats.position[None])
            & ~state.seats.present[None]
        )
        position = jnp.where(
            jnp.any(there, axis=1, keepdims=True), state.seats.position, after.seats.position
        )
        return dataclasses.replace(after, position=position), outcome


class PaysTheAbsent(Broken):
    def step(self, state, actions, key):
        after, outcome = super().step(state, actions, key)
        return after, dataclasses.replace(
            outcome, reward=outcome.reward + jnp.where(state.seats.present, 0.0, 1.0)
        )


class ForgetsAColour(Broken):
    @property
    def spec(self):
        return dataclasses.replace(self._spec, cumulants=self._spec.cumulants[:-1])

    @spec.setter
    def spec(self, spec):
        self._spec = spec


class RollsDiceOfItsOwn(Broken):
    def step(self, state, actions, key):
        after, outcome = super().step(state, actions, key)
        return dataclasses.replace(
            after, heading=after.seats.heading + int(np.random.default_rng().integers(1 << 20))
        ), outcome


class KeepsAHiddenCount(Broken):
    count = 0

    def step(self, state, actions, key):
        self.count += 1
        after, outcome = super().step(state, actions, key)
        return dataclasses.replace(after, heading=after.seats.heading + self.count), outcome


class StartsOnACoin(Broken):
    def sample_level(self, key, numbers=None):
        level = super().sample_level(key, numbers)
        coin = jnp.argwhere(level.tiles >= grid.COIN, size=1)[0].astype(jnp.int32)
        return dataclasses.replace(level, position=level.position.at[0].set(coin))


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


@pytest.mark.parametrize("world", [*BROKEN])
def test_a_broken_world_is_caught_and_the_rule_named(world):
    with pytest.raises((AssertionError, socialrl_envs.SocialRLError)) as error:
        check_world(world(), eager=False)
    assert BROKEN[world] in str(error.value)


@pytest.fixture(scope="module")
def played():
    """A world and a sound trace of it: every rule holds, until a test spoils something."""
    world = Broken(experts=(Seat(policy="planner", presence="comes_and_goes"),) * 2, blocking=True)
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
        ("outcomes.reward", lambda r: r + np.float32(0.01), "reward = events . preferences"),
        ("outcomes.reward", put((2, 0), np.nan), "a reward is not"),
        ("outcomes.cumulants", put((2, 0, 0), np.inf), "an event is not"),
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
    class KnowsItIsTraced(Broken):
        def observe(self, state):
            traced = isinstance(state.time, jax.core.Tracer)
            return super().observe(state) * jnp.uint8(0 if traced else 1)

    with pytest.raises(AssertionError, match="jit equals eager"):
        conformance.jit_equals_eager(KnowsItIsTraced(), jax.random.key(0))


def test_a_world_that_mixes_up_a_batch_is_caught():
    class ReadsItsNeighbour(Broken):
        def step(self, state, actions, key):
            after, outcome = super().step(state, actions, key)
            return dataclasses.replace(after, heading=_of_first(after.seats.position[:, 0])), outcome

    @jax.custom_batching.custom_vmap
    def _of_first(rows):
        return rows

    @_of_first.def_vmap
    def _rule(size, batched, rows):
        return jnp.broadcast_to(rows[:1], rows.shape), True

    with pytest.raises(AssertionError, match="vmap equals a loop"):
        conformance.vmap_equals_loop(ReadsItsNeighbour(), jax.random.key(0))


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
        check_coplayer(policy, Broken(experts=0))
    assert told in str(error.value)
    assert policy.__name__ in str(error.value)
