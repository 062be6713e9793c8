"""A recorded episode as a small animated GIF: the world, and below it a ribbon of the source followed at each
step.
"""

import dataclasses
import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from socialrl.record.replay import Replay
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import OKABE_ITO, draw
from socialrl_envs.sprites import Colour

try:
    from PIL import Image, ImageColor, ImageDraw, ImageFont
except ImportError as error:
    raise SocialRLError(
        "the report needs pillow, which is not installed", "pip install 'socialrl[report]'"
    ) from error

LIMIT = 300_000  # bytes per picture
FRAMES = 300  # the most frames; of a longer episode the first ones
SIDES = (270, 216, 160, 112)  # widths of the world in pixels, tried until the picture is small enough
NARROWEST = 230  # pixels, so that the words below the world fit
ROW, MARGIN, LINE = 12, 8, 19
INK, FAINT, PAPER = (32, 36, 42), (110, 116, 124), (255, 255, 255)
GAIN, LOSS = (0, 130, 90), (213, 94, 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Scene:
    """What all frames share. cell: pixels along a side. width: pixels. colours: "#rrggbb" by source."""

    replay: Replay
    episode: int
    colours: Mapping[str, str]
    cell: int
    width: int
    font: Any

    @property
    def steps(self) -> int:
        return self.replay.steps(self.episode)

    @property
    def world(self) -> tuple[int, int]:
        """Width and height of the world in pixels."""
        height, width = self.replay.tiles.shape[2:]
        return width * self.cell, height * self.cell

    @property
    def ribbon(self) -> int:
        """Height of the ribbon in pixels."""
        return len(self.replay.novices) * (ROW + MARGIN) + MARGIN


def animate(replay: Replay, episode: int, colours: Mapping[str, str]) -> bytes:
    """The GIF of an episode, with the largest of SIDES whose file has at most LIMIT bytes, or else the
    smallest.

    colours: "#rrggbb" by source.
    """
    data = b""
    for side in SIDES:
        data = _encode(_frames(_scene(replay, episode, colours, side)), pause=_pause(replay.steps(episode)))
        if len(data) <= LIMIT:
            break
    return data


def size(data: bytes) -> tuple[int, int]:
    """Width and height of a picture in pixels."""
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def _pause(steps: int) -> int:
    """Milliseconds per step: 12 seconds per episode, within 60 to 220 per step."""
    return int(np.clip(12_000 / steps, 60, 220))


def _scene(replay: Replay, episode: int, colours: Mapping[str, str], side: int) -> _Scene:
    height, width = replay.tiles.shape[2:]
    cell = max(4, side // max(width, height))
    return _Scene(
        replay=replay,
        episode=episode,
        colours=colours,
        cell=cell,
        width=max(width * cell, NARROWEST),
        font=ImageFont.load_default(size=13),
    )


def _encode(frames: Sequence[Image.Image], pause: int) -> bytes:
    """The frames as a GIF with one palette, made from a few of them, so that only changes are stored."""
    few = frames[:: max(1, len(frames) // 6)]
    sheet = Image.new("RGB", (few[0].width * len(few), few[0].height))
    for i, frame in enumerate(few):
        sheet.paste(frame, (i * frame.width, 0))
    palette = sheet.quantize(64, dither=Image.Dither.NONE)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [pause] * (len(small) - 1) + [1_500]
    file = io.BytesIO()
    options = {
        "duration": durations,
        "loop": 0,
        "disposal": 1,
        "optimize": True,
        "palette": bytes(palette.getpalette() or ()),
    }
    small[0].save(file, "GIF", save_all=True, append_images=small[1:], **options)
    return file.getvalue()


def _frames(scene: _Scene) -> list[Image.Image]:
    ribbon = _ribbon(scene)
    return [_frame(scene, step, ribbon) for step in range(min(scene.steps, FRAMES) + 1)]


def _frame(scene: _Scene, step: int, ribbon: Image.Image) -> Image.Image:
    replay = scene.replay
    wide, high = scene.world
    frame = Image.new("RGB", (scene.width, high + LINE * (1 + len(replay.novices)) + scene.ribbon), PAPER)
    picture = dataclasses.replace(replay.picture(scene.episode, step), colours=_seats(replay, scene.colours))
    image = draw(dataclasses.replace(picture, seat=replay.novices[0]), cell=scene.cell)
    frame.paste(Image.fromarray(image), ((scene.width - wide) // 2, 0))
    frame.paste(ribbon, (0, frame.height - scene.ribbon))
    pen = ImageDraw.Draw(frame)
    _words(pen, scene, step)
    if step < scene.steps:
        left, right = _span(step, scene)
        pen.rectangle(
            (left - 2, frame.height - scene.ribbon + 3, right + 2, frame.height - 4), outline=INK, width=2
        )
    return frame


def _seats(replay: Replay, colours: Mapping[str, str]) -> tuple[Colour, ...]:
    """The colours of the seats: those of their agents as sources, of the first novice that of "self"."""
    named = dict(zip(replay.agents, replay.agents, strict=True)) | {replay.agents[replay.novices[0]]: "self"}
    known = {agent: _rgb(colours[source]) for agent, source in named.items() if source in colours}
    spare = itertools.cycle([colour for colour in OKABE_ITO if colour not in known.values()] or OKABE_ITO)
    return tuple(known[agent] if agent in known else next(spare) for agent in replay.agents)


def _rgb(colour: str) -> Colour:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def _words(pen: ImageDraw.ImageDraw, scene: _Scene, step: int) -> None:
    """Draws the text below the world: the step, and per novice the source followed and the return so far."""
    replay, top = scene.replay, scene.world[1]
    pen.text((4, top + 4), f"step {step} of {scene.steps}", fill=FAINT, font=scene.font)
    followed, reward = replay.during("source", scene.episode), replay.during("reward", scene.episode)
    for i, seat in enumerate(replay.novices):
        y = top + LINE * (i + 1) + 4
        total = f"return {reward[:step, seat].sum():g}"
        pen.text(
            (scene.width - pen.textlength(total, font=scene.font) - 5, y), total, fill=INK, font=scene.font
        )
        if step < scene.steps:
            source = replay.sources[int(followed[step, i])]
            pen.rectangle((5, y + 3, 15, y + 13), fill=_rgb(scene.colours[source]))
            says = "follows its own policy" if source == "self" else f"follows {source}"
            pen.text((21, y), f"{replay.agents[seat]} {says}", fill=INK, font=scene.font)


def _ribbon(scene: _Scene) -> Image.Image:
    """A row per novice: the colour of the source at each step, a tick above for a reward, below for a
    penalty.
    """
    replay = scene.replay
    strip = Image.new("RGB", (scene.width, scene.ribbon), PAPER)
    pen = ImageDraw.Draw(strip)
    followed, reward = replay.during("source", scene.episode), replay.during("reward", scene.episode)
    for i, seat in enumerate(replay.novices):
        top = MARGIN + i * (ROW + MARGIN)
        for step in range(scene.steps):
            left, right = _span(step, scene)
            pen.rectangle(
                (left, top, right, top + ROW - 1),
                fill=_rgb(scene.colours[replay.sources[int(followed[step, i])]]),
            )
            middle = (left + right) // 2
            if reward[step, seat] > 0:
                pen.rectangle((middle - 1, top - 5, middle + 1, top - 2), fill=GAIN)
            elif reward[step, seat] < 0:
                pen.rectangle((middle - 1, top + ROW + 1, middle + 1, top + ROW + 4), fill=LOSS)
    return strip


def _span(step: int, scene: _Scene) -> tuple[int, int]:
    """First and last pixel column of a step in the ribbon."""
    left = step * scene.width // scene.steps
    return left, max(left, (step + 1) * scene.width // scene.steps - 1)
