"""Files of records (posts, captions, types), one a line or in one JSON array, and their faults by file and line."""

import json
import re
import string
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.text_files import OpenText, open_text

MAX_LINE_BYTES = 1 << 16
"""A line is one sentence; MNRE's longest is under a kilobyte. Longer lines are faults, not held in memory."""

MAX_ARRAY_CHARACTERS = 1 << 26
"""A JSON array is held in memory; a longer one has to be written as lines."""

MAX_INTEGER_BITS = 64
"""No row has a longer whole number: one would be more than a float holds, or more digits than Python writes."""

NOT_ALLOWED = "not allowed in JSON"
"""The kind of fault of a key that stands twice, NaN, or a whole number that is too long."""

_DOCUMENTS = re.compile(r"\[\s*([{\]]|$)|\{\s*[\r\n]")
"""How a file begins that is one JSON array, or objects over several lines."""


def parse_json(line: str) -> object:
    """Parse one JSON value.

    Raises:
        RowError: It is none, or holds what is not allowed (a key twice, NaN, an integer of over 64 bits).
    """
    value, end = _decode(line, len(line) - len(line.lstrip()))
    if line[end:].strip():
        raise RowError(f"not JSON: Extra data at column {end + 1}", "not JSON")
    return value


def read_objects(
    path: Path, log: FaultLog, *, empty: str | None = None, parse: Callable[[str], object] = parse_json
) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the 1-based number and the object of each row: that of the line where it begins.

    Args:
        path: One row a line, read by `parse`; or one JSON array of rows, or JSON objects over several lines.
        log: Receives a fault for each row that cannot be read.
        empty: The fault to record if the file holds no row at all, None where it may be empty.
        parse: Makes a line's value; raises RowError.

    Raises:
        UserError: See `open_text`; or an array is too large to be held in memory.
    """
    found = False
    for number, row in parse_rows(path, parse):
        found = True
        if isinstance(row, RowError):
            log.add(path, number, str(row), row.kind)
        else:
            yield number, row
    if empty and not found:
        log.add(path, None, empty, "empty")


def parse_rows(
    path: Path, parse: Callable[[str], object] = parse_json
) -> Iterator[tuple[int, Mapping[str, object] | RowError]]:
    """Yield the line number and the object of each row, or what is wrong with it; see `read_objects`."""
    with open_text(path) as text:
        whole = _DOCUMENTS.match(text.head) is not None
        for number, row in _documents(path, text) if whole else _parsed_lines(text, parse):
            if isinstance(row, RowError | dict):
                yield number, row
            else:
                yield number, RowError(f"a row must be an object, not {show_value(row)}", "not an object")


def _parsed_lines(text: OpenText, parse: Callable[[str], object]) -> Iterator[tuple[int, object]]:
    for number, line in split_lines(text):
        try:
            yield number, line if isinstance(line, RowError) else parse(line)
        except RowError as error:
            yield number, RowError(str(error), error.kind, line if isinstance(line, str) else None)


def split_lines(text: OpenText) -> Iterator[tuple[int, str | RowError]]:
    """Yield number and text of each line that is not blank, or what is wrong with it."""
    stream, encoding = text.stream, text.encoding
    limit = MAX_LINE_BYTES + len("\r\n")
    for number in count(1):
        try:
            if not (line := stream.readline(limit)):
                return
            too_long = len(line) == limit and not line.endswith("\n")
            rest = line
            while too_long and rest and not rest.endswith("\n"):
                rest = stream.readline(limit)
        except UnicodeDecodeError:  # half a unit of UTF-16, at the end of the file
            yield number, RowError(f"not {encoding.upper()}: the file ends within a character", "encoding")
            return
        line = line.rstrip("\r\n")
        if too_long or len(line.encode(encoding, text.errors)) > MAX_LINE_BYTES:
            yield number, RowError(f"line longer than {MAX_LINE_BYTES} bytes", "too long")
        elif line.strip(string.whitespace):
            yield number, check_encoding(line, encoding)


def check_encoding(line: str, encoding: str) -> str | RowError:
    """Return a line of a file that is read as that encoding, or what is wrong with it if that has bytes of another."""
    try:
        line.encode()
    except UnicodeEncodeError as error:
        unit = ord(line[error.start])
        what = f"byte 0x{unit - 0xDC00:02x}" if encoding == "utf-8" else f"half a surrogate pair, 0x{unit:04x},"
        column = len(line[: error.start].encode(encoding)) + 1
        return RowError(f"not {encoding.upper()} ({what} at column {column}){_in_windows(unit)}", "encoding")
    return line


def _in_windows(unit: int) -> str:
    """What a byte that UTF-8 does not know was likely meant to be."""
    try:
        character = bytes([unit - 0xDC00]).decode("cp1252") if 0xDC80 <= unit <= 0xDCFF else ""
    except UnicodeDecodeError:
        character = ""
    return f", in Windows-1252 {character!r}" if character.isalpha() else ""


def _documents(path: Path, text: OpenText) -> Iterator[tuple[int, object]]:
    """Yield number and value of each element of an array, or of each value after another.

    The number is the line where it begins, or the next one where several begin in one line.
    """
    try:
        content = text.stream.read(MAX_ARRAY_CHARACTERS + 1)
    except UnicodeDecodeError:
        yield 1, RowError(f"not {text.encoding.upper()}: the file ends within a character", "encoding")
        return
    if len(content) > MAX_ARRAY_CHARACTERS:
        fault = f"a JSON array of over {MAX_ARRAY_CHARACTERS} characters"
        raise UserError(f"{path}: {fault}", "Write one object a line: jq -c '.[]' FILE > NEW.jsonl")
    at, number, line, start = _skip_space(content, 0), 0, 1, 0
    array = content.startswith("[", at)
    at = _skip_space(content, at + array)
    while at < len(content) and not (array and content[at] == "]"):
        line, start = line + content.count("\n", start, at), at
        number = max(line, number + 1)
        try:
            value, at = _decode(content, at)
        except RowError as error:
            yield number, RowError(f"{error}; nothing after it is read", error.kind)
            return
        yield number, _check_characters(value, content[start:at], text.encoding)
        at = _skip_space(content, at)
        if array and content.startswith(",", at):
            at = _skip_space(content, at + 1)
        elif array and not content.startswith("]", at):
            fault = "not JSON: the array is cut short or lacks a comma here; nothing after it is read"
            yield number, RowError(fault, "not JSON")
            return
    if array and content[at + 1 :].strip():
        yield number, RowError("not JSON: text after the end of the array", "not JSON")


def _check_characters(value: object, source: str, encoding: str) -> object:
    checked = check_encoding(source, encoding)
    return checked if isinstance(checked, RowError) else value


def _skip_space(content: str, at: int) -> int:
    while at < len(content) and content[at] in " \t\r\n":
        at += 1
    return at


def _decode(text: str, at: int) -> tuple[object, int]:
    """Parse the JSON value that begins there, and say where it ends."""
    wrong: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        row = dict(pairs)
        if len(row) < len(pairs):
            wrong.append("a key appears twice")
        return row

    def refuse(constant: str) -> None:
        wrong.append(f"{constant} is not a JSON value")

    def short(digits: str) -> int:
        # the text is looked at first: Python refuses to read thousands of digits
        if len(digits) <= MAX_INTEGER_BITS and (number := int(digits)).bit_length() <= MAX_INTEGER_BITS:
            return number
        wrong.append(f"an integer of over {MAX_INTEGER_BITS} bits")
        return 0

    try:
        decoder = json.JSONDecoder(object_pairs_hook=unique, parse_constant=refuse, parse_int=short)
        value, end = decoder.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise RowError(f"not JSON: {error.msg} at column {error.colno}", "not JSON") from None
    except (ValueError, RecursionError) as error:
        raise RowError(f"not JSON: {type(error).__name__}", "not JSON") from None
    if wrong:
        raise RowError(f"not JSON: {wrong[0]}", NOT_ALLOWED)
    return value, end
