"""Files of word vectors as people have them: GloVe's text, word2vec's text and word2vec's binary file."""

import codecs
import os
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.file_kinds import HEAD_BYTES
from dgf.pipeline.lines import split_lines
from dgf.pipeline.text_files import open_text

_Floats = NDArray[np.float32]

MAX_WORDS = 1 << 23
"""The largest files that people have hold three million words."""
MAX_WIDTH = 1 << 12
_MAX_NUMBERS = 1 << 30
_MAX_WORD_BYTES = 1 << 12

_HEADER = re.compile(rb"\s*(\d{1,9})[ \t]+(\d{1,9})\s*\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_HINT = "Give a text file of GloVe (a word and its numbers a line), or a text or binary file of word2vec."


def read_word_vectors(file: Path) -> tuple[list[str], _Floats]:
    """Read words and their vectors, (V, N), in the order of the file.

    Words of a text file that have a space in them are left out, since no word of a post has one.

    Raises:
        UserError: It cannot be read, is none of the known kinds, is damaged or too large; the line or the number of the
            word is named.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
            header = _HEADER.match(head)
            if header and not _is_text(head[header.end() :]):
                stream.seek(header.end())
                return _read_binary(file, stream, int(header[1]), int(header[2]))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {os.strerror(error.errno or 0)}", "Check the path.") from None
    return _read_text(file)


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return _CONTROL.search(head) is None


def _read_binary(file: Path, stream: BinaryIO, count: int, width: int) -> tuple[list[str], _Floats]:
    _check_size(file, count, width)
    if count * (4 * width + 2) > (there := file.stat().st_size):
        raise _fault(file, f"is cut short: {there} bytes are too few for {count} words of {width} numbers")
    words: list[str] = []
    vectors = np.empty((count, width), np.float32)
    for row in range(count):
        where = f"word {row + 1} of {count}"
        word = _read_word(stream)
        numbers = stream.read(4 * width)
        if not word or len(numbers) < 4 * width:
            raise _fault(file, f"{where} is cut short or damaged")
        vectors[row] = np.frombuffer(numbers, "<f4")
        if not np.isfinite(vectors[row]).all():
            raise _fault(file, f"{where} has a number that is not finite")
        words.append(word.decode("utf-8", "replace"))
    return words, vectors


def _read_word(stream: BinaryIO) -> bytes:
    """Read up to the space before the numbers; nothing where there is none near."""
    word = bytearray()
    while len(word) <= _MAX_WORD_BYTES:
        if (byte := stream.read(1)) in (b" ", b""):
            return bytes(word).lstrip(b"\r\n") if byte else b""
        word += byte
    return b""


def _read_text(file: Path) -> tuple[list[str], _Floats]:
    words: list[str] = []
    rows: list[_Floats] = []
    count, promised, width = 0, None, 0
    with open_text(file) as text:
        for number, line in split_lines(text):
            if isinstance(line, RowError):
                raise _fault(file, str(line), number)
            parts = line.rstrip(" \t").replace("\t", " ").split(" ")
            if not width:  # of the first line
                promised, width = _read_header(parts)
                _check_size(file, promised or 1, width)
                if promised is not None:
                    continue
            count += 1
            _check_size(file, count, width)
            if word := _word_of(file, number, parts, width):
                words.append(word)
                rows.append(_numbers_of(file, number, parts[-width:]))
    if not words:
        raise _fault(file, "holds no word")
    if promised not in (None, count):
        raise _fault(file, f"its first line promises {promised} words, and {count} follow")
    return words, np.stack(rows)


def _read_header(parts: list[str]) -> tuple[int | None, int]:
    """Return the number of words, None where the first line is not word2vec's, and the numbers a word has."""
    if len(parts) == 2 and all(part.isascii() and part.isdigit() for part in parts):
        return int(parts[0][:10]), int(parts[1][:10])
    return None, len(parts) - 1


def _word_of(file: Path, number: int, parts: list[str], width: int) -> str | None:
    """Return what stands before a line's numbers; None where it has a space in it."""
    before = parts[:-width]
    if before and not before[0]:
        raise _fault(file, "begins with a space, and a word should stand there", number)
    if len(before) == 1:
        return before[0]
    if not before or _number(before[-1]) is not None:
        raise _fault(file, f"{len(parts) - 1} numbers follow a word, where {width} do elsewhere", number)
    return None


def _numbers_of(file: Path, number: int, parts: list[str]) -> _Floats:
    try:
        with np.errstate(over="ignore"):  # what is too large for float32 is found below
            found = np.array(parts, np.float32)
    except ValueError:
        wrong = next((part for part in parts if _number(part) is None), parts[0])
        raise _fault(file, f"{show_value(wrong)} is not a number", number) from None
    if not np.isfinite(found).all():
        raise _fault(file, "a number is not finite", number)
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _check_size(file: Path, count: int, width: int) -> None:
    if not 1 <= width <= MAX_WIDTH:
        raise _fault(file, f"{width} numbers follow its first word, where 1 to {MAX_WIDTH} are read")
    if count > MAX_WORDS or count * width > _MAX_NUMBERS:
        raise _fault(file, f"has {count} words of {width} numbers or more, too many to be held")


def _fault(file: Path, what: str, line: int | None = None) -> UserError:
    where = f"{file}:{line}" if line else str(file)
    return UserError(f"{where}: {what}", _HINT)
