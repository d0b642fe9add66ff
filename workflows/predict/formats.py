"""How answers are written, as they come: JSON lines, CSV, and the graphs of `graph_formats`."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any, Protocol

from dgf.pipeline.posts import Post
from dgf.workflows.predict.answer import Unanswered
from dgf.workflows.predict.graph_formats import GraphMl, NTriples

AnswerRow = Mapping[str, Any]

_COLUMNS = ("id", "head", "tail", "relation", "probability", "head_type", "tail_type", "sentence", "photo", "error")


class AnswerFormat(Protocol):
    """A way to write answers; what it gives ends with a line break.

    Attributes:
        first: The first line of every file of it, by which such a file is known; "" where the lines are answers.
        graph: Whether it writes relations alone, so that answers of "no relation" have no place in it.
    """

    first: str
    graph: bool

    def begin(self) -> str:
        """Write what comes before the answers."""

    def answer(self, post: Post, row: AnswerRow) -> str:
        """Write one answer."""

    def unanswered(self, fault: Unanswered) -> str:
        """Write a post without an answer; nothing where the format has no place for it."""

    def end(self) -> str:
        """Write what comes after the answers."""


def build_format(name: str, *, escaped: bool = False) -> AnswerFormat:
    """Build the format of that name; JSON is `escaped` where the output cannot hold all characters."""
    if name == "jsonl":
        return JsonLines(escaped)
    if name == "csv":
        return Csv()
    return GraphMl() if name == "graphml" else NTriples()


class JsonLines:
    """One JSON object a post."""

    first = ""
    graph = False

    def __init__(self, escaped: bool) -> None:
        self._escaped = escaped

    def begin(self) -> str:
        """Write nothing."""
        return ""

    def answer(self, post: Post, row: AnswerRow) -> str:
        """Write all that is known."""
        return json.dumps(row, ensure_ascii=self._escaped) + "\n"

    def unanswered(self, fault: Unanswered) -> str:
        """Write id, line and fault."""
        return json.dumps(fault.row(), ensure_ascii=self._escaped) + "\n"

    def end(self) -> str:
        """Write nothing."""
        return ""


class Csv:
    """One line a post, quoted by RFC 4180."""

    first = ",".join(_COLUMNS)
    graph = False

    def begin(self) -> str:
        """Write the names of the columns."""
        return f"{self.first}\n"

    def answer(self, post: Post, row: AnswerRow) -> str:
        """Write the answer with the words and the photo of its post."""
        types = row.get("types") or ("", "")
        ends = (" ".join(post.tokens), next(iter(post.image_ids), ""), "")
        return _csv_line(*(row[name] for name in _COLUMNS[:5]), *types, *ends)

    def unanswered(self, fault: Unanswered) -> str:
        """Write id and fault."""
        return _csv_line(fault.id or "", *[""] * (len(_COLUMNS) - 2), fault.error)

    def end(self) -> str:
        """Write nothing."""
        return ""


def _csv_line(*cells: object) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerow(cells)  # quotes what its own end of a line, \r\n, has in it
    return stream.getvalue().removesuffix("\r\n") + "\n"
