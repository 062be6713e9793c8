"""`socialrl merge`: joins the shards of a sweep to one run."""

from pathlib import Path

from socialrl.cli.parsing import add_plugins, make_parser, use_plugins

HELP = """\
Joins the tasks that shards of a sweep trained to one run, and writes summary and report.

The run folder is then as if one machine had made it. Arms of which a task is missing are left
out: the tasks are named with their shards, and the exit code is 1. DIRs are copies of the run folder from
machines that do not share their files with this one.

examples:
  socialrl sweep experiments/coin_grid.py --shard 1/2 --out runs/coin_grid/wide
  socialrl sweep experiments/coin_grid.py --shard 2/2 --out runs/coin_grid/wide
  socialrl merge runs/coin_grid/wide
  socialrl merge runs/coin_grid/wide copied/from/another/machine
"""


def command(arguments: list[str]) -> int:
    parser = make_parser("socialrl merge", HELP)
    parser.add_argument("run", metavar="RUN", help="the folder of the sweep")
    parser.add_argument("others", metavar="DIR", nargs="*", help="copies of it, with tasks of other shards")
    add_plugins(parser)
    options = parser.parse_args(arguments)
    use_plugins(options)
    from socialrl.config import load_experiment
    from socialrl.record import folder
    from socialrl.sweep.sweeping import merge

    experiment = load_experiment(options.run)
    with folder.resume(options.run) as run:
        missing = merge(experiment, run, [Path(other) for other in options.others])
    if missing:
        print(f"\n{len(missing)} tasks are missing:", *missing, sep="\n  ")
    return 1 if missing else 0
