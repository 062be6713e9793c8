"""The window of a session: keys become steps, and the session is drawn when it has changed."""

import dataclasses
import time

import pygame

from socialrl.play.board import MAX_SIZE, MIN_SIZE, Look, paint
from socialrl.play.keys import COMMANDS, MARKING
from socialrl.play.moves import idle, keys_of
from socialrl.play.session import Session
from socialrl.viewer.window import Window
from socialrl_envs.sprites import Real

MARKS = {"g": True, "b": False}  # by key: whether what the agent has just done is good


def run(
    session: Session, fps: Real | None, size: tuple[int, int] = (1280, 800), marking: bool = False
) -> None:
    """Shows a session until the window is closed. marking: see `SessionWindow`."""
    window = SessionWindow(session, fps, size, marking)
    try:
        window.loop()
    finally:
        pygame.display.quit()


class SessionWindow(Window):
    """A window that shows a session.

    fps: steps per second in real time, None waits for a key at every step. In real time the action is that of
    the held key, else one that does nothing; a world without such an action waits for a key. marking: whether
    there are keys that mark what a trained agent does as good or bad, if one acts.
    """

    def __init__(
        self,
        session: Session,
        fps: Real | None = None,
        size: tuple[int, int] = (1280, 800),
        marking: bool = False,
    ):
        super().__init__(size, MIN_SIZE, MAX_SIZE, (260, 90), "play where there is a screen")
        self.session, self.fps, self.marking = session, fps, marking and session.explains
        self.look = Look(commands=MARKING + COMMANDS) if self.marking else Look()
        self.keys = keys_of(session.spec.actions)
        self.idle = idle(session.spec.actions)
        self.held: list[int] = []  # actions whose keys are down, the latest last
        self.pressed: int | None = None  # in real time: the action of the last key since the last step
        self.started = 1  # episodes, including those that were dropped
        self.draw()

    def shown(self) -> tuple[int, int, int, Look]:
        return self.started, len(self.session.episodes), self.session.t, self.look

    def picture(self, size: tuple[int, int]) -> pygame.Surface:
        return paint(self.session, self.look, size)

    def title(self) -> str:
        return f"{self.session.spec.name} · {self.session.spec.agents[self.session.seat]} · socialrl"

    def handle(self, event: pygame.event.Event) -> None:
        super().handle(event)
        if event.type == pygame.KEYDOWN:
            self._press(pygame.key.name(event.key))
        elif event.type == pygame.KEYUP:
            action = self.keys.get(pygame.key.name(event.key))
            self.held = [one for one in self.held if one != action]
        elif event.type == pygame.WINDOWFOCUSLOST:
            self.held = []

    def tick(self, now: Real) -> None:
        """In real time: takes the step that is due; missed steps are not made up for."""
        if self.fps is None or not self.ticking or now < self.due:
            return
        action = self.held[-1] if self.held else self.idle if self.pressed is None else self.pressed
        self.due = max(self.due + 1 / self.fps, now)
        self.pressed = None
        if action is not None:
            self.session.act(action)

    @property
    def ticking(self) -> bool:
        acting = self.idle is not None or bool(self.held) or self.pressed is not None
        return self.fps is not None and acting and not self.session.ended and not self.look.help

    def _press(self, key: str) -> None:
        if self.look.help and key not in ("escape", "h"):
            self.look = dataclasses.replace(self.look, help=False)
        elif key in self.keys:
            self._move(self.keys[key])
        elif self.marking and key in MARKS:
            self._mark(MARKS[key])
        elif key == "f":
            self.look = dataclasses.replace(self.look, fog=not self.look.fog)
        elif key == "t":
            self.look = dataclasses.replace(
                self.look, theme="dark" if self.look.theme == "light" else "light"
            )
        elif key in ("h", "f1"):
            self.look = dataclasses.replace(self.look, help=not self.look.help)
        elif key in ("n", "return"):
            self.session.begin()
            self.started, self.held, self.pressed = self.started + 1, [], None
        elif key == "escape":
            self._escape()

    def _escape(self) -> None:
        """Closes the help, or the window."""
        self.running = self.look.help
        self.look = dataclasses.replace(self.look, help=False)

    def _mark(self, good: bool) -> None:
        """Notes a mark, and says so over the grid."""
        if self.session.mark(good):
            word, (liked, disliked) = "good" if good else "bad", self.session.marked
            text = f"marked as {word} · {liked} good, {disliked} bad so far"
            self.look = dataclasses.replace(self.look, banner=text)

    def _move(self, action: int) -> None:
        """Takes a step now, or in real time at the next tick."""
        if self.fps is None:
            self.session.act(action)
            return
        if not self.ticking:
            self.due = max(self.due, time.monotonic())
        self.held = [*(one for one in self.held if one != action), action]
        self.pressed = action
