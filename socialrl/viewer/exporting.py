"""Exported files: an episode as GIF, MP4 or a folder of PNGs, a step as PNG. No display is needed."""

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Unpack

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from socialrl.record.atomic import write_bytes
from socialrl.scene import SceneOptions
from socialrl.viewer import files
from socialrl.viewer.frame import check, draw_frame
from socialrl_envs.errors import SocialRLError
from socialrl_envs.render import to_png
from socialrl_envs.sprites import Real

Frame = Callable[[int], UInt8[np.ndarray, "h w 3"]]
MAX_FRAMES = 1000  # of a .gif, which is put together in memory
COLOURS = 128
ENDINGS = (".gif", ".mp4", ".png", "")


def write(
    path: Path,
    out: Path,
    episode: int,
    step: int | None,
    size: tuple[int, int],
    fps: Real,
    theme: str,
    **options: Unpack[SceneOptions],
) -> None:
    """See `socialrl.viewer.export`."""
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        hint = "end it in .html, .gif, .mp4 or .png, or name a folder for one .png per step"
        raise SocialRLError(f"{out}: cannot write {ending}", hint)
    if ending != ".png" and step is not None:
        kind = ending or "folder"
        raise SocialRLError(
            f"{out}: a {kind} shows the whole episode, not step {step}",
            "end it in .png, or leave the step out",
        )
    if not 0.1 <= fps <= 50:
        raise SocialRLError(f"fps: {fps}", "give 0.1..50")
    replay = files.read_one(path)
    check(replay, episode, step or 0, size)

    def frame(t: int) -> UInt8[np.ndarray, "h w 3"]:
        return draw_frame(replay, episode, t, size, theme, **options)

    steps = replay.steps(episode)
    if ending == ".png":
        write_bytes(out, to_png(frame(step or 0)))
    elif ending == ".gif":
        if steps >= MAX_FRAMES:
            message = f"{out}: episode {episode} has {steps} steps, a .gif holds at most {MAX_FRAMES - 1}"
            raise SocialRLError(message, "export an .mp4, or single steps as .png")
        write_bytes(out, _animation(frame, steps, size, fps))
    elif ending == ".mp4":
        _film(out, frame, steps, size, fps)
    else:
        _sequence(out, frame, steps)


def _sequence(out: Path, frame: Frame, steps: int) -> None:
    """Writes step-0000.png and so on into a new or empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SocialRLError(
            f"{out}: this exists already", "name a new folder, or end it in .gif, .mp4 or .png"
        )
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise SocialRLError(f"{out}: cannot make this folder: {error.strerror or error}") from error
    for t in range(steps + 1):
        write_bytes(out / f"step-{t:0{len(str(steps))}d}.png", to_png(frame(t)))


def _film(out: Path, frame: Frame, steps: int, size: tuple[int, int], fps: Real) -> None:
    """Writes H.264 in .mp4, all or nothing; the last frame stays for a second. An odd row or column of pixels
    is left out.
    """
    try:
        import imageio_ffmpeg  # type: ignore[import-not-found]
    except ImportError as error:
        hint = "pip install 'socialrl[mp4]', or export a .gif"
        raise SocialRLError(f"{out}: an .mp4 needs imageio-ffmpeg: {error}", hint) from error
    width, height = (n - n % 2 for n in size)
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "film.mp4"
        film = imageio_ffmpeg.write_frames(
            part,
            (width, height),
            fps=fps,  # pyright: ignore[reportArgumentType]  # any number will do
            codec="libx264",
            quality=7,
            macro_block_size=2,
        )
        film.send(None)
        for t in [*range(steps + 1), *[steps] * round(fps)]:
            film.send(np.ascontiguousarray(frame(t)[:height, :width]))
        film.close()
        write_bytes(out, part.read_bytes())


def _animation(frame: Frame, steps: int, size: tuple[int, int], fps: Real) -> bytes:
    """A GIF that repeats; its last frame stays for a second. All frames share one palette, so that no colour
    flickers.
    """
    sheet = Image.new("RGB", (size[0], size[1] * 3))
    for i, t in enumerate((0, steps // 2, steps)):
        sheet.paste(Image.fromarray(frame(t)), (0, size[1] * i))
    palette = sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)

    def frames() -> Iterator[Image.Image]:
        for t in range(steps + 1):
            yield Image.fromarray(frame(t)).quantize(palette=palette, dither=Image.Dither.NONE)

    all_frames = frames()
    each = max(20, round(1000 / fps))
    durations = [each] * steps + [max(1000, each)]
    first = next(all_frames)
    data = io.BytesIO()
    first.save(data, "GIF", save_all=True, append_images=all_frames, duration=durations, loop=0, disposal=1)
    return data.getvalue()
