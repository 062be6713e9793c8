"""Synthetic people: how often they err, against the formulas; and queries by disagreement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.feedback import queries
from socialrl.feedback.queries import choose, pairs
from socialrl.feedback.teachers import LEFT, RIGHT, TIE, Teacher
from socialrl_envs.errors import SocialRLError

MANY = 4_000
BETTER = jnp.tile(jnp.array([0.0, 0.0, 1.0]), (MANY, 1))  # a reward at the end
WORSE = jnp.tile(jnp.array([0.5, 0.0, 0.0]), (MANY, 1))  # half of it, at once


def share_left(teacher, left=BETTER, right=WORSE, **more):
    return float(jnp.mean(teacher.answer(left, right, jax.random.key(0), **more) == LEFT))


def test_boltzmann_errs_as_the_sigmoid_says():
    assert abs(share_left(Teacher(rationality=2.0)) - 1 / (1 + np.exp(-1.0))) < 0.02
    assert share_left(Teacher(rationality=float("inf"))) == 1
    assert abs(share_left(Teacher(), BETTER, BETTER) - 0.5) < 0.03


def test_the_short_sighted_prefers_what_comes_at_once():
    assert share_left(Teacher(rationality=float("inf"), discount=0.5)) == 0  # 0.25 against 0.5


def test_the_inverted_prefers_the_worse():
    assert share_left(Teacher(rationality=float("inf"), inverted=True)) == 0


def test_noise_turns_answers_round():
    perfect = {"rationality": float("inf")}
    assert abs(share_left(Teacher(noise=0.2, **perfect)) - 0.8) < 0.02
    assert abs(share_left(Teacher(**perfect), noise=jnp.float32(0.2)) - 0.8) < 0.02


def test_the_tired_err_more_with_every_answer_up_to_guessing():
    tired = Teacher(rationality=float("inf"), tiring=0.01)
    assert share_left(tired) == 1
    assert abs(share_left(tired, answered=20) - 0.8) < 0.03
    assert abs(share_left(tired, answered=1_000) - 0.5) < 0.03


def test_the_indifferent_call_it_a_tie():
    answers = Teacher(indifference=0.6).answer(BETTER, WORSE, jax.random.key(0))
    assert set(answers.tolist()) == {TIE}
    assert {LEFT, RIGHT, TIE} == {0, 1, 2}


def test_a_share_of_wrong_answers_above_one_half_is_refused():
    with pytest.raises(SocialRLError, match="noise"):
        Teacher(noise=0.6)


def test_disagreement_is_greatest_where_members_take_other_sides():
    worth = jnp.array([[0.0, 5.0, 0.0], [0.0, -5.0, 0.0]])  # two members, three clips
    asked = jnp.array([[0, 1], [0, 2]], jnp.int32)
    disagreement, chooses = jax.jit(queries.disagreement), jax.jit(choose, static_argnums=(2, 3, 4))
    np.testing.assert_allclose(
        disagreement(worth, asked), [np.std([1 / (1 + np.exp(5)), 1 / (1 + np.exp(-5))]), 0]
    )
    chosen = chooses(worth, jax.random.key(0), 32, 4, "disagreement")
    assert all(1 in pair for pair in chosen.tolist())
    anything = chooses(worth, jax.random.key(0), 500, 400, "random")
    assert not all(1 in pair for pair in anything.tolist())


def test_no_clip_is_compared_with_itself():
    drawn = np.asarray(jax.jit(pairs, static_argnums=(1, 2))(jax.random.key(1), 5, 500))
    assert (drawn[:, 0] != drawn[:, 1]).all()
    assert set(np.unique(drawn)) == set(range(5))
