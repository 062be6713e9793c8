"""`socialrl convert`: demonstrations and levels from and to other programs' formats."""

import importlib

from socialrl.cli.parsing import add_plugins, make_parser, split_world_settings, use_plugins

HELP = """\
Converts demonstrations from and to Minari, and levels from and to the text of JaxUED and Minigrid.

Demonstrations become one local Minari dataset per seat, <name>/<seat>-v0, and come back bit for bit. A
dataset that socialrl did not write needs --world, the world with these views and actions.

examples:
  socialrl convert demos.npz --to minari:mine/goal_cycle-v0
  socialrl convert minari:mine/goal_cycle-v0 --to again.npz
  socialrl convert minari:theirs-v0 --to theirs.npz --world coin_grid --world.size 9
  socialrl convert jaxued:maze.txt --to level.txt        then: socialrl play goal_search --level level.txt
  socialrl convert level.txt --to minigrid:grid.txt
"""


def command(arguments: list[str]) -> None:
    parser = make_parser(
        "socialrl convert",
        HELP,
        usage="socialrl convert SOURCE --to TARGET [--world WORLD --world.KEY VALUE]",
    )
    known = "FILE.npz, minari:ID, FILE.txt, jaxued:FILE or minigrid:FILE"
    parser.add_argument("source", metavar="SOURCE", help=known)
    parser.add_argument("--to", metavar="TARGET", required=True, help="where to write, the same formats")
    parser.add_argument("--world", metavar="WORLD", help="the world of a foreign dataset")
    add_plugins(parser)
    options, settings = split_world_settings(parser, arguments)
    use_plugins(options)
    if settings and not options.world:
        parser.error("--world.KEY needs --world")
    spec = None
    if options.world:
        spec = importlib.import_module("socialrl.play.cast").cast(options.world, None, settings).spec
    for written in importlib.import_module("socialrl.formats.convert").convert(
        options.source, options.to, spec
    ):
        print(written)
