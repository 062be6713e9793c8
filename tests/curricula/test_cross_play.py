"""Self-play on some levels, cross-play for the opposite of the reward on the others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.conformance import check_curriculum
from socialrl.curricula import cross_play
from socialrl_envs.errors import SocialRLError
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid, goal_cycle

SEATS = {"novices": (Seat(preferences=(1.0, -0.5)),) * 2, "experts": (Seat(policy="planner"),) * 2}
WORLD = coin_grid.Config(size=6, colours=2, coins=1, **SEATS).build()
HERE, AWAY = np.float32(SCHEDULES["always"]), np.float32(SCHEDULES["never"])


def test_levels_are_of_two_kinds_in_their_shares():
    curriculum = cross_play.Config(share=0.25, weight=2.0).build(WORLD)
    draw = jax.jit(jax.vmap(lambda key: curriculum.overrides((), jnp.int32(0), key)))
    found = jax.device_get(draw(jax.random.split(jax.random.key(0), 2000)))
    cross = (found["presence"][:, 1] == AWAY).all(axis=1)
    assert abs(cross.mean() - 0.25) < 0.04
    usual = np.asarray(WORLD.params.preferences)
    for number, (there, wants) in enumerate(zip(found["presence"], found["preferences"], strict=True)):
        kind = [HERE, AWAY, HERE, HERE] if cross[number] else [HERE, HERE, AWAY, AWAY]
        np.testing.assert_array_equal(there, kind)
        np.testing.assert_array_equal(wants[2:], usual[2:])
        np.testing.assert_array_equal(wants[:2], [[-2, 1]] * 2 if cross[number] else [[1, -0.5]] * 2)


def test_it_keeps_the_contract_and_tells_where_it_cannot_be():
    check_curriculum(cross_play.Config(), WORLD)
    for config in (coin_grid.Config(novices=1), coin_grid.Config(novices=2, experts=0), goal_cycle.Config()):
        with pytest.raises(SocialRLError, match="it needs two novices, a co-player, and preferences"):
            cross_play.Config().build(config.build())
