"""A study: its file, its orders, a sitting that is killed and goes on, and what it measures."""

import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pygame
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socialrl.cli import main
from socialrl.people import log
from socialrl.people.measuring import analyse
from socialrl.people.order import balanced_square, order_of
from socialrl.people.pages import wrapped
from socialrl.people.plan import read_plan
from socialrl.people.sitting import Sitting, cast_of, replayed
from socialrl.people.synthetic import Participant
from socialrl.people.window import SittingWindow
from socialrl.protocols._planners import best_actions
from socialrl.record.replay import load
from socialrl.report import reading, social_numbers
from socialrl_envs import SocialRLError
from tests.report.fake_run import line, write_run

PLAN = """
name = "small"
question = "Do people follow?"
world = { name = "goal_cycle", size = 7, goals = 2, experts = 1, horizon = 5, layout = "open", view = 3 }

[conditions.beside]
presence = "full"

[conditions.half]
presence = "half"
level = { penalty = 1.0 }

[conditions.alone]
presence = "never"

[[parts]]
page = "Welcome"
text = "You walk about."
consent = true

[[parts]]
practice = ["half"]
seeds = [1]

[[parts]]
test = ["beside", "half", "alone"]
seeds = [11, 12, 13]
"""
KEYS = ["y", *["up", "left", "up", "right", "up", "return"] * 4]
LAST = 9  # keys until the process is killed: amid the second episode


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "small.toml"
    path.write_text(PLAN)
    return path


@pytest.fixture(scope="module")
def plan(file):
    return read_plan(file)


@pytest.fixture(scope="module")
def cast(plan):
    return cast_of(plan)


class Clock:
    """Half a second passes between two looks at it."""

    now = 0.0

    def __call__(self):
        self.now += 0.5
        return self.now


def press(window, keys):
    for name in keys:
        window.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name), mod=0))


def lines(path):
    return [json.loads(text) for text in path.read_text().splitlines()]


