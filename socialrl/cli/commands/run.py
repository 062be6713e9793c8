"""`socialrl run`: trains an experiment's arms and records them."""

import argparse
import contextlib
import importlib
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from socialrl.cli.machine import choose_platform, find_device
from socialrl.cli.parsing import add_platform, add_plugins, make_parser, split_run_settings, use_plugins
from socialrl.cli.settings import describe, settings_help

if TYPE_CHECKING:
    from socialrl.config import Experiment
    from socialrl.record.folder import RunFolder

HELP = """\
Trains every arm of an experiment and records it in a run folder, runs/<experiment>/<number>: config.json,
metrics.jsonl, checkpoints, replays of episodes with every step's decision, report.html.

examples:
  socialrl run experiments/coin_grid.py
  socialrl run experiments/coin_grid.py --help                 every setting of it, with its meaning
  socialrl run experiments/coin_grid.py --seeds 3 --arms psiphi,dqn
  socialrl run experiments/coin_grid.py --world.size 7 --learner.lr 3e-4 --psiphi.learner.following never
  socialrl run experiments/coin_grid.py --resume               goes on with its latest run
  socialrl run --resume runs/coin_grid/003                     goes on with that run
  socialrl run experiments/coin_grid.py --log tensorboard,wandb     metrics there, too, while it trains
  socialrl run --resume runs/mine/001 --plugin mine.py         allows the code that the run comes from

settings:
  --KEY VALUE sets any key of the experiment: `world.*` its world, `learner.*` every arm whose learner has the
  key, `<arm>.learner.*` and `<arm>.world.*` one arm. Lists are written 64,64, nothing is `none`.
"""


def command(arguments: list[str]) -> None:
    own, settings = split_run_settings(arguments)
    parser = _parser()
    options = parser.parse_args(own)
    resume = options.resume
    if options.experiment is None and resume and resume.endswith(".py"):
        options.experiment, resume = resume, ""  # `--resume experiments/x.py`: the latest run of that file
    source = options.experiment or resume
    if options.help and not source:
        print(parser.format_help(), end="")
        return
    if not source:
        parser.error("run needs an EXPERIMENT")
    choose_platform(options.platform)
    use_plugins(options)
    from socialrl.config import REPORTING, load_experiment
    from socialrl.overrides import apply

    experiment = apply(load_experiment(source), settings)
    if options.help:
        print(parser.format_help())
        print(settings_help(experiment))
        return
    log = [name for name in options.log.split(",") if name]
    importlib.import_module("socialrl.formats.loggers").check_loggers(log)
    device = find_device(options.platform)
    _check_builds(experiment)
    folder = _open_folder(experiment, options.out, resume, device, f"socialrl run {shlex.join(arguments)}")
    with folder:
        print(describe(experiment))
        if experiment.claims and not experiment.reporting:
            print(
                f"{'seeds':<13}for tuning: no claim is decided; what is reported has --first_seed {REPORTING}"
            )
        print(f"{'device':<13}{device}\n{'folder':<13}{folder.path}\n", flush=True)
        with _how_to_go_on(folder):
            runs = importlib.import_module("socialrl.runs")
            runs.run(experiment, folder, resume=resume is not None, log=log)


@contextlib.contextmanager
def _how_to_go_on(folder: "RunFolder") -> Iterator[None]:
    """Adds how to go on with the run to what stops it, if that is a signal or the disk."""
    from socialrl_envs.errors import SocialRLError

    again = f"go on with `socialrl run --resume {shlex.quote(str(folder.path))}`"
    try:
        yield
    except KeyboardInterrupt as stop:
        raise type(stop)(again) from stop
    except SocialRLError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        raise SocialRLError(error.message, f"{error.hint}; then {again}" if error.hint else again) from error


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "socialrl run", HELP, add_help=False, usage="socialrl run EXPERIMENT [options] [--KEY VALUE ...]"
    )
    parser.add_argument(
        "experiment", metavar="EXPERIMENT", nargs="?", help="a file of experiments/, or a run folder"
    )
    parser.add_argument(
        "-h", "--help", action="store_true", help="show this, and with EXPERIMENT all its settings"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="the run folder (default: runs/<experiment>/<next number>)"
    )
    parser.add_argument(
        "--resume", metavar="DIR", nargs="?", const="", help="go on with a run (default: the latest)"
    )
    parser.add_argument(
        "--log",
        metavar="A,B",
        default="",
        help="give the metrics to tensorboard, wandb (offline, unless WANDB_MODE=online) or both",
    )
    add_plugins(parser)
    add_platform(parser)
    return parser


def _check_builds(experiment: "Experiment") -> None:
    """Builds every arm's world and learner once: an impossible one raises before a folder is made."""
    from socialrl.coerce import construct

    for arm in experiment.arms:
        world = construct(
            experiment.world_of(arm).build, "world" if arm.world is None else f"{arm.name}.world"
        )
        construct(lambda arm=arm, world=world: arm.learner.build(world.spec), f"{arm.name}.learner")


def _open_folder(
    experiment: "Experiment", out: str | None, resume: str | None, device: str, command: str
) -> "RunFolder":
    from socialrl.config import to_json
    from socialrl.record import folder
    from socialrl_envs.errors import SocialRLError

    if resume is None:
        return folder.create(to_json(experiment), out=out, device=device, command=command)
    if out and resume:
        raise SocialRLError("--out and --resume DIR both name a run folder", "give one of them")
    return folder.resume(resume or out or folder.latest("runs", experiment.name), to_json(experiment))
