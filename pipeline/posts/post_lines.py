"""Posts of one JSONL file one by one, however many there are; a bad line is told in its place.

Each line is a post as `jsonl` reads it. With `all_pairs`, a line may give `mentions` in place of `head` and `tail`:

    {"id": "a1", "text": "Ann met Bo in Rome", "mentions": [{"span": [0, 3]}, {"span": [8, 10]}, {"span": [14, 18]}]}

which stands for a post for each ordered pair of them, called `a1#0-1` for head 0 and tail 1. Since nothing is held, an
id that stands twice is not noticed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import parse_rows
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.fields import optional_text_field
from dgf.pipeline.posts.layouts import post_of_object, split_name
from dgf.pipeline.posts.spans import SpanUnit, doubtful_spans


@dataclass(frozen=True, slots=True)
class PostLine:
    """A post of a file, or what is wrong with it.

    Args:
        line: Where it begins, from 1.
        id: Its id; None where that cannot be read.
        post: The post, or its fault.
        doubts: What may not mean what it says.
    """

    line: int
    id: str | None
    post: Post | RowError
    doubts: tuple[str, ...] = ()


def stream_posts(
    path: Path, split: str, *, span_unit: SpanUnit = "characters", all_pairs: bool = False
) -> Iterator[PostLine]:
    """Read the posts of a JSONL file, `-` for standard input, in their order.

    Args:
        path: The file.
        split: Begins the id, `split:line`, of rows that name neither id nor split.
        span_unit: What spans into a text count where they do not say.
        all_pairs: Whether rows with `mentions` stand for all their pairs.

    Raises:
        UserError: The file cannot be read.
    """
    for number, row in parse_rows(path):
        if isinstance(row, RowError):
            yield PostLine(number, None, row)
            continue
        try:
            default = f"{split_name(optional_text_field(row.get('split'), 'split') or split)}:{number}"
            pairs = _pairs_of(row, default) if all_pairs and row.get("mentions") is not None else iter((row,))
            for pair in pairs:
                yield _line_of(number, pair, default, span_unit)
        except RowError as error:
            yield PostLine(number, _id_of(row), error)


def _line_of(number: int, row: Mapping[str, object], default: str, span_unit: SpanUnit) -> PostLine:
    try:
        post = post_of_object(row, default, None, span_unit)
    except RowError as error:
        return PostLine(number, _id_of(row), error)
    return PostLine(number, post.id, post, tuple(doubtful_spans(row, span_unit)))


def _pairs_of(row: Mapping[str, object], default: str) -> Iterator[Mapping[str, object]]:
    """Make the row of every ordered pair of mentions."""
    mentions = row["mentions"]
    if not isinstance(mentions, list):
        raise RowError(f"mentions must be a list, not {show_value(mentions)}", "wrong type")
    if row.get("head") is not None or row.get("tail") is not None:
        raise RowError("must have either mentions or head and tail, not both", "missing key")
    if len(mentions) < 2:
        raise RowError(f"{len(mentions)} mentions make no pair", "missing key")
    name = _id_of(row) or default
    for (i, head), (j, tail) in permutations(enumerate(mentions), 2):
        yield {**row, "id": f"{name}#{i}-{j}", "head": head, "tail": tail}


def _id_of(row: Mapping[str, object]) -> str | None:
    given = row.get("id")
    return str(given) if type(given) is int else given if isinstance(given, str) else None
