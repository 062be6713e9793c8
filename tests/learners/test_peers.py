"""Trust in other agents, estimated from the own rewards and from what can be seen of theirs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.learners._peers import init, trust, update

SHAPE, ACTIONS = (10, 4), 5


def lived(worth, likelihood, own=0.1, present=None, times=20, foreseen=1.0):
    """The stats after so many unrolls in which another's step was always worth that much and its action
    that likely; half of one's own steps pay twice `own`, the others nothing, and `foreseen` is the share of
    that difference that is expected."""
    stats = init(len(worth))
    there = jnp.ones((*SHAPE, len(worth)), bool) if present is None else present
    reward = jnp.full((*SHAPE, 1), 2 * own, jnp.float32).at[::2].set(0.0)
    for _ in range(times):
        stats = update(
            stats,
            reward=reward,
            expected=own + foreseen * (reward - own),
            worth=jnp.broadcast_to(jnp.array(worth, jnp.float32), there.shape),
            log_prob=jnp.broadcast_to(jnp.log(jnp.array(likelihood, jnp.float32)), there.shape),
            present=there,
            actions=ACTIONS,
            rate=0.1,
        )
    return stats


@pytest.mark.parametrize(
    ("worth", "likelihood", "counts"),
    [
        (0.5, 0.8, True),  # predictable, and would have paid more
        (0.5, 0.2, False),  # as likely as a guess
        (0.5, 0.05, False),  # less than a guess
        (-0.5, 0.8, False),  # hostile
        (0.08, 0.8, True),  # pays hardly less than I earn
        (0.0, 0.8, False),  # pays nothing
    ],
)
def test_only_the_predictable_and_useful_count(worth, likelihood, counts):
    [gate] = np.asarray(trust(lived([worth], [likelihood]), 0.1))
    assert gate > 0.5 if counts else gate < 0.05


def test_each_is_judged_apart_and_strangers_do_not_count():
    np.testing.assert_allclose(trust(init(3), 0.1), 0)
    good, bad, random = np.asarray(trust(lived([0.5, -0.5, 0.05], [0.8, 0.8, 0.2]), 0.1))
    assert good > 0.95
    assert bad < 0.01
    assert random < 0.05


def test_whoever_earns_more_by_itself_stops_listening():
    listening = [float(trust(lived([0.3], [0.8], own=own), 0.1)[0]) for own in (0.05, 0.2, 0.3, 1.2)]
    assert listening == sorted(listening, reverse=True)
    assert listening[0] > 0.95
    assert listening[2] == pytest.approx(float(jax.nn.sigmoid(2.0)), abs=0.01)
    assert listening[3] < 0.05


def test_the_first_unroll_is_judged_as_it_was():
    """Running means are unbiased from the start."""
    once, often = lived([0.3], [0.5], times=1), lived([0.3], [0.5], times=50)
    np.testing.assert_allclose(trust(once, 0.1), trust(often, 0.1), rtol=1e-4)


def test_the_absent_are_judged_as_before():
    before = lived([0.5, 0.5], [0.8, 0.8])
    there = jnp.zeros((*SHAPE, 2), bool).at[..., 0].set(True)
    after = update(
        before,
        reward=jnp.full((*SHAPE, 1), 0.1, jnp.float32),
        expected=jnp.full((*SHAPE, 1), 0.1, jnp.float32),
        worth=jnp.full((*SHAPE, 2), -1.0, jnp.float32),
        log_prob=jnp.full((*SHAPE, 2), -9.0, jnp.float32),
        present=there,
        actions=ACTIONS,
        rate=0.5,
    )
    for name in ("worth", "skill", "peer_weight"):
        was, now = getattr(before, name), getattr(after, name)
        assert now[0] != was[0]
        assert now[1] == was[1]
    assert jax.tree.all(jax.tree.map(lambda x: bool(jnp.isfinite(x).all()), after))


def test_the_scale_of_rewards_does_not_matter():
    small, large = (trust(lived([0.3 * scale], [0.5], own=0.25 * scale), 0.1) for scale in (0.01, 100.0))
    np.testing.assert_allclose(small, large, rtol=1e-2)


def test_nobody_counts_before_one_knows_what_pays():
    found = [
        float(trust(lived([0.5], [0.8], foreseen=foreseen), 0.1)[0]) for foreseen in (-1.0, 0.0, 0.5, 1.0)
    ]
    np.testing.assert_allclose(found[:2], 0, atol=1e-4)
    assert found[2] == pytest.approx(
        0.75 * found[3], abs=0.01
    )  # half of the way is three quarters of the variance
    assert found[3] > 0.95
