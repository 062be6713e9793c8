"""The one class of error for what a user can get wrong."""

import difflib
from collections.abc import Iterable


class SocialRLError(ValueError):
    """Something the user gave is wrong. The message names the file and the key, the hint names the cure.

    The command line prints it as one line and exits with code 2.
    """

    def __init__(self, message: str, hint: str | None = None):
        self.message = message
        self.hint = hint
        super().__init__(message if hint is None else f"{message} ({hint})")


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that offers the nearest right spelling of `word`, or the whole list if nothing is near."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"


def unknown(kind: str, word: str, known: Iterable[str]) -> SocialRLError:
    """The error for a name that is not among the known ones of its kind."""
    return SocialRLError(f"unknown {kind} {word!r}", nearest(word, known))
