"""The exception that means: the user's input is at fault; and messages of libraries, made fit for users."""

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


_ADVICE = re.compile(
    r"weights_only|pickle|trust_remote_code|torch\.load|safe_globals|ignore_mismatched|unsafe|upgrade|report|issue|http",
    re.IGNORECASE,
)


def foreign_reason(error: BaseException) -> str:
    """The first line of what a library said, or its kind where that line is advice not to be passed on."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    usable = line and line.isprintable() and not _ADVICE.search(line)
    return line[:200] if usable else type(error).__name__
