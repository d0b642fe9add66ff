"""Lines of a text file, and the checks that every row passes whatever its layout."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts.base import Fault, Mention, Post

OnError = Literal["stop", "skip"]

MAX_LINE_BYTES = 1 << 16
"""A row is one sentence; MNRE's longest is under a kilobyte. Longer lines are faults, not held in memory."""

SHOWN_FAULTS = 10

_BOM = b"\xef\xbb\xbf"


class RowError(ValueError):
    """One row cannot be used; the message says why, without file and line."""


@dataclass(slots=True)
class FaultLog:
    """Collects the faults of a data set, to be raised together or carried along.

    Args:
        source: What was read, for the message.
        faults: The faults so far, in reading order.
    """

    source: Path
    faults: list[Fault] = field(default_factory=list)

    def add(self, file: Path, line: int | None, message: str) -> None:
        """Record one fault."""
        self.faults.append(Fault(file, line, message))

    def finish(self, on_error: OnError) -> tuple[Fault, ...]:
        """Give the faults back, or raise them.

        Raises:
            UserError: Under `stop`, if there is any: the first ten with file and line, and their number.
        """
        if on_error == "stop" and self.faults:
            shown = "\n".join(f"  {fault}" for fault in self.faults[:SHOWN_FAULTS])
            count = len(self.faults)
            what = "1 fault" if count == 1 else f"{count} faults"
            more = f"\n  ... and {count - SHOWN_FAULTS} more" if count > SHOWN_FAULTS else ""
            raise UserError(
                f"{self.source}: {what} in the data:\n{shown}{more}",
                "Mend these rows, or leave them out with --on-error skip (`dgf validate` lists all of them).",
            )
        return tuple(self.faults)


def read_rows(path: Path, log: FaultLog, parse: Callable[[str, int], Post]) -> list[Post]:
    """Parse every line of a file; lines of white space alone are passed over.

    Args:
        path: A UTF-8 text file (a byte order mark and CRLF are tolerated).
        log: Receives a fault for each line that cannot be used, and one if the file holds no row at all.
        parse: Makes a post of a line and its 1-based number, or raises `RowError`.

    Returns:
        The posts, in file order.

    Raises:
        UserError: The file cannot be opened or read.
    """
    posts = []
    lines = 0
    try:
        for number, line in _lines(path):
            lines += 1
            try:
                if line is None:
                    raise RowError(f"line longer than {MAX_LINE_BYTES} bytes")
                posts.append(parse(_decode(line), number))
            except RowError as error:
                log.add(path, number, str(error))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {os.strerror(error.errno or 0)}", "Check the path.") from None
    if not lines:
        log.add(path, None, "holds no row")
    return posts


def _lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield (number, line) without its end; None for a line that is too long."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 2):
            number += 1
            body = line.removeprefix(_BOM) if number == 1 else line
            body = body.rstrip(b"\r\n")
            if len(body) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES)
                yield number, None
            elif body.strip():
                yield number, body


def _decode(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RowError(f"not UTF-8 (byte 0x{line[error.start]:02x} at column {error.start + 1})") from None


def shown(value: object, limit: int = 60) -> str:
    """A value as it goes into a message: its repr, cut short, on one line."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def text_field(value: object, name: str, *, empty: bool = False) -> str:
    """Check a string that will be written to files again.

    Args:
        value: What the row holds.
        name: How the message calls it.
        empty: Whether the empty string is allowed.

    Raises:
        RowError: It is no string, is empty, or cannot be written as UTF-8.
    """
    if not isinstance(value, str):
        raise RowError(f"{name} must be a string, not {shown(value)}")
    if not empty and not value.strip():
        raise RowError(f"{name} is empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RowError(f"{name} holds half a surrogate pair: {shown(value)}") from None
    return value


def image_field(value: object, name: str) -> str | None:
    """Check the name of a photo; None and the empty string mean that there is none.

    Whether the name stays inside its folder is asked when the photo is read, which records the reason.
    """
    if value is None or value == "":
        return None
    image = text_field(value, name)
    if "\0" in image:
        raise RowError(f"{name} holds a NUL character")
    return image


def token_field(value: object, name: str) -> tuple[str, ...]:
    """Check the words of a post: a list of at least one string, none of them empty."""
    if not isinstance(value, list) or not value:
        raise RowError(f"{name} must be a list of words, not {shown(value)}")
    return tuple(text_field(word, f"{name}[{index}]") for index, word in enumerate(value))


def mapping_field(value: object, name: str) -> Mapping[str, object]:
    """Check an inner object such as a mention."""
    if not isinstance(value, dict):
        raise RowError(f"{name} must be an object, not {shown(value)}")
    return value


def span_field(value: object, name: str, length: int, unit: str = "words") -> tuple[int, int]:
    """Check a [start, end) pair against the length of what it points into.

    Raises:
        RowError: It is no pair of whole numbers, is empty or backward, or leaves [0, length].
    """
    numbers = list(value) if isinstance(value, list | tuple) else []
    if len(numbers) != 2 or not all(type(number) is int for number in numbers):
        raise RowError(f"{name} must be [start, end) in {unit}, not {shown(value)}")
    start, end = numbers
    if start == end:
        raise RowError(f"{name} [{start}, {end}) is empty")
    if start > end:
        raise RowError(f"{name} [{start}, {end}) ends before it starts")
    if start < 0 or end > length:
        raise RowError(f"{name} [{start}, {end}) is out of range: the post has {length} {unit}")
    return start, end


def named_mention(tokens: tuple[str, ...], span: tuple[int, int], name: object, kind: object, of: str) -> Mention:
    """A mention over words; its name, where the row gives one, must be those words joined by spaces.

    Args:
        tokens: The words of the post.
        span: [start, end) in words, checked.
        name: The name in the row, None if it has none.
        kind: The entity type in the row, None if it has none.
        of: Which mention, for the message.
    """
    text = " ".join(tokens[span[0] : span[1]])
    if name is not None and text_field(name, f"{of} name") != text:
        raise RowError(f"{of} name {shown(name)} differs from words [{span[0]}, {span[1]}): {shown(text)}")
    return Mention(text, span[0], span[1], None if kind is None else text_field(kind, f"{of} type"))


def check_pair(head: Mention, tail: Mention) -> None:
    """Refuse a post whose two mentions are the same words (overlap is allowed: MNRE has nested mentions)."""
    if (head.start, head.end) == (tail.start, tail.end):
        raise RowError(f"head and tail are the same words [{head.start}, {head.end}): {shown(head.text)}")


def relation_field(value: object, relations: frozenset[str] | None) -> str | None:
    """Check a label against the relations of the data set, where it lists them."""
    if value is None:
        return None
    relation = text_field(value, "relation")
    if relations is not None and relation not in relations:
        raise RowError(f"unknown relation {shown(relation)}")
    return relation