CHILD = """
import os, signal, sys
from pathlib import Path
import pygame
from socialrl.people.plan import read_plan
from socialrl.people.sitting import Sitting, cast_of
from socialrl.people.window import SittingWindow

plan = read_plan(sys.argv[1])
window = SittingWindow(Sitting(plan, cast_of(plan), Path(sys.argv[2]), 1), (640, 400))
for name in sys.argv[3:]:
    window.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name), mod=0))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def data(file, plan, cast, tmp_path_factory):
    """The data of participant 1, killed amid an episode and gone on, and of participant 2, undisturbed."""
    folder = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-c", CHILD, str(file), str(folder), *KEYS[:LAST]]
    env = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    assert subprocess.run(command, env=env, capture_output=True).returncode == -signal.SIGKILL
    with (folder / "0001" / "data.jsonl").open("a") as torn:
        torn.write('{"kind": "step", "tri')
    for participant, keys in ((1, KEYS[LAST:]), (2, KEYS)):
        with Sitting(plan, cast, folder, participant) as sitting:
            window = SittingWindow(sitting, (640, 400), Clock())
            press(window, keys)
            assert sitting.finished
    return folder


def test_a_sitting_that_was_killed_goes_on_amid_the_episode(data, plan, cast, tmp_path):
    with Sitting(plan, cast, tmp_path, 1) as sitting:
        press(SittingWindow(sitting, (640, 400), Clock()), KEYS)
    whole, killed = (lines(log.file_of(folder, 1)) for folder in (tmp_path, data))

    def untimed(records):
        return [{k: v for k, v in one.items() if k not in ("seconds", "began")} for one in records]

    assert untimed(whole) == untimed(killed)
    times = [record["seconds"] for record in killed if record["kind"] == "step"]
    assert times.count(None) == 1  # the first one after the interruption
    assert [record["seconds"] for record in whole if record["kind"] == "step"] == [0.5] * 20
    assert [record["condition"] for record in whole if record["kind"] == "begin"][1:] == [
        "beside",
        "half",
        "alone",
    ]


def test_what_was_done_is_what_is_computed_anew(data, plan, cast):
    read = log.read(log.file_of(data, 2), plan)
    session = replayed(plan, cast, read.trials, "file")
    assert [float(x) for x in session.returns(session.seat)] == pytest.approx(
        [sum(done.rewards) for done in read.trials]
    )
    present = [
        [bool(step.state.seats.present[0, 1]) for step in episode.steps] for episode in session.episodes
    ]
    by_condition = {done.trial.condition: here for done, here in zip(read.trials, present, strict=True)}
    assert all(by_condition["beside"])
    assert not any(by_condition["alone"])
    assert by_condition["half"] == [True, True, False, False, False]


def test_two_cannot_be_at_it_and_refusal_ends_it(plan, cast, tmp_path):
    with Sitting(plan, cast, tmp_path, 3) as sitting:
        with pytest.raises(SocialRLError, match="in use"):
            Sitting(plan, cast, tmp_path, 3)
        press(SittingWindow(sitting, (640, 400), Clock()), ["n", "up", "return"])
        assert sitting.refused
    assert [record["kind"] for record in lines(log.file_of(tmp_path, 3))] == ["study", "page"]
    with pytest.raises(SocialRLError, match="nobody has finished an episode"):
        analyse(plan, tmp_path)


@functools.cache
def best_of(cast):
    return jax.jit(jax.vmap(functools.partial(best_actions, cast.world)))


def good(cast, episode):
    """The share of actions that a planner in the place of the participant would have taken."""
    states = [episode.first, *(step.state for step in episode.steps[:-1])]
    taken = [
        bool(np.asarray(best_of(cast)(state))[0, 0, step.actions[0, 0]])
        for state, step in zip(states, episode.steps, strict=True)
    ]
    return np.mean(taken)


def test_people_are_an_arm_beside_agents(data, plan, cast, tmp_path):
    run = analyse(plan, data)
    records = {
        record["labels"]["presence"]: record for record in lines(run / "metrics.jsonl") if "labels" in record
    }
    sat = [log.read(log.file_of(data, number), plan).trials[1:] for number in (1, 2)]  # without practice
    sessions = [replayed(plan, cast, trials, "file") for trials in sat]
    for presence, condition in (("full", "beside"), ("half", "half"), ("never", "alone")):
        at = [[done.trial.condition for done in trials].index(condition) for trials in sat]
        for seat, measure in ((0, "return"), (1, "return_coplayers")):
            told = [session.returns(seat)[i] for session, i in zip(sessions, at, strict=True)]
            assert records[presence]["values"][measure] == pytest.approx(told)
        told = [good(cast, session.episodes[i]) for session, i in zip(sessions, at, strict=True)]
        assert records[presence]["values"]["good"] == pytest.approx(told)
        assert all(0 < share < 1 for share in records[presence]["values"]["chance"])
    assert any(records["full"]["values"]["return_coplayers"])
    assert records["full"]["values"]["seconds"][1] == 0.5
    assert "followed" not in records["full"]["values"]
    assert load(run / "replays" / "people-seed1.npz").sources == ("self",)
    assert {"first_choice", "recovered", "trailing", "trailed", "trailing_of/expert_0"} <= set(
        records["half"]["values"]
    )
    condition = {"world": "home", "policy": "greedy", "company": "trained", "presence": "full"}
    agents = write_run(tmp_path / "run", [line("a", "social", 5, {"return": [1.0, 2.0]}, condition)])
    tests = social_numbers.cells_by_arm(reading.read([run, agents]))
    assert social_numbers.policies_of(tests) == ["greedy"]
    [table, *_] = social_numbers.tables(tests, "greedy")
    assert [row[0][0].partition("/")[2] for row in table.rows] == ["people", "a"]
    assert reading.read(run).runs[0].seeds == "2 participants"


def test_mutated_data_are_refused_in_one_line(data, plan, cast, tmp_path):
    good = log.file_of(data, 2).read_bytes()
    place, told = tmp_path / "data.jsonl", []

    @given(st.data())
    @settings(max_examples=150, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    def mutated(draw):
        content = bytearray(good)
        for _ in range(draw.draw(st.integers(1, 3))):
            at = draw.draw(st.integers(0, len(content) - 1))
            content[at : at + draw.draw(st.integers(0, 40))] = draw.draw(st.binary(max_size=5))
        place.write_bytes(content)
        try:
            log.read(place, plan)
        except SocialRLError as error:
            told.append(str(error))

    mutated()
    assert len(told) > 100
    assert all("\n" not in text and str(place) in text for text in told)
    place.write_bytes(good.replace(b'"reward": 0.0', b'"reward": 5.0', 1))  # not the sum that the end records
    with pytest.raises(SocialRLError, match="not what comes next"):
        log.read(place, plan)
    place.write_bytes(good.replace(b'"steps": ', b'"x": 1, "steps": ', 1))
    with pytest.raises(SocialRLError, match="unknown key 'x'"):
        log.read(place, plan)
    place.write_bytes(good.replace(b'"action": 2', b'"action": 9', 1))
    with pytest.raises(SocialRLError, match="file: trial 0, step 0: action 9"):
        replayed(plan, cast, log.read(place, plan).trials, "file")


def test_rewards_that_are_not_those_of_the_world_are_refused(data, plan, cast):
    [trial, *_] = log.read(log.file_of(data, 2), plan).trials
    trial.rewards[2] += 1.0
    with pytest.raises(SocialRLError, match="trial 0, step 2: the recorded reward is"):
        replayed(plan, cast, [trial], "file")


def test_scripted_participants_follow_or_do_not(plan, cast, tmp_path):
    for kind, number in (("apprentice", 1), ("explorer", 2), ("wanderer", 3)):
        with Sitting(plan, cast, tmp_path, number, kind) as sitting:
            Participant(plan, cast, kind, 0.0, number).sit(sitting)
            assert sitting.finished
    with pytest.raises(SocialRLError, match="did you mean 'follower'"):
        Participant(plan, cast, "folower", 0.0, 1)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_every_condition_is_equally_often_at_each_place_and_after_each_other(size):
    rows = np.array(balanced_square(size))
    assert len(rows) == (size if size % 2 == 0 or size == 1 else 2 * size)
    for column in rows.T:
        assert set(np.bincount(column, minlength=size)) == {len(rows) // size}
    follows = np.zeros((size, size), int)
    np.add.at(follows, (rows[:, :-1].ravel(), rows[:, 1:].ravel()), 1)
    assert (follows == (len(rows) // size) * (1 - np.eye(size, dtype=int))).all()


def test_orders_of_participants():
    names = ("a", "b")
    assert order_of(names, 1, 2, balanced=True) == ["a", "b", "b", "a"]
    assert order_of(names, 2, 2, balanced=True) == ["b", "a", "a", "b"]
    assert order_of(names, 2, 2, balanced=False) == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "small"', 'name = "sm all"', "name: 'sm all'"),
        ("size = 7", "sise = 7", "did you mean 'size'"),
        ('presence = "half"', 'presence = "halves"', "did you mean 'half'"),
        ("penalty = 1.0", "penaltie = 1.0", "did you mean 'penalty'"),
        ("seeds = [11, 12, 13]", "seeds = [11, 12]", "parts.2.seeds"),
        ('practice = ["half"]', 'practice = ["hal"]', "did you mean 'half'"),
        ('text = "You walk about."', "", "parts.0.text"),
        ("consent = true", "consent = 3", "parts.0.consent"),
        ('page = "Welcome"', 'page = "Welcome"\ntest = ["half"]', "parts.0.page"),
        ("experts = 1", "experts = 0", "nobody else is in this world"),
        ("question =", "question", "not TOML"),
    ],
)
def test_a_study_file_that_cannot_be_names_the_key(tmp_path, old, new, told):
    path = tmp_path / "s.toml"
    path.write_text(PLAN.replace(old, new))
    with pytest.raises(SocialRLError) as error:
        read_plan(path)
    assert told in str(error.value)
    assert str(path) in str(error.value)


def test_the_command_shows_what_is_in_a_file_and_says_what_does_not_go_together(file, capsys, tmp_path):
    assert main(["study", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "2. practice: 1 episodes of half" in shown
    assert "participant 2: half alone beside" in shown
    for words, told in (
        (["--participant", "1"], "no folder"),
        (["--participant", "0", "--data", str(tmp_path)], "--participant: 0"),
        (["--participant", "1", "--report", "--data", "x"], "one at a time"),
        (["--synthetic", "follower", "--participants", "3-1", "--data", "x"], "--participants"),
        (["--report", "--data", str(tmp_path / "none")], "nobody has finished"),
    ):
        assert main(["study", str(file), *words]) == 2
        assert told in capsys.readouterr().err


def test_pages_are_wrapped_by_paragraph_and_item():
    found = wrapped("one two\nthree\n\n- four\n- five", 15, 10_000)
    assert found == ["one two three", "", "- four", "- five"]
    assert len(wrapped("word " * 40, 15, 200)) > 5


def test_the_study_that_ships_is_one_and_its_data_are_small():
    folder = Path(__file__).parents[2] / "examples" / "study"
    plan = read_plan(folder / "company.toml")
    files = sorted(folder.glob("data/*/data.jsonl"))
    assert [log.read(file, plan).group for file in files] == [
        *("apprentice", "apprentice"),
        *("follower", "follower"),
        *("explorer", "explorer"),
    ]
    assert all(log.read(file, plan).finished for file in files)
    assert sum(file.stat().st_size for file in files) < 200 * 1024
    assert len([one for one in log.agenda(plan, 1) if not isinstance(one, int)]) == 4
