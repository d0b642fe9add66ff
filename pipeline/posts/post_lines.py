"""Posts of one JSONL file one by one, however many there are; a bad line is told in its place.

Each line is a post as `jsonl` reads it. With `all_pairs`, a line may give `mentions` in place of `head` and `tail`:

    {"id": "a1", "text": "Ann met Bo in Rome", "mentions": [{"span": [0, 3]}, {"span": [8, 10]}, {"span": [14, 18]}]}

which stands for a post for each ordered pair of them, called `a1#0-1` for head 0 and tail 1; if one of them is at
fault, so is the line. Relations are not looked at. Since nothing is held, an id that stands twice is not noticed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import parse_rows
from dgf.pipeline.posts.base import MAX_MENTIONS, Post
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
        unlabeled = {key: value for key, value in row.items() if key != "relation"}
        try:
            default = f"{split_name(optional_text_field(row.get('split'), 'split') or split)}:{number}"
            given = row.get("mentions") is not None
            if given and all_pairs:
                yield from _lines_of_pairs(number, unlabeled, default, span_unit)
                continue
            if given and row.get("head") is None and row.get("tail") is None:
                raise RowError("gives mentions in place of head and tail: give --pairs all", "missing key")
            post = post_of_object(unlabeled, default, None, span_unit)
            yield PostLine(number, post.id, post, tuple(doubtful_spans(row, span_unit)))
        except RowError as error:
            yield PostLine(number, _id_of(row), error)


def _lines_of_pairs(number: int, row: Mapping[str, object], default: str, span_unit: SpanUnit) -> Iterator[PostLine]:
    """Make a post of every ordered pair of mentions.

    Raises:
        RowError: One of them is at fault, before any post is given.
    """
    mentions = row["mentions"]
    if not isinstance(mentions, list):
        raise RowError(f"mentions must be a list, not {show_value(mentions)}", "wrong type")
    if row.get("head") is not None or row.get("tail") is not None:
        raise RowError("must have either mentions or head and tail, not both", "missing key")
    if not 2 <= len(mentions) <= MAX_MENTIONS:
        fault = "make no pair" if len(mentions) < 2 else f"are more than {MAX_MENTIONS}, whose pairs are too many"
        raise RowError(f"{len(mentions)} mentions {fault}", "missing key" if len(mentions) < 2 else "too long")
    posts = []
    for (i, head), (j, tail) in permutations(enumerate(mentions), 2):
        try:
            post = post_of_object({**row, "head": head, "tail": tail}, default, None, span_unit)
        except RowError as error:
            raise RowError(f"mentions {i} and {j} as head and tail: {error}", error.kind) from None
        posts.append(replace(post, id=f"{post.id}#{i}-{j}"))
    doubts = [doubt for mention in mentions for doubt in doubtful_spans({**row, "head": mention}, span_unit)]
    for place, post in enumerate(posts):
        yield PostLine(number, post.id, post, () if place else tuple(doubts))


def _id_of(row: Mapping[str, object]) -> str | None:
    """The id of a row at fault; None where it has none that can be written."""
    given = row.get("id")
    try:
        return str(given) if type(given) is int else optional_text_field(given, "id")
    except RowError:
        return None
