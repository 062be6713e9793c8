"""A tour from file to picture: open, scrub, jump, compare, export."""

import numpy as np
import pygame
import pytest
from PIL import Image

import socialrl.viewer
from socialrl.record.replay import save
from socialrl.scene import Scene
from socialrl.viewer import app as module
from socialrl.viewer import files
from socialrl.viewer.app import App
from socialrl.viewer.frame import draw_frame
from tests.record.lived import lived
from tests.record.synthetic import make_replay

SIZE = (640, 400)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    (folder / "replays").mkdir()
    save(folder / "replays" / "a-seed0.npz", lived(extras=True, size=7, goals=2, experts=1))
    save(folder / "replays" / "b-seed0.npz", make_replay((30, 20)))
    return folder


def press(app: App, *names: str) -> Scene:
    for name in names:
        mod = pygame.KMOD_LSHIFT if name.startswith("shift+") else 0
        app.handle(
            pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(name.removeprefix("shift+")), mod=mod)
        )
        app.draw()
    return app.scene


def click(app: App, point: tuple[int, int]) -> Scene:
    for kind in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
        app.handle(pygame.event.Event(kind, pos=point, button=1))
    app.draw()
    return app.scene


def test_a_tour(run_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    replays, names = files.read([run_folder])
    app = App(Scene(replays=replays, names=names), SIZE)
    try:
        line = app.layout.timeline
        assert click(app, (round(line.x_of(5.5, 12)), line.rect.centery)).t == 5
        assert press(app, "home", ".").t == int(app.scene.changes()[0])
        for number, (_, rect) in enumerate(app.layout.titles):
            assert click(app, rect.center).tab == number
        assert click(app, app.layout.head.center).picker
        press(app, "escape", "c")
        assert app.scene.beside == 1
        assert app.scene.steps == 30
        press(app, "end", "c")
        assert (app.scene.beside, app.scene.t) == (None, 12)
        module._check(replays)
        for event in pygame.event.get():
            app.handle(event)
        assert dict(app.scene.verdicts) == {
            0: "re-simulated: as recorded",
            1: "recorded without checksums: shown as recorded",
        }
        app.draw()
    finally:
        pygame.display.quit()
    socialrl.viewer.export(run_folder, tmp_path / "a.png", step=3, size=SIZE)
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "a.png")), draw_frame(replays[0], 0, 3, SIZE)
    )
