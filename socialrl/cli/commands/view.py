"""`socialrl view`: shows replays, or exports them."""

import argparse
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socialrl.cli.machine import with_extra
from socialrl.cli.parsing import add_plugins, make_parser, use_plugins

if TYPE_CHECKING:
    from socialrl.scene.what_if import Explain

HELP = """\
Opens replays in a window: the world, whom the novice follows now, and a timeline of all its decisions.

examples:
  socialrl view runs/coin_grid/001                             all replays of a run
  socialrl view runs/coin_grid/001/replays/psiphi-seed0.npz
  socialrl view runs/coin_grid/001 --export replay.html        all of it as one page for browsers
  socialrl view runs/coin_grid/001 --export out.gif            an episode as a picture, no screen needed
  socialrl view runs/coin_grid/001 --export out.png --episode 2 --step 14
  socialrl view runs/coin_grid/001 --export out.mp4            needs the extra `mp4`
  socialrl view runs/coin_grid/001 --export frames             a folder of pictures, one per step

keys: h shows them all; c compares with the next replay, r and x jump to rewards and penalties, d changes
the panel. w asks what had become of the decision, had it followed another: socialrl explain prints the same.
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl view", HELP)
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a replay, or a run folder")
    parser.add_argument(
        "--export",
        metavar="OUT",
        help="write a page as .html, an episode as .gif, .mp4 or a folder of .png, or a step as .png",
    )
    parser.add_argument("--episode", type=int, help="which episode to export, or to show first, from 0")
    parser.add_argument("--step", type=int, help="which step to export, or to show first, from 0")
    parser.add_argument(
        "--size", type=_size, metavar="WxH", help="size of what is exported, in pixels (default: 1280x800)"
    )
    parser.add_argument("--fps", type=int, help="steps per second of an exported .gif or .mp4 (default: 8)")
    add_plugins(parser)
    options = parser.parse_args(arguments)
    use_plugins(options)
    wanted = {key: getattr(options, key) for key in ("episode", "step", "size", "fps")}
    chosen = {key: value for key, value in wanted.items() if value is not None}
    from socialrl_envs.errors import SocialRLError

    if options.export is None:
        if chosen:
            raise SocialRLError(f"--{next(iter(chosen))} chooses what --export writes", "add --export OUT")
        paths = [Path(path) for path in options.paths]
        with_extra("view", "socialrl.viewer").view(paths, explain=_answering(paths))
        return
    out = Path(options.export)
    if out.suffix.lower() == ".html":
        _page(options.paths, out, chosen)
    elif len(options.paths) > 1:
        hint = "export them one by one, or all into one .html"
        raise SocialRLError(f"{out}: it shows one PATH, not {len(options.paths)}", hint)
    else:
        with_extra("view", "socialrl.viewer").export(Path(options.paths[0]), out, **chosen)
    print(out)


def _page(paths: list[str], out: Path, chosen: dict[str, Any]) -> None:
    """Writes a page for browsers, which needs no extra."""
    from socialrl.viewer import export_page
    from socialrl_envs.errors import SocialRLError

    for key in ("size", "fps"):
        if key in chosen:
            raise SocialRLError(f"--{key} does not go with a page", "leave it out: the page has the window's")
    export_page(paths, out, **chosen)


def _answering(paths: list[Path]) -> "Explain":
    """A function that answers what-if questions about the replays behind these paths.

    It imports what it needs at the first question, and the window does not wait for that.
    """

    @cache
    def answers() -> "Explain":
        from socialrl.explaining import answers as made
        from socialrl.viewer.files import find

        return made(find(paths))

    return lambda asked: answers()(asked)


def _size(text: str) -> tuple[int, int]:
    """`1280x800` as (1280, 800)."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, e.g. 1280x800")
    return int(width), int(height)
