"""Walking in others' footsteps, by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from socialrl.protocols import _trailing
from socialrl.protocols._trailing import LAG

# Rows of (row, column) in four states: the leader goes right, the other comes after and then stands still.
LEADER = [(0, 0), (0, 1), (0, 2), (0, 3)]
AFTER = [(1, 0), (0, 0), (0, 1), (0, 1)]
POSITION = jnp.array(np.stack([AFTER, LEADER], axis=1)[:, None], jnp.int32)  # (4, 1, 2, 2)
trails = jax.jit(_trailing.trails, static_argnums=(2, 3))
PRESENT = jnp.ones((4, 1, 2), bool)


def test_who_steps_where_another_was_trails_it_and_not_the_other_way_round():
    assert trails(POSITION, PRESENT, 0, 1)[:, 0].tolist() == [True, True, False]
    assert trails(POSITION, PRESENT, 1, 0)[:, 0].tolist() == [False, False, False]


def test_who_was_absent_is_trailed_by_nobody():
    away = PRESENT.at[0, 0, 1].set(False)
    assert trails(POSITION, away, 0, 1)[:, 0].tolist() == [False, True, False]


def test_footsteps_are_forgotten():
    """The leader leaves its first cell, and the other steps onto it so many steps later."""
    for late in (LAG - 1, LAG):
        states = LAG + 3
        leader = np.full((states, 2), 5)
        leader[0] = 0
        other = np.full((states, 2), 1)
        other[late + 1 :] = 0
        position = jnp.asarray(np.stack([other, leader], axis=1)[:, None], jnp.int32)
        found = trails(position, jnp.ones((states, 1, 2), bool), 0, 1)[:, 0]
        assert found.tolist() == [step == late and late < LAG for step in range(states - 1)]
