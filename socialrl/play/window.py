"""The window: keys to steps of a session, and a picture of it whenever something has changed."""

import dataclasses
import os
import time

import pygame

from socialrl.play.board import MIN_SIZE, Look, keys_of, paint
from socialrl.play.session import Session
from socialrl.viewer.paint import figure
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import OKABE_ITO
from socialrl_envs.sprites import Real

IDLE = ("stay", "done")  # actions that do nothing


def run(session: Session, fps: Real | None, size: tuple[int, int] = (1280, 800)) -> None:
    """Lets a person play until the window is closed."""
    window = Window(session, fps, size)
    try:
        window.loop()
    finally:
        pygame.display.quit()


class Window:
    """A window on a session. `handle` takes events one by one, `tick` lets time pass; both leave drawing to `draw`.

    fps: steps per second in real time, None waits for a key at every step. In real time the key that is held acts, else an
    action that does nothing; in a world that has none time waits for a key.
    """

    def __init__(self, session: Session, fps: Real | None = None, size: tuple[int, int] = (1280, 800)):
        os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "socialrl")
        try:
            pygame.display.init()
            pygame.display.set_icon(figure(64, OKABE_ITO[0], "A"))
            self.window = pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as error:
            raise SocialRLError(f"play: cannot open a window: {error}", "play where there is a screen") from error
        pygame.display.set_caption(f"{session.spec.name} · {session.spec.agents[session.seat]} · socialrl")
        pygame.key.set_repeat(260, 90)
        self.session, self.fps, self.look = session, fps, Look()
        self.keys = keys_of(session.spec.actions)
        self.idle = next((i for i, name in enumerate(session.spec.actions) if name in IDLE), None)
        self.held: list[int] = []  # actions whose keys are down, the latest last
        self.pressed: int | None = None  # in real time: what was pressed since the last step
        self.running, self.due = True, time.monotonic()
        self._drawn: object = None
        self.draw()

    @property
    def size(self) -> tuple[int, int]:
        """The window's size, within what can be drawn."""
        width, height = self.window.get_size()
        return max(width, MIN_SIZE[0]), max(height, MIN_SIZE[1])

    def loop(self) -> None:
        """Waits for events, or for the next step in real time."""
        while self.running:
            wait = max(1, round((self.due - time.monotonic()) * 1000)) if self._ticking else 0
            first = pygame.event.wait(wait)
            for event in (first, *pygame.event.get()):
                self.handle(event)
            self.tick(time.monotonic())
            self.draw()

    def handle(self, event: pygame.event.Event) -> None:
        """Does what the event says."""
        if event.type == pygame.QUIT:
            self.running = False
        elif event.type == pygame.KEYDOWN:
            self._press(pygame.key.name(event.key))
        elif event.type == pygame.KEYUP:
            action = self.keys.get(pygame.key.name(event.key))
            self.held = [one for one in self.held if one != action]
        elif event.type == pygame.WINDOWFOCUSLOST:
            self.held = []
        elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWRESTORED):
            self._drawn = None

    def tick(self, now: Real) -> None:
        """In real time: the step that is due at `now`, in seconds; one that was missed is not made up for."""
        if self.fps is None or not self._ticking or now < self.due:
            return
        action = self.held[-1] if self.held else self.idle if self.pressed is None else self.pressed
        self.due = max(self.due + 1 / self.fps, now)
        self.pressed = None
        if action is not None:
            self.session.act(action)

    def draw(self) -> None:
        """Draws the session if the window shows something else."""
        wanted = (len(self.session.episodes), self.session.t, self.look, self.size)
        if self._drawn == wanted:
            return
        self.window.blit(paint(self.session, self.look, self.size), (0, 0))
        pygame.display.flip()
        self._drawn = wanted

    @property
    def _ticking(self) -> bool:
        """Whether time passes by itself now."""
        acting = self.idle is not None or bool(self.held) or self.pressed is not None
        return self.fps is not None and acting and not self.session.ended and not self.look.help

    def _press(self, key: str) -> None:
        if self.look.help and key not in ("escape", "h"):
            self.look = dataclasses.replace(self.look, help=False)
        elif key in self.keys:
            self._move(self.keys[key])
        elif key == "f":
            self.look = dataclasses.replace(self.look, fog=not self.look.fog)
        elif key == "t":
            self.look = dataclasses.replace(self.look, theme="dark" if self.look.theme == "light" else "light")
        elif key in ("h", "f1"):
            self.look = dataclasses.replace(self.look, help=not self.look.help)
        elif key in ("n", "return"):
            self.session.begin()
            self._drawn, self.held, self.pressed = None, [], None
        elif key == "escape":
            self._escape()

    def _escape(self) -> None:
        """Closes the help, or the window."""
        self.running = self.look.help
        self.look = dataclasses.replace(self.look, help=False)

    def _move(self, action: int) -> None:
        """Steps now, or in real time at the next tick."""
        if self.fps is None:
            self.session.act(action)
            return
        if not self._ticking:
            self.due = max(self.due, time.monotonic())
        self.held = [*(one for one in self.held if one != action), action]
        self.pressed = action
