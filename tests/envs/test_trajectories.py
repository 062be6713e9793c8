"""Episodes of every world are those that were recorded: a few of the hashes in trajectories.json.

`python -m tests.envs.trajectories` compares all of them.
"""

import json

import jax
import pytest

import socialrl_envs
from tests.envs.trajectories import FILE, digest, everything

QUICK = (
    "cleanup_office, overridden",
    "coin_grid, preferences",
    "flooded_road, blocking, come and go",
    "goal_cycle, 7 actions, fixed order",
    "goal_search, blocking, not again",
    "goal_sequence, blocking, come and go",
)


def test_every_world_and_every_case_is_recorded():
    assert set(json.loads(FILE.read_text())) == set(everything())
    assert {name.partition(",")[0] for name in everything()} == set(socialrl_envs.names())


@pytest.mark.parametrize("name", QUICK)
def test_episodes_are_those_that_were_recorded(name):
    with jax.debug_key_reuse(False):  # which takes keys that a vmapped scan goes over for used ones
        found = digest(*everything()[name])
    assert found == json.loads(FILE.read_text())[name]
