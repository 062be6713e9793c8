"""A person among others: what a session does and keeps, what the window shows, and the files at the end."""

import dataclasses
import functools
import subprocess
import sys

import jax
import numpy as np
import pygame
import pytest

from socialrl.assemble import assemble
from socialrl.cli import main
from socialrl.config import to_json
from socialrl.feedback import marks
from socialrl.feedback.clips import Library
from socialrl.learners import psiphi
from socialrl.play.board import Look, paint
from socialrl.play.cast import Cast, cast
from socialrl.play.commands import play, save
from socialrl.play.keys import rules
from socialrl.play.moves import keys_of
from socialrl.play.session import Session
from socialrl.play.sight import picture
from socialrl.play.window import SessionWindow
from socialrl.record import checkpoint, folder
from socialrl.record.demonstrations import read_demonstrations
from socialrl.record.replay import load
from socialrl.record.resimulation import resimulate
from socialrl.viewer.paint import text_width, to_array
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import Picture, draw_ground
from socialrl_envs.tiles import FLOOR, GOAL
from tests.test_studies import TINY

PLAIN = dataclasses.replace(TINY, curriculum=None)

COINS = (
    "--world.size",
    "5",
    "--world.colours",
    "2",
    "--world.coins",
    "1",
    "--world.horizon",
    "6",
    "--world.experts",
    "1",
)
SIZE = (640, 400)


