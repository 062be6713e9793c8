"""Tests of automatic domain randomisation: its measure, and which end of which range moves by how much."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.curricula import adr
from socialrl_envs.errors import SocialRLError
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

COPLAYERS = (Seat(policy="noisy", skill=0.3), Seat(policy="noisy", skill=0.4))
WORLD = coin_grid.Config(novices=1, experts=0, coplayers=COPLAYERS, size=6).build()
DENSITY = adr.Range(param="density", start=(0.2, 0.4), limits=(0.05, 0.5), step=0.1)
SKILL = adr.Range(param="skill", start=(0.5, 0.5), limits=(0.0, 1.0), step=0.25)
CONFIG = adr.Config(ranges=(DENSITY, SKILL), upper=0.8, lower=0.6)


class Fake:
    """A `measure` without episodes: returns depend on who is present, and the draws are recorded."""

    def __init__(self, full, half, solo, experts):
        self.returns = {"always": full, "first_half": half, "never": solo}
        self.experts, self.drawn, self.keys = experts, [], []

    def __call__(self, draw, key):
        numbers = jax.device_get(draw(key))
        schedules = {name: np.float32(row).tolist() for name, row in SCHEDULES.items()}
        (kind,) = [name for name in self.returns if numbers["presence"][1].tolist() == schedules[name]]
        np.testing.assert_array_equal(numbers["presence"][1], numbers["presence"][2])
        self.drawn.append(numbers)
        self.keys.append(jax.random.key_data(key).tolist())
        return jnp.array([self.returns[kind], *self.experts], jnp.float32)


def transmitting(score):
    """A fake in which cultural transmission is `score`."""
    return Fake(full=score, half=score, solo=0.0, experts=(1.0, 1.0))


def updated(curriculum, state, fake, seed=0):
    state, metrics = curriculum.update(state, fake, jax.random.key(seed))
    return state, {name: float(value) for name, value in metrics.items()}


@pytest.fixture(scope="module")
def curriculum():
    return CONFIG.build(WORLD)


def test_cultural_transmission_is_that_of_the_definition(curriculum):
    """CT = 1/2 (A_full - A_solo) / E + 1/2 (A_half - A_solo) / E."""
    fake = Fake(full=7.0, half=4.0, solo=1.0, experts=(6.0, 10.0))
    _, metrics = updated(curriculum, curriculum.init(), fake)
    np.testing.assert_allclose(metrics["adr/cultural_transmission"], 0.5 * 6 / 8 + 0.5 * 3 / 8, rtol=1e-6)
    assert len(fake.drawn) == 3
    assert fake.keys[0] == fake.keys[1] == fake.keys[2]  # the same levels and luck, with company and without


@pytest.mark.parametrize("experts", [(0.0, 0.0), (-2.0, -1.0)])
def test_experts_that_earn_nothing_transmit_nothing(curriculum, experts):
    _, metrics = updated(curriculum, curriculum.init(), Fake(full=3.0, half=3.0, solo=1.0, experts=experts))
    assert metrics["adr/cultural_transmission"] == 0.0


def test_the_tested_parameter_is_at_its_end_and_the_others_vary_within_their_ranges(curriculum):
    state = curriculum.init()
    for number, value in ((("density"), 0.2), ("density", 0.4), ("skill", 0.5), ("skill", 0.5)):
        draws = []
        for seed in range(4):
            fake = transmitting(0.7)  # between the bounds: nothing moves
            after, _ = updated(curriculum, state, fake, seed)
            draws += fake.drawn
        found = [np.atleast_1d(one[number])[-1] for one in draws]
        np.testing.assert_allclose(found, value, rtol=1e-6)
        density = [one["density"] for one in draws]
        assert 0.2 - 1e-6 <= min(density) <= max(density) <= 0.4 + 1e-6
        assert len(np.unique(density)) == (1 if number == "density" else 4)
        assert all(one["skill"][0] == WORLD.params.skill[0] for one in draws)
        np.testing.assert_array_equal(after.ends, state.ends)
        state = after


def test_ends_move_outwards_when_much_is_taken_over_and_inwards_when_little_is(curriculum):
    state, ends = curriculum.init(), np.array([[0.2, 0.4], [0.5, 0.5]])
    moves = [(0.9, (0, 0), 0.1), (0.9, (0, 1), 0.5), (0.9, (1, 0), 0.25), (0.9, (1, 1), 0.75)]
    moves += [(0.5, (0, 0), 0.2), (0.5, (0, 1), 0.4), (0.7, (1, 0), 0.25), (0.5, (1, 1), 0.5)]
    for turn, (score, place, value) in enumerate(moves):
        assert state.turn == turn % 4  # turns go round: every end of every range
        state, metrics = updated(curriculum, state, transmitting(score))
        ends[place] = value
        np.testing.assert_allclose(state.ends, ends, rtol=1e-5)
        shown = [[metrics[f"adr/{name}_low"], metrics[f"adr/{name}_high"]] for name in ("density", "skill")]
        np.testing.assert_allclose(shown, ends, rtol=1e-5)


def test_a_range_stays_within_its_limits_and_never_turns_over(curriculum):
    state = curriculum.init()
    for _ in range(16):
        state, _ = updated(curriculum, state, transmitting(0.95))
    np.testing.assert_allclose(state.ends, [[0.05, 0.5], [0.0, 1.0]], rtol=1e-5)
    for _ in range(24):
        state, _ = updated(curriculum, state, transmitting(-1.0))
        assert (state.ends[:, 0] <= state.ends[:, 1]).all()
    assert (state.ends[:, 1] - state.ends[:, 0] < 1e-6).all()


def test_levels_are_drawn_from_the_ranges_as_they_are_now(curriculum):
    state = curriculum.init()
    for score in (0.9, 0.9, 0.9, 0.9):
        state, _ = updated(curriculum, state, transmitting(score))
    draw = jax.jit(jax.vmap(lambda key: curriculum.overrides(state, jnp.int32(0), key)))
    numbers = jax.device_get(draw(jax.random.split(jax.random.key(0), 2000)))
    for values, (low, high) in ((numbers["density"], (0.1, 0.5)), (numbers["skill"][:, 2], (0.25, 0.75))):
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high + 1e-6
        np.testing.assert_allclose(values.mean(), (low + high) / 2, atol=0.02 * (high - low))
    gone = np.all(numbers["presence"][:, 1] == np.float32(SCHEDULES["never"]), axis=1).mean()
    np.testing.assert_allclose(gone, dict(CONFIG.presence)["never"], atol=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: adr.Range(param="skill", start=(0.5, 0.2), limits=(0.0, 1.0), step=0.1), "start"),
        (lambda: adr.Range(param="skill", start=(0.5, 1.2), limits=(0.0, 1.0), step=0.1), "start"),
        (lambda: adr.Range(param="skill", start=(0.5, 0.6), limits=(0.0, 1.0), step=0.0), "step"),
        (lambda: adr.Config(ranges=()), "ranges"),
        (lambda: adr.Config(ranges=(SKILL,), upper=0.5, lower=0.6), "lower"),
        (lambda: adr.Config(ranges=(SKILL,), presence=(("nevr", 1.0),)), "did you mean 'never'"),
        (
            lambda: adr.Config(
                ranges=(adr.Range(param="skil", start=(0.0, 1.0), limits=(0.0, 1.0), step=0.1),)
            ).build(WORLD),
            r"unknown parameter 'skil' \(did you mean 'skill'\?\)",
        ),
        (lambda: adr.Config(ranges=(DENSITY,)).build(coin_grid.Config(experts=0).build()), "experts"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(SocialRLError, match=message):
        make()
