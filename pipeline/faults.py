"""Faults of rows and files: collected with file, line and kind, to be raised together or carried along."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dgf.pipeline.errors import UserError

OnError = Literal["stop", "skip"]

SHOWN_FAULTS = 10
SHOWN_WARNINGS = 3


class RowError(ValueError):
    """One row cannot be used.

    Args:
        message: Why, without file and line.
        kind: The kind of fault in a word or two, by which `dgf validate` counts.
        source: The line itself, where it is text.
    """

    def __init__(self, message: str, kind: str = "row", source: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.source = source


@dataclass(frozen=True, slots=True)
class Fault:
    """A line or file that cannot be used, why, and the kind of fault."""

    file: Path
    line: int | None
    message: str
    kind: str = "row"

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else f"{self.file}"
        return _on_one_line(f"{where}: {self.message}")


@dataclass(slots=True)
class FaultLog:
    """Collects the faults of one or more files of a source, to be raised together or carried along.

    `warnings` are of rows that are read and may not mean what they say; `notes` say what was read as what.
    """

    source: Path
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, file: Path, line: int | None, message: str, kind: str = "row") -> None:
        """Record one fault."""
        self.faults.append(Fault(file, line, message, kind))

    def warn(self, file: Path, line: int | None, message: str, kind: str) -> None:
        """Record one warning; of a whole file where there is no line."""
        self.warnings.append(Fault(file, line, message, kind))

    @contextmanager
    def at(self, file: Path, line: int | None) -> Iterator[None]:
        """Record a `RowError` that ends the block as a fault of this line, or of the file where it is one row."""
        try:
            yield
        except RowError as error:
            self.add(file, line, str(error), error.kind)

    def finish(self, on_error: OnError, hint: str) -> tuple[Fault, ...]:
        """Return the faults, or raise them.

        Raises:
            UserError: Under `stop`, if there are any: the first ten with file and line, and their number.
        """
        if on_error == "stop" and self.faults:
            number = len(self.faults)
            listed = "".join(f"\n  {fault}" for fault in self.faults[:SHOWN_FAULTS])
            more = f"\n  ... and {number - SHOWN_FAULTS} more" if number > SHOWN_FAULTS else ""
            what = "1 fault" if number == 1 else f"{number} faults"
            raise UserError(f"{self.source}: {what} in the data:{listed}{more}", hint)
        return tuple(self.faults)


class ShownWarnings:
    """Logs the first warnings of many, and at the end how many more there were."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._count = 0

    def add(self, warning: object) -> None:
        """Log a warning, if it is one of the first."""
        self._count += 1
        if self._count <= SHOWN_WARNINGS:
            self._log.warning("warning: %s", warning)

    def finish(self) -> None:
        """Say how many were not logged."""
        if self._count > SHOWN_WARNINGS:
            more = self._count - SHOWN_WARNINGS
            self._log.warning("... and %d more rows like these: `dgf validate` lists them", more)


def _on_one_line(text: str) -> str:
    """The text with escapes for what ends a line, steers a terminal or cannot be written: names may hold anything."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def show_value(value: object, limit: int = 60) -> str:
    """Format a value for a message: its repr, cut short, on one line."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
