"""`socialrl eval`: measures the trained arms of a run by an evaluation protocol."""

import dataclasses
from pathlib import Path

from socialrl.cli.machine import choose_platform, find_device
from socialrl.cli.parsing import add_devices, add_platform, add_plugins, make_parser, use_plugins

HELP = """\
Measures the trained arms of a run by an evaluation protocol: social learning (the default), or another one.

The protocol `social` takes held-out levels, the same ones under every condition, in the experiment's world
for all arms: the return with the co-players present throughout (full), for the first half of each episode
(half), and never; cultural transmission, CT = (full - never) / 2E + (half - never) / 2E, with E the co-
players' own return; the same with other co-players and in new worlds. Intervals are stratified bootstraps
over seeds. Records replace earlier ones of the protocol in the run folder, and the report is written
again.

examples:
  socialrl eval runs/goal_cycle/001
  socialrl eval runs/goal_cycle/001 --arms ppo,sociapl --episodes 512
  socialrl eval runs/goal_cycle/001 --seeds 1 --episodes 16     a quick look
  socialrl eval runs/goal_cycle/001 --out numbers.json          where the numbers of `social` are written
  socialrl eval runs/goal_cycle/001 --protocol memory           does the carry hold the hidden order?
  socialrl eval runs/coin_grid/001 --protocol few_shot          how fast are new tasks learnt?
  socialrl eval runs/coin_grid/001 --protocol worth_of_following   what was following worth?
  socialrl eval runs/mine/001 --plugin mine.py                  allows the code of the run's world

settings:
  They are those of the protocol as the experiment lists it in `protocols` (then `socialrl run` measures it at
  the end of each arm), else its defaults. --episodes replaces its option `episodes`.
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl eval", HELP)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--arms", metavar="A,B", help="which arms (default: all)")
    parser.add_argument(
        "--protocol", metavar="NAME", default="social", help="social (default), memory, few_shot, ..."
    )
    parser.add_argument("--episodes", metavar="N", type=int, help="episodes per seed and condition")
    parser.add_argument("--seeds", metavar="K", type=int, help="only the first K seeds of the run")
    parser.add_argument(
        "--out", metavar="FILE", help="where to write the numbers (default: evaluation.json in RUN)"
    )
    parser.add_argument(
        "--phases",
        action="store_true",
        help="measure every checkpoint that is kept (keep_checkpoints of the experiment), not the last alone",
    )
    add_devices(parser)
    add_plugins(parser)
    add_platform(parser)
    options = parser.parse_args(arguments)
    choose_platform(options.platform)
    use_plugins(options)
    from socialrl.coerce import construct
    from socialrl.config import load_experiment
    from socialrl.devices import choose
    from socialrl.record import folder
    from socialrl.runs import finish
    from socialrl.studies import evaluate, protocol_of

    with folder.resume(options.run) as opened:
        experiment = load_experiment(options.run)
        protocol = protocol_of(experiment, options.protocol)
        if options.episodes is not None:
            protocol = construct(
                lambda: dataclasses.replace(protocol, episodes=options.episodes), "--episodes", whole=False
            )
        find_device(options.platform, not options.no_cache)
        arms = [name for name in (options.arms or "").split(",") if name]
        seeds = experiment.seeds if options.seeds is None else options.seeds
        devices = choose(max(seeds, 1), experiment.num_envs, count=options.devices)
        evaluate(experiment, opened, arms, protocol, seeds, options.phases, devices)
        finish(opened, Path(options.out) if options.out else None)
