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
check: it must be what the span covers. `image` is a path relative to the folder of the file. A mention may be an object
of the photo instead: `"tail": {"box": [0.1, 0.2, 0.5, 0.9]}`, left, top, right and bottom as shares of its sides.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts.base import Mention, PhotoBox, Post
from dgf.pipeline.posts.fields import (
    add_objects,
    box_field,
    check_name,
    check_pair,
    check_shown,
    image_field,
    mapping_field,
    mention_of_words,
    optional_text_field,
    relation_field,
    span_field,
    text_field,
    token_field,
)
from dgf.pipeline.posts.layouts.base import DataLayout, ReadContext, split_files, split_name
from dgf.pipeline.posts.layouts.peek import first_keys
from dgf.pipeline.posts.spans import (
    SpanUnit,
    WordedText,
    characters_of,
    doubtful_spans,
    explain_mismatch,
    span_unit_of,
)

_LINES = re.compile(r"(?P<split>.+)\.(jsonl|ndjson)(\.gz)?", re.IGNORECASE)
_ARRAY = re.compile(r"(?P<split>.+)\.json(\.gz)?", re.IGNORECASE)


def find_jsonl(path: Path) -> dict[str, Path]:
    """Find the file of each split: files of lines, or where there are none `.json` ones; or the file itself."""
    return split_files(path, _LINES) or split_files(path, _ARRAY)


def read_jsonl(path: Path, default: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one file of posts; `default` is the split of rows that name none."""
    for number, row in read_objects(path, reading.log, empty="holds no row"):
        with reading.log.at(path, number):
            yield read_object(path, number, row, default, reading)


def is_jsonl(path: Path) -> bool:
    """Whether a file is not an array of another layout's rows."""
    keys = frozenset[str]() if _ARRAY.fullmatch(path.name) is None else first_keys(path)
    return "label_list" not in keys and not {"token", "h"} <= keys


JSONL = DataLayout(
    name="jsonl",
    files="{train,val,test}.jsonl, or one .jsonl file",
    find=find_jsonl,
    claims=is_jsonl,
    read=read_jsonl,
)


def read_object(
    path: Path,
    number: int | None,
    row: Mapping[str, object],
    default: str,
    reading: ReadContext,
    default_id: str | None = None,
) -> tuple[str, Post]:
    """Make split and post of a row.

    Args:
        path: Its file.
        number: Its line; None where it is a file of its own.
        row: What it holds.
        default: Its split where it names none.
        reading: How it is read.
        default_id: Its id where it has none; None for `split:number`.

    Raises:
        RowError: It cannot be used.
    """
    split = split_name(optional_text_field(row.get("split"), "split") or default)
    if reading.one_split and split != default:
        raise RowError(f"split {show_value(row['split'])} in the file of the split {default}", "split")
    post = post_of_object(row, default_id or f"{split}:{number}", reading.relations, reading.span_unit)
    reading.take_id(post)
    for doubt in doubtful_spans(row, reading.span_unit):
        reading.log.warn(path, number, doubt, "span")
    return split, post


def post_of_object(
    row: Mapping[str, object],
    default_id: str,
    relations: frozenset[str] | None = None,
    span_unit: SpanUnit = "characters",
) -> Post:
    """Make a post of one object; `relations` are those that it may have, None for any.

    Raises:
        RowError: It is at fault.
    """
    return read_sentence(row, default_id, relations).post(row.get("head"), row.get("tail"), span_unit)


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a row says beside its mentions: its words, as they are or in a text, id, photo and relation."""

    words: tuple[str, ...] | WordedText
    id: str
    image_ids: tuple[str, ...]
    relation: str | None

    def post(self, head: object, tail: object, span_unit: SpanUnit = "characters") -> Post:
        """Make a post of two mentions in it.

        Raises:
            RowError: One of them is at fault.
        """
        mentions = {"head": mapping_field(head, "head"), "tail": mapping_field(tail, "tail")}
        boxes = {of: _box(mention, of) for of, mention in mentions.items() if mention.get("box") is not None}
        inside = {of: mention for of, mention in mentions.items() if of not in boxes}
        if isinstance(self.words, WordedText):
            tokens, found = _over_text(self.words, inside, span_unit)
        else:
            tokens = self.words
            found = {of: _mention_of_words(tokens, mention, of) for of, mention in inside.items()}
        tokens, (first, second) = add_objects(tokens, [found[of] if of in found else boxes[of] for of in mentions])
        check_pair(first, second)
        check_shown((first, second), self.image_ids)
        return Post(self.id, tokens, first, second, self.image_ids, self.relation)


def read_sentence(row: Mapping[str, object], default_id: str, relations: frozenset[str] | None = None) -> Sentence:
    """Check all of a row but its mentions.

    Raises:
        RowError: It is at fault.
    """
    text, words = row.get("text"), row.get("tokens")
    if (text is None) == (words is None):
        raise RowError("must have either text or tokens" + (", not both" if text is not None else ""), "missing key")
    image, given = image_field(row.get("image"), "image"), row.get("id")
    return Sentence(
        words=WordedText(text_field(text, "text")) if words is None else token_field(words, "tokens"),
        id=str(given) if type(given) is int else optional_text_field(given, "id") or default_id,
        image_ids=() if image is None else (image,),
        relation=relation_field(row.get("relation"), relations),
    )


def _box(mention: Mapping[str, object], of: str) -> PhotoBox:
    if mention.get("span") is not None:
        raise RowError(f"{of} has both a span and a box", "box")
    return box_field(mention["box"], f"{of} box")


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
    worded: WordedText, mentions: Mapping[str, Mapping[str, object]], span_unit: SpanUnit
) -> tuple[tuple[str, ...], dict[str, Mention]]:
    text = worded.text
    spans = {of: characters_of(worded, mention, of, span_unit) for of, mention in mentions.items()}
    words, tokens = worded.cut_at(edge for span in spans.values() for edge in span)
    found = {}
    for of, mention in mentions.items():
        start, end = spans[of]
        covered = text[start:end]
        name = _name(mention, of)
        try:
            check_name(name, covered, (start, end), "characters", of)
        except RowError as error:
            raise RowError(f"{error}{explain_mismatch(text, mention, name)}", error.kind) from None
        kind = optional_text_field(mention.get("type"), f"{of} type")
        # the words are cut at both edges: as many begin before one as stand before it
        found[of] = Mention(covered, bisect_left(words, (start,)), bisect_left(words, (end,)), kind)
    return tokens, found
