"""Scripts that hypothesis makes up: whatever everybody does, every world keeps every rule about a trace."""

from functools import cache

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import socialrl_envs
from socialrl_envs import Level, Seat, conformance, grid
from socialrl_envs.conformance.playing import QUICK

STEPS, SEATS = 16, 4
COMES, GOES = Seat(presence="comes_and_goes"), Seat(policy="planner", presence="leaves")
OPTIONS = {
    "novices": (Seat(), COMES),
    "experts": (GOES,),
    "coplayers": (Seat(policy="wanderer", presence="comes_and_goes"),),
}


@cache
def player(name, blocking):
    """A small world, so that the seats meet, and its compiled player."""
    few = {"cleanup_office": {"desks": 2, "litter": 2}, "coin_grid": {"coins": 1}}.get(name, {})
    world = socialrl_envs.make(name, size=6, layout="open", blocking=blocking, horizon=12, **OPTIONS, **few)
    return world, jax.jit(conformance.player(world), compiler_options=QUICK)


@st.composite
def scripts(draw):
    """A few bouts, in each of which every seat repeats what it does: actions as shares of how many there are,
    (T, N).
    """
    bouts = draw(
        st.lists(st.tuples(st.integers(1, 6), *[st.integers(0, 99)] * SEATS), min_size=1, max_size=STEPS)
    )
    rows = [row for count, *row in bouts for _ in range(count)]
    return np.array((rows * STEPS)[:STEPS]), draw(st.integers(0, 2**31 - 1))


def pieces(tiles, kinds):
    """How many tiles of these kinds there are at every time."""
    return np.isin(tiles, list(kinds)).sum((1, 2))


def conserved(world, trace):
    """Coins stay as many, goals stay where they are, litter is what has been dropped less what has been
    picked up.
    """
    tiles, events = trace.states.level.tiles, trace.outcomes.cumulants
    for kind in set(world.task.items) - {grid.LITTER}:
        assert (pieces(tiles, {kind}) == world.task.items.count(kind)).all()
        assert kind >= grid.COIN or ((tiles == kind) == (tiles[0] == kind)).all()
    if "litter" in world.spec.cumulants:
        picked = np.concatenate([[0], events[..., world.spec.cumulants.index("litter")].sum(1).cumsum()])
        assert (
            pieces(tiles, {grid.LITTER})
            == world.task.items.count(grid.LITTER) + trace.states.task.dropped - picked
        ).all()


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("name", socialrl_envs.names())
def test_every_world_keeps_every_rule_under_any_script(name, blocking):
    world, play = player(name, blocking)
    actions = len(world.spec.actions)

    @settings(max_examples=25, deadline=None)
    @given(scripts())
    def check(drawn):
        script, seed = drawn
        played = play(jax.random.key(seed), (script % actions).astype(np.int32))
        trace = conformance.as_trace(played)
        for rule in conformance.TRACE_RULES:
            rule(world, trace)
        conserved(world, trace)
        assert conformance.equal(Level.from_ascii(trace.level.to_ascii()).tiles, trace.level.tiles)
        assert conformance.equal(played, play(jax.random.key(seed), (script % actions).astype(np.int32)))

    check()
