"""A tour of the viewer under a dummy video driver: keys, mouse, playing, resizing; and that it draws only
when it must.
"""

import dataclasses
import subprocess
import sys

import pygame
import pytest

import socialrl.viewer
from socialrl.record.replay import save
from socialrl.scene import SPEEDS, Scene
from socialrl.scene.commands import BY_KEY, COMMANDS, press
from socialrl.viewer import app as module
from socialrl.viewer.app import App
from socialrl.viewer.panels.world import board
from socialrl_envs.errors import SocialRLError
from tests.record.synthetic import make_replay


@pytest.fixture
def scene():
    return Scene(replays=(make_replay((40, 25)), make_replay((30,), seed=1, novices=2)), names=("one", "two"))


@pytest.fixture
def app(scene, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    app = App(scene, (640, 400))
    yield app
    pygame.display.quit()


def key(app: App, name: str) -> Scene:
    shift = name.startswith("shift+")
    code = pygame.key.key_code(name.removeprefix("shift+"))
    app.handle(pygame.event.Event(pygame.KEYDOWN, key=code, mod=pygame.KMOD_LSHIFT if shift else 0))
    app.draw()
    return app.scene


def mouse(app: App, kind: int, point: tuple[int, int]) -> None:
    app.handle(pygame.event.Event(kind, pos=point, button=1, buttons=(1, 0, 0), rel=(0, 0)))
    app.draw()


def test_steps_and_jumps(app):
    assert key(app, "right").t == 1
    assert key(app, "shift+right").t == 11
    assert key(app, "left").t == 10
    assert key(app, "shift+left").t == 0
    assert key(app, "left").t == 0
    assert key(app, "end").t == 40
    assert key(app, "right").t == 40
    assert key(app, "home").t == 0


def test_changes_of_source(app):
    source = app.scene.replay.source[0, :40, 0]
    changes = [t for t in range(1, 40) if source[t] != source[t - 1]]
    assert len(changes) >= 3
    assert [key(app, ".").t for _ in changes] == changes
    assert key(app, ".").t == 40
    assert [key(app, ",").t for _ in changes] == changes[::-1]
    assert key(app, ",").t == 0


def test_episodes_and_replays(app):
    key(app, "right")
    assert (key(app, "n").episode, app.scene.t) == (1, 0)
    assert key(app, "n").episode == 1
    assert "one · episode 2" in pygame.display.get_caption()[0]
    assert (key(app, "page down").which, app.scene.episode) == (1, 0)
    assert "two" in pygame.display.get_caption()[0]
    assert key(app, "page down").which == 1
    assert key(app, "page up").which == 0
    assert key(app, "p").episode == 0


def test_seats(app):
    assert app.scene.chosen == 0
    assert [key(app, "tab").chosen for _ in range(4)] == [1, 2, 3, 0]
    assert key(app, "shift+tab").chosen == 3
    key(app, "page down")
    assert (key(app, "tab").chosen, app.scene.novice) == (1, 1)  # the other novice: its decisions are shown
    assert (key(app, "tab").chosen, app.scene.novice) == (2, 1)


def test_switches(app):
    assert key(app, "t").theme == "dark"
    assert key(app, "t").theme == "light"
    assert key(app, "l").loop
    assert not key(app, "v").view
    assert key(app, "h").help
    assert not key(app, "escape").help
    assert app.running
    key(app, "z")
    assert app.running


@pytest.mark.parametrize("name", ["q", "escape"])
def test_quit(app, name):
    key(app, name)
    assert not app.running


def test_close(app):
    app.handle(pygame.event.Event(pygame.QUIT))
    assert not app.running


def test_scrub(app):
    line, foot = app.layout.timeline, app.layout.foot
    mouse(app, pygame.MOUSEBUTTONDOWN, (round(line.x_of(10.5, 40)), foot.centery))
    assert app.scene.t == 10
    mouse(app, pygame.MOUSEMOTION, (round(line.x_of(20.5, 40)), 3))  # the pointer may leave the timeline
    assert app.scene.t == 20
    mouse(app, pygame.MOUSEMOTION, (5000, 3))
    assert app.scene.t == 40
    mouse(app, pygame.MOUSEBUTTONUP, (5000, 3))
    mouse(app, pygame.MOUSEMOTION, (100, foot.centery))
    assert app.scene.t == 40
    app.handle(pygame.event.Event(pygame.MOUSEWHEEL, y=1))
    assert app.scene.t == 39


def test_click_on_a_figure(app):
    area, cell = board(app.layout.main_inner, app.scene)
    row, column = (int(x) for x in app.scene.replay.position[0, 0, 2])
    mouse(
        app,
        pygame.MOUSEBUTTONDOWN,
        (area.left + int((column + 0.5) * cell), area.top + int((row + 0.5) * cell)),
    )
    assert app.scene.chosen == 2
    mouse(app, pygame.MOUSEBUTTONDOWN, (area.left + 1, area.top + 1))  # a wall
    assert app.scene.chosen == 2
    key(app, "h")
    mouse(app, pygame.MOUSEBUTTONDOWN, (3, 3))
    assert not app.scene.help


def test_playing_follows_the_clock(app, monkeypatch):
    monkeypatch.setattr(module.time, "monotonic", lambda: 100.0)
    assert key(app, "space").playing
    app.tick(100.2)
    assert app.scene.t == 0
    app.tick(100.26)
    assert app.scene.t == 1  # 4 steps per second
    app.tick(100.51)
    assert app.scene.t == 2
    app.tick(200.0)
    assert app.scene.t == 3  # after a long pause it goes on, without a jump
    key(app, "up")
    app.tick(200.26)
    app.tick(200.4)
    assert app.scene.t == 5  # 8 steps per second
    key(app, "space")
    app.tick(300.0)
    assert app.scene.t == 5


def test_playing_stops_at_the_end_or_loops(scene):
    last = dataclasses.replace(scene, t=40, playing=True)
    assert not last.advanced().playing
    assert dataclasses.replace(last, loop=True).advanced().t == 0
    assert press(dataclasses.replace(last, playing=False), "space").t == 0


def test_speeds(scene):
    for _ in range(20):
        scene = press(scene, "up")
    assert scene.speed == SPEEDS[-1]
    for _ in range(20):
        scene = press(scene, "down")
    assert scene.speed == SPEEDS[0]


def test_it_draws_only_when_something_changed(app, monkeypatch):
    drawn = []
    real = module.paint
    monkeypatch.setattr(module, "paint", lambda *a: drawn.append(a) or real(*a))
    app.draw()
    key(app, "home")
    key(app, "z")
    app.tick(1e9)
    app.draw()
    assert not drawn
    key(app, "right")
    assert len(drawn) == 1
    app.handle(pygame.event.Event(pygame.WINDOWEXPOSED))
    app.draw()
    assert len(drawn) == 2


def test_what_is_seen_is_what_is_exported(app):
    from socialrl.viewer.frame import draw_frame
    from socialrl.viewer.paint import to_array

    app.scene = dataclasses.replace(app.scene, replays=app.scene.replays[:1])
    key(app, "right")
    assert (to_array(app.window) == draw_frame(app.scene.replay, 0, 1, (640, 400), hints=True)).all()


def test_resizing(app):
    before = app.layout
    app.window = pygame.display.set_mode((900, 700), pygame.RESIZABLE)
    app.draw()
    assert app.size == (900, 700)
    assert app.layout.main.width > before.main.width
    app.window = pygame.display.set_mode((30, 20), pygame.RESIZABLE)
    app.draw()


def test_the_loop_runs_until_quit(app):
    for name in ("right", "right", "q"):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name), mod=0))
    app.loop()
    assert app.scene.t == 2


