"""Who is on the grid, when."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import socialrl_envs
from socialrl_envs import SocialRLError, presence
from tests.envs.plain import chi_square


def course(schedule, horizon=10, runs=400, seed=0):
    """Presence of one seat in many runs: bool (runs, horizon + 1)."""
    schedules = jnp.array([presence.parse("seat", schedule)], jnp.float32)

    def run(key):
        first, *rest = jax.random.split(key, horizon + 1)
        here = [presence.begin(schedules, first)]
        for time, k in enumerate(rest, start=1):
            here.append(presence.advance(schedules, here[-1], jnp.int32(time), horizon, k))
        return jnp.stack(here)[:, 0]

    return np.asarray(jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(seed), runs)))


def test_the_schedules_do_as_their_names_say():
    assert course(presence.SCHEDULES["always"]).all()
    assert not course(presence.SCHEDULES["never"]).any()
    half = course(presence.SCHEDULES["first_half"])
    assert half[:, :5].all()
    assert not half[:, 5:].any()
    some = course(presence.SCHEDULES["some_episodes"])
    assert (some == some[:, :1]).all()
    assert 0.4 < some.mean() < 0.6


def test_coming_and_going_has_the_rates_that_were_asked_for():
    here = course((0.5, 0.2, 0.4, 2.0), horizon=12, runs=2000)
    before, after = here[:, :-1], here[:, 1:]
    assert abs(1 - after[before].mean() - 0.2) < 0.02
    assert abs(after[~before].mean() - 0.4) < 0.03


def test_until_is_a_share_of_the_horizon_and_final():
    here = course((1.0, 0.3, 0.9, 0.75), horizon=8)
    assert here[:, :6].any(0).all()
    assert not here[:, 6:].any()
    assert not course((1.0, 0.0, 1.0, 0.0)).any()


@pytest.mark.parametrize(
    ("schedule", "times"), [("leaves", range(1, 13)), ((1.0, 0.0, 1.0, -0.5), range(1, 7))]
)
def test_the_time_to_go_for_good_is_drawn_evenly(schedule, times):
    here = course(schedule, horizon=12, runs=3000)
    gone = here.sum(1)
    assert (here == (np.arange(13) < gone[:, None])).all()
    assert set(gone.tolist()) == set(times)
    assert chi_square(np.bincount(gone)[times[0] :]) > 1e-3


def test_leaving_now_and_then_and_leaving_for_good_go_together():
    here = course((1.0, 0.3, 0.5, -1.0), horizon=6, runs=4000)
    assert not (~here[:, :-1] & here[:, 1:]).any()
    for t in range(6):
        stays = here[:, t + 1].sum() / here[:, t].sum()
        assert abs(stays - 0.7 * (1 - 1 / (6 - t))) < 0.06


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("alwys", "did you mean 'always'"),
        ((1.5, 0.0, 0.0, 2.0), "0..1"),
        ((1.0, -0.1, 0.0, 2.0), "0..1"),
        ((1.0, 0.0, 0.0, -1.5), ">= -1"),
    ],
)
def test_an_impossible_schedule_names_the_seat(given, told):
    with pytest.raises(SocialRLError) as error:
        socialrl_envs.make("coin_grid", coplayers=(socialrl_envs.Seat(policy="wanderer", presence=given),))
    assert "wanderer_0.presence" in str(error.value)
    assert told in str(error.value)


def wait(before, after, position):
    arrays = (jnp.array(before), jnp.array(after), jnp.array(position, jnp.int32))
    return presence.wait_for_room(*arrays).tolist()


def test_a_seat_that_comes_back_waits_for_its_cell():
    apart, together = [[1, 1], [2, 2]], [[1, 1], [1, 1]]
    assert wait([True, False], [True, True], apart) == [True, True]
    assert wait([True, False], [True, True], together) == [True, False]
    assert wait([True, False], [False, True], together) == [False, True]  # the other one left
    assert wait([False, False], [True, True], together) == [True, False]  # both come: the first does
    assert wait([False, False], [False, True], together) == [False, True]
    assert wait([True, True], [True, True], together) == [True, True]  # nobody came back
