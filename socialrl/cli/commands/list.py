"""`socialrl list`: worlds, co-players, learners and experiments."""

import importlib.util
from pathlib import Path

from socialrl.cli.parsing import make_parser


def command(arguments: list[str]) -> None:
    make_parser("socialrl list", "Lists worlds, co-players, learners and experiments.\n\n").parse_args(
        arguments
    )
    from socialrl.registry import LEARNER
    from socialrl_envs.registry import discover

    groups = {
        "worlds": discover("socialrl_envs.worlds"),
        "co-players": discover("socialrl_envs.coplayers"),
        "learners": LEARNER.modules(),
    }
    found = {
        title: {name: _source_of(module) for name, module in group.items()} for title, group in groups.items()
    }
    found["experiments"] = {str(file): file for file in sorted(Path("experiments").glob("[!_]*.py"))}
    for title, group in found.items():
        print(title)
        for name, file in sorted(group.items()):
            print(f"  {name:<28} {_headline(file)}".rstrip())
        if not group:
            print("  none" if title != "experiments" else "  none in ./experiments")


def _source_of(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def _headline(file: Path | None) -> str:
    """The first line of a file's docstring; the file is read, not run."""
    import ast

    try:
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) if file else None
    except (OSError, SyntaxError, ValueError):
        return "(cannot be read)"
    return (text or "").partition("\n")[0]
