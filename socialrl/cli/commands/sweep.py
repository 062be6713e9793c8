"""`socialrl sweep`: arms, settings and seeds as tasks for many workers, joined to one run."""

import argparse
import contextlib
import importlib
import importlib.metadata
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from socialrl.cli.parsing import add_platform, add_plugins, make_parser, split_run_settings, use_plugins
from socialrl.cli.settings import describe, settings_help

if TYPE_CHECKING:
    from socialrl.config import Experiment
    from socialrl.sweep.pool import Pool

HELP = """\
Trains an experiment by many workers: every arm, with every setting of --grid, in blocks of seeds. The run
folder is in the end as if one machine had made it: report, view, eval and resume work on it.

Workers are processes of this machine, or with --ray those of a Ray cluster. A task whose worker or machine is
lost goes on from its last checkpoint elsewhere. After Ctrl-C the workers save; --resume comes back. All
machines must see the run folder.

examples:
  socialrl sweep experiments/coin_grid.py --seeds 20 --first_seed 1000
  socialrl sweep experiments/coin_grid.py --grid learner.lr=1e-4,3e-4 --grid world.size=9,13
  socialrl sweep experiments/coin_grid.py --ray auto --gpus 0.25        on a cluster, four tasks to a GPU
  socialrl sweep --resume runs/coin_grid/003                            goes on with that sweep
  socialrl sweep experiments/coin_grid.py --shard 3/16 --out runs/wide  a job of an array; see merge --help
  socialrl sweep experiments/coin_grid.py --search optuna --trials 20   on seeds 0 to 2, then with the best
                                                                        settings on seeds from 1000 on
  socialrl sweep experiments/coin_grid.py --search grid --search-only   as `socialrl tune`

settings:
  --KEY VALUE sets any key of the experiment, as for `socialrl run`.
"""
VALUES = (
    "--grid",
    "--block",
    "--ray",
    "--cores",
    "--gpus",
    "--parallel",
    "--retries",
    "--shard",
    "--search",
    "--trials",
    "--space",
    "--measure",
    "--trial-seeds",
    "--trial-steps",
    "--trial-runs",
    "--record",
)
FLAGS = ("--search-only",)


def command(arguments: list[str]) -> None:
    own, settings = split_run_settings(arguments, VALUES, FLAGS)
    parser = _parser()
    options = parser.parse_args(own)
    if options.experiment is None and options.resume and options.resume.endswith(".py"):
        options.experiment, options.resume = options.resume, ""
    source = options.experiment or options.resume
    if options.help and not source:
        print(parser.format_help(), end="")
        return
    if not source:
        parser.error("sweep needs an EXPERIMENT")
    asked = os.environ.get("JAX_PLATFORMS")
    os.environ["JAX_PLATFORMS"] = "cpu"  # this process only looks on, and takes no memory of a GPU
    use_plugins(options)
    from socialrl.config import load_experiment
    from socialrl.overrides import apply
    from socialrl.tuned import as_written

    experiment = load_experiment(source)
    if options.search:
        experiment = as_written(experiment, source)
    experiment = apply(experiment, settings)
    if options.help:
        print(parser.format_help())
        print(settings_help(experiment))
        return
    _check(options, parser)
    plan = importlib.import_module("socialrl.sweep.plan")
    experiment = plan.gridded(experiment, _grid(options.grid, "--grid"))
    _check_builds(experiment)
    words = f"socialrl sweep {shlex.join(arguments)}"
    with _pool(options, options.platform or asked, source) as pool:
        if options.search:
            try:
                experiment = _searched(options, experiment, source, pool, words)
            except KeyboardInterrupt as stop:
                raise KeyboardInterrupt("call it again to go on with the search") from stop
            if options.search_only:
                return
        _sweep(options, experiment, pool, words)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "socialrl sweep",
        HELP,
        add_help=False,
        usage="socialrl sweep EXPERIMENT [options] [--KEY VALUE ...]",
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
        "--resume", metavar="DIR", nargs="?", const="", help="go on with a sweep (default: the latest)"
    )
    parser.add_argument(
        "--grid",
        metavar="KEY=V,W",
        action="append",
        default=[],
        help="an arm for each value of a key of the learner, world or curriculum; may be repeated: all "
        "combinations",
    )
    _add_work(parser)
    _add_search(parser)
    add_plugins(parser)
    add_platform(parser)
    return parser


