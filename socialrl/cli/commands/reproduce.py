"""`socialrl reproduce`: runs what is reported, and rebuilds results, pictures, pages and numbers."""

from pathlib import Path

from socialrl.cli.machine import choose_platform, find_device, with_extra
from socialrl.cli.parsing import add_platform, make_parser

HELP = """\
Runs experiments on the seeds that are reported, or goes on with them, and rebuilds all that is said of them.

Each NAME is an experiment of experiments/; without one all are run. A run lies in runs/reproduced/NAME and is
resumed if it is there. After each one these are written: experiments/results/NAME.json, the picture in
assets/experiments, docs/experiments.md, and the numbers in README.md and docs/results.md. Call it in the
repository's folder. Arms are trained one after the other; side by side, by processes that may share a GPU, or
on several machines, they are by `socialrl sweep`, whose run is taken as it is.

examples:
  socialrl reproduce --list                     how long each takes, and what is there
  socialrl reproduce coin_grid baselines
  socialrl reproduce --pages                    only rebuilds, from the runs that are there
  socialrl sweep experiments/prediction.py --block 10 --gpus 0.1 --out runs/reproduced/prediction
  socialrl reproduce prediction                 takes that run, whose arms were trained side by side
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl reproduce", HELP)
    parser.add_argument("names", metavar="NAME", nargs="*", help="an experiment (default: all)")
    parser.add_argument("--list", action="store_true", help="say how long each takes, and run nothing")
    parser.add_argument(
        "--pages", action="store_true", help="rebuild from the runs that are there; run nothing"
    )
    parser.add_argument(
        "--runs",
        metavar="DIR",
        default="runs/reproduced",
        help="folder of the runs (default: runs/reproduced)",
    )
    add_platform(parser)
    options = parser.parse_args(arguments)
    choose_platform(options.platform)
    reproduction, runs = with_extra("report", "socialrl.reproduction"), Path(options.runs)
    if options.list:
        print(reproduction.overview(options.names, runs))
        return
    if options.pages:
        made = reproduction.rebuild(reproduction.there(options.names, runs))
    else:
        device = find_device(options.platform, not options.no_cache)
        made = reproduction.reproduce(options.names, device=device, runs=runs)
    print("\n".join(map(str, made)))
