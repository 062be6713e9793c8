"""Judging: which questions are asked, the window under a dummy driver, the command with synthetic people."""

import dataclasses
import json

import jax
import numpy as np
import pygame
import pytest

import socialrl_envs
from socialrl.acting import leaves_by_path
from socialrl.agents import load_policy
from socialrl.assemble import assemble
from socialrl.cli import main
from socialrl.config import Arm, Experiment, to_json
from socialrl.feedback.clips import Library
from socialrl.feedback.comparisons import AnswerFile, read
from socialrl.judge.commands import find_teacher
from socialrl.judge.session import Session
from socialrl.judge.window import JudgeWindow, paint
from socialrl.learners import psiphi
from socialrl.record import checkpoint, folder
from socialrl.record.answers import read_answers
from socialrl.record.replay import load, save
from socialrl.record.resimulation import resimulate
from socialrl_envs.errors import SocialRLError
from socialrl_envs.worlds import coin_grid
from tests.record.lived import lived
from tests.record.synthetic import make_replay

LENGTH = 8


@pytest.fixture
def library():
    return Library.of((make_replay((40, 25)), make_replay((5,), seed=1, novices=2)), ("one", "two"))


@pytest.fixture
def sitting(library, tmp_path):
    """A function that begins or resumes a session."""

    def begin(annotator="ann", count=20, **more):
        file = AnswerFile(tmp_path / "answers.jsonl")
        return Session(library, library.clips(LENGTH), file, annotator, count, **more)

    return begin


def answer_all(session, choose=lambda question: "left"):
    while session.question is not None:
        session.answer(choose(session.question), 500)


def test_clips_are_parts_of_episodes(library):
    clips = library.clips(LENGTH)
    of_one = [(c.episode, c.first, c.length) for c in clips if c.replay == "one"]
    assert of_one == [*((0, first, 8) for first in range(0, 40, 8)), *((1, first, 8) for first in (0, 8, 16))]
    assert [(c.first, c.length, c.novice) for c in clips if c.replay == "two"] == [(0, 5, 0), (0, 5, 1)]
    replay, clip = library.replays["one"], clips[1]
    shown = library.shown(clip)
    assert shown.steps(0) == 8
    np.testing.assert_array_equal(shown.position[0], replay.position[0, 8:17])
    np.testing.assert_array_equal(library.rewards(clip), replay.reward[0, 8:16, 0])


def test_a_replay_that_was_recorded_anew_is_another(library):
    clip = library.clips(LENGTH)[0]
    other = Library.of((make_replay((40, 25), seed=5),), ("one",))
    assert library.has(clip)
    assert not other.has(clip)
    assert not library.has(dataclasses.replace(clip, first=1_000))


def test_cumulants_are_those_of_the_world():
    """With preferences, rewards are cumulants . preferences, and rewards are recorded."""
    replay = lived("coin_grid", 12, size=5, colours=2, coins=2, experts=1)
    library = Library.of((replay,), ("a",))
    clips = library.clips(4)
    found, wanted = library.cumulants(clips), np.array(replay.preferences[0], np.float32)
    assert np.abs(found).sum() > 0
    np.testing.assert_allclose(found @ wanted, [library.rewards(clip).sum() for clip in clips], atol=1e-5)


def test_a_session_goes_on_where_it_stopped_and_asks_the_same(sitting):
    one = sitting()
    for _ in range(3):
        one.answer("left", 100)
    asked, again = one.question, sitting()
    assert again.number == 3
    assert again.question == asked
    answer_all(again)
    assert again.done
    assert sitting().question is None
    assert len(sitting().own) == 20


def test_going_back_answers_a_question_anew(sitting):
    one = sitting()
    first = one.question
    one.answer("left", 100)
    one.back()
    assert one.question == first
    one.answer("right", 100)
    assert one.number == 1
    assert one.own[0].answer == "right"
    assert len(one.file.answers) == 2


