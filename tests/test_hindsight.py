"""Pictures of a belief: from the square around a novice to the grid of the world, and back."""

import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.hindsight import on_grid, on_map

NORTH, EAST = 0, 1


@pytest.mark.parametrize(
    ("heading", "turning", "cell"),
    [(NORTH, True, (1, 3)), (EAST, True, (4, 4)), (EAST, False, (1, 3))],
)
def test_a_cell_two_ahead_and_one_to_the_right_is_where_it_is(heading, turning, cell):
    """Of who stands at (3, 2)."""
    position, looks = jnp.array([3, 2], jnp.int32), jnp.int32(heading)
    index, inside = on_map(jnp.array(cell, jnp.int32), position, looks, 2, turning)
    assert bool(inside)
    assert int(index) == 0 * 5 + 3  # the first row of the square, right of its middle
    belief = jnp.zeros((1, 25), jnp.float32).at[0, index].set(0.5).reshape(1, 5, 5)
    found = np.asarray(on_grid(belief, position, looks, turning, 6, 7))
    assert found.shape == (1, 6, 7)
    assert np.argwhere(found[0] == 0.5).tolist() == [list(cell)]
    assert found.sum() == 0.5
