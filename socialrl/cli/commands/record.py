"""`socialrl record`: writes demonstrations of co-players or trained agents."""

import importlib
from pathlib import Path

from socialrl.cli.machine import choose_platform, find_device
from socialrl.cli.parsing import add_platform, add_plugins, make_parser, split_world_settings, use_plugins
from socialrl.cli.settings import world_settings_help

HELP = """\
Writes demonstrations: what scripted co-players or trained agents observe and do in whole episodes, without
rewards.

A file holds the arrays obs, action, next_obs, discount, last, present, with axes steps, episodes, seats,
and opens with numpy alone; docs/demonstrations.md describes it. In a world by name the co-players act and
the novices are absent; in a run folder's world the trained agent acts greedily in the novices' seats. Those
of a person are written by `socialrl play --demonstrations`.

examples:
  socialrl record goal_cycle --out demos.npz --episodes 64
  socialrl record goal_cycle --out demos.npz --world.size 9 --seats expert_0 --seed 3
  socialrl record coin_grid --out noisy.npz --world.experts '[{"policy": "noisy", "skill": 0.5}]'
  socialrl record runs/coin_grid/001 --arm psiphi --out psiphi.npz
  socialrl record runs/coin_grid/001:psiphi:2 --out psiphi.npz --seats novice,expert
  socialrl record goal_cycle --help                            every setting of this world, with its meaning
"""


def command(arguments: list[str]) -> None:
    usage = "socialrl record WORLD|RUN --out FILE [options] [--world.KEY VALUE ...]"
    parser = make_parser("socialrl record", HELP, add_help=False, usage=usage)
    parser.add_argument("target", metavar="WORLD|RUN", nargs="?", help="a world's name, or RUN[:ARM[:SEED]]")
    parser.add_argument(
        "-h", "--help", action="store_true", help="show this, and with WORLD all its settings"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write, .npz")
    parser.add_argument("--arm", metavar="ARM", help="which arm of RUN")
    parser.add_argument("--episodes", metavar="N", type=int, default=64, help="how many (default: 64)")
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="seed of levels and actions (default: 0)"
    )
    parser.add_argument(
        "--seats", metavar="A,B", default="", help="which to record: names, titles (expert), or all"
    )
    parser.add_argument(
        "--level", metavar="FILE", type=Path, help="a drawn level, on which every episode begins"
    )
    add_plugins(parser)
    add_platform(parser)
    options, settings = split_world_settings(parser, arguments)
    choose_platform(options.platform)
    use_plugins(options)
    if options.help and not options.target:
        print(parser.format_help(), end="")
        return
    if options.help:
        print(parser.format_help())
        print(world_settings_help(options.target))
        return
    if not options.target or not options.out:
        parser.error("record needs a WORLD or a RUN, and --out FILE")
    find_device(options.platform, not options.no_cache)
    importlib.import_module("socialrl.play").record(
        options.target,
        options.out,
        arm=options.arm,
        episodes=options.episodes,
        seed=options.seed,
        seats=[word for word in options.seats.split(",") if word],
        settings=settings,
        level=options.level,
    )
    print(options.out)
