"""`socialrl eval`: tests the arms of a run for social learning."""

import dataclasses
from pathlib import Path

from socialrl.cli.machine import choose_platform, find_device
from socialrl.cli.parsing import add_platform, add_plugins, make_parser, use_plugins

HELP = """\
Tests the trained arms of a run for social learning: with co-players, after they have left, alone, and on
new worlds.

All arms are tested in the experiment's world, on the same held-out levels under every condition. Shown are
the return with co-players throughout (full), for the first half of each episode (half) and never, and from
these cultural transmission, CT = (full - never) / 2E + (half - never) / 2E, where E is the experts' own
return; whether the hidden order is recovered; whether the first choice after the experts have left is
right; penalties; and the influence of the others on the policy. Intervals are stratified bootstraps over
seeds. Records replace earlier ones of the same protocol in the run folder, and the report is written again.

examples:
  socialrl eval runs/goal_cycle/001
  socialrl eval runs/goal_cycle/001 --arms ppo,sociapl --episodes 512
  socialrl eval runs/goal_cycle/001 --seeds 1 --episodes 16    a quick look
  socialrl eval runs/goal_cycle/001 --out numbers.json         all measures of all conditions
  socialrl eval runs/goal_cycle/001 --protocol memory          another protocol; `socialrl list` shows them
  socialrl eval runs/mine/001 --plugin mine.py                 allows the code that the run's world comes from

settings:
  Settings of the protocol are those of its Config where the experiment lists it in `protocols` (then
  `socialrl run` runs it at the end of each arm), else the defaults.
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
    add_plugins(parser)
    add_platform(parser)
    options = parser.parse_args(arguments)
    choose_platform(options.platform)
    use_plugins(options)
    from socialrl.coerce import construct
    from socialrl.config import load_experiment
    from socialrl.evaluate import evaluate, protocol_of
    from socialrl.record import folder
    from socialrl.run import finish

    with folder.resume(options.run) as opened:
        experiment = load_experiment(options.run)
        protocol = protocol_of(experiment, options.protocol)
        if options.episodes is not None:
            protocol = construct(
                lambda: dataclasses.replace(protocol, episodes=options.episodes), "--episodes", whole=False
            )
        find_device(options.platform)
        arms = [name for name in (options.arms or "").split(",") if name]
        evaluate(
            experiment, opened, arms, protocol, experiment.seeds if options.seeds is None else options.seeds
        )
        finish(opened, Path(options.out) if options.out else None)