def _add_work(parser: argparse.ArgumentParser) -> None:
    work = parser.add_argument_group("workers")
    work.add_argument(
        "--ray",
        metavar="ADDRESS",
        nargs="?",
        const="auto",
        help="workers of a Ray cluster: HOST:PORT, auto (the one this machine is in) or local (a new one)",
    )
    work.add_argument(
        "--block", metavar="K", type=int, help="seeds of a task (default: about two tasks per worker)"
    )
    work.add_argument("--cores", metavar="N", type=int, default=1, help="cores of a task (default: 1)")
    work.add_argument(
        "--gpus",
        metavar="SHARE",
        type=float,
        help="GPUs of a task, such as 0.25 (default: 1 where there are any)",
    )
    work.add_argument(
        "--parallel", metavar="N", type=int, help="processes at a time, without --ray (default: all cores)"
    )
    work.add_argument(
        "--retries",
        metavar="N",
        type=int,
        default=3,
        help="how often in a row a task may be lost without a new checkpoint (default: 3)",
    )
    work.add_argument("--shard", metavar="I/N", help="train only the I-th of N shares of the tasks")


def _add_search(parser: argparse.ArgumentParser) -> None:
    search = parser.add_argument_group("search")
    search.add_argument(
        "--search",
        choices=("optuna", "grid"),
        help="search settings of all arms alike, on seeds 0, 1, ...: drawn by Optuna, stopping bad ones "
        "early, or all of a grid; then train with the best on seeds that are reported",
    )
    search.add_argument(
        "--trials", metavar="N", type=int, help="of each arm (default: 20; of a grid all, or so many of it)"
    )
    search.add_argument(
        "--space",
        metavar="KEY=...",
        action="append",
        default=[],
        help="learner.KEY=LOW:HIGH, LOW:HIGH:log or V,W; may be repeated (default: step size from a third to "
        "three times, gradient steps from one to four times what is written; of a grid three values each)",
    )
    search.add_argument(
        "--measure", choices=("return", "auc"), default="return", help="what decides (default: return)"
    )
    search.add_argument(
        "--trial-seeds", metavar="K", type=int, default=3, help="seeds 0 to K - 1 of each trial (default: 3)"
    )
    search.add_argument(
        "--trial-steps", metavar="N", type=int, help="of each trial (default: the experiment's)"
    )
    search.add_argument(
        "--trial-runs",
        metavar="DIR",
        help="folder of the trials (default: runs/tuning/<experiment>-search; of a grid <experiment>)",
    )
    search.add_argument(
        "--record", metavar="FILE", help="the record of the search (default: tuned/<experiment>.json)"
    )
    search.add_argument("--search-only", action="store_true", help="write the record, and train nothing more")


