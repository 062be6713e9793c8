"""From words to options: parsers that complain in one line, and settings told from a command's own arguments."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

RUN_VALUES, RUN_FLAGS = ("--out", "--platform"), ("--help", "-h")


class Parser(argparse.ArgumentParser):
    """Complains in one line."""

    def error(self, message: str) -> NoReturn:
        from socialrl_envs.errors import SocialRLError

        raise SocialRLError(message, f"see {self.prog} --help")


def make_parser(prog: str, text: str, **options: Any) -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    head, _, tail = text.partition("\n\n")
    return Parser(
        prog=prog, description=head, epilog=tail, formatter_class=formatter, allow_abbrev=False, **options
    )


def add_platform(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--platform", choices=("cpu", "cuda"), help="where to compute (default: the best there is)"
    )


def split_run_settings(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command's own arguments, and the settings (`--key value` pairs) of the experiment."""
    own: list[str] = []
    settings: list[str] = []
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        name, equals, _ = token.partition("=")
        takes_value = not equals and bool(rest) and not rest[0].startswith("--")
        target = (
            own if name in (*RUN_VALUES, *RUN_FLAGS, "--resume") or not token.startswith("--") else settings
        )
        target.append(token)
        if takes_value and token.startswith("--") and name not in RUN_FLAGS:
            target.append(rest.pop(0))
    return own, settings


def split_world_settings(
    parser: argparse.ArgumentParser, arguments: Sequence[str]
) -> tuple[argparse.Namespace, list[str]]:
    """The command's own options, and the settings of the world, `--world.size 9`."""
    own: list[str] = []
    settings: list[str] = []
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        is_setting = token.startswith("--world.")
        (settings if is_setting else own).append(token)
        if is_setting and "=" not in token and rest and not rest[0].startswith("--"):
            settings.append(rest.pop(0))
    return parser.parse_args(own), settings
