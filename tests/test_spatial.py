"""Tests of maps of what was seen, of ways over them, and of destinations in hindsight."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.geometry import FORWARD
from socialrl.hindsight import destinations, on_map
from socialrl.learners import ppo
from socialrl.rollout import make_rollout
from socialrl.spatial import GONE, OTHER, SpatialMemory
from socialrl.walking import AHEAD, FAR, LEFT, RIGHT, first_moves, toward
from socialrl_envs.worlds import coin_grid, goal_search

STEPS, WORLDS = 60, 8
CONFIGS = {
    "turning": goal_search.Config(size=9, horizon=40, experts=2),
    "cardinal": coin_grid.Config(size=7, horizon=25, experts=2),
}


@pytest.fixture(scope="module", params=CONFIGS)
def lived(request):
    """(spec, memory, experience, poses, codes) of a random novice; poses and codes after every step."""
    world = CONFIGS[request.param].build()
    learner = ppo.Config(hidden=(8,), memory="none").build(world.spec)
    rollout, memory = make_rollout(world, learner), SpatialMemory(world.spec)

    def live(key):
        levels = rollout.pool(key, 16)
        carry = rollout.begin(levels, key, WORLDS)
        _, experience, _ = rollout.unroll(learner.init(key, STEPS, WORLDS), carry, levels, key, STEPS)
        own = jax.tree.map(lambda x: x[:, :, 0], experience.own.timestep)

        def see(before, timestep):
            after, sight = memory.step(before, timestep)
            return after, (after.pose, after.code, sight.code)

        _, seen = jax.lax.scan(see, memory.init(WORLDS), own)
        return experience, seen

    with jax.debug_key_reuse(False):
        experience, seen = jax.jit(live)(jax.random.key(3))
    return world.spec, memory, experience, *map(np.asarray, seen)


def test_the_pose_is_right_also_after_being_put_back(lived):
    spec, _, experience, poses, _, _ = lived
    first = np.asarray(experience.own.timestep.first[:, :, 0])
    position, heading = np.asarray(experience.positions), np.asarray(experience.headings)
    novice, checked = spec.novices[0], 0
    for b in range(WORLDS):
        for t in range(STEPS):
            begin = max(u for u in range(t + 1) if first[u, b])
            forward = np.array(FORWARD[heading[begin, b, novice]])
            right = np.array([forward[1], -forward[0]])
            away = position[t, b, novice] - position[begin, b, novice]
            np.testing.assert_array_equal(poses[t, b, :2], [-(away @ forward), away @ right])
            checked += np.any(away != 0)
    assert checked > STEPS


def test_the_map_in_view_shows_who_is_in_view(lived):
    """The cells with the stamp of this step are those on which the view shows another."""
    spec, _memory, experience, _, _, codes = lived
    obs = np.asarray(experience.own.timestep.obs[:, :, 0])
    others = [spec.channels.index(name) for name in spec.channels_of_others]
    seen = (obs[..., others] > 0).any(-1).sum((2, 3))
    first = np.asarray(experience.own.timestep.first[:, :, 0])
    time = np.zeros(WORLDS, int)
    for t in range(STEPS):
        time = np.where(first[t], 1, time + 1)
        now = ((codes[t] >> OTHER) & 255) == time[:, None]
        np.testing.assert_array_equal(now.sum(1), seen[t])
    assert seen.sum() > 10


def test_destinations_are_cells_with_an_item(lived):
    """Whoever has a destination stands on it after the step that reaches it, unless it was put back."""
    spec, memory, experience, _, _, _ = lived
    coplayers = np.array(spec.coplayers)
    position, heading = experience.positions[:, :, coplayers], experience.headings[:, :, coplayers]
    cell, known = destinations(spec, experience.others, position, heading)
    index, inside = on_map(cell, position, heading, memory.radius, memory.turning)
    cell, known, position = np.asarray(cell), np.asarray(known), np.asarray(position)
    assert known.mean() > 0.5
    assert np.asarray(inside)[known].all()
    middle = memory.cells // 2
    assert (np.asarray(index)[known] != middle).mean() > 0.9
    reached = (cell[:-1] == position[1:]).all(-1) & known[:-1]
    last = np.asarray(experience.others.last)[:-1]
    if spec.name == "coin_grid":
        changed = known[:-1] & ~last & (cell[:-1] != cell[1:]).any(-1) & known[1:]
        assert reached[changed].all()
        assert changed.sum() > 5


def test_vanishing_is_noticed_where_seats_are_put_back():
    world = CONFIGS["turning"].build()
    memory = SpatialMemory(world.spec)
    assert memory.size == 13
    assert memory.turning
    code = jnp.zeros((1, memory.cells), jnp.int32)
    before = memory.init(1)
    here = memory.cells // 2 - 2 * memory.size  # two cells ahead, where one was seen that looks ahead
    before = before.__class__(
        code=code.at[0, here].set((1 << OTHER) | (1 << 7)),
        pose=before.pose,
        wall=before.wall,
        time=jnp.ones(1, jnp.int32),
    )
    looked = jnp.ones((1, memory.cells), bool)
    after = memory._vanished(before, before.code, looked, jnp.array([2], jnp.int32), jnp.array([False]))
    gone = np.flatnonzero(np.asarray(after[0] >> GONE) & 7)
    assert gone.tolist() == [here - memory.size]


def test_cells_ahead_of_one_who_looks_do_not_go_round_the_edge_of_the_map():
    memory = SpatialMemory(CONFIGS["turning"].build().spec)
    middle = memory.size // 2
    here = jnp.zeros((1, memory.size, memory.size), bool).at[0, middle, -2].set(True)
    ahead = memory._ahead(here.reshape(1, -1), jnp.full((1, memory.cells), 1, jnp.int32))
    found = np.asarray(ahead).reshape(memory.size, memory.size)
    assert found[middle, -1] == np.float32(0.9)
    assert np.count_nonzero(found) == 1
    ahead = memory._ahead(here.reshape(1, -1), jnp.full((1, memory.cells), 3, jnp.int32))
    found = np.asarray(ahead).reshape(memory.size, memory.size)
    assert found[middle, -5:-2] == pytest.approx([0.3, 0.6, 0.9])


def test_first_moves_are_those_of_shortest_paths():
    free = jnp.ones((1, 5, 5), bool).at[0, 1, 2].set(False)  # a wall ahead
    directions, distances = first_moves(free, 8)
    assert int(distances[0, 2, 2]) == 0
    assert int(distances[0, 1, 2]) == FAR
    assert int(distances[0, 0, 2]) == 4
    assert int(directions[0, 0, 2]) == LEFT | RIGHT
    assert int(distances[0, 2, 4]) == 2
    assert int(directions[0, 2, 4]) == RIGHT
    boxed, far = first_moves(jnp.zeros((1, 5, 5), bool), 8)
    assert not np.any(boxed)
    assert (np.asarray(far) == FAR).sum() == 24


def test_the_action_toward_a_direction():
    turning, cardinal = (CONFIGS[name].build().spec for name in ("turning", "cardinal"))
    bits = jnp.array([AHEAD, RIGHT, LEFT, 4, AHEAD | LEFT], jnp.uint8)
    names = [turning.actions[a] for a in np.asarray(toward(turning, bits))]
    assert names == ["forward", "right", "left", "right", "forward"]
    names = [cardinal.actions[a] for a in np.asarray(toward(cardinal, bits))]
    assert names == ["up", "right", "left", "down", "up"]
