"""Tests of the explanation of recorded decisions: diagnostics with the carry of the step, expected paths."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.record.replay import AHEAD, DISCOUNT
from socialrl.recording import explanation
from socialrl.rollout import make_rollout
from socialrl.types import ActAs, Diagnostics
from tests.corridor import LEFT, RIGHT, STAY, Corridor, walker

WORLDS = 3


@pytest.fixture(scope="module")
def explained():
    """(Trace, what is said of it): by a walker that says what it knows, and believes its source to walk
    right.
    """
    world = Corridor(horizon=6)

    def explain(state, memory, timestep, decision):
        return {
            "spread": jnp.stack(
                [memory, timestep.prev_action, timestep.obs[..., 0, 0, 1].astype(jnp.int32)], axis=-1
            )
        }

    def follow(state, memory, timestep, source, key):
        return jnp.where(memory % 2 == source, RIGHT, STAY).astype(jnp.int32), memory + 2

    capabilities = (Diagnostics(diagnose=explain), ActAs(act_as=follow))
    learner = dataclasses.replace(walker(world.spec, right=0.4), capabilities=capabilities)
    rollout = make_rollout(world, learner)

    @jax.jit
    def go(key):
        levels_key, key, explain_key = jax.random.split(key, 3)
        trace = rollout.episodes((), rollout.pool(levels_key, WORLDS), key)
        return trace, explanation(world, learner, (), trace, explain_key)

    return jax.device_get(go(jax.random.key(0)))


def test_it_is_asked_with_what_it_knew_at_the_step(explained):
    trace, said = explained
    count, previous, time = np.moveaxis(said["spread"][:, :, 0], -1, 0)
    np.testing.assert_array_equal(count, np.arange(6)[:, None] * np.ones((1, WORLDS)))
    np.testing.assert_array_equal(time, count)
    np.testing.assert_array_equal(previous[1:], trace.actions[:-1, :, 0])
    np.testing.assert_array_equal(previous[0], 0)
    assert {LEFT, RIGHT} <= set(np.unique(trace.actions[:, :, 0]))


def test_where_it_expects_to_go(explained):
    """To the right from where it is, in even steps, until the task or the time is over; in odd ones it would
    stay.
    """
    trace, said = explained
    assert AHEAD > 6
    for t in range(6):
        for world in range(WORLDS):
            here = column = int(trace.states.seats.position[t, world, 0, 1])
            expected, going = np.zeros(5), here < 4
            expected[here] = 1.0
            for ahead in range(1, 6 - t + 1):
                column = min(column + (t % 2 == 0), 4)
                expected[column] += DISCOUNT**ahead * going
                going = going and column < 4
            if trace.alive[t, world]:
                np.testing.assert_allclose(said["occupancy"][t, world, 0, 0], expected, rtol=1e-5)
