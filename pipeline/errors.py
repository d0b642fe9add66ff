"""The one exception that means: the user's input is at fault, not the program."""


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
