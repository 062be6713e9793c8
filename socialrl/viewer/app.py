"""The window: events to scenes, scenes to frames. It draws only when something has changed."""

import contextlib
import dataclasses
import os
import threading
import time
from pathlib import Path

import pygame

from socialrl.record.replay import Replay
from socialrl.viewer import files
from socialrl.viewer.commands import press
from socialrl.viewer.frame import MAX_SIZE, MIN_SIZE, Layout, layout, paint
from socialrl.viewer.paint import figure, find_theme
from socialrl.viewer.panels import panels
from socialrl.viewer.scene import Scene
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import OKABE_ITO
from socialrl_envs.sprites import Real

CHECKED = pygame.event.custom_type()


def run(paths: list[Path], size: tuple[int, int] = (1280, 800), theme: str = "light") -> None:
    """Shows the replays behind these paths until the window is closed."""
    find_theme(theme)
    replays, names = files.read(paths)
    which, episode = files.opening(replays)
    app = App(Scene(replays=replays, names=names, which=which, episode=episode, theme=theme), size)
    try:
        app.check()
        app.loop()
    finally:
        pygame.display.quit()


def _check(replays: tuple[Replay, ...]) -> None:
    """Posts what became of each replay, one after the other, until the window is closed."""
    from socialrl.record.resimulation import resimulate  # brings jax, which opening a window need not wait for

    for which, replay in enumerate(replays):
        text = resimulate(replay).text
        if not pygame.display.get_init():
            return
        with contextlib.suppress(pygame.error):
            pygame.event.post(pygame.event.Event(CHECKED, which=which, text=text))


class App:
    """A window that shows a scene. `handle` takes events one by one, `tick` lets time pass; both leave drawing to `draw`."""

    def __init__(self, scene: Scene, size: tuple[int, int] = (1280, 800)):
        os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "socialrl")
        try:
            pygame.display.init()
            pygame.display.set_icon(figure(64, OKABE_ITO[0], "A"))
            self.window = pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as error:
            hint = "--export out.gif or --export out.png works without one"
            raise SocialRLError(f"view: cannot open a window: {error}", hint) from error
        pygame.key.set_repeat(300, 30)
        self.scene = scene
        self.running = True
        self.scrubbing = False
        self.due = 0.0  # when the next step plays, by time.monotonic
        self._drawn: tuple[Scene, tuple[int, int]] | None = None
        self.draw()

    @property
    def size(self) -> tuple[int, int]:
        """The window's size, within what a frame can be drawn at."""
        width, height = self.window.get_size()
        return min(max(width, MIN_SIZE[0]), MAX_SIZE[0]), min(max(height, MIN_SIZE[1]), MAX_SIZE[1])

    @property
    def layout(self) -> Layout:
        return layout(self.size, self.scene)

    def loop(self) -> None:
        """Waits for events, or for the next step while playing."""
        while self.running:
            wait = max(1, round((self.due - time.monotonic()) * 1000)) if self.scene.playing else 0
            first = pygame.event.wait(wait)
            for event in (first, *pygame.event.get()):
                self.handle(event)
            self.tick(time.monotonic())
            self.draw()

    def handle(self, event: pygame.event.Event) -> None:
        """Changes the scene as the event says."""
        if event.type == pygame.QUIT:
            self.running = False
        elif event.type == pygame.KEYDOWN:
            self._press(event)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._click(event.pos)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self.scrubbing = False
        elif event.type == pygame.MOUSEMOTION and self.scrubbing:
            self._scrub(event.pos[0])
        elif event.type == pygame.MOUSEWHEEL:
            self.scene = self.scene.at(self.scene.t - event.y)
        elif event.type == CHECKED:
            known = dict(self.scene.verdicts) | {event.which: event.text}
            self.scene = dataclasses.replace(self.scene, verdicts=tuple(sorted(known.items())))
        elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWRESTORED):
            self._drawn = None

    def check(self) -> None:
        """Plays all replays again in the background; what comes of it arrives as events."""
        threading.Thread(target=_check, args=(self.scene.replays,), daemon=True).start()

    def tick(self, now: Real) -> None:
        """Plays the steps that are due at `now`, in seconds; one that was missed for long is not made up for."""
        if not self.scene.playing:
            return
        pause = 1 / self.scene.speed
        if now - self.due > max(0.25, 2 * pause):
            self.due = now
        while self.scene.playing and self.due <= now:
            self.scene = self.scene.advanced()
            self.due += pause

    def draw(self) -> None:
        """Draws the scene if it is not what the window shows."""
        wanted = (self.scene, self.size)
        if self._drawn is not None and self._drawn[1] == wanted[1] and self._drawn[0] == wanted[0]:
            return
        self.window.blit(paint(self.scene, self.size), (0, 0))
        pygame.display.flip()
        name = self.scene.names[self.scene.which]
        caption = f"{name} · episode {self.scene.episode + 1} · socialrl"
        if pygame.display.get_caption()[0] != caption:
            pygame.display.set_caption(caption)
        self._drawn = wanted

    def _press(self, event: pygame.event.Event) -> None:
        shift = "shift+" if event.mod & pygame.KMOD_SHIFT else ""
        after = press(self.scene, shift + pygame.key.name(event.key))
        if after is None:
            self.running = False
        else:
            self._show(after)

    def _show(self, scene: Scene) -> None:
        if scene.playing and not self.scene.playing:
            self.due = time.monotonic() + 1 / scene.speed
        self.scene = scene

    def _click(self, point: tuple[int, int]) -> None:
        where, window = self.layout, pygame.Rect((0, 0), self.size)
        for overlay in panels("overlay"):
            if overlay.is_open(self.scene):
                self._show(overlay.click(window, self.scene, point))
                return
        if where.head.collidepoint(point):
            self.scene = dataclasses.replace(self.scene, picker=True)
        elif where.foot.collidepoint(point):
            self.scrubbing = True
            self._scrub(point[0])
        for number, (_, rect) in enumerate(where.titles):
            if rect.collidepoint(point):
                self.scene = dataclasses.replace(self.scene, tab=number)
        for pane, board in zip(self.scene.panes, where.boards, strict=True):
            for panel in panels("main"):
                if hasattr(panel, "click") and board.collidepoint(point):
                    self.scene = self.scene.of_seat(
                        min(panel.click(board, pane, point).chosen, len(self.scene.replay.agents) - 1)
                    )

    def _scrub(self, x: Real) -> None:
        self.scene = self.scene.at(self.layout.timeline.step_at(x, self.scene.steps))
