"""Tests of the mixed curriculum: shares of presence schedules, times of leaving, and ramps of parameters."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.curricula import constant, mixed
from socialrl_envs import presence
from socialrl_envs.errors import SocialRLError
from socialrl_envs.presence import SCHEDULES
from socialrl_envs.types import Seat
from socialrl_envs.worlds import coin_grid

COPLAYERS = (Seat(policy="noisy", skill=0.3), Seat(policy="noisy", presence="comes_and_goes"))
WORLD = coin_grid.Config(
    novices=(Seat(skill=0.7),), experts=0, coplayers=COPLAYERS, size=6, horizon=20
).build()
DRAWS = 3000


def drawn(config, steps=0, count=DRAWS):
    """What `count` levels override, after so many env steps, as numpy."""
    curriculum = config.build(WORLD)
    draw = jax.jit(jax.vmap(lambda key: curriculum.overrides(curriculum.init(), jnp.int32(steps), key)))
    return jax.device_get(draw(jax.random.split(jax.random.key(0), count)))


def chi_square(counts, expected):
    return np.sum((counts - expected) ** 2 / expected)


@pytest.fixture(scope="module")
def schedules():
    """(DRAWS, N, 4) of a mixture of four kinds."""
    shares = (("always", 3.0), ("never", 1.0), ("leaves", 4.0), ("comes_and_goes", 2.0))
    return drawn(mixed.Config(presence=shares))["presence"]


def test_kinds_come_in_their_shares(schedules):
    """Pearson's chi-square: 3 degrees of freedom, 99.9 % quantile 16.3. Shares need not sum to 1."""
    rows = schedules[:, 1]
    counts = [
        np.all(rows == np.float32(SCHEDULES[name]), axis=1).sum()
        for name in ("always", "never", "comes_and_goes")
    ]
    counts.insert(2, DRAWS - sum(counts))
    assert chi_square(np.array(counts), DRAWS * np.array([0.3, 0.1, 0.4, 0.2])) < 16.3


def test_all_coplayers_alike_and_novices_as_ever(schedules):
    np.testing.assert_array_equal(schedules[:, 1], schedules[:, 2])
    np.testing.assert_array_equal(
        schedules[:, 0], np.broadcast_to(np.float32(SCHEDULES["always"]), (DRAWS, 4))
    )


def test_a_share_of_0_never_comes():
    rows = drawn(mixed.Config(presence=(("always", 0.0), ("never", 0.5))), count=200)["presence"][:, 1]
    np.testing.assert_array_equal(rows, np.broadcast_to(np.float32(SCHEDULES["never"]), rows.shape))


def test_who_leaves_is_gone_for_good_from_a_random_step_on(schedules):
    """Each at a time that is uniform: chi-square over the 20 steps, 19 degrees of freedom, 99.9 % quantile
    43.8.
    """
    leaving = schedules[(schedules[:, 1, 0] == 1) & (schedules[:, 1, 3] <= 1)]
    assert len(leaving) > 1000
    horizon = WORLD.spec.horizon

    def episode(schedule, key):
        begin_key, *keys = jax.random.split(key, 1 + horizon)
        there, rows = presence.begin(schedule, begin_key), []
        for time, step_key in enumerate(keys):
            rows.append(there)
            there = presence.advance(schedule, there, jnp.int32(time + 1), horizon, step_key)
        return jnp.stack(rows)

    there = np.asarray(
        jax.jit(jax.vmap(episode))(jnp.asarray(leaving), jax.random.split(jax.random.key(1), len(leaving)))
    )
    assert there[..., 0].all()
    assert there[:, 0, 1].all()
    assert not (there[:, 1:, 1] & ~there[:, :-1, 1]).any()
    last = there[..., 1].sum(1)  # steps that they were there: 1 .. horizon
    counts = np.bincount(last, minlength=horizon + 1)[1:]
    assert chi_square(counts, len(leaving) / horizon) < 43.8


@pytest.mark.parametrize(
    ("steps", "low", "high"),
    [(0, 0.0, 0.2), (250, 0.1, 0.4), (500, 0.2, 0.6), (1000, 0.4, 1.0), (9000, 0.4, 1.0)],
)
def test_a_ramp_draws_evenly_from_a_range_that_moves(steps, low, high):
    ramp = mixed.Ramp(param="density", start=(0.0, 0.2), end=(0.4, 1.0), steps=1000)
    values = drawn(mixed.Config(ramps=(ramp,)), steps=steps)["density"]
    assert values.shape == (DRAWS,)
    share = (values - low) / (high - low)
    assert share.min() >= -1e-6
    assert share.max() <= 1 + 1e-6
    counts = np.histogram(np.clip(share, 0, 1), bins=10, range=(0, 1))[0]
    assert chi_square(counts, DRAWS / 10) < 27.9  # 9 degrees of freedom, 99.9 % quantile


def test_a_parameter_per_seat_is_that_of_all_coplayers():
    ramp = mixed.Ramp(param="skill", start=(0.5, 1.0), end=(0.5, 1.0))
    skill = drawn(mixed.Config(ramps=(ramp,)), count=100)["skill"]
    np.testing.assert_array_equal(skill[:, 0], np.full(100, 0.7, np.float32))
    np.testing.assert_array_equal(skill[:, 1], skill[:, 2])
    assert len(np.unique(skill[:, 1])) > 90
    assert ((skill[:, 1] >= 0.5) & (skill[:, 1] <= 1)).all()


