"""CSV and TSV: one row a line under a line of column names; a mention is its span, or its words where they occur once.

text,head,tail,head_type,relation,image
Ann met Bo in Rome,Ann,Bo,per,/per/per/peer,1.jpg
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import MAX_LINE_BYTES
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import DataLayout, ReadContext, split_files
from dgf.pipeline.posts.layouts.jsonl import read_object
from dgf.pipeline.text_files import open_text

_FILE = re.compile(r"(?P<split>.+)\.(?P<kind>csv|tsv)(\.gz)?", re.IGNORECASE)
_MENTION = ("", "_start", "_end", "_type")
_PLAIN = ("id", "split", "text", "tokens", "image", "relation")
COLUMNS = (*_PLAIN, *(f"{of}{part}" for of in ("head", "tail") for part in _MENTION))
"""The columns that are read: `tokens` are words with a space between them, spans are as in JSONL."""

_NEEDED = "text or tokens, and of head and tail each the words (head) or the span (head_start, head_end)"


def read_table(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one file; `split` is that of rows that name none. An empty cell is absent."""
    found = False
    header: list[str] | None = None
    for number, cells in _rows(path):
        if header is None:
            header = _check_header(path, cells)
            continue
        found = True
        with reading.log.at(path, number):
            yield read_object(path, number, _object_of_cells(header, cells), split, reading)
    if not found:
        reading.log.add(path, None, "holds no row", "empty")


TABLE = DataLayout(
    name="table",
    files="{train,val,test}.csv or .tsv, or one such file",
    find=lambda path: split_files(path, _FILE),
    claims=lambda path: True,
    read=read_table,
)


@dataclass(slots=True)
class _Lines:
    """The lines of a file, one too long for memory as a fault, and how many there were."""

    stream: TextIO
    number: int = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.stream.readline(MAX_LINE_BYTES)
        if not line:
            raise StopIteration
        self.number += 1
        too_long = len(line) == MAX_LINE_BYTES and not line.endswith("\n")
        if too_long:
            while line and not line.endswith("\n"):
                line = self.stream.readline(MAX_LINE_BYTES)
            raise csv.Error(f"line longer than {MAX_LINE_BYTES} characters")
        return line


def _rows(path: Path) -> Iterator[tuple[int, list[str] | RowError]]:
    """Yield the cells of each row that is not blank, or what is wrong with it, with the line where it begins."""
    named = _FILE.fullmatch(path.name)
    delimiter = "\t" if named is not None and named["kind"].lower() == "tsv" else ","
    with open_text(path) as text:
        lines = _Lines(text.stream)
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            number = lines.number + 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except UnicodeDecodeError:
                yield number, RowError(f"not {text.encoding.upper()}: the file ends within a character", "encoding")
                return
            except csv.Error as error:
                yield number, RowError(f"not a row of a table: {error}", "table")
                continue
            if any(cell.strip() for cell in cells):
                yield number, cells


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
        raise UserError(f"{path}:1: no such column: {', '.join(map(show_value, unknown))}", hint)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}:1: a column stands twice: {', '.join(twice)}", hint)
    spans = {of: {of} <= {*names} or {f"{of}_start", f"{of}_end"} <= {*names} for of in ("head", "tail")}
    lacking = [of for of, there in spans.items() if not there]
    if not {"text", "tokens"} & {*names}:
        lacking.insert(0, "text or tokens")
    if lacking:
        raise UserError(f"{path}:1: columns are missing for: {', '.join(lacking)}", hint)
    return names


def _object_of_cells(header: Sequence[str], cells: list[str] | RowError) -> dict[str, object]:
    """Make of a row what it would be in JSONL.

    Raises:
        RowError: It has more or fewer cells than there are columns, or a mention cannot be found.
    """
    if isinstance(cells, RowError):
        raise cells
    if len(cells) != len(header):
        raise RowError(f"has {len(cells)} cells, and there are {len(header)} columns", "table")
    row = {name: cell for name, cell in zip(header, cells, strict=True) if cell.strip()}
    found: dict[str, object] = {name: row[name] for name in _PLAIN if name in row}
    if "tokens" in row:
        found["tokens"] = row["tokens"].split(" ")
    for of in ("head", "tail"):
        span = _span(row, of)
        mention = {"span": span, "text": row.get(of), "type": row.get(f"{of}_type")}
        found[of] = {name: value for name, value in mention.items() if value is not None}
    return found


def _span(row: Mapping[str, str], of: str) -> list[int]:
    """The span of a mention: as it is given, or where its words occur, if they do so once."""
    start, end, words = row.get(f"{of}_start"), row.get(f"{of}_end"), row.get(of)
    if start is not None and end is not None:
        try:
            return [int(start), int(end)]
        except ValueError:
            raise RowError(f"{of}_start and {of}_end must be whole numbers, not {start!r}, {end!r}", "span") from None
    if words is None or start is not None or end is not None:
        raise RowError(f"must have {of}_start and {of}_end, or the words of the {of}", "missing key")
    places = list(_places(row, words))
    if len(places) != 1:
        how = "do not occur" if not places else f"occur {len(places)} times"
        raise RowError(f"{of} {show_value(words)}: these words {how}: give {of}_start and {of}_end", "span")
    return [*places[0]]


def _places(row: Mapping[str, str], words: str) -> Iterator[tuple[int, int]]:
    """Where words occur: in the tokens of a row, or in its text."""
    if "tokens" in row:
        tokens, wanted = row["tokens"].split(" "), words.split(" ")
        size = len(wanted)
        yield from ((at, at + size) for at in range(len(tokens) - size + 1) if tokens[at : at + size] == wanted)
        return
    found = re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", row.get("text", ""))
    yield from (match.span() for match in found)
