"""The window of a sitting: pages, then episodes, in the look of `socialrl play`."""

import time
from collections.abc import Callable, Hashable

import pygame

from socialrl.people.pages import paint_end, paint_page
from socialrl.people.sitting import Sitting
from socialrl.play.board import MAX_SIZE, MIN_SIZE, Look, paint
from socialrl.play.keys import Commands
from socialrl.play.moves import keys_of
from socialrl.viewer.window import Window
from socialrl_envs.sprites import Real

COMMANDS: Commands = (
    ("n", "go on, after the end of an episode"),
    ("t", "light, dark"),
    ("esc", "stop now, and go on another time"),
)
STOP = "esc  stop now, and go on another time"
THANKS = "Thank you. All that you did is saved."
REFUSED = "You have not agreed, so nothing is asked of you, and nothing is measured."


def run(sitting: Sitting, size: tuple[int, int] = (1280, 800)) -> None:
    """Shows a sitting until its window is closed."""
    window = SittingWindow(sitting, size)
    try:
        window.loop()
    finally:
        pygame.display.quit()


class SittingWindow(Window):
    """A window that shows a sitting. Each key is a step; a page is left, and an episode's end, by enter.

    clock: seconds, for reaction times: from the drawing of what is decided on, to the key.
    """

    def __init__(
        self,
        sitting: Sitting,
        size: tuple[int, int] = (1280, 800),
        clock: Callable[[], Real] = time.monotonic,
    ):
        super().__init__(size, MIN_SIZE, MAX_SIZE, (0, 0), "take part where there is a screen")
        self.sitting, self.clock = sitting, clock
        self.theme = "light"
        self.keys = keys_of(sitting.cast.spec.actions)
        self.since = clock()
        self.draw()

    def shown(self) -> Hashable:
        return self._asked(), self.sitting.refused, self.theme

    def title(self) -> str:
        return f"{self.sitting.plan.name} · participant {self.sitting.participant} · socialrl"

    def picture(self, size: tuple[int, int]) -> pygame.Surface:
        sitting = self.sitting
        if sitting.done:
            return paint_end("The end", REFUSED if sitting.refused else THANKS, self.theme, size)
        if sitting.page is not None:
            return paint_page(sitting.plan.parts[sitting.page], self.theme, size, STOP)
        look = Look(theme=self.theme, commands=COMMANDS, banner=self.banner(), blind=True)
        return paint(sitting.session, look, size)

    def banner(self) -> str:
        """What is played: practice or test, and how far it is."""
        trial, (number, count) = self.sitting.trial, self.sitting.progress
        kind = "Practice" if trial is not None and not trial.test else "Episode"
        return f"{kind} {number} of {count}"

    def handle(self, event: pygame.event.Event) -> None:
        super().handle(event)
        if event.type == pygame.KEYDOWN:
            before = self._asked()
            self._press(pygame.key.name(event.key))
            if self._asked() != before:
                self.draw()
                self.since = self.clock()

    def _asked(self) -> Hashable:
        """What the participant is to react to."""
        return self.sitting.place, self.sitting.session.t, self.sitting.over

    def _press(self, key: str) -> None:
        sitting = self.sitting
        if key == "escape":
            self.running = False
        elif key == "t":
            self.theme = "dark" if self.theme == "light" else "light"
        elif sitting.page is not None:
            self._answer(key)
        elif sitting.over and key in ("n", "return"):
            sitting.go_on()
        elif key in self.keys:
            sitting.act(self.keys[key], self.clock() - self.since)

    def _answer(self, key: str) -> None:
        """Leaves a page, with an answer where one is asked for."""
        page = self.sitting.page
        assert page is not None
        consent = self.sitting.plan.parts[page].consent
        if key in (("y", "n") if consent else ("return", "space")):
            self.sitting.leave_page(self.clock() - self.since, agreed=key != "n")
