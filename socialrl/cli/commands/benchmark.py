"""`socialrl benchmark`: the benchmark "never worse than alone"."""

from pathlib import Path

from socialrl.cli.machine import choose_platform, find_device
from socialrl.cli.parsing import add_platform, add_plugins, make_parser, use_plugins

HELP = """\
Puts a learner, or trained agents, to the benchmark "never worse than alone": good company and bad.

Six worlds; company that is good, mixed, useless, opposed, hostile, or turns hostile midway. One score per
question: does it follow the good, is it unharmed by the bad, does it remember when they have left, does it go
on alone, does it adapt to new wants? Written are result.json and a page, benchmark.html, with those of other
entrants for comparison. docs/howto/benchmark.md says how scores are made and what may be tuned on.

examples:
  socialrl benchmark psiphi --out results/psiphi                trains in all worlds, then tests
  socialrl benchmark assets/agents/coin_grid.npz assets/agents/goal_cycle.npz     tests trained agents
  socialrl benchmark runs/mine/001                              a run whose arms are named after the worlds
  socialrl benchmark dqn --worlds coin_grid --steps 6000 --seeds 2 --episodes 32  a quick look
  socialrl benchmark AGENT --salt "$SECRET"                     levels that nobody else can know
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl benchmark", HELP)
    parser.add_argument(
        "entrant",
        metavar="LEARNER|AGENT",
        nargs="+",
        help="a learner, a run, or agents (files, RUN:ARM:SEED)",
    )
    parser.add_argument("--worlds", metavar="A,B", default="", help="some of the worlds (default: all six)")
    parser.add_argument(
        "--episodes",
        metavar="N",
        type=int,
        default=128,
        help="per condition and seed (default: 128)",
    )
    parser.add_argument(
        "--steps",
        metavar="N",
        type=int,
        default=1_000_000,
        help="of training a learner, per world and seed (default: 1,000,000)",
    )
    parser.add_argument("--seeds", metavar="K", type=int, default=5, help="of training (default: 5)")
    parser.add_argument(
        "--salt", metavar="TEXT", default="public", help="from which the levels follow (default: public)"
    )
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("benchmark"), help="where (default: benchmark)"
    )
    parser.add_argument("--name", metavar="TEXT", help="of the entrant on the page")
    add_plugins(parser)
    add_platform(parser)
    options = parser.parse_args(arguments)
    choose_platform(options.platform)
    use_plugins(options)
    find_device(options.platform, not options.no_cache)
    from socialrl.benchmark.running import benchmark
    from socialrl.benchmark.scores import QUESTIONS

    result = benchmark(
        options.entrant,
        options.out,
        worlds=[name for name in options.worlds.split(",") if name],
        episodes=options.episodes,
        steps=options.steps,
        seeds=options.seeds,
        salt=options.salt,
        name=options.name,
    )
    for question in QUESTIONS:
        print(f"{question:<22}{result.overall[question]:6.2f}")
    safe = sum(value == 1 for value in result.safe.values())
    print(f"never worse than alone in {safe} of {len(result.safe)} worlds")
    print(options.out / "benchmark.html")
