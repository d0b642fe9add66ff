"""A user's own posts: one JSON object per line.

    {"id": "a1", "split": "train", "text": "Ann met Bo in Rome", "image": "photos/1.jpg",
     "head": {"span": [0, 3], "text": "Ann", "type": "per"}, "tail": {"span": [8, 10]},
     "relation": "/per/per/peer"}
    {"tokens": ["Ann", "met", "Bo"], "head": {"span": [0, 1]}, "tail": {"span": [2, 3], "name": "Bo"}}

A post has either `text` or `tokens`, a `head` and a `tail`; everything else is optional, null is absent, and other keys
are ignored. `span` is [start, end): in words where the post has tokens, in characters (Unicode code points) where
it has text; `"unit"` beside it says otherwise: "words" points into the words of a text (split at white space), "utf16"
counts as JavaScript and Java do, where a character such as an emoji counts twice. A text is split into words at white
space and at both ends of each mention, so a mention may be part of a written word. `text` or `name` of a mention is a
check: it must be what the span covers. `image` is a path relative to the folder of the file.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts.base import Mention, Post
from dgf.pipeline.posts.fields import (
    check_name,
    check_pair,
    image_field,
    mapping_field,
    mention_of_words,
    optional_text_field,
    relation_field,
    span_field,
    text_field,
    token_field,
)
from dgf.pipeline.posts.spans import (
    SpanUnit,
    characters_of,
    doubtful_spans,
    explain_mismatch,
    span_unit_of,
    split_words,
)

_FILE = re.compile(r"(?P<stem>.+)\.(jsonl|ndjson|json)(\.gz)?", re.IGNORECASE)
_SPLIT_NAMES = {"dev": "val", "valid": "val", "validation": "val", "training": "train", "testing": "test"}


def split_of_file(path: Path) -> str | None:
    """The split that a file of posts is named for, such as val for `dev.jsonl.gz`; None for any other file."""
    named = _FILE.fullmatch(path.name)
    return None if named is None else split_name(named["stem"])


def split_name(name: str) -> str:
    """The name that a split has here: val for dev, valid and validation, and known ones in small letters."""
    small = name.casefold()
    return _SPLIT_NAMES.get(small, small if small in ("train", "val", "test") else name)


def read_jsonl(
    path: Path,
    default: str,
    log: FaultLog,
    relations: frozenset[str] | None,
    ids: set[str],
    *,
    fixed_split: bool,
    span_unit: SpanUnit = "characters",
) -> dict[str, list[Post]]:
    """Read one file of posts.

    Args:
        path: The file.
        default: The split of rows that name none.
        log: Receives the faults, and a warning for each span that seems to count another unit.
        relations: The relations a row may have, None for any.
        ids: Ids that are taken; those read are added.
        fixed_split: Whether every row must belong to the split the file is named for (one file per split).
        span_unit: What spans into a text count where they do not say.

    Returns:
        Split -> posts, in file order.
    """
    splits: dict[str, list[Post]] = {default: []}
    for number, row in read_objects(path, log, empty="holds no row"):
        with log.at(path, number):
            split = split_name(optional_text_field(row.get("split"), "split") or default)
            if fixed_split and split != default:
                raise RowError(f"split {show_value(row['split'])} in the file of the split {default}", "split")
            post = _post_of_object(row, f"{split}:{number}", relations, span_unit)
            if post.id in ids:
                raise RowError(f"id {show_value(post.id)} is taken by an earlier row", "id")
            for doubt in doubtful_spans(row, span_unit):
                log.warn(path, number, doubt, "span")
            ids.add(post.id)
            splits.setdefault(split, []).append(post)
    return {split: posts for split, posts in splits.items() if posts} or {default: []}


def _post_of_object(
    row: Mapping[str, object], default_id: str, relations: frozenset[str] | None, span_unit: SpanUnit
) -> Post:
    text, words = row.get("text"), row.get("tokens")
    if (text is None) == (words is None):
        raise RowError("must have either text or tokens" + (", not both" if text is not None else ""), "missing key")
    mentions = {key: mapping_field(row.get(key), key) for key in ("head", "tail")}
    if words is not None:
        tokens = token_field(words, "tokens")
        head, tail = (_mention_of_words(tokens, mention, of) for of, mention in mentions.items())
    else:
        tokens, head, tail = _over_text(text_field(text, "text"), mentions, span_unit)
    check_pair(head, tail)
    image = image_field(row.get("image"), "image")
    given = row.get("id")
    return Post(
        id=str(given) if type(given) is int else optional_text_field(given, "id") or default_id,
        tokens=tokens,
        head=head,
        tail=tail,
        image_ids=() if image is None else (image,),
        relation=relation_field(row.get("relation"), relations),
    )


def _name(mention: Mapping[str, object], of: str) -> str | None:
    given = {key: text_field(mention[key], f"{of} {key}") for key in ("text", "name") if mention.get(key) is not None}
    if len(set(given.values())) > 1:
        raise RowError(f"{of} text and name differ: {show_value(given)}", "mention text")
    return next(iter(given.values()), None)


def _mention_of_words(tokens: tuple[str, ...], mention: Mapping[str, object], of: str) -> Mention:
    span_unit_of(mention, of, "words")
    span = span_field(mention.get("span"), f"{of} span", len(tokens))
    return mention_of_words(tokens, span, _name(mention, of), mention, of)


def _over_text(
    text: str, mentions: Mapping[str, Mapping[str, object]], span_unit: SpanUnit
) -> tuple[tuple[str, ...], Mention, Mention]:
    words = split_words(text, ())
    spans = {of: characters_of(text, words, mention, of, span_unit) for of, mention in mentions.items()}
    words = split_words(text, [edge for span in spans.values() for edge in span])
    starts = {start: index for index, (start, _) in enumerate(words)}
    ends = {end: index + 1 for index, (_, end) in enumerate(words)}
    found = []
    for of, mention in mentions.items():
        start, end = spans[of]
        covered = text[start:end]
        name = _name(mention, of)
        try:
            check_name(name, covered, (start, end), "characters", of)
        except RowError as error:
            raise RowError(f"{error}{explain_mismatch(text, mention, name)}", error.kind) from None
        kind = optional_text_field(mention.get("type"), f"{of} type")
        found.append(Mention(covered, starts[start], ends[end], kind))
    return tuple(text[start:end] for start, end in words), found[0], found[1]
