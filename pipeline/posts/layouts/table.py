"""CSV and TSV: one row a line under a line of column names; a mention is its span, or its words where they occur once.

text,head,tail,head_type,relation,image
Ann met Bo in Rome,Ann,Bo,per,/per/per/peer,1.jpg

In CSV a cell in quotes may hold commas and ends of lines; in TSV a quote is a character as any other.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import MAX_LINE_BYTES, check_encoding
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import DataLayout, ReadContext, split_files
from dgf.pipeline.posts.layouts.jsonl import read_object
from dgf.pipeline.posts.spans import find_words
from dgf.pipeline.text_files import OpenText, open_text

_FILE = re.compile(r"(?P<split>.+)\.(?P<kind>csv|tsv)(\.gz)?", re.IGNORECASE)
_NUMBER = re.compile(r"\s*-?[0-9]{1,18}\s*")
_SHOWN = 5
"""Names of columns in a message."""

_MENTION = ("", "_start", "_end", "_type")
_PLAIN = ("id", "split", "text", "tokens", "image", "relation")
COLUMNS = (*_PLAIN, *(f"{of}{part}" for of in ("head", "tail") for part in _MENTION))
"""The columns that are read: `tokens` are words with a space between them, spans are as in JSONL."""

_NEEDED = "text or tokens, and of head and tail each the words (head) or the span (head_start, head_end)"


def read_table(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one file; `split` is that of rows that name none. An empty cell is absent."""
    found = False
    header: list[str] | None = None
    for row in _rows(path):
        if header is None:
            header = _check_header(path, row.cells)
            continue
        found = True
        with reading.log.at(path, row.first):
            yield read_object(path, row.first, _object_of_row(header, row), split, reading)
    if not found:
        reading.log.add(path, None, "holds no row", "empty")


TABLE = DataLayout(
    name="table",
    files="{train,val,test}.csv or .tsv, or one such file",
    find=lambda path: split_files(path, _FILE),
    claims=lambda path: True,
    read=read_table,
)


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of a row, or what is wrong with it, with its first and its last line."""

    first: int
    last: int
    cells: list[str] | RowError


@dataclass(slots=True)
class _Lines:
    """The lines of a file, of which so many were read, and what is wrong with those of the row that is being read.

    A row of more characters than a line may have bytes ends with an error: a quote that is never closed takes no more.
    """

    text: OpenText
    number: int = 0
    taken: int = 0
    fault: RowError | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.text.stream.readline(MAX_LINE_BYTES)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE_BYTES and not line.endswith("\n"):
            while line and not line.endswith("\n"):
                line = self.text.stream.readline(MAX_LINE_BYTES)
            raise csv.Error(f"line longer than {MAX_LINE_BYTES} characters")
        self.taken += len(line)
        if self.taken > MAX_LINE_BYTES:
            raise csv.Error(f"longer than {MAX_LINE_BYTES} characters")
        checked = check_encoding(line, self.text.encoding)
        if isinstance(checked, RowError):
            self.fault = self.fault or checked
        return line


def _rows(path: Path) -> Iterator[_Row]:
    """Yield each row that is not blank."""
    named = _FILE.fullmatch(path.name)
    tabs = named is not None and named["kind"].lower() == "tsv"
    how: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {}
    with open_text(path) as text:
        lines = _Lines(text)
        rows = csv.reader(lines, strict=True, **how)
        while True:
            first, lines.taken, lines.fault = lines.number + 1, 0, None
            try:
                cells: list[str] | RowError = next(rows)
            except StopIteration:
                return
            except UnicodeDecodeError:
                yield _Row(
                    first, first, RowError(f"not {text.encoding.upper()}: the file ends within a character", "encoding")
                )
                return
            except csv.Error as error:
                cells = RowError(f"not a row of a table: {error}", "table")
            cells = lines.fault or cells
            if isinstance(cells, RowError) or any(cell.strip() for cell in cells):
                yield _Row(first, lines.number, cells)


def _check_header(path: Path, cells: list[str] | RowError) -> list[str]:
    """Check the names of the columns.

    Raises:
        UserError: One is not known or stands twice, or what every row needs is missing.
    """
    if isinstance(cells, RowError):
        raise UserError(f"{path}:1: {cells}", "The first line names the columns.")
    names = [cell.strip().casefold() for cell in cells]
    hint = f"Columns are {', '.join(COLUMNS)}; needed are {_NEEDED}."
    if unknown := [cell for cell, name in zip(cells, names, strict=True) if name not in COLUMNS]:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise UserError(f"{path}:1: no such column: {', '.join(map(show_value, unknown[:_SHOWN]))}{more}", hint)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}:1: a column stands twice: {', '.join(twice)}", hint)
    spans = {of: {of} <= {*names} or {f"{of}_start", f"{of}_end"} <= {*names} for of in ("head", "tail")}
    lacking = [of for of, there in spans.items() if not there]
    if not {"text", "tokens"} & {*names}:
        lacking.insert(0, "text or tokens")
    if lacking:
        raise UserError(f"{path}:1: columns are missing for: {', '.join(lacking)}", hint)
    return names


def _object_of_row(header: Sequence[str], given: _Row) -> dict[str, object]:
    """Make of a row what it would be in JSONL.

    Raises:
        RowError: It has more or fewer cells than there are columns, or a mention cannot be found.
    """
    cells, lines = given.cells, f"lines {given.first} to {given.last}: " if given.last > given.first else ""
    if isinstance(cells, RowError):
        raise RowError(f"{lines}{cells}", cells.kind)
    if len(cells) != len(header):
        raise RowError(f"{lines}has {len(cells)} cells, and there are {len(header)} columns", "table")
    row = {name: cell for name, cell in zip(header, cells, strict=True) if cell.strip()}
    found: dict[str, object] = {name: row[name] for name in _PLAIN if name in row}
    if "tokens" in row:
        found["tokens"] = row["tokens"].split(" ")
    for of in ("head", "tail"):
        mention = {**_span(row, of), "text": row.get(of), "type": row.get(f"{of}_type")}
        found[of] = {name: value for name, value in mention.items() if value is not None}
    return found


def _span(row: Mapping[str, str], of: str) -> dict[str, object]:
    """The span of a mention: as it is given, or where its words occur, if they do so once."""
    start, end, words = row.get(f"{of}_start"), row.get(f"{of}_end"), row.get(of)
    if start is not None and end is not None:
        if not (_NUMBER.fullmatch(start) and _NUMBER.fullmatch(end)):
            shown = f"{show_value(start)}, {show_value(end)}"
            raise RowError(f"{of}_start and {of}_end must be whole numbers, not {shown}", "span")
        return {"span": [int(start), int(end)]}
    if words is None or start is not None or end is not None:
        raise RowError(f"must have {of}_start and {of}_end, or the words of the {of}", "missing key")
    within = row["tokens"].split(" ") if "tokens" in row else row.get("text", "")
    places = find_words(words.strip(), within)
    if len(places) != 1:
        how = "do not occur" if not places else f"occur {len(places)} times"
        raise RowError(f"{of} {show_value(words)}: these words {how}: give {of}_start and {of}_end", "span")
    # a span that was found counts what was searched, whatever those count that are given
    return {"span": [*places[0]], "unit": "words" if "tokens" in row else "characters"}
