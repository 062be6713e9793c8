"""What co-players were seen to do, counted by hand in scenes of a few steps."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import socialrl_envs
from socialrl.behaviour import BehaviourMemory, of_proposals, recognised
from socialrl.sources.following import arrival_loss
from socialrl.spatial import SpatialMemory
from socialrl.types import Timestep
from socialrl_envs.conformance import with_seats
from tests.envs.playing import begin

LEVEL = """\
########
#......#
#......#
#..1.2.#
#......#
#......#
#..A..B#
########
headings: NN
"""
OUTSIDE = (6, 6)  # of the view, which is rows 2 to 6 and columns 1 to 5
STAYS = 3  # the first of marlgrid's actions that do nothing


@pytest.fixture(scope="module")
def world():
    options = {"size": 8, "view": 5, "goals": 2, "layout": "open", "novices": 1, "experts": 1, "actions": 7}
    return socialrl_envs.make("goal_cycle", **options, identities=True)


def counted(world, cells, whom=-1, rewards=None, first=()):
    """name -> count after the co-player was on these cells, one after the other, and the novice stood still.

    first: the steps besides 0 at which an episode begins.
    """
    memory = SpatialMemory(world.spec)
    counts, start = BehaviourMemory(world.spec, memory), begin(world, LEVEL)
    known, seen = memory.init(1), counts.init(1)
    for number, cell in enumerate(cells):
        state = with_seats(start, position=start.seats.position.at[1].set(jnp.array(cell)))
        timestep = Timestep(
            obs=world.observe(state)[:1],
            prev_action=jnp.full(1, STAYS, jnp.int32),
            prev_reward=jnp.full(1, rewards[number] if rewards else 0.0, jnp.float32),
            first=jnp.full(1, number == 0 or number in first),
        )
        after, _ = memory.step(known, timestep)
        seen = counts.step(seen, known, after, timestep, jnp.full(1, whom, jnp.int32))
        known = after
    tiles = [world.spec.channels[memory.tiles[bit]] for bit in counts.bits]
    names = (*tiles, "empty", "in view", "vanished", "followed", "paid", "cost")
    assert counts.kinds == len(names)
    return dict(zip(names, np.asarray(seen.count[0, 0]).tolist(), strict=True))


def test_steps_onto_things_and_onto_empty_cells_are_counted_apart(world):
    found = counted(world, [(4, 2), (4, 2), (4, 3), (3, 3), (2, 3), (3, 3)])
    assert (found["goal"], found["empty"], found["in view"], found["vanished"]) == (2, 2, 6, 0)


def test_who_is_lost_from_sight_where_the_novice_looks_has_vanished(world):
    found = counted(world, [(4, 3), OUTSIDE, OUTSIDE, (4, 3), (4, 3), OUTSIDE])
    assert (found["vanished"], found["in view"]) == (2, 3)


def test_an_episode_begins_with_nothing_seen(world):
    found = counted(world, [(4, 3), (3, 3), OUTSIDE, (4, 3)], first=(3,))
    assert found == {name: float(name == "in view") for name in found}


def test_what_following_it_paid_and_cost_is_counted_of_the_one_that_was_followed(world):
    cells, rewards = [(4, 3)] * 4, [9.0, 1.0, -1.5, 0.0]  # the first is of the episode before
    followed = counted(world, cells, whom=0, rewards=rewards)
    assert (followed["followed"], followed["paid"], followed["cost"]) == (3, 1, 1.5)
    assert counted(world, cells, rewards=rewards)["followed"] == 0


def test_without_channels_of_their_own_nobody_is_recognised():
    spec = socialrl_envs.make("goal_cycle", novices=1, experts=2).spec
    assert not recognised(spec)


def test_a_proposal_to_follow_anybody_gets_the_mean_of_all():
    features = jnp.arange(6.0).reshape(1, 3, 2)
    found = of_proposals(features, (2, -1, 0))
    np.testing.assert_allclose(found, [[[4, 5], [2, 3], [0, 1]]])


def test_the_belief_in_an_arrival_is_taught_in_the_first_half_where_the_other_is_present():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 4, 2)).astype(np.float32)  # two novices in each of two worlds
    arrives, present = rng.random((4, 2, 2)) < 0.5, np.ones((4, 2, 2), bool)
    present[1, 0, 1] = False
    each = [
        optax.sigmoid_binary_cross_entropy(logits[t, m, k], float(arrives[t, m // 2, k]))
        for t in range(2)
        for m in range(4)
        for k in range(2)
        if present[t, m // 2, k]
    ]
    found = arrival_loss(jnp.asarray(logits), jnp.asarray(arrives), jnp.asarray(present))
    np.testing.assert_allclose(found, np.mean(each), rtol=1e-5)