def _check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raises SocialRLError for options that do not go together or are out of range."""
    if options.shard and not re.fullmatch(r"[1-9]\d*/[1-9]\d*", options.shard):
        parser.error(f"--shard {options.shard}: not I/N, such as 3/16")
    if options.shard and int(options.shard.split("/")[0]) > int(options.shard.split("/")[1]):
        parser.error(f"--shard {options.shard}: there are only {options.shard.split('/')[1]}")
    if options.shard and (options.ray or options.search):
        parser.error("--shard goes without --ray and --search")
    if options.shard and not options.out:
        parser.error("--shard needs --out DIR, the same for all shards")
    if options.search and (options.grid or options.resume is not None):
        parser.error("--search goes without --grid and --resume: call it again to go on")
    for name in ("block", "cores", "parallel", "trials", "trial_seeds"):
        value = vars(options)[name]
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} {value}: at least 1")
    if options.gpus is not None and not 0 <= options.gpus <= 64:
        parser.error(f"--gpus {options.gpus:g}: from 0 to 64")


def _grid(options: list[str], name: str) -> dict[str, list[str]]:
    """The values, as text, of each key of options such as learner.lr=1e-4,3e-4; a list is [64,64]."""
    from socialrl_envs.errors import SocialRLError

    found: dict[str, list[str]] = {}
    for text in options:
        key, equals, listed = text.partition("=")
        values = [word.strip() for word in re.split(r",(?![^\[(]*[\])])", listed) if word.strip()]
        if not equals or not key or not values:
            raise SocialRLError(
                f"{name} {text}: not KEY=VALUE,VALUE", f"for example {name} learner.lr=1e-4,3e-4"
            )
        found[key.removeprefix("--")] = list(dict.fromkeys(values))
    return found


def _check_builds(experiment: "Experiment") -> None:
    """Builds every arm once: an impossible one raises before a folder is made."""
    from socialrl.assemble import assemble

    for arm in experiment.arms:
        assemble(experiment, arm)


@contextlib.contextmanager
def _pool(options: argparse.Namespace, platform: str | None, source: str) -> Iterator["Pool"]:
    """The workers, until the block ends. platform: asked for, None if jax may choose."""
    plugins = [*options.plugin, *([source] if source.endswith(".py") else [])]
    if options.ray:
        cluster = importlib.import_module("socialrl.sweep.cluster")
        with cluster.connected(options.ray, options.cores, options.gpus or 0.0) as ray:
            usual = 0.0 if platform == "cpu" or not cluster.has_gpus(ray) else 1.0
            yield cluster.Cluster(
                ray,
                cores=options.cores,
                gpus=usual if options.gpus is None else options.gpus,
                plugins=plugins,
                accept_changes=options.accept_changes,
            )
        return
    processes = importlib.import_module("socialrl.sweep.processes")
    asks = platform != "cpu" and options.gpus != 0 and _may_have_gpus()
    devices = processes.count_gpus() if asks else 0
    usual = 1.0 if devices or platform == "cuda" else 0.0
    yield processes.Processes(
        slots=options.parallel,
        cores=options.cores,
        gpus=usual if options.gpus is None else options.gpus,
        devices=devices,
        words=[
            *(word for plugin in plugins for word in ("--plugin", plugin)),
            *(["--accept-changes"] if options.accept_changes else []),
        ],
    )


def _may_have_gpus() -> bool:
    """Whether jax has a plug-in for any device but the CPU here."""
    return bool(importlib.metadata.entry_points(group="jax_plugins"))


def _sweep(options: argparse.Namespace, experiment: "Experiment", pool: "Pool", words: str) -> None:
    from socialrl.config import to_json
    from socialrl.record import folder
    from socialrl.sweep.plan import Plan, block_for
    from socialrl.sweep.sweeping import share, sweep

    if options.shard:
        number, shards = map(int, options.shard.split("/"))
        plan = Plan(block=options.block or block_for(experiment, shards), shards=shards)
        run = folder.share(options.out, to_json(experiment), command=words)
        _announce(experiment, run.path, pool, f", shard {options.shard}")
        share(experiment, run, pool, plan, (number, shards), retries=options.retries)
        print(f"shard {options.shard} is done; after the last one: socialrl merge {shlex.quote(options.out)}")
        return
    plan = Plan(block=options.block or block_for(experiment, pool.slots))
    if options.resume is None:
        run = folder.create(to_json(experiment), out=options.out, command=words)
    else:
        path = options.resume or options.out or folder.latest("runs", experiment.name)
        run = folder.resume(path, to_json(experiment))
    with run:
        _announce(experiment, run.path, pool)
        try:
            sweep(experiment, run, pool, plan, retries=options.retries)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt(
                f"go on with `socialrl sweep --resume {shlex.quote(str(run.path))}`"
            ) from stop


def _announce(experiment: "Experiment", path: Path, pool: "Pool", more: str = "") -> None:
    print(describe(experiment))
    print(f"{'workers':<13}{pool.slots} at a time{more}\n{'folder':<13}{path}\n", flush=True)


def _searched(
    options: argparse.Namespace, experiment: "Experiment", source: str, pool: "Pool", words: str
) -> "Experiment":
    """The experiment with the best settings of a search, on seeds that are reported."""
    from socialrl.report.results import without
    from socialrl.sweep import listed, space, stopping
    from socialrl.sweep.search import Method, reported, search
    from socialrl.tuned import place
    from socialrl.tuning import shown, write

    given, trials, name = _grid(options.space, "--space"), options.trials or 20, f"{experiment.name}-search"
    if options.search == "grid":
        method, name = Method(space=space.values, searched=listed.searched, stops=False), experiment.name
        trials = options.trials or len(space.grid(space.values(experiment.arms[0], given)))
    else:
        stopping.need_optuna()
        drawing = importlib.import_module("socialrl.sweep.tune") if options.ray else stopping
        method = Method(space=space.space, searched=drawing.searched)
    found = search(
        experiment,
        given,
        pool,
        method,
        trials=trials,
        seeds=options.trial_seeds,
        steps=options.trial_steps or experiment.steps,
        base=Path(options.trial_runs or f"runs/tuning/{name}"),
        measure=options.measure,
        command=without(shlex.split(words), ("--record", "--trial-runs", "--platform")),
        retries=options.retries,
    )
    path = Path(options.record) if options.record else place(experiment, source)
    write(found, path)
    print(f"\n{shown(found)}\n\nrecord: {path}\n", flush=True)
    return reported(experiment, found)
