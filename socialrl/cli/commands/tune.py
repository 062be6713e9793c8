"""`socialrl tune`: the same small search for every arm of an experiment, on seeds for tuning."""

from pathlib import Path
from typing import Any

from socialrl.cli.machine import choose_platform, find_device
from socialrl.cli.parsing import add_platform, add_plugins, make_parser, use_plugins

HELP = """\
Tries the same number of settings for every arm of an experiment, on seeds 0, 1, ..., and records all trials.

Without --grid the search is over three step sizes (a third, as written, three times as large) and three
numbers of gradient steps (as written, twice, four times as many). The record, tuned/<experiment>.json beside
the experiment's file, is what `tuned(experiment, __file__)` in that file reads. The seeds that are
reported, 1000 and above, are never used. It goes on where it was interrupted; arms that the experiment has
got since then join the trials that are done.

examples:
  socialrl tune experiments/coin_grid.py
  socialrl tune experiments/coin_grid.py --seeds 5 --steps 6000 --arms psiphi,dqn
  socialrl tune experiments/coin_grid.py --grid lr=3e-4,1e-3,3e-3 --grid updates=8,16,32 --trials 6
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl tune", HELP)
    parser.add_argument("experiment", metavar="EXPERIMENT", help="a file of experiments/")
    parser.add_argument("--arms", metavar="A,B", help="which arms (default: all)")
    parser.add_argument("--trials", metavar="N", type=int, help="of each arm (default: the whole grid)")
    parser.add_argument("--seeds", metavar="K", type=int, default=3, help="seeds 0 to K - 1 (default: 3)")
    parser.add_argument("--steps", metavar="N", type=int, help="of each trial (default: the experiment's)")
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
        default="return",
        help="what decides, as a mean over seeds: at the end, or over the learning curve (default: return)",
    )
    parser.add_argument("--out", metavar="FILE", help="the record (default: tuned/<experiment>.json)")
    parser.add_argument(
        "--runs", metavar="DIR", help="folder of the trials' runs (default: runs/tuning/<experiment>)"
    )
    add_plugins(parser)
    add_platform(parser)
    options = parser.parse_args(arguments)
    choose_platform(options.platform)
    use_plugins(options)
    from socialrl import tuning
    from socialrl.config import load_experiment
    from socialrl.overrides import apply
    from socialrl.report.results import without
    from socialrl.tuned import as_written, place

    experiment = as_written(load_experiment(options.experiment), options.experiment)
    if options.arms:
        experiment = apply(experiment, ["--arms", options.arms])
    values = dict(map(_values, options.grid))
    settings = {
        arm.name: tuning.drawn(
            tuning.values_grid(arm, values) if values else tuning.grid(arm), options.trials
        )
        for arm in experiment.arms
    }
    found = tuning.search(
        experiment,
        settings,
        seeds=options.seeds,
        steps=experiment.steps if options.steps is None else options.steps,
        base=Path(options.runs or f"runs/tuning/{experiment.name}"),
        measure=options.measure,
        command=without(["socialrl", "tune", *arguments], ("--out", "--runs", "--platform")),
        device=find_device(options.platform, not options.no_cache),
    )
    path = Path(options.out) if options.out else place(experiment, options.experiment)
    tuning.write(found, path)
    print(f"\n{tuning.shown(found)}\n\nrecord: {path}")


def _values(text: str) -> tuple[str, list[Any]]:
    """The key and the values of a text such as lr=1e-3,3e-3."""
    from socialrl_envs.errors import SocialRLError
    from socialrl_envs.safe_json import read_json

    key, equals, listed = text.partition("=")
    words = [word.strip() for word in listed.split(",") if word.strip()]
    if not equals or not key or not words:
        raise SocialRLError(f"--grid {text}: not KEY=VALUE,VALUE", "for example --grid lr=1e-3,3e-3")

    def value(word: str) -> Any:
        try:
            return read_json(word, "value")
        except SocialRLError:
            return word

    return key, [value(word) for word in words]
