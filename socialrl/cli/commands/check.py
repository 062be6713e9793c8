"""`socialrl check`: tests whether a world, co-player, learner, curriculum or protocol is valid."""

from socialrl.cli.machine import choose_platform
from socialrl.cli.parsing import add_platform, add_plugins, make_parser, use_plugins

HELP = """\
Runs the tests of built-in code on your own code and prints a line per group of rules; exit status 1 on a
failure.

In a file or module it checks every world, co-player, learner, curriculum and protocol that is defined there,
with default settings. With --jaxmarl it checks an environment with JaxMARL's methods that builds
without arguments.

examples:
  socialrl check my_world.py                                   all that the file defines
  socialrl check my_package.worlds:Config                      one of them
  socialrl check key_door                                      by its name, e.g. of an installed package
  socialrl check my_learner.py --world goal_cycle              in another world
  socialrl check --jaxmarl my_env.py:MyEnv
"""


def command(arguments: list[str]) -> int:
    parser = make_parser("socialrl check", HELP)
    parser.add_argument("targets", metavar="FILE|MODULE|NAME", nargs="*", help="what to check")
    parser.add_argument(
        "--jaxmarl", metavar="MODULE:CLASS", help="check an environment with JaxMARL's methods"
    )
    parser.add_argument(
        "--world",
        metavar="NAME",
        help="where co-players, learners, curricula and protocols are tried (default: a small coin_grid)",
    )
    add_plugins(parser)
    add_platform(parser)
    options = parser.parse_args(arguments)
    if bool(options.targets) == bool(options.jaxmarl):
        parser.error("check needs a FILE, MODULE or NAME, or --jaxmarl MODULE:CLASS")
    choose_platform(options.platform)
    use_plugins(options)
    from socialrl.check import check, check_jaxmarl

    failed = 0
    results = check_jaxmarl(options.jaxmarl) if options.jaxmarl else check(options.targets, options.world)
    for result in results:
        failed += bool(result.failure)
        tail = f": {result.failure}" if result.failure else ""
        print(f"{'FAIL' if result.failure else 'pass'}  {result.subject}: {result.rules}{tail}", flush=True)
    return 1 if failed else 0
