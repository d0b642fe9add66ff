"""A row with the keys that MNRE and what is built on it have: token, h, t, img_id, relation."""

import ast
import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import MAX_INTEGER_BITS, NOT_ALLOWED, parse_json
from dgf.pipeline.posts.base import Mention, PhotoBox, Post
from dgf.pipeline.posts.fields import (
    add_objects,
    check_pair,
    check_shown,
    image_field,
    mapping_field,
    mention_of_words,
    relation_field,
    span_field,
    text_field,
    token_field,
)
from dgf.pipeline.posts.layouts.peek import peek

_JSON = re.compile(r'\s*\{\s*"')
"""How a row begins that is JSON, and not what Python writes."""


def parse_row(line: str) -> object:
    """Parse a line: a Python literal, or JSON, which many tools write in its place.

    Raises:
        RowError: It is neither, or holds an integer of over 64 bits.
    """
    of_json = ""
    if _JSON.match(line):
        try:
            return parse_json(line)
        except RowError as error:
            if error.kind == NOT_ALLOWED:
                raise
            of_json = f" ({str(error).removeprefix('not JSON: ')})"
    # literal_eval builds constants only; a hostile line may exhaust its stack or memory, which it reports.
    try:
        row = ast.literal_eval(line.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        what = f"not a Python literal ({type(error).__name__}), nor JSON{of_json}"
        raise RowError(f"{what}: {show_value(line)}", "not a literal") from None
    if _has_long_integer(row):
        raise RowError(f"holds an integer of over {MAX_INTEGER_BITS} bits: {show_value(line)}", "number")
    return row


def _has_long_integer(value: object) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is int and one.bit_length() > MAX_INTEGER_BITS:
            return True
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple | set):
            waiting += one
    return False


def first_row(path: Path) -> Mapping[str, object] | None:
    """The first row of a file of literals that can be read, to tell its layout; None where it begins with none."""
    for line in peek(path).splitlines():
        with contextlib.suppress(RowError):
            if isinstance(row := parse_row(line), dict):
                return row
    return None


def post_of_row(
    tokens: tuple[str, ...],
    post_id: str,
    mentions: Sequence[Mention | PhotoBox],
    image_ids: tuple[str, ...],
    relation: str | None,
) -> Post:
    """Make the post of a row whose words, mentions and photo are known."""
    tokens, (head, tail) = add_objects(tokens, mentions)
    check_pair(head, tail)
    check_shown((head, tail), image_ids)
    return Post(post_id, tokens, head, tail, image_ids, relation)


def text_post_of_row(
    row: Mapping[str, object], post_id: str, image_ids: tuple[str, ...], relations: frozenset[str] | None
) -> Post:
    """Make the post of a row whose mentions are both in the text."""
    tokens = token_field(required_key(row, "token"), "token")
    mentions = [mention_field(row, key, tokens) for key in ("h", "t")]
    return post_of_row(tokens, post_id, mentions, image_ids, relation_field(row.get("relation"), relations))


def required_key(row: Mapping[str, object], key: str) -> object:
    """Return the value of a key that every row must have."""
    if key not in row:
        raise RowError(f"has no key '{key}'", "missing key")
    return row[key]


def mention_field(row: Mapping[str, object], key: str, tokens: tuple[str, ...]) -> Mention:
    """Check a mention in the text: {"name": ..., "pos": [start, end)}."""
    mention = mapping_field(required_key(row, key), key)
    for inner in ("name", "pos"):
        if inner not in mention:
            raise RowError(f"{key} has no key '{inner}'", "missing key")
    name = text_field(mention["name"], f"{key} name")
    return mention_of_words(tokens, span_field(mention["pos"], f"{key} pos", len(tokens)), name, mention, key)


def image_of_row(row: Mapping[str, object]) -> str | None:
    """Return the name of the row's photo; None where it has none."""
    # The data set's README says image_id, its files say img_id.
    given = {key: image_field(row[key], key) for key in ("img_id", "image_id") if key in row}
    if not given:
        raise RowError("has no key 'img_id' (nor 'image_id')", "missing key")
    if len(set(given.values())) > 1:
        raise RowError(f"img_id and image_id differ: {show_value(given)}", "photo name")
    return next(iter(given.values()))
