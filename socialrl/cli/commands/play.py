"""`socialrl play`: a person takes a seat of a world."""

import argparse
import importlib
from pathlib import Path

from socialrl.cli.machine import with_extra
from socialrl.cli.parsing import add_plugins, make_parser, split_world_settings, use_plugins
from socialrl.cli.settings import world_settings_help
from socialrl_envs.errors import SocialRLError

HELP = """\
A person takes a seat of a world with the keyboard, beside scripted co-players or a trained agent.

The window shows what the seat observes, with hidden orders for co-players, who know them; f shows the whole
world, h the keys and rules. Each key is a step; with --fps steps are taken at that rate. Novices' seats stay
empty unless the person or, by --with, a trained agent takes them. Files are written when the window closes: a
replay opens in `socialrl view`, and learners train from demonstrations, which hold no rewards
(docs/demonstrations.md).

Beside a trained agent, and with --record FILE.npz, g and b say that what it just did is good, or bad; the
marks go to FILE.marks.jsonl, and `socialrl judge` tells what they reveal (docs/howto/judge.md).

With --web the seats are pages of browsers on this machine: each of --seat is somebody's, and a step waits for
all of them. The files are written when all agree on the end, or by Ctrl-C (docs/howto/people.md).

examples:
  socialrl play goal_cycle                                     find the hidden order that the experts know
  socialrl play goal_cycle --seat expert_0 --with runs/goal_cycle/001:medal     show it to a trained novice
  socialrl play coin_grid --demonstrations mine.npz --record mine-replay.npz
  socialrl play coin_grid --world.size 7 --world.experts 3 --fps 4
  socialrl play coin_grid --level my_level.txt --seed 3
  socialrl play --with runs/coin_grid/001:psiphi --fps 3 --record mine.npz      watch it, g is good, b is bad
  socialrl play mine:MyWorld --plugin mine.py                  a world of your own
  socialrl play goal_cycle --web --seat novice_0,expert_0      in browsers, two people in one world
  socialrl play goal_cycle --help                              every setting of this world, with its meaning
"""


def command(arguments: list[str]) -> None:
    parser = make_parser(
        "socialrl play", HELP, add_help=False, usage="socialrl play WORLD [options] [--world.KEY VALUE ...]"
    )
    parser.add_argument(
        "world", metavar="WORLD", nargs="?", help="a world's name (default: the one that --with learnt in)"
    )
    parser.add_argument(
        "-h", "--help", action="store_true", help="show this, and with WORLD all its settings"
    )
    parser.add_argument(
        "--seat",
        metavar="SEAT[,SEAT]",
        help="yours, with --web several (default: novice_0, or expert_0 beside a trained agent)",
    )
    parser.add_argument(
        "--with", metavar="RUN[:ARM[:SEED]]", dest="agent", help="who acts in the novices' seats"
    )
    parser.add_argument(
        "--level", metavar="FILE", type=Path, help="a drawn level, on which every episode begins"
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        help="seed of levels and others' actions (default: drawn at random)",
    )
    parser.add_argument(
        "--fps", metavar="N", type=float, help="steps per second in real time (default: each key is a step)"
    )
    parser.add_argument("--web", action="store_true", help="play in browsers, not in a window")
    parser.add_argument(
        "--port", metavar="N", type=int, help="of the page on this machine (default: one that is free)"
    )
    parser.add_argument("--record", metavar="FILE", type=Path, help="write a replay, .npz")
    parser.add_argument("--demonstrations", metavar="FILE", type=Path, help="write your demonstrations, .npz")
    add_plugins(parser)
    options, settings = split_world_settings(parser, arguments)
    use_plugins(options)
    if options.help and not options.world:
        print(parser.format_help(), end="")
    elif options.help:
        print(parser.format_help())
        print(world_settings_help(options.world))
    else:
        _play(options, settings)


def _play(options: argparse.Namespace, settings: list[str]) -> None:
    """Plays in a window, or with --web in browsers."""
    seats = [seat for seat in (options.seat or "").split(",") if seat]
    common = {
        "agent": options.agent,
        "seed": options.seed,
        "settings": settings,
        "level": options.level,
        "fps": options.fps,
        "replay": options.record,
        "demonstrations": options.demonstrations,
    }
    if options.web:
        with_extra("web", "socialrl.play.web.server", "play --web")
        play = importlib.import_module("socialrl.play")
        play.play_web(options.world, seats=seats, port=options.port or 0, **common)
        return
    with_extra("view", "socialrl.play.window", "play")
    if options.port is not None or len(seats) > 1:
        raise SocialRLError("--port, and --seat with several seats, are for --web", "add --web")
    importlib.import_module("socialrl.play").play(options.world, seat=options.seat, **common)
