"""Pictures in files: an episode as an animated GIF, a step as a PNG. No display is needed."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from socialrl.record.atomic import write_bytes
from socialrl.record.replay import Replay
from socialrl.viewer import files
from socialrl.viewer.frame import check, draw_frame
from socialrl_envs.errors import SocialRLError
from socialrl_envs.sprites import Real

MAX_FRAMES = 1000
COLOURS = 128


def write(
    path: Path, out: Path, episode: int, step: int | None, size: tuple[int, int], fps: Real, theme: str, **options: Any
) -> None:
    """See `socialrl.viewer.export`."""
    ending = out.suffix.lower()
    if ending not in (".gif", ".png"):
        raise SocialRLError(f"{out}: cannot write {ending or 'a file without an ending'}", "end it in .gif or .png")
    if ending == ".gif" and step is not None:
        raise SocialRLError(f"{out}: a .gif shows the whole episode, not step {step}", "end it in .png, or leave the step out")
    if not 0.1 <= fps <= 50:
        raise SocialRLError(f"fps: {fps}", "give 0.1..50")
    replay = files.read_one(path)
    check(replay, episode, step or 0, size)
    if ending == ".png":
        picture = Image.fromarray(draw_frame(replay, episode, step or 0, size, theme, **options))
        write_bytes(out, _encoded(picture, "PNG", optimize=True))
        return
    if replay.steps(episode) >= MAX_FRAMES:
        message = f"{out}: episode {episode} has {replay.steps(episode)} steps, a .gif holds at most {MAX_FRAMES - 1}"
        raise SocialRLError(message, "export single steps as .png")
    write_bytes(out, _animation(replay, episode, size, fps, theme, **options))


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def _animation(replay: Replay, episode: int, size: tuple[int, int], fps: Real, theme: str, **options: Any) -> bytes:
    """A GIF that repeats; the last frame stays for a second. All frames share one palette, so nothing flickers."""
    steps = replay.steps(episode)
    samples = [Image.fromarray(draw_frame(replay, episode, t, size, theme, **options)) for t in (0, steps // 2, steps)]
    sheet = Image.new("RGB", (size[0], size[1] * len(samples)))
    for i, sample in enumerate(samples):
        sheet.paste(sample, (0, size[1] * i))
    palette = sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)

    def frames() -> Iterator[Image.Image]:
        for t in range(steps + 1):
            frame = Image.fromarray(draw_frame(replay, episode, t, size, theme, **options))
            yield frame.quantize(palette=palette, dither=Image.Dither.NONE)

    all_frames = frames()
    each = max(20, round(1000 / fps))
    durations = [each] * steps + [max(1000, each)]
    first = next(all_frames)
    return _encoded(first, "GIF", save_all=True, append_images=all_frames, duration=durations, loop=0, disposal=1)
