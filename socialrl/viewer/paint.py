"""Brushes: themes, text, rounded boxes, icons. What is the same in many frames is cached.

Lengths are pixels of a window of 1280 x 800; `Brush.px` turns them into pixels of this window.
"""

import dataclasses
import io
from functools import lru_cache
from typing import Literal

import numpy as np
import pygame
import pygame.gfxdraw
from jaxtyping import UInt8
from PIL import ImageFont

from socialrl.scene.themes import Theme
from socialrl_envs import sprites
from socialrl_envs.sprites import Colour, Real, mix
from socialrl_envs.tiles import COLOURS

Point = tuple[Real, Real]
Anchor = Literal[  # the point of a text that is put somewhere, as pygame calls it
    "topleft",
    "midtop",
    "topright",
    "midleft",
    "center",
    "midright",
    "bottomleft",
    "midbottom",
    "bottomright",
]


@lru_cache(maxsize=1)
def _font_file() -> bytes | None:
    """The font in pillow, so that all machines show the same; None if this pillow has none."""
    font = ImageFont.load_default(16)
    file = font.path if isinstance(font, ImageFont.FreeTypeFont) else None
    return file.getvalue() if isinstance(file, io.BytesIO) else None


@lru_cache(maxsize=64)
def font(size: int, bold: bool = False) -> pygame.font.Font:
    """A font `size` pixels high."""
    pygame.font.init()
    data = _font_file()
    result = pygame.font.Font(None if data is None else io.BytesIO(data), max(6, size))
    result.bold = bold
    return result


@lru_cache(maxsize=4096)
def _words(text: str, size: int, colour: Colour, bold: bool) -> pygame.Surface:
    return font(size, bold).render(text.replace("\x00", " "), True, colour)


@lru_cache(maxsize=4096)
def _shortened(text: str, size: int, bold: bool, width: int) -> str:
    """The text, cut with an ellipsis if it is wider than `width` pixels."""
    style = font(size, bold)
    if style.size(text)[0] <= width:
        return text
    while text and style.size(text + "…")[0] > width:
        text = text[:-1]
    return text + "…"


def text_width(text: str, size: int, bold: bool = False) -> int:
    """The width in pixels of a text in a font `size` pixels high."""
    return font(size, bold).size(text)[0]


