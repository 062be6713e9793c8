"""Tests of level buffers and scores, by hand: priorities, what enters, what is replayed, and what episodes
say.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.curricula import Results, _buffer, _scores
from socialrl.rounds import begin_tally, counted
from socialrl.types import Decision, Demonstration, Experience, Timestep, Transition
from socialrl_envs.errors import SocialRLError
from socialrl_envs.struct import replace
from socialrl_envs.worlds import coin_grid

WORLD = coin_grid.Config(experts=0, size=5, colours=1, coins=1).build()
NONE = -np.inf


def buffer(score, last=None, now=0):
    """A buffer with these scores, whose level i has density i / 100."""
    size = len(score)
    made = _buffer.empty(WORLD, size)
    return replace(
        made,
        levels=levels(range(size)),
        score=jnp.array(score, jnp.float32),
        last=jnp.array(last or [0] * size, jnp.int32),
        round=jnp.int32(now),
    )


def levels(numbers):
    """Levels told apart by their density."""
    blank = jax.tree.map(lambda x: x[0], _buffer.empty(WORLD, 1).levels)

    def of(density):
        return replace(blank, params=blank.params.with_overrides({"density": density}))

    return jax.vmap(of)(jnp.array(list(numbers), jnp.float32) / 100)


def numbers(made):
    return np.round(100 * np.asarray(made.levels.params.density)).astype(int).tolist()


def test_by_rank_the_highest_score_weighs_one_and_the_others_the_power_of_their_rank():
    """beta = 0.5: weights 1 / rank ** 2 of ranks 3, 1 and 2."""
    weights = np.array([1 / 9, 1, 0, 1 / 4])
    found = _buffer.by_score(jnp.array([0.2, 0.9, NONE, 0.5], jnp.float32), "rank", 0.5)
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("score", "temperature", "weights"),
    [
        ([0.2, 0.9, NONE, 0.5], 1.0, [0.2, 0.9, 0, 0.5]),
        ([0.2, 0.8, NONE, -3.0], 0.5, [0.04, 0.64, 0, 0]),
        ([0.0, -1.0, NONE, 0.0], 0.5, [1, 1, 0, 1]),
    ],
)
def test_in_proportion_a_level_weighs_its_score(score, temperature, weights):
    found = _buffer.by_score(jnp.array(score, jnp.float32), "proportional", temperature)
    np.testing.assert_allclose(found, np.array(weights) / np.sum(weights), rtol=1e-5, atol=1e-7)


def test_stale_levels_are_replayed_by_the_rounds_since_they_were_played():
    made = buffer([0.2, 0.9, NONE, 0.5], last=[5, 3, 0, 1], now=5)
    np.testing.assert_allclose(_buffer.by_staleness(made), [0, 2 / 6, 0, 4 / 6], rtol=1e-6)
    mixed = 0.75 * np.array([1 / 9, 1, 0, 1 / 4]) / (1 / 9 + 1 + 1 / 4)
    mixed += 0.25 * np.array([0, 2 / 6, 0, 4 / 6])
    np.testing.assert_allclose(_buffer.priorities(made, "rank", 0.5, 0.25), mixed, rtol=1e-5)
    fresh = buffer([0.2, 0.9, NONE, 0.5], last=[5, 5, 0, 5], now=5)
    np.testing.assert_allclose(_buffer.by_staleness(fresh), [1 / 3, 1 / 3, 0, 1 / 3], rtol=1e-6)


def test_replays_are_drawn_by_their_probability_without_replacement():
    chance = jnp.array([0.1, 0.0, 0.6, 0.3], jnp.float32)
    draw = jax.jit(jax.vmap(lambda key: _buffer.sample(chance, key, 2)))
    drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 4000)))
    assert (drawn[:, 0] != drawn[:, 1]).all()
    assert 1 not in drawn
    first = np.bincount(drawn[:, 0], minlength=4) / len(drawn)
    np.testing.assert_allclose(first, chance, atol=0.03)
    second = 0.1 * 0.6 / 0.9 + 0.3 * 0.6 / 0.7  # after the first or the last, the third is next
    np.testing.assert_allclose((drawn[:, 1] == 2).mean(), second, atol=0.03)


def test_of_what_is_there_and_what_is_new_the_best_remain():
    made = buffer([0.3, NONE, 0.7], last=[1, 0, 2], now=4)
    score = jnp.array([0.5, 0.1, NONE, 0.9], jnp.float32)
    after, entered = _buffer.inserted(made, levels([10, 11, 12, 13]), score, score + 1)
    assert int(entered) == 2
    assert numbers(after) == [10, 13, 2]  # the best goes to the worst place, the next to the next
    np.testing.assert_allclose(after.score, [0.5, 0.9, 0.7], rtol=1e-6)
    np.testing.assert_allclose(after.best, [1.5, 1.9, NONE], rtol=1e-6)
    assert after.last.tolist() == [4, 4, 2]
    again, entered = _buffer.inserted(after, levels([20]), jnp.array([0.2], jnp.float32), jnp.zeros(1))
    assert int(entered) == 0
    assert numbers(again) == numbers(after)


def test_a_replayed_level_gets_its_new_score_unless_there_is_none():
    made = replace(buffer([0.3, 0.4, 0.7], now=6), replayed=jnp.array([0, 2, 5], jnp.int32))
    place, score = jnp.array([2, 0], jnp.int32), jnp.array([0.1, jnp.nan], jnp.float32)
    best = jnp.array([1.0, 2.0], jnp.float32)
    after = _buffer.replayed(made, place, score, best, jnp.array(True))
    np.testing.assert_allclose(after.score, [0.3, 0.4, 0.1], rtol=1e-6)
    np.testing.assert_allclose(after.best, [2.0, NONE, 1.0])
    assert (after.last.tolist(), after.replayed.tolist()) == ([6, 0, 6], [1, 2, 6])
    not_at_all = _buffer.replayed(made, place, score, best, jnp.array(False))
    assert not_at_all.replayed.tolist() == [0, 2, 5]
    np.testing.assert_array_equal(not_at_all.score, made.score)


def test_a_buffer_larger_than_the_memory_is_refused_with_its_size():
    with pytest.raises(
        SocialRLError, match=r"capacity: 10000000000 levels take \d+\.\d [GT]B, and there are"
    ):
        _buffer.check_room(WORLD, "capacity", 10_000_000_000)


RESULTS = Results(
    steps=jnp.array([4.0, 4.0, 4.0]),
    episodes=jnp.array([4.0, 2.0, 0.0]),
    solved=jnp.array([1.0, 2.0, 0.0]),
    returns=jnp.array([1.0, 2.0, 0.0]),
    discounted=jnp.array([0.9, 1.4, 0.0]),
    best=jnp.array([0.9, 0.7, NONE]),
    values=jnp.array([2.0, 0.4, 1.0]),
    gains=jnp.array([1.0, 0.0, 3.0]),
    solvable=jnp.ones(3, bool),
)


def test_scores_are_those_of_their_definitions():
    np.testing.assert_allclose(_scores.positive_value_loss(RESULTS, RESULTS.best), [0.25, 0, 0.75])
    np.testing.assert_allclose(_scores.max_mc(RESULTS, RESULTS.best), [0.4, 0.6, NONE], rtol=1e-6)
    np.testing.assert_allclose(_scores.learnability(RESULTS), [0.25 * 0.75, 0, 0], rtol=1e-6)


def test_episodes_are_counted_across_unrolls_with_their_discounted_returns():
    """gamma = 0.5, rewards are means over two novices. Episodes pay (1, 0, 2), (4,), and so far (1, 1)."""
    reward, done = np.array([1.0, 0, 2, 4, 1, 1]), np.array([0, 0, 1, 1, 0, 0], bool)
    tally = begin_tally(jnp.ones(1, bool))
    for part in (slice(0, 2), slice(2, 6)):
        tally = counted(tally, lived(reward[part], done[part]), gamma=0.5, solved_above=3.5)
    found = tally.results
    assert (found.steps, found.episodes, found.solved, found.returns) == (6, 2, 1, 7)
    np.testing.assert_allclose(found.best, [4.0])  # 1 + 0.25 * 2 = 1.5 is less
    np.testing.assert_allclose(tally.running, [2.0])
    np.testing.assert_allclose(tally.discounted, [1.5])


def lived(reward, done):
    """An Experience of one world with these rewards; the second novice gets twice the first one's."""
    steps = len(reward)
    shape = (steps, 1, 2)
    obs, ints = jnp.zeros((*shape, 1, 1, 1), jnp.uint8), jnp.zeros(shape, jnp.int32)
    paid = jnp.asarray(reward[:, None, None] * np.array([2 / 3, 4 / 3]), jnp.float32)
    over = jnp.broadcast_to(jnp.asarray(done)[:, None, None], shape)
    timestep = Timestep(obs=obs, prev_action=ints, prev_reward=paid, first=over)
    nobody = Demonstration(
        obs=obs[:, :, :0],
        action=ints[:, :, :0],
        next_obs=obs[:, :, :0],
        discount=paid[:, :, :0],
        last=over[:, :, :0],
        present=over[:, :, :0],
    )
    decision = Decision(action=ints, source=ints, values=paid[..., None, None], influence=paid)
    return Experience(
        own=Transition(
            timestep=timestep,
            action=ints,
            reward=paid,
            next_obs=obs,
            terminated=jnp.zeros_like(over),
            truncated=over,
        ),
        others=nobody,
        carry=(),
        decision=decision,
        extras=(),
        relative_positions=jnp.zeros((steps, 1, 2, 0, 2), jnp.float32),
        positions=jnp.zeros((steps, 1, 2, 2), jnp.int32),
        headings=ints,
    )
