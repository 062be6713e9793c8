"""A window that shows pictures, with pygame."""

import numpy as np
from jaxtyping import UInt8


class Window:
    """A pygame window that shows one picture after another; pygame is imported here alone."""

    def __init__(self, title: str, shape: tuple[int, ...]):
        import pygame

        self._pygame = pygame
        pygame.display.init()
        pygame.display.set_caption(title)
        self._screen = pygame.display.set_mode((shape[1], shape[0]))
        self._clock = pygame.time.Clock()

    def show(self, pixels: UInt8[np.ndarray, "h w 3"], fps: int) -> None:
        """Draws the picture, handles the window's events, and waits for the next frame."""
        self._pygame.event.pump()
        self._screen.blit(self._pygame.surfarray.make_surface(np.transpose(pixels, (1, 0, 2))), (0, 0))
        self._pygame.display.flip()
        self._clock.tick(fps)

    def close(self) -> None:
        """Closes the window."""
        self._pygame.display.quit()
