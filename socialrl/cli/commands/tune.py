"""`socialrl tune`: the same small search for every arm of an experiment, on seeds for tuning."""

from socialrl.cli.commands import sweep
from socialrl.cli.parsing import make_parser

HELP = """\
Tries the same number of settings for every arm of an experiment, on seeds 0, 1, ..., and records all trials.

Without --grid the search is over three step sizes (a third, as written, three times as large) and three
numbers of gradient steps (as written, twice, four times as many). The record, tuned/<experiment>.json beside
the experiment's file, is what `tuned(experiment, __file__)` in that file reads. The seeds that are
reported, 1000 and above, are never used. It goes on where it was interrupted; arms that the experiment has
got since then are tried, too.

It is `socialrl sweep EXPERIMENT --search grid --search-only`; options that are not listed here, such as
--parallel and --ray, are those of `socialrl sweep`.

examples:
  socialrl tune experiments/coin_grid.py
  socialrl tune experiments/coin_grid.py --seeds 5 --steps 6000 --arms psiphi,dqn
  socialrl tune experiments/coin_grid.py --grid lr=3e-4,1e-3,3e-3 --grid updates=8,16,32 --trials 6
"""
RENAMED = {
    "--seeds": "--trial-seeds",
    "--steps": "--trial-steps",
    "--out": "--record",
    "--runs": "--trial-runs",
}


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl tune", HELP)
    parser.add_argument("experiment", metavar="EXPERIMENT", help="a file of experiments/")
    parser.add_argument("--arms", metavar="A,B", help="which arms (default: all)")
    parser.add_argument("--trials", metavar="N", help="of each arm (default: the whole grid)")
    parser.add_argument("--seeds", metavar="K", help="seeds 0 to K - 1 (default: 3)")
    parser.add_argument("--steps", metavar="N", help="of each trial (default: the experiment's)")
    parser.add_argument(
        "--grid",
        metavar="KEY=V,W",
        action="append",
        default=[],
        help="values of a learner's key for all arms, instead of the usual grid; may be repeated",
    )
    parser.add_argument(
        "--measure",
        choices=("return", "auc"),
        help="what decides, as a mean over seeds: at the end, or over the learning curve (default: return)",
    )
    parser.add_argument("--out", metavar="FILE", help="the record (default: tuned/<experiment>.json)")
    parser.add_argument(
        "--runs", metavar="DIR", help="folder of the trials' runs (default: runs/tuning/<experiment>)"
    )
    options, more = parser.parse_known_args(arguments)
    words = [options.experiment, "--search", "grid", "--search-only"]
    for name in ("--arms", "--trials", "--seeds", "--steps", "--measure", "--out", "--runs"):
        if (value := vars(options)[name.removeprefix("--")]) is not None:
            words += [RENAMED.get(name, name), value]
    words += [word for values in options.grid for word in ("--space", f"learner.{values}")]
    sweep.command([*words, *more])