def test_every_command_is_listed_once_and_can_be_pressed(scene):
    assert sum(len(command.keys) for command in COMMANDS) == len(BY_KEY)
    for name in BY_KEY:
        after = press(scene, name)
        assert after is None or isinstance(after, Scene)


# From paths


def test_view_opens_run_folders_and_files(tmp_path, monkeypatch, scene):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    (tmp_path / "run" / "replays").mkdir(parents=True)
    for arm in ("b", "a"):
        save(tmp_path / "run" / "replays" / f"{arm}-seed0.npz", scene.replays[0])
    save(tmp_path / "lone.npz", scene.replays[1])
    seen = []
    monkeypatch.setattr(module.App, "loop", lambda self: seen.append(self.scene.names))
    socialrl.viewer.view([tmp_path / "run", tmp_path / "lone.npz"])
    assert seen == [("a-seed0", "b-seed0", "lone")]


def test_view_names_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(SocialRLError, match="no replays in this folder"):
        socialrl.viewer.view([tmp_path])
    with pytest.raises(SocialRLError, match=r"gone\.npz"):
        socialrl.viewer.view([tmp_path / "gone.npz"])
    with pytest.raises(SocialRLError, match="no replay given"):
        socialrl.viewer.view([])
    with pytest.raises(SocialRLError, match="did you mean 'dark'"):
        socialrl.viewer.view([tmp_path], theme="drak")


def test_no_display_is_said_in_one_line(scene, monkeypatch):
    def refuse(*_):
        raise pygame.error("No available video device")

    monkeypatch.setattr(pygame.display, "set_mode", refuse)
    with pytest.raises(SocialRLError, match=r"No available video device .*--export"):
        App(scene)


@pytest.mark.parametrize("missing", ["pygame", "PIL"])
def test_a_missing_package_is_named(missing, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SocialRLError, match=rf"needs {missing}.*pip install 'socialrl\[view\]'"):
        socialrl.viewer.view([tmp_path])
    with pytest.raises(SocialRLError, match=rf"needs {missing}.*pip install 'socialrl\[view\]'"):
        socialrl.viewer.export(tmp_path / "a.npz", tmp_path / "a.gif")


def test_only_a_window_needs_pygame_and_nothing_here_needs_a_learner():
    """Reading a replay imports no pygame, the viewer no learner."""
    code = """
import sys
import socialrl.record.replay, socialrl.viewer
assert "pygame" not in sys.modules and "PIL" not in sys.modules
import socialrl.viewer.app, socialrl.viewer.exporting
bad = [name for name in sys.modules if name.split(".")[0] in ("flax", "optax")]
bad += [name for name in sys.modules if name.startswith("socialrl.learners")]
assert not bad, bad
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
