"""`dgf` in this process, as a user sees it."""

import re
from pathlib import Path

from click.testing import CliRunner

_FAULT = re.compile(r"internal error: (\w+): .*?(?:\(at (\S+:\d+), in \S+\)\n|\Z)", re.DOTALL)


class RefusedError(Exception):
    """The command ended with another exit code than 0, and this is what it printed."""


class BrokenError(Exception):
    """The command failed in a way that no input may lead to.

    Args:
        kind: The exception that ended it.
        place: Innermost line of dgf.
        message: What was printed.
    """

    def __init__(self, kind: str, place: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.place = kind, place


def dgf(*words: str | Path) -> str:
    """Run a command; return what it printed.

    Raises:
        RefusedError: It ended with 1, 2 or 3.
        BrokenError: It printed an internal error or a traceback, or ended with something else.
    """
    from dgf.cli.main import cli

    done = CliRunner().invoke(cli, [str(word) for word in words])
    text = done.output
    if found := _FAULT.search(text):
        raise BrokenError(found[1], found[2] or "?", text)
    if "Traceback" in text or "a fault of dgf" in text:
        raise BrokenError("Traceback", "?", text)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code not in (0, 1, 2, 3):
        raise BrokenError(f"exit code {done.exit_code}", "?", text)
    if done.exit_code:
        raise RefusedError(text)
    return text