@lru_cache(maxsize=512)
def disc(radius: int, colour: Colour, alpha: int = 255) -> pygame.Surface:
    """A smooth disc of 2 * radius pixels."""
    steps = np.arange(2 * radius * 4, dtype=np.float32) / 4 + 0.125 - radius
    inside = np.hypot(steps[:, None], steps[None]) <= radius
    cover = inside.reshape(2 * radius, 4, 2 * radius, 4).mean(axis=(1, 3))
    pixels = np.empty((2 * radius, 2 * radius, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = colour, np.rint(cover * alpha)
    return pygame.image.frombuffer(pixels.tobytes(), (2 * radius, 2 * radius), "RGBA")


def _picture(sprite: sprites.Sprite) -> pygame.Surface:
    """A sprite of `socialrl_envs.sprites` as a surface."""
    alpha = sprite[..., 3:]
    colour = np.divide(sprite[..., :3], alpha, out=np.zeros_like(sprite[..., :3]), where=alpha > 0)
    pixels = np.rint(np.concatenate([colour, alpha], axis=2).clip(0, 1) * 255).astype(np.uint8)
    return pygame.image.frombuffer(pixels.tobytes(), sprite.shape[1::-1], "RGBA")


@lru_cache(maxsize=256)
def figure(size: int, colour: Colour, letter: str) -> pygame.Surface:
    """An agent as an icon."""
    return _picture(sprites.figure(size, colour, letter))


@lru_cache(maxsize=64)
def coin(size: int, name: str) -> pygame.Surface | None:
    """A coin as an icon; None if no coin is of that colour."""
    return _picture(sprites.coin(size, COLOURS.index(name))) if name in COLOURS else None


def luminance(colour: Colour) -> Real:
    """The perceived brightness of a colour: 0 black, 1 white."""
    return (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255


ARROWS = {"up": (0, -1), "right": (1, 0), "down": (0, 1), "left": (-1, 0), "forward": (0, -1)}


@dataclasses.dataclass(frozen=True)
class Brush:
    """Draws on one surface, in one theme, at one scale."""

    surface: pygame.Surface
    theme: Theme
    scale: Real

    def px(self, length: Real) -> int:
        """A length in pixels of this window, at least 1."""
        return max(1, round(length * self.scale))

    def text(
        self,
        text: str,
        at: Point,
        size: Real = 15,
        colour: Colour | None = None,
        bold: bool = False,
        anchor: Anchor = "topleft",
        width: Real | None = None,
    ) -> pygame.Rect:
        """Writes one line and returns its rectangle. width: it is shortened to at most so many pixels."""
        pixels = self.px(size)
        if width is not None:
            text = _shortened(text, pixels, bold, int(max(0, width)))
        image = _words(text, pixels, colour or self.theme.ink, bold)
        rect = image.get_rect(**{anchor: (round(at[0]), round(at[1]))})
        self.surface.blit(image, rect)
        return rect

    def box(self, rect: pygame.Rect, colour: Colour, radius: Real = 10) -> None:
        """A filled box with smooth round corners."""
        r = min(self.px(radius), rect.width // 2, rect.height // 2)
        if r < 2:
            self.surface.fill(colour, rect)
            return
        self.surface.fill(colour, rect.inflate(-2 * r, 0))
        self.surface.fill(colour, rect.inflate(0, -2 * r))
        round_one = disc(r, colour)
        for x, left in ((0, rect.left), (r, rect.right - r)):
            for y, top in ((0, rect.top), (r, rect.bottom - r)):
                self.surface.blit(round_one, (left, top), (x, y, r, r))

    def frame(
        self, rect: pygame.Rect, colour: Colour, inside: Colour, width: Real = 2, radius: Real = 5
    ) -> None:
        """A box with an outline."""
        self.box(rect, colour, radius)
        w = self.px(width)
        self.box(rect.inflate(-2 * w, -2 * w), inside, max(1, radius - width))

    def card_at(self, rect: pygame.Rect, height: Real) -> pygame.Rect:
        """Draws a card at the top of a rectangle; returns the rectangle inside of it."""
        card = pygame.Rect(rect.left, rect.top, rect.width, max(1, min(self.px(height), rect.height)))
        self.box(card, self.theme.card)
        return card.inflate(-self.px(36), 0)

    def polygon(self, points: list[Point], colour: Colour) -> None:
        """A filled polygon with smooth edges."""
        corners = [(round(x), round(y)) for x, y in points]
        pygame.gfxdraw.aapolygon(self.surface, corners, colour)
        pygame.gfxdraw.filled_polygon(self.surface, corners, colour)

    def icon(self, image: pygame.Surface, centre: Point) -> None:
        """A surface with its middle at a point."""
        self.surface.blit(image, image.get_rect(center=(round(centre[0]), round(centre[1]))))

    def action(self, name: str, centre: Point, size: Real, colour: Colour, width: Real | None = None) -> None:
        """Draws an action: an arrow for a move, a dot for staying, otherwise its name."""
        r, (x, y) = self.px(size) / 2, centre
        if name in ARROWS:
            dx, dy = ARROWS[name]
            outline = (
                (0, 1),
                (0.85, 0.1),
                (0.28, 0.1),
                (0.28, -1),
                (-0.28, -1),
                (-0.28, 0.1),
                (-0.85, 0.1),
            )  # aside, ahead
            self.polygon([(x + r * (dx * f - dy * s), y + r * (dy * f + dx * s)) for s, f in outline], colour)
        elif name in ("stay", "noop", "wait"):
            self.icon(disc(max(2, round(r * 0.5)), colour), centre)
        else:
            self.text(name, centre, size=size * 0.9, colour=colour, anchor="center", width=width)


def shade(theme: Theme, colour: Colour, strength: Real) -> tuple[Colour, Colour]:
    """A colour mixed into that of a card by a strength of 0..1, and an ink that can be read on it."""
    tint = mix(theme.card, colour, strength)
    return tint, ((28, 33, 41) if luminance(tint) > 0.5 else (255, 255, 255))


def from_array(image: UInt8[np.ndarray, "h w 3"]) -> pygame.Surface:
    """An image as a new surface."""
    surface = pygame.Surface(image.shape[1::-1], 0, 32)
    pygame.surfarray.blit_array(surface, image.swapaxes(0, 1))
    return surface


def to_array(surface: pygame.Surface) -> UInt8[np.ndarray, "h w 3"]:
    """A copy of the image on a surface."""
    return np.ascontiguousarray(pygame.surfarray.array3d(surface).swapaxes(0, 1))
