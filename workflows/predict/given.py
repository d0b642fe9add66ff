"""A post as Python code gives it, made one that can be answered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.posts import (
    MentionFinder,
    PairedPost,
    find_words,
    pair_mentions,
    post_of_object,
    stands_for_pairs,
    token_field,
)
from dgf.workflows.predict.photos import PostWithPhoto, photo_of

KEYS = ("id", "text", "tokens", "head", "tail", "mentions", "image")
"""What is read of a post that is given."""

_SHOWN_PLACES = 5


def posts_given(
    given: Mapping[str, Any],
    default_id: str,
    folder: Path | None,
    *,
    all_pairs: bool = False,
    finder: MentionFinder | None = None,
    with_relation: bool = False,
) -> list[PostWithPhoto]:
    """Make posts of the values of one: with `all_pairs` one of every pair of its mentions, where it names no head.

    Args:
        given: `text` or `tokens`; `head` and `tail`, each a span, words that stand there once, or an object as in
            JSONL, or `mentions`, a list of such; `image`, a path, bytes or a PIL image; `id`. Other keys are not read.
        default_id: Of a post without an id.
        folder: That holds the photos which are named; None where paths lead anywhere.
        all_pairs: Whether `mentions` stand for all their pairs.
        finder: With `all_pairs`, finds the mentions of a post that gives none; of fewer than two there is no pair.
        with_relation: Whether `relation` is read too.

    Raises:
        RowError: It is at fault.
    """
    keys = (*KEYS, "relation") if with_relation else KEYS
    row = {key: given[key] for key in keys if given.get(key) is not None}
    image = row.pop("image", None)
    if isinstance(image, str) and not image:  # as in JSONL
        image = None
    if "text" not in row and "tokens" not in row:
        raise RowError("must have either text or tokens", "missing key")
    if isinstance(row.get("tokens"), Sequence) and not isinstance(row["tokens"], str):
        row["tokens"] = list(token_field(list(row["tokens"]), "tokens"))
    shown = None if image is None else photo_of(image, folder)
    if shown is not None:
        row["image"] = shown.name
    lone = "head" not in row and "tail" not in row
    if lone and "mentions" in row and not all_pairs:
        raise RowError('gives mentions in place of head and tail: give pairs="all"', "missing key")
    if stands_for_pairs(row, all_pairs=all_pairs, finder=finder):
        if isinstance(mentions := row.get("mentions"), Sequence) and not isinstance(mentions, str):
            row["mentions"] = [_mention(one, f"mention {i}", row) for i, one in enumerate(mentions)]
        pairs = pair_mentions(row, default_id, finder=finder)
    else:
        mentioned = {of: _mention(row.get(of), of, row) for of in ("head", "tail")}
        pairs = [PairedPost(post_of_object({**row, **mentioned}, default_id))]
    read, held = (None, 0) if shown is None else (shown.read, shown.held)
    return [PostWithPhoto(pair.post, read, held if place == 0 else 0, pair.found) for place, pair in enumerate(pairs)]


def _mention(value: Any, of: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bring a mention into the form of JSONL."""
    if isinstance(value, str):
        return {"span": list(_find(value.strip(), of, row.get("text"), row.get("tokens")))}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return {"span": list(value)}
    raise RowError(f"{of} must be a span, or words of the post, not {show_value(value)}", "span")


def _find(words: str, of: str, text: Any, tokens: Any) -> tuple[int, int]:
    """Find where the words of a mention stand, which must be one place.

    Raises:
        RowError: They stand nowhere, or in several places.
    """
    within = text if isinstance(text, str) else tokens if isinstance(tokens, list) else []
    spans = find_words(words, within)
    if len(spans) != 1:
        shown = ", ".join(map(str, spans[:_SHOWN_PLACES])) + (", ..." if len(spans) > _SHOWN_PLACES else "")
        where = f"stands at {shown}: give one of these spans" if spans else "is not in the post"
        raise RowError(f"{of} {show_value(words)} {where}", "span")
    return spans[0]
