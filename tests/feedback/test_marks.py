"""Marks: to which steps they are credited, their file, synthetic people, and what is learnt from them."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from socialrl.feedback import marks
from socialrl.feedback.clips import Library
from socialrl.feedback.credit import credited, credited_sums
from socialrl.feedback.marks import Mark, recent
from socialrl.feedback.teachers import Marker, Marks
from socialrl.judge.commands import preferences
from socialrl.judge.marking import watched
from socialrl_envs.errors import SocialRLError
from tests.record.lived import lived
from tests.record.synthetic import make_replay

DIGEST = "0123456789ab"
MARK = Mark(
    annotator="ann",
    time="2026-11-26T10:15:02.120+00:00",
    replay="mine",
    digest=DIGEST,
    episode=1,
    novice=0,
    step=5,
    good=True,
    ages_ms=(0, 280, 560),
)


def test_credit_is_the_chance_that_the_delay_ends_while_a_step_is_shown():
    """The gamma distribution of shape 2 at one and two scales: 1 - 2/e and 1 - 3/e^2."""
    one, two = 1 - 2 / np.e, 1 - 3 / np.e**2
    np.testing.assert_allclose(MARK.credit, [(two - one) / two, one / two, 0], 1e-5)
    for ages, shares in (([3.0], [1]), ([0.0], [1]), ([0.0, 0.0], [0, 1])):
        assert credited(np.array(ages, np.float32)).tolist() == shares
    assert (MARK.clip.first, MARK.clip.length, MARK.clip.episode) == (2, 3, 1)


def test_a_mark_is_about_the_last_seconds_and_at_least_one_step():
    assert recent([0.0, 1.0, 2.0, 3.5, 5.0], 5.25) == (250, 1750)
    assert recent([0.0], 60.0) == (60_000,)
    assert len(recent([0.0] * 100, 1.0)) == marks.MOST


def test_marks_of_whole_episodes_are_credited_as_single_ones_are():
    """Two worlds of three steps at 4 fps: step 1 is marked after 0.3 s, when step 2 has been shown."""
    given = Marks(*(jnp.zeros((3, 2), kind) for kind in (bool, bool, jnp.float32)))
    given = given._replace(delay=given.delay.at[1].set(0.3))
    sums, moment = jax.jit(credited_sums, static_argnums=2)(
        np.eye(3, dtype=np.float32)[:, None].repeat(2, 1), given, 4.0
    )
    shares = credited(np.array([0.55, 0.3, 0.05], np.float32))
    np.testing.assert_allclose(sums[1], [shares, shares], 1e-4)
    np.testing.assert_allclose(sums[0], [[1, 0, 0]] * 2, 1e-6)
    assert float(moment[1, 0]) == pytest.approx(0.55)
    assert (moment[:, 1] > moment[:, 0].max()).all()  # the second episode is watched after the first


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "mine.marks.jsonl"
    both = (MARK, dataclasses.replace(MARK, good=False, episode=0))
    marks.write(path, both)
    assert marks.read(path) == (both, ())
    with path.open("a") as file:
        file.write('{"half')
    assert marks.read(path) == (both, ())
    with pytest.raises(SocialRLError, match="no such file of marks"):
        marks.read(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"good": 1}, "good is 1, it must be true or false"),
        ({"ages_ms": [5, 2]}, "ages_ms"),
        ({"ages_ms": []}, "ages_ms"),
        ({"ages_ms": [1, 2, 3, 4, 5, 6]}, "more steps than had been taken"),
        ({"step": 0}, "step is 0"),
        ({"digest": "xyz"}, "digest"),
        ({"time": "yesterday"}, "ISO 8601"),
        ({"sign": 1}, "unknown key 'sign'"),
        ({"annotator": None}, "annotator"),
    ],
)
def test_lines_that_are_no_marks_are_named_or_left_out(tmp_path, change, words):
    path = tmp_path / "mine.marks.jsonl"
    lines = [marks.HEADER, dataclasses.asdict(MARK) | change, dataclasses.asdict(MARK)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(SocialRLError, match="line 2") as refused:
        marks.read(path)
    assert words in str(refused.value)
    found, bad = marks.read(path, skip_bad=True)
    assert found == (MARK,)
    assert len(bad) == 1
    path.write_text('{"format": "socialrl-comparisons", "version": 1}\n')
    with pytest.raises(SocialRLError, match="not a file of marks"):
        marks.read(path)


def test_marks_of_episodes_that_were_recorded_anew_do_not_count():
    library = Library.of((make_replay((40, 25)),), ("mine",))
    here = dataclasses.replace(MARK, digest=library.digests["mine"])
    late = dataclasses.replace(here, step=26)  # after the end of the episode
    assert marks.known(library, [MARK, here, late]) == [here]


def test_a_synthetic_person_marks_steps_by_their_rewards():
    reward = jnp.array([0.0, 1.0, -1.0, 0.05] * 200, jnp.float32)
    found = Marker(rationality=20.0).marks(reward, jax.random.key(0))
    kind = np.asarray(reward).reshape(-1, 4)[0]
    given, good = (np.asarray(part).reshape(-1, 4) for part in (found.given, found.good))
    assert given.mean(axis=0) == pytest.approx([0, 0.8, 0.8, 0], abs=0.07)
    assert good[given].mean() == pytest.approx((kind > 0.5)[given.nonzero()[1]].mean())
    assert float(found.delay.mean()) == pytest.approx(0.56, abs=0.06)
    wrong = Marker(rationality=20.0, noise=0.2, attention=1.0).marks(reward, jax.random.key(1))
    assert float(wrong.good[2::4].mean()) == pytest.approx(0.2, abs=0.07)
    turned = Marker(rationality=20.0, inverted=True).marks(reward, jax.random.key(0))
    assert not bool(turned.good[1])


def test_marks_reveal_preferences_although_they_come_late():
    library = Library.of((lived("coin_grid", 12, size=5, colours=2, coins=2, experts=1),), ("a",))
    wants = np.array([1, -1], np.float32)
    given = watched(library, Marker(rationality=20.0, attention=1.0), wants, "ann", fps=2.0)
    clip = library.clips(10**9)[0]
    assert sum(mark.episode == 0 for mark in given) == (library.steps(clip) @ wants != 0).sum()
    assert all(mark.credit.sum() == pytest.approx(1) for mark in given)
    assert marks.known(library, given) == given
    found = preferences(library, (), given)
    assert found is not None
    (red, green), spread = found
    assert red > 0 > green
    assert (spread < 3 / 0.5).all()
    assert preferences(library, (), ()) is None
