"""Text as people have it, opened one way for every reader: UTF-8 or UTF-16, with or without a mark, perhaps gzipped."""

import codecs
import contextlib
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from dgf.pipeline.errors import UserError
from dgf.pipeline.file_kinds import HEAD_BYTES, kind_of_bytes, unmarked_utf16

STDIN = Path("-")
"""Stands for standard input wherever a file of posts is read."""

_GZIP = b"\x1f\x8b"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class OpenText:
    """An open file of text.

    Args:
        stream: At its beginning, behind the mark. Bytes without a meaning are halves of surrogate pairs in it.
        encoding: What it is read as.
        errors: The way of the codecs to keep such halves.
        marked: Whether a byte order mark said so.
        head: Its first characters, to tell a JSON array from lines.
    """

    stream: io.TextIOWrapper
    encoding: str
    errors: Literal["surrogateescape", "surrogatepass"]
    marked: bool
    head: str


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[OpenText]:
    """Open a file, or standard input for `-`, while the context lasts; what goes wrong within it is told here too.

    Raises:
        UserError: It cannot be opened or read, is not text, or is compressed and damaged.
    """
    try:
        with _open_bytes(path) as file:
            raw = io.BufferedReader(cast(io.RawIOBase, file))
            packed = raw.peek(2).startswith(_GZIP)
            data = io.BufferedReader(gzip.GzipFile(fileobj=raw), HEAD_BYTES) if packed else raw
            head = data.peek(HEAD_BYTES)[:HEAD_BYTES]
            _check_text(path, head)
            mark, encoding = next((entry for entry in _MARKS if head.startswith(entry[0])), (b"", "utf-8"))
            encoding = encoding if mark else unmarked_utf16(head) or "utf-8"
            data.read(len(mark))
            errors: Literal["surrogateescape", "surrogatepass"]
            errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
            start = head[len(mark) :].decode(encoding, "ignore").lstrip()
            stream = io.TextIOWrapper(data, encoding, errors, newline="\n")
            yield OpenText(stream, encoding, errors, bool(mark), start)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(f"{path}: damaged or cut short gzip data: {error}", "Copy or compress it again.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {os.strerror(error.errno or 0)}", "Check the path.") from None


def read_whole(path: Path, limit: int) -> str:
    """Read a whole file of text.

    Raises:
        UserError: See `open_text`; or it has more than `limit` characters, or bytes without a meaning.
    """
    with open_text(path) as text:
        try:
            content = text.stream.read(limit + 1)
            content.encode()
        except UnicodeError:
            hint = "Convert it to UTF-8: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW, if it comes from such a machine."
            raise UserError(f"{path}: not {text.encoding.upper()}", hint) from None
    if len(content) > limit:
        raise UserError(f"{path}: larger than {limit} characters", "Is it the right file?")
    return content


@contextlib.contextmanager
def _open_bytes(path: Path) -> Iterator[BinaryIO]:
    if path == STDIN:
        # what is there is read, and not waited for more of, where it comes from a pipe
        yield cast(BinaryIO, getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))
        return
    with path.open("rb", buffering=0) as file:
        yield cast(BinaryIO, file)


def _check_text(path: Path, head: bytes) -> None:
    """Refuse what is recognized as no text; an empty file is one without a line."""
    kind = kind_of_bytes(head) if head else None
    if kind is not None and not kind.text:
        raise UserError(f"{path} cannot be read as text: it is {kind.name}", kind.hint or "Give a file of text.")
