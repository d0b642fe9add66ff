"""Files of one record a line (posts, captions, entity types): their lines, and every fault with its file and line."""

import codecs
import gzip
import io
import json
import os
import string
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal, NoReturn

from dgf.pipeline.errors import UserError

OnError = Literal["stop", "skip"]

MAX_LINE_BYTES = 1 << 16
"""A line is one sentence; MNRE's longest is under a kilobyte. Longer lines are faults, not held in memory."""

SHOWN_FAULTS = 10

_GZIP = b"\x1f\x8b"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class RowError(ValueError):
    """One line cannot be used; the message says why, without file and line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line or file that cannot be used, and why."""

    file: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else f"{self.file}"
        return f"{where}: {self.message}"


@dataclass(slots=True)
class FaultLog:
    """Collects the faults of one or more files of a source, to be raised together or carried along."""

    source: Path
    faults: list[Fault] = field(default_factory=list)

    def add(self, file: Path, line: int | None, message: str) -> None:
        """Record one fault."""
        self.faults.append(Fault(file, line, message))

    @contextmanager
    def at(self, file: Path, line: int) -> Iterator[None]:
        """Record a `RowError` that ends the block as a fault of this line."""
        try:
            yield
        except RowError as error:
            self.add(file, line, str(error))

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


def read_objects(path: Path, log: FaultLog, *, empty: str | None = None) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the 1-based number and the JSON object of each line; see `read_lines`."""
    for number, line in read_lines(path, log, empty=empty):
        with log.at(path, number):
            yield number, _parse_object(line)


def read_lines(path: Path, log: FaultLog, *, empty: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield the 1-based number and the text of each line that can be read and is not blank.

    Args:
        path: Text in UTF-8, or in UTF-16 with a byte order mark; perhaps compressed by gzip, whatever its name.
        log: Receives a fault for each line that cannot be read.
        empty: The fault to record if the file holds no line at all, None where it may be empty.

    Raises:
        UserError: The file cannot be opened or read, or is compressed and damaged.
    """
    found = False
    try:
        for number, line in _split_lines(path):
            found = True
            if isinstance(line, str):
                yield number, line
            else:
                log.add(path, number, str(line))
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(f"{path}: damaged or cut short gzip data: {error}", "Copy or compress it again.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {os.strerror(error.errno or 0)}", "Check the path.") from None
    if empty and not found:
        log.add(path, None, empty)


def _split_lines(path: Path) -> Iterator[tuple[int, str | RowError]]:
    """Yield number and text of each line that is not blank, or what is wrong with it."""
    with path.open("rb") as file:
        data = gzip.GzipFile(fileobj=file) if file.peek(2).startswith(_GZIP) else file
        mark, encoding = next((entry for entry in _MARKS if data.peek(3).startswith(entry[0])), (b"", "utf-8"))
        data.read(len(mark))
        # Bytes without a meaning become halves of surrogate pairs, so that they are the fault of their line alone.
        errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
        text = io.TextIOWrapper(data, encoding, errors, newline="\n")
        limit = MAX_LINE_BYTES + len("\r\n")
        for number in count(1):
            try:
                if not (line := text.readline(limit)):
                    return
                too_long = len(line) == limit and not line.endswith("\n")
                rest = line
                while too_long and rest and not rest.endswith("\n"):
                    rest = text.readline(limit)
            except UnicodeDecodeError:  # half a unit of UTF-16, at the end of the file
                yield number, RowError(f"not {encoding.upper()}: the file ends within a character")
                return
            line = line.rstrip("\r\n")
            if too_long or len(line.encode(encoding, errors)) > MAX_LINE_BYTES:
                yield number, RowError(f"line longer than {MAX_LINE_BYTES} bytes")
            elif line.strip(string.whitespace):
                yield number, _check_encoding(line, encoding)


def _check_encoding(line: str, encoding: str) -> str | RowError:
    try:
        line.encode()
    except UnicodeEncodeError as error:
        unit = ord(line[error.start])
        what = f"byte 0x{unit - 0xDC00:02x}" if encoding == "utf-8" else f"half a surrogate pair, 0x{unit:04x},"
        column = len(line[: error.start].encode(encoding)) + 1
        return RowError(f"not {encoding.upper()} ({what} at column {column})")
    return line


def _parse_object(line: str) -> Mapping[str, object]:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        row = dict(pairs)
        if len(row) < len(pairs):
            raise RowError("not JSON: a key appears twice")
        return row

    def refuse(constant: str) -> NoReturn:
        raise RowError(f"not JSON: {constant} is not a JSON value")

    try:
        row = json.loads(line, object_pairs_hook=unique, parse_constant=refuse)
    except RowError:
        raise
    except json.JSONDecodeError as error:
        raise RowError(f"not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise RowError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(row, dict):
        raise RowError(f"a row must be an object, not {show_value(row)}")
    return row


def show_value(value: object, limit: int = 60) -> str:
    """Format a value for a message: its repr, cut short, on one line."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
