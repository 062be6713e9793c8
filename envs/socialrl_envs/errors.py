"""Errors that a user can cause, and hints at the nearest known name."""

import difflib
from collections.abc import Iterable


class SocialRLError(ValueError):
    """An error in what the user gave: `message` names the file and the key, `hint` what to do instead.

    The command line prints it as one line and exits with code 2.
    """

    def __init__(self, message: str, hint: str | None = None):
        self.message = message
        self.hint = hint
        super().__init__(message if hint is None else f"{message} ({hint})")


class Terminated(KeyboardInterrupt):
    """KeyboardInterrupt by SIGTERM, as a cluster sends it before it takes a machine away."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word most similar to `word`, or all of them if none is similar."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"


def unknown(kind: str, word: str, known: Iterable[str]) -> SocialRLError:
    """The SocialRLError for a word that is none of the known names; kind: what they name."""
    return SocialRLError(f"unknown {kind} {word!r}", nearest(word, known))
