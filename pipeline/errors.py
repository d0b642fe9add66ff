"""The exception that means: the user's input is at fault; and messages of libraries, made fit for users."""

import itertools
import re


class UserError(Exception):
    """A fault in what the user gave: what is wrong, where, and how to fix it.

    The command line prints it without a traceback and exits with 1.

    Args:
        message: Names the file (and line) or option, and the fault.
        hint: How to fix it: a command to run, a file to fetch, an option to change.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class FolderTakenError(UserError):
    """A folder holds what other settings or another program made, or is being written; the hint speaks of --out."""


_ADVICE = re.compile(
    r"weights_only|pickle|trust_remote_code|torch\.load|safe_globals|ignore_mismatched|\bunsafe\b|\bupgrade|\binstall"
    r"|\breport\b|\bissues?\b|https?:",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<!:)/\S*")


def foreign_reason(error: BaseException) -> str:
    """The first sentences of what a library said, without its advice; its kind where nothing is left."""
    sentences = re.split(r"(?<=[.!?:])\s+", " ".join(str(error).split()))
    said = " ".join(itertools.takewhile(lambda sentence: not _ADVICE.search(_PATH.sub("", sentence)), sentences))
    return said[:200].rstrip(":") if said and said.isprintable() else type(error).__name__