def test_own_questions_are_repeated_and_those_of_others_shared(sitting):
    answer_all(sitting("ann"))
    answer_all(sitting("bob"))
    by_name = {
        name: [one for one in read(sitting().file.path).answers if one.annotator == name]
        for name in ("ann", "bob")
    }
    assert {one.query for one in by_name["ann"]} == {"random", "repeat"}
    repeats = [one for one in by_name["ann"] if one.query == "repeat"]
    earlier = {(one.right, one.left) for one in by_name["ann"]}
    assert [one.number for one in repeats] == [9, 19]
    assert all((one.left, one.right) in earlier for one in repeats)
    shared = [one for one in by_name["bob"] if one.query == "shared"]
    assert [one.number for one in shared] == [4, 14]
    assert {one.pair for one in shared} <= {one.pair for one in by_name["ann"]}


def test_disagreement_asks_what_is_not_known_yet(sitting, library):
    """Clips differ in one cumulant or in another, of which one alone is liked."""
    clips = library.clips(LENGTH)
    features = np.zeros((len(clips), 2), np.float32)
    features[: len(clips) // 2, 0] = np.arange(len(clips) // 2)
    features[len(clips) // 2 :, 1] = np.arange(len(clips) - len(clips) // 2)
    session = sitting(count=30, features=features)
    place = {clip: i for i, clip in enumerate(clips)}
    wanted = np.array([1.0, 0.0])

    def choose(question):
        worth = [wanted @ features[place[clip]] for clip in (question.left, question.right)]
        return "left" if worth[0] > worth[1] else "right" if worth[0] < worth[1] else "tie"

    answer_all(session, choose)
    found = session.posterior(session.features)
    assert found.mean[0] > 1
    assert abs(found.mean[1]) < 0.5 * found.mean[0]
    assert (np.asarray(found.std) < 3).all()


def test_bad_annotators_and_too_few_clips_are_refused(sitting, library, tmp_path):
    with pytest.raises(SocialRLError, match="--annotator"):
        sitting("a\nb")
    with pytest.raises(SocialRLError, match="two clips"):
        Session(library, library.clips(LENGTH)[:1], AnswerFile(tmp_path / "x.jsonl"), "ann", 5)


@pytest.fixture
def window(sitting, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    times = iter(np.arange(0, 1_000, 0.25))
    found = JudgeWindow(sitting(count=3), 4, (640, 400), clock=lambda: float(next(times)))
    yield found
    pygame.display.quit()


def press(window, name):
    window.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name), mod=0))
    window.draw()


def test_a_tour_of_the_window(window):
    first = window.session.question
    window.tick(window.due)
    window.tick(window.due)
    assert window.t == 2
    assert [scene.t for scene in (window.shown().left, window.shown().right)] == [2, 2]  # in step
    press(window, "space")
    assert window.t == 0
    press(window, "t")
    assert window.shown().theme == "dark"
    press(window, "x")
    assert window.session.number == 0
    press(window, "left")
    assert window.session.own[0].reaction_ms == 250
    press(window, "backspace")
    assert window.session.question == first
    for key in ("right", "up", "down"):
        press(window, key)
    assert [one.answer for one in window.session.own.values()] == ["right", "tie", "cannot_tell"]
    assert window.shown().question is None
    press(window, "left")  # nothing is asked any more
    press(window, "escape")
    assert not window.running


def test_what_the_disk_refuses_is_said_and_the_question_stays(window, monkeypatch):
    def full(*_):
        raise SocialRLError("no room", "make room on the disk")

    monkeypatch.setattr(window.session.file, "append", full)
    press(window, "left")
    assert "make room" in window.shown().trouble
    assert window.session.number == 0


def test_the_clips_are_drawn_without_what_they_paid(window):
    image = pygame.surfarray.array3d(paint(window.shown(), (640, 400)))
    halves = image[30:310, 70:330], image[330:610, 70:330]
    assert (halves[0] != halves[1]).any()
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50


@pytest.fixture
def replays(tmp_path):
    path = tmp_path / "coins-seed0.npz"
    save(path, lived("coin_grid", 12, size=5, colours=2, coins=2, experts=1))
    return path


