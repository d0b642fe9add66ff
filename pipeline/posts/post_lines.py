"""Posts of one JSONL file one by one, however many there are; a bad line is told in its place.

Each line is a post as `jsonl` reads it. With `all_pairs`, a line may give `mentions` in place of `head` and `tail`:

    {"id": "a1", "text": "Ann met Bo in Rome", "mentions": [{"span": [0, 3]}, {"span": [8, 10]}, {"span": [14, 18]}]}

which stands for a post for each ordered pair of them, called `a1#0-1` for head 0 and tail 1; if one of them is at
fault, so is the line. With a `finder`, a line may give none of the three. Relations are not looked at. Since nothing is
held, an id that stands twice is not noticed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.faults import RowError
from dgf.pipeline.lines import parse_rows
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.fields import optional_text_field
from dgf.pipeline.posts.layouts import post_of_object, split_name
from dgf.pipeline.posts.pairs import FoundPair, MentionFinder, pair_mentions, stands_for_pairs
from dgf.pipeline.posts.spans import SpanUnit, doubtful_spans


@dataclass(frozen=True, slots=True)
class PostLine:
    """A post of a file, or what is wrong with it.

    Args:
        line: Where it begins, from 1.
        id: Its id; None where that cannot be read.
        post: The post, or its fault; None for a line in which fewer than two mentions were found.
        doubts: What may not mean what it says.
        found: The mentions, where they were found; None where the line gives them.
    """

    line: int
    id: str | None
    post: Post | RowError | None
    doubts: tuple[str, ...] = ()
    found: FoundPair | None = None


def stream_posts(
    path: Path,
    split: str,
    *,
    span_unit: SpanUnit = "characters",
    all_pairs: bool = False,
    finder: MentionFinder | None = None,
) -> Iterator[PostLine]:
    """Read the posts of a JSONL file, `-` for standard input, in their order.

    Args:
        path: The file.
        split: Begins the id, `split:line`, of rows that name neither id nor split.
        span_unit: What spans into a text count where they do not say.
        all_pairs: Whether rows with `mentions` stand for all their pairs.
        finder: With `all_pairs`, finds the mentions of rows that give none; None for none.

    Raises:
        UserError: The file cannot be read.
    """
    for number, row in parse_rows(path):
        if isinstance(row, RowError):
            yield PostLine(number, None, row)
            continue
        try:
            default = f"{split_name(optional_text_field(row.get('split'), 'split') or split)}:{number}"
            unlabeled = {key: value for key, value in row.items() if key != "relation"}
            lone = row.get("head") is None and row.get("tail") is None
            listed = row.get("mentions") is not None
            if stands_for_pairs(row, all_pairs=all_pairs, finder=finder):
                yield from _lines_of_pairs(number, unlabeled, default, span_unit, finder)
                continue
            if listed and lone:
                raise RowError("gives mentions in place of head and tail: give --pairs all", "missing key")
            post = post_of_object(unlabeled, default, None, span_unit)
            yield PostLine(number, post.id, post, tuple(doubtful_spans(row, span_unit)))
        except RowError as error:
            yield PostLine(number, _id_of(row), error)


def _lines_of_pairs(
    number: int, row: Mapping[str, object], default: str, span_unit: SpanUnit, finder: MentionFinder | None
) -> Iterator[PostLine]:
    """Tell each ordered pair of mentions, or that there is none.

    Raises:
        RowError: One of them is at fault, before any post is given.
    """
    pairs = pair_mentions(row, default, span_unit, finder)
    mentions = row.get("mentions")
    heads = [{**row, "head": mention} for mention in mentions] if isinstance(mentions, list) else []
    doubts = [doubt for head in heads for doubt in doubtful_spans(head, span_unit)]
    if not pairs:
        yield PostLine(number, None, None)
    for place, pair in enumerate(pairs):
        yield PostLine(number, pair.post.id, pair.post, () if place else tuple(doubts), pair.found)


def _id_of(row: Mapping[str, object]) -> str | None:
    """The id of a row at fault; None where it has none that can be written."""
    given = row.get("id")
    try:
        return str(given) if type(given) is int else optional_text_field(given, "id")
    except RowError:
        return None