def test_what_is_drawn_beyond_a_parameters_bounds_is_set_to_the_bound():
    ramp = mixed.Ramp(param="skill", start=(-0.5, 1.5), end=(-0.5, 1.5))
    skill = drawn(mixed.Config(ramps=(ramp,)))["skill"][:, 1]
    assert (skill.min(), skill.max()) == (0.0, 1.0)
    counts = [(skill == 0).sum(), (skill == 1).sum(), ((skill > 0) & (skill < 1)).sum()]
    assert chi_square(np.array(counts), DRAWS * np.array([0.25, 0.25, 0.5])) < 13.8  # 99.9 %, 2 degrees


def test_ramps_are_drawn_apart_and_only_what_is_named_is_overridden():
    both = tuple(mixed.Ramp(param=name, start=(0.0, 1.0), end=(0.0, 1.0)) for name in ("density", "skill"))
    numbers = drawn(mixed.Config(ramps=both))
    assert set(numbers) == {"density", "skill"}
    assert abs(np.corrcoef(numbers["density"], numbers["skill"][:, 1])[0, 1]) < 0.1
    assert drawn(mixed.Config(), count=1) == {}


def test_a_ramp_of_some_schedules_leaves_the_other_episodes_as_they_are():
    """Two ramps of one parameter, each for episodes of its own; in `leaves` it is the world's."""

    def ramp(value, *names):
        return mixed.Ramp(param="density", start=(0.0, 0.0), end=(value, value), presence=names)

    shares = (("always", 1.0), ("never", 1.0), ("leaves", 1.0), ("comes_and_goes", 1.0))
    ramps = (ramp(0.5, "always", "comes_and_goes"), ramp(0.25, "never"))
    numbers = drawn(mixed.Config(presence=shares, ramps=ramps), steps=1)
    wanted = {"always": 0.5, "comes_and_goes": 0.5, "never": 0.25}
    for name, density in wanted.items():
        of_kind = np.all(numbers["presence"][:, 1] == np.float32(SCHEDULES[name]), axis=1)
        assert of_kind.sum() > DRAWS / 5
        np.testing.assert_array_equal(numbers["density"][of_kind], np.full(of_kind.sum(), density))
    others = ~np.isin(numbers["density"], (0.25, 0.5))
    assert others.sum() > DRAWS / 5
    np.testing.assert_array_equal(numbers["density"][others], np.full(others.sum(), WORLD.params.density))


def test_a_level_carries_what_was_drawn():
    curriculum = mixed.Config(
        presence=(("never", 1.0),), ramps=(mixed.Ramp(param="skill", start=(0.9, 0.9), end=(0.9, 0.9)),)
    )
    numbers = curriculum.build(WORLD).overrides((), jnp.int32(0), jax.random.key(0))
    level = jax.jit(WORLD.sample_level)(jax.random.key(1), numbers)
    np.testing.assert_allclose(level.params.skill, [0.7, 0.9, 0.9], rtol=1e-6)
    state = WORLD.reset(level, jax.random.key(2))
    assert state.seats.present.tolist() == [True, False, False]
    assert jax.tree.map(jnp.shape, level.params) == jax.tree.map(jnp.shape, WORLD.params)


def test_it_does_not_change_by_being_measured():
    for curriculum in (mixed.Config().build(WORLD), constant()):
        state = curriculum.init()
        assert curriculum.update(state, lambda draw, key: pytest.fail("measured"), jax.random.key(0)) == (
            state,
            {},
        )
    assert constant().overrides((), jnp.int32(5), jax.random.key(0)) == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: mixed.Config(presence=(("allways", 1.0),)),
            r"unknown presence 'allways' \(did you mean 'always'\?\)",
        ),
        (lambda: mixed.Config(presence=(("leave", 1.0),)), r"did you mean 'leaves'\?"),
        (lambda: mixed.Config(presence=(("always", -1.0),)), "presence: -1.0"),
        (lambda: mixed.Config(presence=(("always", 0.0),)), "shares above 0"),
        (lambda: mixed.Ramp(param="skill", start=(1.0, 0.0), end=(0.0, 1.0)), "start"),
        (lambda: mixed.Ramp(param="skill", start=(0.0, 1.0), end=(1.0, 0.0)), "end"),
        (lambda: mixed.Ramp(param="skill", start=(0.0, 1.0), end=(0.0, 1.0), steps=0), "steps"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(SocialRLError, match=message):
        make()


def test_parameters_that_the_world_lacks_are_named():
    ramp = mixed.Ramp(param="densty", start=(0.0, 1.0), end=(0.0, 1.0))
    with pytest.raises(SocialRLError, match=r"unknown parameter 'densty' \(did you mean 'density'\?\)"):
        mixed.Config(ramps=(ramp,)).build(WORLD)
    with pytest.raises(SocialRLError, match=r"'presence' has shape"):
        mixed.Config(ramps=(dataclasses.replace(ramp, param="presence"),)).build(WORLD)
    ramp = mixed.Ramp(param="density", start=(0.0, 1.0), end=(0.0, 1.0), presence=("allways",))
    with pytest.raises(SocialRLError, match=r"unknown presence of the ramp of density 'allways' .*'always'"):
        mixed.Config(ramps=(ramp,), presence=(("always", 1.0),)).build(WORLD)


@pytest.mark.parametrize(("steps", "expected"), [(0, 1.0), (300, 1.0), (301, 0.0), (900, 0.0)])
def test_a_ramp_that_begins_later_turns_then(steps, expected):
    ramp = mixed.Ramp(param="skill", start=(1.0, 1.0), end=(0.0, 0.0), after=300)
    assert float(mixed.draw(ramp, jnp.int32(steps), jax.random.key(0))) == expected
