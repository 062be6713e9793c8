"""`socialrl explain`: what would have become of a decision of a replay, had it been another."""

from pathlib import Path

from socialrl.cli.machine import choose_platform, find_device
from socialrl.cli.parsing import add_platform, add_plugins, make_parser, use_plugins

HELP = """\
Says what would have become of one decision of a replay, had the novice followed somebody else, or itself.

The episode is run again up to the step, exactly as recorded (checksums prove it), and continued from there to
its end by the same agent, many times with fresh random numbers: with the decision as it was made, and with
each other one in its place. Printed are the returns from that step on, and their differences to the recorded
decision, pair by pair with the same random numbers.

examples:
  socialrl explain runs/coin_grid/001/replays/psiphi-seed0.npz --step 12
  socialrl explain REPLAY --step 12 --source expert_1             had it followed expert_1 here
  socialrl explain REPLAY --step 12 --source self --instead 10    had it acted for itself for 10 steps
  socialrl explain REPLAY --step 12 --action left                 had it gone left
  socialrl explain REPLAY --step 12 --concept next_goal           had it known where the next goal is
  socialrl explain REPLAY --step 12 --concept danger_ahead --value yes    had it thought so
  socialrl explain REPLAY --step 12 --out what_if.png             with the paths, as a picture
  socialrl explain REPLAY --step 12 --agent runs/mine/002:psiphi:0   of a replay outside of its run folder
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl explain", HELP)
    parser.add_argument("replay", metavar="REPLAY", type=Path, help="a replay, such as RUN/replays/NAME.npz")
    parser.add_argument("--step", metavar="T", type=int, required=True, help="which step, from 0")
    parser.add_argument(
        "--episode", metavar="E", type=int, default=0, help="which episode, from 0 (default: 0)"
    )
    parser.add_argument(
        "--novice", metavar="N", type=int, default=0, help="whose decision: its number among the novices"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--source", metavar="NAME", help="whom it had followed: self, expert_0, ...")
    which.add_argument("--action", metavar="NAME", help="what it had done: left, stay, ...")
    which.add_argument(
        "--concept", metavar="NAME", help="what it had read otherwise, if it reads concepts; all: all of them"
    )
    parser.add_argument("--value", metavar="NAME", help="how it had read the concept (default: the truth)")
    parser.add_argument("--instead", metavar="H", type=int, default=1, help="for how many steps (default: 1)")
    parser.add_argument(
        "--continuations", metavar="N", type=int, default=64, help="of each decision (default: 64)"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the random numbers (default: 0)")
    parser.add_argument(
        "--agent", metavar="AGENT", help="who acted: RUN:ARM:SEED, or a file (default: the replay's run)"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="where to write a picture of the paths, .png"
    )
    add_plugins(parser)
    add_platform(parser)
    options = parser.parse_args(arguments)
    choose_platform(options.platform)
    use_plugins(options)
    find_device(options.platform, not options.no_cache)
    from socialrl.explaining import explain
    from socialrl.record.atomic import write_bytes

    found = explain(
        options.replay,
        options.step,
        episode=options.episode,
        novice=options.novice,
        source=options.source,
        action=options.action,
        agent=options.agent,
        concept=options.concept,
        value=options.value,
        instead=options.instead,
        continuations=options.continuations,
        seed=options.seed,
    )
    print(found)
    if options.out is not None:
        write_bytes(options.out, found._repr_png_())
        print(options.out)
