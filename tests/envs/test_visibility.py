"""Which cells a seat has in view: cases drawn by hand, and what turning the grid must not change.

That the views of worlds agree is tested in test_gallery.py.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from socialrl_envs.errors import SocialRLError
from socialrl_envs.visibility import ViewSpec, visible

# `A` the seat, `#` a wall that is seen, `+` a seen cell, `%` and `.` a wall and a cell that are not seen.


def drawn(text: str) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Walls, the mask of seen cells, and the position of the seat."""
    rows = np.array([list(row) for row in text.split()])
    row, column = np.argwhere(rows == "A")[0]
    return np.isin(rows, ["#", "%"]), np.isin(rows, ["A", "#", "+"]), (int(row), int(column))


CASES = {
    "the last row that is not hidden": "#####\n+++++\n++A++\n.....\n.....",
    "nothing behind a wall across": ".....\n.%.%.\n#####\n++A++\n.....",
    "a wall beside the seat ends its row": "++++\n#+++\n%#A+\n....",
}


@pytest.mark.parametrize("name", CASES)
def test_egocentric_views_end_on_walls(name):
    walls, seen, position = drawn(CASES[name])
    spec = ViewSpec(kind="egocentric", size=5, occlusion=True)
    np.testing.assert_array_equal(visible(walls, position, 0, spec), seen)


def test_without_occlusion_walls_hide_nothing():
    walls = np.ones((5, 5), bool)
    seen = visible(walls, (3, 2), 0, ViewSpec(kind="egocentric", size=3))
    expected = np.zeros((5, 5), bool)
    expected[1:4, 1:4] = True
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("kind", ["window", "grid"])
def test_windows_and_grids_show_all(kind):
    assert visible(np.ones((4, 6), bool), (0, 0), 2, ViewSpec(kind=kind, size=6)).all()


def test_a_partial_view_is_the_square_around_the_seat():
    seen = visible(np.zeros((6, 7), bool), (1, 5), 3, ViewSpec(kind="partial", size=5))
    expected = np.zeros((6, 7), bool)
    expected[0:4, 3:7] = True
    np.testing.assert_array_equal(seen, expected)


@given(
    arrays.arrays(bool, (7, 7)),
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(0, 3),
    st.sampled_from([1, 3, 5, 9]),
    st.booleans(),
)
def test_turning_the_grid_turns_what_is_seen(walls, row, column, heading, size, occlusion):
    spec = ViewSpec(kind="egocentric", size=size, occlusion=occlusion)
    turned = visible(np.rot90(walls), (6 - column, row), (heading - 1) % 4, spec)
    seen = visible(walls, (row, column), heading, spec)
    np.testing.assert_array_equal(turned, np.rot90(seen))
    assert seen[row, column]
    mirrored = visible(walls[:, ::-1], (row, 6 - column), (-heading) % 4, spec)
    np.testing.assert_array_equal(mirrored, seen[:, ::-1])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "partial", "size": 4}, "odd"),
        ({"kind": "grid", "size": 0}, "at least 1"),
        ({"kind": "grid", "size": 4, "occlusion": True}, "occlusion"),
    ],
)
def test_views_that_cannot_be(options, says):
    with pytest.raises(SocialRLError, match=says):
        ViewSpec(**options)


def test_a_misspelt_kind_names_the_nearest():
    spec = ViewSpec(kind="grid", size=3)
    object.__setattr__(spec, "kind", "egocentrc")  # tests check types when it is made
    with pytest.raises(SocialRLError, match="did you mean 'egocentric'"):
        spec.__post_init__()
