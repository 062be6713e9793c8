"""Co-players that are others in every level: who wants what, and who is how skilled."""

import jax
import numpy as np
import pytest

from socialrl_envs.errors import SocialRLError
from socialrl_envs.generators import redrawing
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid, goal_cycle

WANTS = {(1.0, 0.0, 0.0): 1.0, (0.0, 1.0, 0.0): 0.5, (0.0, 0.0, 1.0): 0.0}  # and how skilled
EXPERTS = tuple(Seat(policy="noisy", skill=skill, preferences=wants) for wants, skill in WANTS.items())
NOVICE = Seat(preferences=(1.0, 1.0, -1.0))


def drawn(kind, draws=64):
    """(preferences, skill) of the novice and of the co-players, of several draws."""
    world = coin_grid.Config(novices=(NOVICE,), experts=EXPERTS, redrawn=kind).build()
    keys = jax.random.split(jax.random.key(2), draws)
    redraw = jax.jit(jax.vmap(lambda key: redrawing.redrawn(world.params, kind, world.roster, key)))
    found = redraw(keys)
    wants, skill = np.asarray(found.preferences), np.asarray(found.skill)
    if kind == "nothing":
        wants, skill = (np.broadcast_to(x, (draws, *x.shape)) for x in (wants, skill))
    assert (wants[:, 0] == NOVICE.preferences).all()
    return wants[:, 1:], skill[:, 1:]


def test_in_another_order_everybody_is_there_once_with_the_own_skill():
    wants, skill = drawn("order")
    for rows, skills in zip(wants, skill, strict=True):
        assert {tuple(row): s for row, s in zip(rows.tolist(), skills.tolist(), strict=True)} == WANTS
    assert len(np.unique(wants.argmax(axis=2), axis=0)) == 6  # all orders


def test_preferences_are_drawn_one_by_one_and_skills_stay():
    wants, skill = drawn("preferences")
    assert (skill == list(WANTS.values())).all()
    assert {tuple(row) for row in wants.reshape(-1, 3).tolist()} == set(WANTS)
    kinds = wants.argmax(axis=2)
    assert any(len(set(row)) < 3 for row in kinds.tolist())


def test_every_level_has_other_co_players():
    world = coin_grid.Config(size=5, colours=3, coins=1, experts=EXPERTS, redrawn="order").build()
    levels = jax.jit(jax.vmap(world.sample_level))(jax.random.split(jax.random.key(0), 6))
    assert len(np.unique(np.asarray(levels.params.skill), axis=0)) > 1


def test_what_cannot_be_redrawn_is_told():
    with pytest.raises(SocialRLError, match="wanderer"):
        coin_grid.Config(experts=1, coplayers=(Seat(policy="wanderer"),), redrawn="order").build()
    with pytest.raises(SocialRLError, match="alike"):
        goal_cycle.Config(redrawn="preferences").build()