def judge(replays, *arguments):
    return main(["judge", str(replays), "--labels", str(replays.parent / "answers.jsonl"), *arguments])


def test_a_synthetic_person_answers_and_its_preferences_are_found(replays, capsys):
    common = ("--length", "3", "--count", "20")
    assert judge(replays, *common, "--teacher", "boltzmann,rationality=20", "--wants", "1,-1") == 0
    printed = capsys.readouterr().out
    assert "boltzmann: 20 of 20 questions answered" in printed
    assert "inferred preferences" in printed
    red, green = (
        float(part.split()[1]) for part in printed.partition("deviation): ")[2].splitlines()[0].split(", ")
    )
    assert red > 0 > green
    assert judge(replays, *common, "--teacher", "inverted", "--wants", "1,-1", "--annotator", "eve") == 0
    assert judge(replays, "--summary", "--length", "3") == 0
    printed = capsys.readouterr().out
    assert "eve: 20 answers" in printed
    assert "Cohen's kappa" in printed


def test_what_is_repaired_gone_or_damaged_is_said(replays, capsys):
    quick = ("--queries", "random", "--count", "2", "--length", "3", "--teacher", "boltzmann")
    labels = replays.parent / "answers.jsonl"
    assert judge(replays, *quick) == 0
    with labels.open("ab") as file:
        file.write(b'{"annotator": "b')
    lines = labels.read_text().splitlines()
    other = json.loads(lines[1])
    other["left"]["digest"] = "f" * 12
    labels.write_text("\n".join([*lines[:-1], json.dumps(other | {"number": 7}), '{"half']))
    capsys.readouterr()
    assert judge(replays, *quick) == 0
    printed = capsys.readouterr().out
    assert "cut off" in printed
    assert "1 answers are about clips that are not here" in printed
    labels.write_text(labels.read_text().replace('"left": {', '"lefd": {', 1))
    assert judge(replays, *quick) == 2
    error = capsys.readouterr().err
    assert "line 2: unknown key 'lefd'" in error
    assert error.count("\n") == 1
    assert judge(replays, *quick, "--skip-bad") == 0
    assert "left out: " in capsys.readouterr().out


