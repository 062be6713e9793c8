"""A window that waits for events, or for the time of the next tick, and draws only after a change."""

import os
import time
from collections.abc import Hashable

import pygame

from socialrl.viewer.paint import figure
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import OKABE_ITO
from socialrl_envs.sprites import Real

Size = tuple[int, int]


class Window:
    """A window that can be resized; its content is drawn at a size between `least` and `most`, in pixels.

    Subclasses define the content by `shown` and `picture`, and change it in `handle`, for single events, and
    in `tick`, for the passing of time; drawing is left to `draw`. While `ticking`, the next tick is at the
    time `due` of time.monotonic.

    repeat: milliseconds until a held key is repeated for the first time, and between repetitions.
    Raises SocialRLError with this hint if no window can be opened.
    """

    def __init__(self, size: Size, least: Size, most: Size, repeat: tuple[int, int], hint: str):
        os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "socialrl")
        try:
            pygame.display.init()
            pygame.display.set_icon(figure(64, OKABE_ITO[0], "A"))
            self.window = pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as error:
            raise SocialRLError(f"cannot open a window: {error}", hint) from error
        pygame.key.set_repeat(*repeat)
        self.least, self.most = least, most
        self.running, self.due = True, time.monotonic()
        self._drawn: Hashable = None

    def shown(self) -> Hashable:
        """The content; it is drawn again when this is no longer equal to what was drawn."""
        raise NotImplementedError

    def picture(self, size: Size) -> pygame.Surface:
        """The content as a surface of this size."""
        raise NotImplementedError

    def title(self) -> str:
        """The title of the window."""
        raise NotImplementedError

    @property
    def ticking(self) -> bool:
        """Whether ticks are due now."""
        return False

    def tick(self, now: Real) -> None:
        """Changes the content by what is due at `now`, in seconds of time.monotonic."""

    def handle(self, event: pygame.event.Event) -> None:
        """Changes the content by one event."""
        if event.type == pygame.QUIT:
            self.running = False
        elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWRESTORED):
            self._drawn = None

    def loop(self) -> None:
        """Handles events and ticks until the window is closed."""
        while self.running:
            wait = max(1, round((self.due - time.monotonic()) * 1000)) if self.ticking else 0
            first = pygame.event.wait(wait)
            for event in (first, *pygame.event.get()):
                self.handle(event)
            self.tick(time.monotonic())
            self.draw()

    @property
    def size(self) -> Size:
        """The window's size, within what can be drawn."""
        (width, height), least, most = self.window.get_size(), self.least, self.most
        return min(max(width, least[0]), most[0]), min(max(height, least[1]), most[1])

    def draw(self) -> None:
        """Draws the content if it has changed."""
        wanted = (self.size, self.shown())
        if self._drawn == wanted:
            return
        self.window.blit(self.picture(self.size), (0, 0))
        pygame.display.flip()
        if pygame.display.get_caption()[0] != self.title():
            pygame.display.set_caption(self.title())
        self._drawn = wanted
