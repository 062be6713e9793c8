"""The memory probe: a memory that holds the truth is read, noise is not, and a run of a real learner yields
every record.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.config import Arm, Experiment
from socialrl.learners import ppo
from socialrl.protocols import Study, memory
from socialrl.rollout import make_rollout
from socialrl.seeds import Seeds
from socialrl_envs import SocialRLError
from socialrl_envs.worlds import coin_grid, goal_cycle

WORLD = goal_cycle.Config(novices=1, experts=1, size=7, layout="open", horizon=20, view=5)
LEARNER = ppo.Config(hidden=(8,))


@functools.cache
def lived(goals=3):
    """(world, a trace of a novice that walks at random)."""
    world = dataclasses.replace(WORLD, goals=goals).build()
    learner = LEARNER.build(world.spec)
    rollout = make_rollout(world, learner)

    @jax.jit
    def live(key):
        init_key, pool_key, key = jax.random.split(key, 3)
        return rollout.episodes(learner.init(init_key, 4, 4), rollout.pool(pool_key, 64), key, True)

    return world, live(jax.random.key(0))


def holding(trace, memories):
    """The trace with these carries (T, B, novices, F) as its extras."""
    return dataclasses.replace(trace, extras=memories)


@pytest.mark.parametrize("goals", [3, 4])
def test_a_memory_that_holds_where_the_next_tile_is_is_read_right(goals):
    world, trace = lived(goals)
    there, due, last = memory.goal_positions(trace, world)
    truth = jnp.take_along_axis(there, due[..., None, None], axis=-2)[..., 0, :]
    turned = jnp.stack([truth[..., 1], truth.sum(-1), jnp.ones_like(truth[..., 0])], axis=-1)
    found = memory.probe(holding(trace, turned), world, 1e-4)
    assert found["read_right"] > 0.99
    assert ((last == -1) | ((last + 1) % goals == due)).all()


def test_what_the_novice_found_out_itself_is_told_from_what_it_was_shown():
    """A memory that holds the order only after an own choice is read right, and at the level of a guess where
    nobody can have told it."""
    world, trace = lived(3)
    there, due, last = memory.goal_positions(trace, world)
    truth = jnp.take_along_axis(there, due[..., None, None], axis=-2)[..., 0, :]
    fresh = memory.untold(trace, world)
    found = memory.probe(holding(trace, jnp.where(fresh[..., None], 0.0, truth)), world, 1e-4)
    tested = np.asarray((last >= 0) & trace.alive[..., None])[:, 32:]
    all_steps, without = tested.sum(), (tested & np.asarray(fresh)[:, 32:]).sum()
    whole, alone = float(found["read_right"]), float(found["untold"])
    told = (whole * all_steps - alone * without) / (all_steps - without)
    assert told > 0.95
    assert abs(alone - 0.5) < 0.15
    kinds = [world.spec.cumulants.index(name) for name in ("right_goal", "wrong_goal")]
    chosen = trace.outcome.cumulants[:, :, :1, kinds]
    free = trace.outcome.cumulants[:, :, :1, world.spec.cumulants.index("first_goal")]
    chosen = np.asarray((chosen.max(-1) > 0) & (free == 0) & trace.alive[..., None])
    for episode in range(8):
        first = np.flatnonzero(chosen[:, episode, 0])
        assert int(fresh[:, episode, 0].sum()) == (first[0] + 1 if first.size else len(chosen))


@pytest.mark.parametrize("goals", [3, 4])
def test_of_noise_only_a_guess_is_read(goals):
    world, trace = lived(goals)
    noise = jax.random.normal(jax.random.key(1), (*trace.actions.shape[:2], 1, 5))
    found = memory.probe(holding(trace, noise), world, 0.01)["read_right"]
    assert 0.6 / (goals - 1) < found < 1.5 / (goals - 1)


def test_tiles_lie_where_a_novice_sees_them():
    """Going forward brings a tile that is ahead one cell nearer."""
    world, trace = lived()
    there, _, _ = memory.goal_positions(trace, world)
    states = trace.states
    went = (states.seats.position[1:-1] != states.seats.position[:-2]).any(-1)[:, :, 0]
    nearer = np.asarray(there[:-1] - there[1:])[np.asarray(went)]
    np.testing.assert_allclose(nearer[..., 0], 1)
    np.testing.assert_allclose(nearer[..., 1], 0)
    left = np.asarray(trace.actions[:-1, :, 0] == 0) & np.asarray(
        (states.seats.heading[1:-1] != states.seats.heading[:-2])[:, :, 0]
    )
    ahead, right = np.moveaxis(np.asarray(there), -1, 0)
    np.testing.assert_allclose(
        right[1:][left], ahead[:-1][left]
    )  # turned to the left, what was ahead is to the right


def study(learner, world=WORLD, seeds=2):
    made = world.build()
    experiment = Experiment(
        name="x", question="?", world=world, arms=(Arm(name="a", learner=learner),), seeds=seeds
    )
    built, side = learner.build(made.spec), Seeds(seeds)
    keys = [jax.random.key(seed) for seed in range(seeds)]
    states = side.map(lambda key: built.init(key, 4, 4), 1)(side.bundle(keys))
    return Study(
        experiment=experiment, world=made, learner=built, seeds=side, states=states, roots=side.bundle(keys)
    )


def test_every_presence_is_probed():
    given = study(LEARNER)
    config = memory.Config(episodes=8)
    records = list(config.run(given))
    assert [labels.presence for labels, _ in records] == ["full", "half", "never"]
    assert config.count(given) == 3
    for _, values in records:
        numbers = given.seeds.values(values)
        assert set(numbers) == {
            "read_right",
            "untold",
            "untold_gone",
            "guess",
            *(f"read_right/{i}" for i in range(10)),
        }
        assert numbers["read_right"].shape == (2,)
        np.testing.assert_allclose(numbers["guess"], 0.5)
        known = numbers["read_right"][np.isfinite(numbers["read_right"])]
        assert ((known >= 0) & (known <= 1)).all()


def test_who_remembers_nothing_is_not_probed_and_a_world_without_order_is_refused():
    forgetful = study(dataclasses.replace(LEARNER, memory="none"))
    assert list(memory.Config().run(forgetful)) == []
    assert memory.Config().count(forgetful) == 0
    with pytest.raises(SocialRLError, match="coin_grid has no hidden order"):
        memory.Config().count(study(LEARNER, coin_grid.Config(novices=1, experts=1)))


@pytest.mark.parametrize(("key", "value"), [("episodes", 1), ("ridge", 0.0)])
def test_bad_options_are_named(key, value):
    with pytest.raises(SocialRLError, match=key):
        memory.Config(**{key: value})