def test_answers_are_written_for_reward_models(replays, capsys, tmp_path):
    out = tmp_path / "answers.npz"
    common = ("--length", "3", "--queries", "random", "--count", "6")
    assert judge(replays, *common, "--teacher", "boltzmann", "--dataset", str(out)) == 0
    found, replay = read_answers(out), lived("coin_grid", 12, size=5, colours=2, coins=2, experts=1)
    given = read(replays.parent / "answers.jsonl").answers
    assert found.obs.shape[:3] == (6, 2, 3)
    assert found.annotators == ("boltzmann",)
    for row, one in enumerate(given):
        at = slice(one.left.first, one.left.first + 3)
        np.testing.assert_array_equal(found.action[row, 0], replay.action[one.left.episode, at, 0])
        assert found.preferred[row] == (one.answer == "left")
    assert (found.obs.reshape(12, 3, -1).sum(axis=-1) > 0).all()
    with pytest.raises(SocialRLError, match="obs_shape"):
        found.check_fits(socialrl_envs.make("coin_grid", size=6).spec)
    assert judge(replays, "--count", "1", "--summary", "--dataset", str(tmp_path / "none" / "x.npz")) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--teacher", "bolzmann"), "did you mean 'boltzmann'"),
        (("--teacher", "noisy,nois=0.1"), "noise"),
        (("--teacher", "noisy,noise"), "KEY=VALUE"),
        (("--teacher", "noisy,noise=2"), "noise"),
        (("--teacher", "noisy", "--wants", "1"), "one per cumulant"),
        (("--wants", "1,1"), "--teacher"),
        (("--arm", "nobody", "--teacher", "noisy"), "unknown arm"),
        (("--length", "0"), "at least 1"),
    ],
)
def test_bad_arguments_are_named(replays, capsys, arguments, words):
    assert judge(replays, *arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_teachers_by_name():
    assert find_teacher("noisy,noise=0.1,rationality=inf").noise == 0.1
    assert find_teacher("inverted").inverted


RUNNING = Experiment(
    seeds=1,
    name="running",
    question="?",
    world=coin_grid.Config(size=5, colours=2, coins=2, horizon=6, experts=1),
    arms=(Arm(name="psiphi", learner=psiphi.Config(hidden=(8,), batch=2, updates=1, capacity=50)),),
    chunk=1,
    unroll_length=2,
    num_levels=4,
)


def test_an_arm_in_training_is_judged_and_its_agent_lives_by_the_answers(tmp_path, capsys):
    """A run that has saved a checkpoint, then another one, and has recorded no episodes yet."""
    path, out = tmp_path / "001", tmp_path / "mine.npz"
    start = jax.jit(assemble(RUNNING, RUNNING.arms[0]).trainer.start)(jax.random.key(0))
    ask = ("judge", str(path), "--length", "3", "--teacher", "boltzmann,rationality=50", "--wants", "1,-1")
    with folder.create(to_json(RUNNING), out=path) as opened:
        assert main(list(ask)) == 2
        assert "wait for its first checkpoint" in capsys.readouterr().err
        checkpoint.save(opened.checkpoints("psiphi") / "20", [start])
        assert main([*ask, "--count", "12", "--adapt", "psiphi:0", "--out", str(out)]) == 0
        printed = capsys.readouterr().out
        assert "psiphi is still training: recording episodes of step 20" in printed
        assert "12 of 12 questions answered" in printed
        first = path / "judged" / "psiphi-seed0-step20.npz"
        before, replay = first.read_bytes(), load(first)
        assert (replay.step, replay.episodes, resimulate(replay).text) == (20, 8, "re-simulated: as recorded")
        checkpoint.save(opened.checkpoints("psiphi") / "40", [start])
        assert main([*ask, "--count", "14"]) == 0
        printed = capsys.readouterr().out
        assert "recording episodes of step 40" in printed
        assert "14 of 14 questions answered" in printed
        assert "not here" not in printed  # the clips of the first sitting still count
        assert first.read_bytes() == before
    names = {one.left.replay for one in read(path / "comparisons.jsonl").answers}
    assert names >= {"psiphi-seed0-step20", "psiphi-seed0-step40"}
    weights = {name: leaf for name, leaf in load_policy(out).leaves.items() if name.endswith("/w")}
    assert weights
    fresh = leaves_by_path(start.learner)
    for name, leaf in weights.items():
        assert (np.asarray(leaf)[0] != np.asarray(fresh[name])[0]).any()  # its own preferences
        np.testing.assert_array_equal(np.asarray(leaf)[1:], np.asarray(fresh[name])[1:])  # those of others


def test_marks_of_a_synthetic_person_by_command(replays, capsys, tmp_path):
    out, file = tmp_path / "answers.npz", str(tmp_path / "a.marks.jsonl")
    given = ("judge", str(replays), "--marks", file)
    marker = ("--marker", "rationality=20,attention=1", "--wants", "1,-1")
    assert main([*given, *marker, "--dataset", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "marker: " in printed
    assert "inferred preferences" in printed
    found = read_answers(out)
    np.testing.assert_allclose(found.counts[:, 0].sum(axis=-1), 1, rtol=1e-5)
    assert not found.counts[:, 1].any()
    assert main([*given, "--summary"]) == 0
    assert "marker: " in capsys.readouterr().out
    for wrong, words in (
        ((*given, *marker), "exists already"),
        ((*given[:2], "--marker", "usual"), "--marks FILE"),
        ((*given, "--marker", "nois=1"), "noise"),
        ((*given, "--marker", "usual", "--teacher", "noisy"), "two synthetic people"),
        ((*given[:2], "--marks", "none.jsonl", "--summary"), "no such file of marks"),
        ((*given, "--summary", "--adapt", "psiphi", "--out", str(out)), "one run folder"),
    ):
        assert main(list(wrong)) == 2
        assert words in capsys.readouterr().err
