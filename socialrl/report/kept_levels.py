"""The levels that a curriculum kept during training, from the text files of a run folder, and their pictures.

A run writes `levels/ARM/seed_S/step_N.txt`, see `record.levels`; S is the position of the seed.
"""

import base64
import io
import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from socialrl.record.levels import KeptLevel, load
from socialrl.report.markup import Markup, tag
from socialrl.report.reading import ArmRun, Study
from socialrl.report.svg import Image
from socialrl_envs import ascii_levels
from socialrl_envs.picture import Picture
from socialrl_envs.render import draw, to_png

STEP = re.compile(r"step_(\d+)\.txt")
CELL = 12  # pixels
GAP = 8  # pixels between two levels
BAR = 4  # pixels of the bar that shows how far training is
PAUSE = 700  # milliseconds of a picture of an animation
COLOURS = 64  # of an animation
WHITE = 255
INK = (0, 114, 178)


def kept(study: Study, arm: ArmRun, position: int = 0) -> dict[int, list[KeptLevel]]:
    """Step -> the levels that the arm's curriculum kept there, of the seed at this position, by step.

    Empty if the run has none. Raises SocialRLError that names a file that is damaged.
    """
    folder = next(run.folder for run in study.runs if run.name == arm.run)
    files = (folder / "levels" / arm.name / f"seed_{position}").glob("step_*.txt")
    steps = {int(found[1]): path for path in files if (found := STEP.fullmatch(path.name))}
    return {step: load(steps[step]) for step in sorted(steps)}


def picture(text: str) -> UInt8[np.ndarray, "h w 3"]:
    """The image of an ASCII level; a co-player that never comes is left out. Seats show where they face if
    the text says where.
    """
    tiles, position, heading, named = ascii_levels.parse(text)
    schedule = named.get("presence")
    present = np.ones(len(position), bool) if schedule is None else schedule[:, 0] > 0
    return draw(
        Picture(
            tiles=tiles,
            position=position,
            heading=heading,
            present=present,
            headings=bool(heading.any()),
        ),
        CELL,
    )


def row(images: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """Images side by side on white; they may differ in size."""
    height = max(image.shape[0] for image in images)
    parts: list[np.ndarray] = []
    for image in images:
        padded = np.full((height, image.shape[1], 3), WHITE, np.uint8)
        padded[: image.shape[0]] = image
        parts += [padded, np.full((height, GAP, 3), WHITE, np.uint8)]
    return np.concatenate(parts[:-1], axis=1)


def still(one: KeptLevel, described: str) -> Markup:
    """A level as an <img>. described: for screen readers."""
    image = picture(one.ascii)
    return _img(to_png(image), "png", image.shape, described)


def animation(by_step: dict[int, list[KeptLevel]], count: int, described: str) -> Markup:
    """The best `count` levels of every step as a GIF that starts again at its end, as an <img>. A bar below
    them shows how far training is.
    """
    steps = [step for step, levels in by_step.items() if levels]
    frames = []
    for step in steps:
        image = row([picture(one.ascii) for one in by_step[step][:count]])
        bar = np.full((BAR, image.shape[1], 3), WHITE, np.uint8)
        bar[:, : round(image.shape[1] * step / max(steps[-1], 1))] = INK
        frames.append(np.concatenate([image, bar]))
    height, width = (max(frame.shape[axis] for frame in frames) for axis in (0, 1))
    whole = [np.full((height, width, 3), WHITE, np.uint8) for _ in frames]
    for place, frame in zip(whole, frames, strict=True):
        place[: frame.shape[0], : frame.shape[1]] = frame
    pages = [Image.fromarray(frame).quantize(COLOURS, dither=Image.Dither.NONE) for frame in whole]
    buffer = io.BytesIO()
    pages[0].save(
        buffer, "GIF", save_all=True, append_images=pages[1:], duration=PAUSE, loop=0, optimize=True
    )
    return _img(buffer.getvalue(), "gif", whole[0].shape, described)


def _img(content: bytes, kind: str, shape: tuple[int, ...], described: str) -> Markup:
    source = f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
    return tag("img", src=source, width=shape[1], height=shape[0], alt=described)
