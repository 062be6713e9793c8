"""A window that waits for events, or for when something is due, and draws only when what it shows has
changed.
"""

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
    """A window of this size in pixels, which can be resized; what it shows is drawn within `least` and
    `most`.

    Subclasses say what it shows by `shown` and `picture`, and what happens by `handle`, for events one by
    one, and `tick`, for time that passes; both leave drawing to `draw`. `due` is when the next tick has
    something to do, by time.monotonic, which counts while `ticking`.

    repeat: milliseconds until a key that is held counts again, and from then on.
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
        """What there is to see now besides the window's size; the same again is not drawn again."""
        raise NotImplementedError

    def picture(self, size: Size) -> pygame.Surface:
        """What there is to see now, of this size."""
        raise NotImplementedError

    def title(self) -> str:
        """What stands above the window."""
        raise NotImplementedError

    @property
    def ticking(self) -> bool:
        """Whether time passes by itself now."""
        return False

    def tick(self, now: Real) -> None:
        """Does what is due at `now`, in seconds."""

    def handle(self, event: pygame.event.Event) -> None:
        """Does what the event says."""
        if event.type == pygame.QUIT:
            self.running = False
        elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWRESTORED):
            self._drawn = None

    def loop(self) -> None:
        """Goes on until the window is closed."""
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
        """Draws if the window shows something else."""
        wanted = (self.size, self.shown())
        if self._drawn == wanted:
            return
        self.window.blit(self.picture(self.size), (0, 0))
        pygame.display.flip()
        if pygame.display.get_caption()[0] != self.title():
            pygame.display.set_caption(self.title())
        self._drawn = wanted
