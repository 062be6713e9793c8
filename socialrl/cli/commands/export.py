"""`socialrl export`: writes a trained agent of a run into one file."""

from pathlib import Path

from socialrl.cli.machine import choose_platform
from socialrl.cli.parsing import make_parser

HELP = """\
Writes a trained agent of a run, from its last checkpoint, into one file.

The file holds the parameters that acting needs, the learner's config and the facts of its world, and neither
code nor pickle. `socialrl.load_agent` reads it.

examples:
  socialrl export runs/coin_grid/001:psiphi:0 agent.npz
  socialrl export runs/coin_grid/001:psiphi:0 agent.npz --dtype float16    half the size, rounded to 1 in 2048
"""


def command(arguments: list[str]) -> None:
    parser = make_parser("socialrl export", HELP)
    parser.add_argument(
        "agent", metavar="RUN[:ARM[:SEED]]", help="a run folder, an arm (default: the only one), a seed (0)"
    )
    parser.add_argument("file", metavar="FILE", help="where to write, .npz")
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16"),
        default="float32",
        help="how parameters are stored (default: float32)",
    )
    parser.add_argument(
        "--novice",
        metavar="N",
        type=int,
        default=0,
        help="which novice, where a world has several (default: 0)",
    )
    parser.add_argument(
        "--generation",
        metavar="G",
        type=int,
        help="which generation, of an arm that has several, counted from 1 (default: the last one)",
    )
    options = parser.parse_args(arguments)
    choose_platform("cpu")
    from socialrl_envs.errors import SocialRLError

    if not options.file.endswith(".npz"):
        raise SocialRLError(f"{options.file}: an agent's file ends in .npz", "e.g. agent.npz")
    from socialrl.agents import load_trained, parse_address

    run, arm, seed = parse_address(options.agent)
    agent = load_trained(run, arm, seed, novice=options.novice, generation=options.generation)
    agent.save(options.file, options.dtype)
    size = Path(options.file).stat().st_size / 1000
    print(f"{options.file}: {agent.facts.title}, {agent.parameters:,} parameters, {size:,.0f} kB")
