"""Levels as text: there and back without loss, and errors that say where."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialrl_envs import Level, SocialRLError, grid

ROOM = "#####\n#A.r#\n#..B#\n#####\n"
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def levels(draw):
    height, width = draw(st.integers(2, 8)), draw(st.integers(2, 8))
    codes = draw(
        st.lists(st.sampled_from(list(grid.CHAR_OF_TILE)), min_size=height * width, max_size=height * width)
    )
    tiles = np.array(codes, np.uint8).reshape(height, width)
    seats = draw(st.integers(0, min(6, height * width - 1)))
    cells = draw(st.permutations(range(height * width)))[: seats + 1]
    rows, columns = np.unravel_index(cells, tiles.shape)
    tiles[rows, columns] = grid.FLOOR
    params = {
        "density": np.float32(draw(FLOATS)),
        "preferences": np.array(
            draw(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=3)), np.float32
        ),
        "order": np.array(draw(st.lists(st.integers(0, 9), min_size=1, max_size=4)), np.int32),
        "open": np.array(draw(st.booleans())),
    }
    return Level(
        tiles=jnp.array(tiles),
        position=jnp.array(np.stack([rows, columns], 1)[:seats], jnp.int32),
        heading=jnp.array(draw(st.lists(st.integers(0, 3), min_size=seats, max_size=seats)), jnp.int32),
        params={name: jnp.asarray(value) for name, value in params.items()},
    )


@settings(max_examples=60, deadline=None)
@given(levels())
def test_there_and_back_is_the_identity(level):
    read = Level.from_ascii(level.to_ascii())
    for field in ("tiles", "position", "heading"):
        ours, theirs = getattr(level, field), getattr(read, field)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs), level.to_ascii()
    assert read.params.keys() == level.params.keys()
    for name, value in level.params.items():
        assert read.params[name].dtype == value.dtype
        assert np.array_equal(read.params[name], value), name


def test_the_picture_reads_as_drawn():
    level = Level.from_ascii(ROOM + "headings: ES\nskill: [1.0, 0.5]\n")
    assert level.position.tolist() == [[1, 1], [2, 3]]
    assert level.heading.tolist() == [1, 2]
    assert level.tiles[1, 3] == grid.COIN
    assert level.params["skill"].tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["no rows"]),
        ("skill: [1.0]\n", ["no rows"]),
        ("###\n###\n", ["no floor"]),
        ("#####\n#A..#\n###\n", ["line 3", "3 cells", "first row has 5"]),
        ("#####\n#A.?#\n#####\n", ["line 2", "column 4", "'?'"]),
        ("\n\n#####\n#A.?#\n#####\n", ["line 4", "column 4"]),
        ("####\n#AA#\n#..#\n", ["line 2", "column 3", "second time"]),
        ("####\n#AC#\n#..#\n", ["seats AC", "AB"]),
        (ROOM + "headings: N\n", ["line 5", "headings"]),
        (ROOM + "headings: NX\n", ["line 5", "headings"]),
        (ROOM + "skill: [1.0,\n", ["line 5", "skill"]),
        (ROOM + "skill: fast\n", ["line 5", "skill"]),
        (ROOM + 'skill: ["a"]\n', ["line 5", "skill"]),
        (ROOM + "skill: [[1.0], [1.0, 2.0]]\n", ["line 5", "skill"]),
    ],
)
def test_what_is_malformed_is_named_with_its_place(text, told):
    with pytest.raises(SocialRLError) as error:
        Level.from_ascii(text)
    for part in told:
        assert part in str(error.value)


def test_a_level_that_has_no_picture_is_refused():
    level = Level.from_ascii(ROOM)
    for cell in ([0, 0], [1, 3], [2, 3]):
        crowded = level.edit(position=level.position.at[0].set(jnp.array(cell)))
        with pytest.raises(SocialRLError, match=f"row {cell[0]}, column {cell[1]}"):
            crowded.to_ascii()
