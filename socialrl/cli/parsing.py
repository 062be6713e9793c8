"""Parsers with errors of one line, and the split of arguments into options and settings."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

RUN_VALUES = ("--out", "--platform", "--plugin", "--log", "--devices", "--split", "--distributed")
RUN_FLAGS = ("--help", "-h", "--accept-changes", "--profile", "--no-cache")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises SocialRLError for errors."""

    def error(self, message: str) -> NoReturn:
        from socialrl_envs.errors import SocialRLError

        raise SocialRLError(message, f"see {self.prog} --help")


def make_parser(prog: str, text: str, **options: Any) -> argparse.ArgumentParser:
    """A Parser whose help has the first paragraph of `text` before the options and the rest after them."""
    formatter = argparse.RawDescriptionHelpFormatter
    head, _, tail = text.partition("\n\n")
    return Parser(
        prog=prog, description=head, epilog=tail, formatter_class=formatter, allow_abbrev=False, **options
    )


def add_plugins(parser: argparse.ArgumentParser) -> None:
    """Adds the options --plugin and --accept-changes, for commands that open files of other origin."""
    parser.add_argument(
        "--plugin",
        metavar="FILE_OR_MODULE",
        action="append",
        default=[],
        help="allow the code of this file and the modules beside it, or of this module; may be repeated",
    )
    parser.add_argument(
        "--accept-changes",
        action="store_true",
        help="use the code of plug-ins although it has changed since the run began",
    )


def use_plugins(options: argparse.Namespace) -> None:
    """Applies the options --plugin and --accept-changes; call it before any file is opened."""
    if not options.plugin and not options.accept_changes:
        return
    from socialrl_envs import plugins

    for given in options.plugin:
        plugins.allow(given)
    if options.accept_changes:
        plugins.accept_changes()


def add_platform(parser: argparse.ArgumentParser) -> None:
    """Adds the option --platform."""
    parser.add_argument(
        "--platform", choices=("cpu", "cuda"), help="the device to compute on (default: chosen by JAX)"
    )
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="compile everything anew; without it programs are kept in ~/.cache/socialrl, or in the folder "
        "that JAX_COMPILATION_CACHE_DIR names",
    )


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Adds the option --devices."""
    parser.add_argument(
        "--devices",
        metavar="N",
        type=int,
        help="how many devices to use (default: as many as there are, up to one per seed)",
    )


def split_run_settings(
    arguments: Sequence[str], more: Sequence[str] = (), more_flags: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """(own, settings): the arguments of `run` itself, and the `--key value` pairs of the experiment.

    more, more_flags: further options of a command, with and without a value.
    """
    flags = (*RUN_FLAGS, *more_flags)
    own: list[str] = []
    settings: list[str] = []
    rest = list(arguments)
    while rest:
        token = rest.pop(0)
        name, equals, _ = token.partition("=")
        takes_value = not equals and bool(rest) and not rest[0].startswith("--")
        target = (
            own
            if name in (*RUN_VALUES, *more, *flags, "--resume") or not token.startswith("--")
            else settings
        )
        target.append(token)
        if takes_value and token.startswith("--") and name not in flags:
            target.append(rest.pop(0))
    return own, settings


def split_world_settings(
    parser: argparse.ArgumentParser, arguments: Sequence[str]
) -> tuple[argparse.Namespace, list[str]]:
    """(options, settings): the parsed options, and the settings of the world, `--world.size 9`."""
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
