"""`socialrl list`: registered worlds, learners and other code with their origin, and experiments."""

from pathlib import Path

from socialrl.cli.parsing import make_parser

HELP = """\
Lists worlds, co-players, learners, curricula, protocols, report sections, panels and experiments.

What an installed package brings is shown with the package and its version; nothing of it is imported.
"""


def command(arguments: list[str]) -> None:
    make_parser("socialrl list", HELP).parse_args(arguments)
    from socialrl.registry import KINDS
    from socialrl_envs.registry import headline

    for kind in KINDS:
        rows = [
            (entry.name, entry.package and f"[{entry.origin}] ", kind.headline(entry))
            for entry in kind.entries()
        ]
        _group("curricula" if kind.word == "curriculum" else f"{kind.word}s", rows, "none")
        for name in sorted({name for name, _, _ in rows if [row[0] for row in rows].count(name) > 1}):
            print(f"  {name} exists twice: uninstall or rename one of them")
    files = sorted(Path("experiments").glob("[!_]*.py"))
    _group("experiments", [(str(file), "", headline(file)) for file in files], "none in ./experiments")


def _group(title: str, rows: list[tuple[str, str, str]], none: str) -> None:
    print(title)
    for name, origin, text in rows:
        print(f"  {name:<28} {origin}{text}".rstrip())
    if not rows:
        print(f"  {none}")
