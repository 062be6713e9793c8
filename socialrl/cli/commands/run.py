"""`socialrl run`: trains an experiment's arms and records them."""

import argparse
import contextlib
import importlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from socialrl.cli.machine import choose_platform, find_device
from socialrl.cli.parsing import (
    add_devices,
    add_platform,
    add_plugins,
    make_parser,
    split_run_settings,
    use_plugins,
)
from socialrl.cli.settings import describe, settings_help

if TYPE_CHECKING:
    from collections.abc import Callable

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
  socialrl run experiments/coin_grid.py --devices 4            seeds over four devices (default: over all)
  socialrl run experiments/coin_grid.py --seeds 1 --split worlds    one seed's worlds over all devices
  socialrl run experiments/coin_grid.py --profile              what bounds it, and a trace of it

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
    from socialrl import processes
    from socialrl.config import REPORTING, load_experiment
    from socialrl.devices import choose
    from socialrl.overrides import apply

    if options.distributed and not options.help:
        processes.join(options.distributed)
    experiment = apply(load_experiment(source), settings)
    if options.help:
        print(parser.format_help())
        print(settings_help(experiment))
        return
    log = [name for name in options.log.split(",") if name]
    importlib.import_module("socialrl.formats.loggers").check_loggers(log)
    device = find_device(options.platform, not options.no_cache)
    devices = choose(experiment.seeds, experiment.num_envs, count=options.devices, split=options.split)
    _check_builds(experiment)
    made = f"socialrl run {shlex.join(arguments)}"
    with _folder_of_all(lambda: _open_folder(experiment, options.out, resume, device, made)) as folder:
        if processes.first():
            print(describe(experiment))
            if experiment.claims and not experiment.reporting:
                told = f"no claim is decided; what is reported has --first_seed {REPORTING}"
                print(f"{'seeds':<13}for tuning: {told}")
            laid = f", {devices.text()}" if devices.text() else ""
            print(f"{'device':<13}{device}{laid}\n{'folder':<13}{folder.path}\n", flush=True)
        with _how_to_go_on(folder):
            runs = importlib.import_module("socialrl.runs")
            going_on = resume is not None
            runs.run(experiment, folder, resume=going_on, log=log, devices=devices, profile=options.profile)


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
    parser.add_argument(
        "--split",
        choices=("seeds", "worlds"),
        default="seeds",
        help="what several devices share: seeds (default), or the worlds of every seed",
    )
    parser.add_argument(
        "--distributed",
        metavar="auto|HOST:PORT,N,I",
        help="share the run with other processes: as SLURM, MPI or Kubernetes started them, or as process I "
        "of N, of which process 0 is at HOST:PORT",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="write a trace of a chunk of every arm for https://ui.perfetto.dev, and say what bounds it",
    )
    add_devices(parser)
    add_plugins(parser)
    add_platform(parser)
    return parser


def _folder_of_all(opened: "Callable[[], RunFolder]") -> "RunFolder":
    """The run folder, which process 0 opens and locks, in every process of the run."""
    from socialrl.processes import agreed
    from socialrl.record.folder import RunFolder

    own: list[RunFolder] = []

    def path() -> str:
        own.append(opened())
        return str(own[0].path)

    found = agreed(path)
    return own[0] if own else RunFolder(Path(found), {})


def _check_builds(experiment: "Experiment") -> None:
    """Builds every arm's world and learner once: an impossible one raises before a folder is made."""
    from socialrl.coerce import construct
    from socialrl.lineage import Timeline

    for arm in experiment.arms:
        world = construct(
            experiment.world_of(arm).build, "world" if arm.world is None else f"{arm.name}.world"
        )
        construct(lambda arm=arm, world=world: arm.learner.build(world.spec), f"{arm.name}.learner")
        if arm.generations is not None:
            construct(lambda own=(arm, world): Timeline(experiment, *own), f"{arm.name}.generations")


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