@functools.cache
def coins() -> Cast:
    return cast("coin_grid", None, COINS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run with a checkpoint of one arm of two."""
    path = tmp_path_factory.mktemp("runs") / "001"
    start = jax.jit(assemble(PLAIN, PLAIN.arms[0]).trainer.start)
    with folder.create(to_json(PLAIN), out=path) as opened:
        checkpoint.save(
            opened.checkpoints("dqn") / "20", [start(jax.random.key(seed)) for seed in range(TINY.seeds)]
        )
    return path


@pytest.fixture(scope="module")
def cycle():
    """A session in a world of seats that turn."""
    return Session(
        cast("goal_cycle", None, ["--world.size", "9", "--world.goals", "2", "--world.experts", "1"]), 0, 3
    )


def press(window: SessionWindow, *names: str) -> None:
    for name in names:
        window.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name), mod=0))
        window.draw()


def release(window: SessionWindow, name: str) -> None:
    window.handle(pygame.event.Event(pygame.KEYUP, key=pygame.key.key_code(name), mod=0))


# Who acts.


def test_a_person_acts_in_its_seat_and_the_others_as_they_do():
    session = Session(coins(), 0, seed=1)
    assert session.present
    for action in (0, 1, 4, 2, 3, 4):
        before = session.state
        session.act(action)
        step = (0, 0) if action == 4 else ((-1, 0), (0, 1), (1, 0), (0, -1))[action]
        target = before.seats.position[0] + step
        expected = target if set(target.tolist()) <= {1, 2, 3} else before.seats.position[0]
        np.testing.assert_array_equal(session.state.seats.position[0], expected)
    assert session.ended
    assert not session.terminated
    session.act(0)
    assert session.t == 6
    replay = session.replay()
    np.testing.assert_array_equal(replay.action[0, :, 0], [0, 1, 4, 2, 3, 4])
    assert session.score == pytest.approx(replay.returns(0)[0])


def test_novices_are_away_if_nobody_acts_for_them():
    session = Session(coins(), 1, seed=1)
    session.act(4)
    assert session.state.seats.present.tolist() == [False, True]
    assert session.followed(0) is None


def test_a_seed_decides_all_but_the_person():
    sessions = [Session(coins(), 0, seed) for seed in (4, 4, 5)]
    for session in sessions:
        session.act(1)
        session.begin()
        session.act(2)
    one, same, other = (session.replay() for session in sessions)
    np.testing.assert_array_equal(one.checksum, same.checksum)
    assert (one.checksum != other.checksum).any()
    assert (one.tiles[0, 0] != one.tiles[1, 0]).any() or (one.position[0, 0] != one.position[1, 0]).any()


@pytest.fixture(scope="module")
def dqn(trained):
    """A trained agent's cast."""
    return cast(None, f"{trained}:dqn:1")


def test_a_trained_novice_acts_beside_a_person(dqn):
    who = dqn
    assert (who.agent, who.step) == ("dqn, seed 1, step 20 of tiny", 20)
    beside = Session(who, 1, seed=2)
    instead = Session(who, 0, seed=2)
    for _ in range(3):
        beside.act(4)
        instead.act(4)
    assert beside.state.seats.present.all()
    assert beside.followed(0) in (0, None)
    decided = beside.trace().decision
    np.testing.assert_array_equal(decided.action[:, 0, 0], beside.trace().actions[:, 0, 0])
    assert np.isfinite(decided.values).all()
    own = instead.trace().decision
    assert (own.action == 4).all()
    assert np.isnan(own.values).all()


def test_a_replay_holds_what_trained_novices_say_of_their_decisions():
    who = coins()
    learner = psiphi.Config(
        hidden=(8,), batch=2, updates=1, capacity=200, ensemble=2, prediction_coef=1.0
    ).build(who.spec)
    start = jax.jit(lambda key: learner.init(key, 2, 1))(jax.random.key(0))
    who = dataclasses.replace(who, learner=learner, learner_state=start, agent="psiphi")
    beside, instead = Session(who, 1, seed=2), Session(who, 0, seed=2)
    for session in (beside, instead):
        session.act(0)
        session.act(4)
    replay = beside.replay()
    assert replay.spread is not None
    assert replay.occupancy is not None
    assert replay.prediction is not None
    assert replay.observed is not None
    assert replay.spread.shape == replay.values.shape == (1, 2, 1, 2, 5)
    assert np.isnan(replay.spread[..., 0, :]).all()  # one head of own values
    assert (replay.spread[..., 1, :] > 0).all()
    assert (
        replay.occupancy[0, range(2), 0, *replay.position[0, :2, 0].T] > 0
    ).all()  # where it stands now counts
    assert replay.prediction.shape == replay.observed.shape == (1, 2, 1, *who.spec.obs_shape)
    alone = instead.replay()
    assert (alone.spread, alone.occupancy, alone.prediction) == (
        None,
        None,
        None,
    )  # a person gives no reasons


def test_an_episode_that_is_cut_off_ends_in_the_files_too():
    session = Session(coins(), 0, seed=1)
    session.act(4)
    session.act(0)
    session.begin()
    session.begin()  # nothing was done in the second one
    for _ in range(6):
        session.act(4)
    assert len(session.scores) == 1
    found, replay = session.demonstrations(), session.replay()
    assert found.length.tolist() == replay.length.tolist() == [2, 6]
    assert found.steps.present[..., 0].sum(axis=0).tolist() == [2, 6]
    assert not replay.truncated[0].any()
    assert (found.steps.discount[:2, 0] == 1).all()
    assert (found.seats, found.actors) == (("novice_0",), ("person",))
    assert resimulate(replay).text == "re-simulated: as recorded"


def test_marks_while_an_agent_acts_are_kept_with_what_they_are_about(dqn, tmp_path, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    times = iter((10.0, 10.5, 11.0, 12.0, 12.25, 13.0))
    session = Session(dqn, 1, seed=2, clock=lambda: next(times))
    window = SessionWindow(session, None, SIZE, marking=True)
    press(window, "g")  # nothing was done yet
    press(window, "space", "space", "g")  # steps at 10 and 10.5, the mark at 11
    assert window.look.banner == "marked as good · 1 good, 0 bad so far"
    press(window, "n", "space", "b")  # a step at 12, the mark at 12.25
    assert session.marked == (1, 1)
    assert [key for key, _ in window.look.commands][:2] == ["g", "b"]
    pygame.display.quit()
    file = tmp_path / "mine.npz"
    assert save(session, file, None) == [file, tmp_path / "mine.marks.jsonl"]
    good, bad = marks.read(tmp_path / "mine.marks.jsonl")[0]
    assert (good.good, good.episode, good.step, good.ages_ms) == (True, 0, 2, (500, 1000))
    assert (bad.good, bad.episode, bad.step, bad.ages_ms) == (False, 1, 1, (250,))
    library = Library.of((load(file),), ("mine",))
    assert marks.known(library, (good, bad)) == [good, bad]


def test_nobody_marks_where_no_agent_acts(dqn, monkeypatch, tmp_path):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    alone, unkept = SessionWindow(Session(coins(), 0, 1), None, SIZE, marking=True), Session(dqn, 1, 2)
    press(alone, "space", "g")
    assert (alone.session.marked, alone.look.banner) == ((0, 0), "")
    press(SessionWindow(unkept, None, SIZE), "space", "g")  # no replay is written that marks could be about
    assert unkept.marked == (0, 0)
    pygame.display.quit()
    (tmp_path / "mine.marks.jsonl").touch()
    with pytest.raises(SocialRLError, match="exists already"):
        play("coin_grid", settings=COINS, replay=tmp_path / "mine.npz")


# What is shown.


def test_in_the_fog_lies_nothing_and_nothing_is_noted(cycle):
    shown, whole = picture(cycle, 0, fog=True), picture(cycle, 0, fog=False)
    mask = shown.visible
    assert whole.visible is None
    assert mask is not None
    assert shown.notes is not None
    assert whole.notes is not None
    assert 0 < mask.sum() < mask.size
    assert (shown.tiles[~mask] == FLOOR).all()
    np.testing.assert_array_equal(shown.tiles[mask], whole.tiles[mask])
    row, column = whole.position.T
    np.testing.assert_array_equal(shown.present, whole.present & mask[row, column])
    assert not shown.notes.any()
    assert whole.notes.any()
    expert = picture(Session(cycle.cast, 1, 3), 1, fog=True)  # which knows the order
    assert expert.visible is not None
    assert expert.notes is not None
    np.testing.assert_array_equal(expert.notes > 0, expert.visible & (expert.tiles >= GOAL))


def test_without_notes_goals_look_alike():
    def ground(goal: int, notes: bool) -> np.ndarray:
        tiles = np.full((1, 1), goal, np.uint8)
        picture = Picture(
            tiles=tiles,
            position=np.zeros((1, 2), int),
            heading=np.zeros(1, int),
            present=np.zeros(1, bool),
            notes=None if notes else np.zeros_like(tiles),
        )
        return draw_ground(picture)

    assert (ground(GOAL, True) != ground(GOAL + 1, True)).any()
    np.testing.assert_array_equal(ground(GOAL, False), ground(GOAL + 1, False))
    assert (ground(GOAL, False) != ground(FLOOR, False)).any()


def test_who_sees_everything_has_no_fog():
    assert picture(Session(coins(), 0, seed=1), 0, fog=True).visible is None


@pytest.mark.parametrize("size", [(320, 240), (900, 1400)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_size_and_theme_is_painted(cycle, size, theme):
    image = to_array(paint(cycle, Look(theme=theme), size))
    assert image.shape == (size[1], size[0], 3)
    helped = to_array(paint(cycle, Look(theme=theme, help=True), size))
    assert (image != helped).any()


def test_the_rules_fit_their_lines(cycle):
    lines = rules(cycle, 15, 400)
    assert lines[0].startswith("Goal tiles that look alike")
    assert 300 < max(text_width(line, 15) for line in lines) <= 400


def test_keys_follow_from_the_actions():
    compass = keys_of(("up", "right", "down", "left", "stay"))
    assert [compass[key] for key in ("up", "right", "down", "left", "space")] == [0, 1, 2, 3, 4]
    assert [compass[key] for key in "wdsa"] == [0, 1, 2, 3]
    turning = keys_of(("left", "right", "forward", "pickup", "drop"))
    assert [turning[key] for key in ("left", "right", "up", "1", "2")] == [0, 1, 2, 3, 4]


# A tour under a dummy video driver.


def test_a_tour(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    replay, demonstrations = tmp_path / "replay.npz", tmp_path / "demonstrations.npz"

    def tour(session: Session, fps: float | None) -> None:
        window = SessionWindow(session, fps, SIZE)
        press(window, "up", "d", "space")
        assert session.t == 3
        press(window, "f", "t", "h")
        assert (window.look.fog, window.look.theme, window.look.help) == (False, "dark", True)
        press(window, "left")  # any key closes the help, and does nothing else
        assert (window.look.help, session.t) == (False, 3)
        press(window, "left", "left", "left", "left")
        assert session.ended
        assert session.t == 6
        press(window, "n", "down")
        assert (len(session.episodes), session.t) == (2, 1)
        press(window, "h", "escape")
        assert window.running
        press(window, "escape")
        assert not window.running
        pygame.display.quit()

    options = {"settings": COINS, "seed": 7, "replay": replay, "demonstrations": demonstrations, "show": tour}
    assert play("coin_grid", seat="expert_0", **options) == [replay, demonstrations]
    assert capsys.readouterr().out.splitlines()[1:] == [str(replay), str(demonstrations)]
    kept, found = load(replay), read_demonstrations(demonstrations)
    assert resimulate(kept).text == "re-simulated: as recorded"
    assert kept.length.tolist() == found.length.tolist() == [6, 1]
    np.testing.assert_array_equal(kept.during("action", 0)[:, 1], [0, 1, 4, 3, 3, 3])
    np.testing.assert_array_equal(found.steps.action[:, 0, 0], [0, 1, 4, 3, 3, 3])
    np.testing.assert_array_equal(found.steps.obs[1:6, 0], found.steps.next_obs[:5, 0])
    assert (found.seats, found.actors, found.seed) == (("expert_0",), ("person",), 7)
    with pytest.raises(SocialRLError, match="exists already"):
        play("coin_grid", settings=COINS, replay=replay)


def test_time_passes_by_itself_and_a_held_key_acts(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    session = Session(coins(), 0, seed=1)
    window = SessionWindow(session, 4, SIZE)
    window.due = 10.0
    window.tick(9.9)
    assert session.t == 0
    window.tick(10.0)
    press(window, "up")
    assert session.t == 1  # not before it is due
    window.tick(10.25)
    window.tick(10.5)
    release(window, "up")
    window.tick(10.75)
    press(window, "h")
    window.tick(11.5)
    assert session.trace().actions[:, 0, 0].tolist() == [4, 0, 0, 4]
    pygame.display.quit()


def test_where_no_action_stays_time_waits_for_a_key(cycle, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = SessionWindow(cycle, 4, SIZE)
    before, window.due = cycle.t, 10.0
    window.tick(20.0)
    assert cycle.t == before
    press(window, "right")
    release(window, "right")
    window.tick(window.due)
    window.tick(window.due + 1)
    assert cycle.t == before + 1
    pygame.display.quit()


def test_nothing_is_written_if_nothing_was_done_and_all_if_it_breaks(tmp_path):
    def breaks(session: Session, fps: float | None) -> None:
        session.act(4)
        raise KeyboardInterrupt

    file = tmp_path / "a.npz"
    assert play("coin_grid", settings=COINS, demonstrations=file, show=lambda session, fps: None) == []
    assert not file.exists()
    with pytest.raises(KeyboardInterrupt):
        play("coin_grid", settings=COINS, demonstrations=file, show=breaks)
    assert read_demonstrations(file).length.tolist() == [1]


def test_a_drawn_level_is_where_all_episodes_begin(tmp_path):
    level = tmp_path / "level.txt"
    level.write_text("######\n#A.r.#\n#....#\n#.B..#\n#...g#\n######\n")
    session = Session(cast("coin_grid", None, ["--world.experts", "1", "--world.colours", "2"], level), 0, 1)
    first = session.state.level.tiles
    session.act(1)
    session.begin()
    assert first.shape == (6, 6)
    np.testing.assert_array_equal(session.state.level.tiles, first)
    assert session.state.seats.position[0].tolist() == [1, 1]


# What is refused.


def failure(capsys, *arguments) -> str:
    """The one line on stderr of a command that must fail with code 2."""
    assert main([*map(str, arguments)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("socialrl: error: ")
    assert err.count("\n") == 1
    return err


def test_what_play_refuses_is_one_line(capsys, trained, tmp_path):
    small = ("play", "coin_grid", *COINS)
    assert "unknown seat 'expert_4' (did you mean 'expert_0'?)" in failure(
        capsys, *small, "--seat", "expert_4"
    )
    assert "unknown world 'coin_gird' (did you mean 'coin_grid'?)" in failure(capsys, "play", "coin_gird")
    assert "no world given (known: cleanup_office," in failure(capsys, "play")
    assert "unknown key --world.siz (did you mean 'size'?)" in failure(
        capsys, "play", "coin_grid", "--world.siz", "5"
    )
    assert "unrecognized arguments: --siz 5" in failure(capsys, "play", "coin_grid", "--siz", "5")
    assert "there is no novice" in failure(capsys, *small, "--world.novices", "0")
    assert "--fps: 0.0" in failure(capsys, *small, "--fps", "0")
    assert "--seed: -1" in failure(capsys, *small, "--seed", "-1")
    assert "there is no folder" in failure(capsys, *small, "--record", tmp_path / "none" / "a.npz")
    assert "end in .npz" in failure(capsys, *small, "--demonstrations", tmp_path / "a.csv")
    assert "not a run folder" in failure(capsys, "play", "--with", tmp_path)
    assert "has arms dqn, idle (choose one, e.g." in failure(capsys, "play", "--with", trained)
    assert "unknown arm 'dqm' (did you mean 'dqn'?)" in failure(capsys, "play", "--with", f"{trained}:dqm")
    assert "arm idle has no checkpoint" in failure(capsys, "play", "--with", f"{trained}:idle")
    assert "seed 2 (the run has seeds 0..1)" in failure(capsys, "play", "--with", f"{trained}:dqn:2")
    assert "learnt in coin_grid, not in goal_cycle" in failure(
        capsys, "play", "goal_cycle", "--with", f"{trained}:dqn"
    )
    changed = failure(capsys, "play", "--with", f"{trained}:dqn", "--world.size", "7")
    assert "arm dqn learnt with obs_shape (5, 5, 4), this world has (9, 9, 4)" in changed


# Recording without a person.


def test_record_writes_what_co_players_do(tmp_path, capsys):
    out = tmp_path / "demos.npz"
    assert main(["record", "coin_grid", *COINS, "--out", str(out), "--episodes", "3", "--seed", "5"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    found = read_demonstrations(out)
    assert (found.seats, found.actors, found.seed) == (("expert_0",), ("planner",), 5)
    assert found.world["size"] == 5
    assert found.steps.obs.shape == (6, 3, 1, 5, 5, 4)
    np.testing.assert_array_equal(found.steps.obs[1:], found.steps.next_obs[:-1])
    np.testing.assert_array_equal(found.steps.last[:, :, 0], np.arange(6)[:, None] == np.full(3, 5))
    assert found.steps.present.all()
    assert not found.steps.obs[..., found.channels.index("others")].any()  # the novice is away
    found.check_fits(coins().spec)
    moved = (found.steps.action[:, :, 0] != 4).mean()
    assert moved > 0.5  # it has somewhere to go


def test_record_writes_what_a_trained_agent_does(trained, tmp_path):
    one, all_seats = tmp_path / "one.npz", tmp_path / "all.npz"
    assert main(["record", str(trained), "--arm", "dqn", "--out", str(one), "--episodes", "2"]) == 0
    assert (
        main(
            [
                "record",
                f"{trained}:dqn:0",
                "--out",
                str(all_seats),
                "--episodes",
                "2",
                "--seats",
                "novice,expert",
            ]
        )
        == 0
    )
    found, both = read_demonstrations(one), read_demonstrations(all_seats)
    assert (found.seats, found.actors) == (("novice_0",), ("dqn, seed 0, step 20 of tiny",))
    assert (both.seats, both.actors[1]) == (("novice_0", "expert_0"), "planner")
    np.testing.assert_array_equal(both.steps.action[:, :, 0], found.steps.action[:, :, 0])


def test_what_record_refuses_is_one_line(capsys, trained, tmp_path):
    out = tmp_path / "demos.npz"
    small = ("record", "coin_grid", *COINS, "--out", out)
    assert "needs a WORLD or a RUN, and --out FILE" in failure(capsys, "record", "coin_grid")
    assert "neither a world, nor a run folder, nor an exported agent (did you mean 'coin_grid'?)" in failure(
        capsys, "record", "coin_gird", "--out", out
    )
    assert "--episodes: 0" in failure(capsys, *small, "--episodes", "0")
    assert "unknown seat 'exprt' (did you mean 'expert'?)" in failure(capsys, *small, "--seats", "exprt")
    assert "nothing acts on novice_0 in a world without a trained agent" in failure(
        capsys, *small, "--seats", "all"
    )
    assert "there are no co-players to record" in failure(capsys, *small, "--world.experts", "0")
    assert "--arm dqn: coin_grid is a world" in failure(capsys, *small, "--arm", "dqn")
    assert "too large for one demonstration file" in failure(capsys, *small, "--episodes", "10000000")
    assert "arm idle has no checkpoint" in failure(capsys, "record", trained, "--arm", "idle", "--out", out)
    assert not out.exists()


def test_help_teaches(capsys):
    for command, word in (("play", "--seat"), ("record", "--episodes")):
        assert main([command, "--help"]) == 0
        short = capsys.readouterr().out
        assert word in short
        assert f"socialrl {command} goal_cycle" in short
        assert main([command, "coin_grid", "--help"]) == 0
        assert "--world.respawn" in capsys.readouterr().out


def test_recording_needs_no_window():
    code = "import sys, socialrl.play; assert not {'pygame', 'PIL', 'matplotlib'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
