"""Every ordered pair of a row's mentions, those it gives or those that are found in it, as posts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.posts.base import MAX_MENTIONS, Post
from dgf.pipeline.posts.fields import text_field, token_field
from dgf.pipeline.posts.layouts import read_sentence
from dgf.pipeline.posts.spans import SpanUnit


@dataclass(frozen=True, slots=True)
class FoundMention:
    """Where a mention was found: [start, end) in characters of a text, or in words; its type, where that is known."""

    start: int
    end: int
    type: str | None = None


MentionFinder = Callable[[str | Sequence[str]], Sequence[FoundMention]]
"""From a post, its text or else its words, to its mentions in their order; no two of the same place."""

FoundPair = Mapping[str, object]
"""The `head` and `tail` that were found, as a row gives them."""


@dataclass(frozen=True, slots=True)
class PairedPost:
    """A post of two of a row's mentions, and these as they were found; None where the row gave them."""

    post: Post
    found: FoundPair | None = None


def stands_for_pairs(row: Mapping[str, object], *, all_pairs: bool, finder: MentionFinder | None) -> bool:
    """Whether a row is one of pairs: it lists mentions, or names neither head nor tail and they can be found."""
    alone = row.get("head") is None and row.get("tail") is None
    return all_pairs and (row.get("mentions") is not None or (alone and finder is not None))


def pair_mentions(
    row: Mapping[str, object],
    default_id: str,
    span_unit: SpanUnit = "characters",
    finder: MentionFinder | None = None,
) -> list[PairedPost]:
    """Make a post of every ordered pair of mentions: the row's, or where it gives none those that are found.

    The post of head 0 and tail 1 is called `a1#0-1`. Of a row in which fewer than two are found there is none.

    Raises:
        RowError: A mention or the row is at fault, or they are too many.
    """
    mentions, given = row.get("mentions"), row.get("mentions") is not None
    if not given and finder is not None:
        mentions = find_mentions(row, finder)
    if not isinstance(mentions, list):
        raise RowError(f"mentions must be a list, not {show_value(mentions)}", "wrong type")
    if row.get("head") is not None or row.get("tail") is not None:
        raise RowError("must have either mentions or head and tail, not both", "missing key")
    if given and len(mentions) < 2:
        raise RowError(f"{len(mentions)} mentions make no pair", "missing key")
    if len(mentions) > MAX_MENTIONS:
        fault = f"{len(mentions)} mentions are more than {MAX_MENTIONS}, whose pairs are too many"
        raise RowError(fault, "too long")
    sentence, pairs = read_sentence(row, default_id), []
    for (i, head), (j, tail) in permutations(enumerate(mentions), 2):
        try:
            post = sentence.post(head, tail, span_unit)
        except RowError as error:
            raise RowError(f"mentions {i} and {j} as head and tail: {error}", error.kind) from None
        found = None if given else {"head": head, "tail": tail}
        pairs.append(PairedPost(replace(post, id=f"{post.id}#{i}-{j}"), found))
    return pairs


def find_mentions(row: Mapping[str, object], finder: MentionFinder) -> list[dict[str, object]]:
    """Find the mentions of a row, as it would give them.

    Raises:
        RowError: It has neither a text nor words.
    """
    in_words = row.get("tokens") is not None
    post = token_field(row["tokens"], "tokens") if in_words else text_field(row.get("text"), "text")
    unit = "words" if in_words else "characters"
    found: list[dict[str, object]] = []
    for mention in finder(post):
        kind = {} if mention.type is None else {"type": mention.type}
        found.append({"span": [mention.start, mention.end], "unit": unit, **kind})
    return found
