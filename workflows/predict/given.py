"""A post as Python code gives it, made one that can be answered."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.posts import cuts_word, post_of_object
from dgf.workflows.predict.photos import PostWithPhoto, photo_of

KEYS = ("id", "text", "tokens", "head", "tail", "image")
"""What is read of a post that is given."""


def post_given(
    given: Mapping[str, Any], default_id: str, folder: Path, *, with_relation: bool = False
) -> PostWithPhoto:
    """Make a post of its values.

    Args:
        given: `text` or `tokens`; `head` and `tail`, each a span, words that stand there once, or an object as in
            JSONL; `image`, a path, bytes or a PIL image; `id`. Other keys are not read.
        default_id: Of a post without an id.
        folder: That a path of a photo is relative to.
        with_relation: Whether `relation` is read too.

    Raises:
        RowError: It is at fault.
    """
    keys = (*KEYS, "relation") if with_relation else KEYS
    row = {key: given[key] for key in keys if given.get(key) is not None}
    image = row.pop("image", None)
    if "text" not in row and "tokens" not in row:
        raise RowError("must have either text or tokens", "missing key")
    if isinstance(row.get("tokens"), Sequence) and not isinstance(row["tokens"], str):
        row["tokens"] = list(row["tokens"])
    for of in ("head", "tail"):
        row[of] = _mention(row.get(of), of, row.get("text"), row.get("tokens"))
    shown = None if image is None else photo_of(image, folder)
    post = post_of_object({**row, "image": None if shown is None else shown[0]}, default_id)
    return PostWithPhoto(post, None if shown is None else shown[1])


def _mention(value: Any, of: str, text: Any, tokens: Any) -> Mapping[str, Any]:
    """Bring a mention into the form of JSONL."""
    if isinstance(value, str):
        return {"span": list(_find(value.strip(), of, text, tokens))}
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
    spans: list[tuple[int, int]] = []
    if isinstance(text, str) and words:
        starts = (match.start() for match in re.finditer(f"(?={re.escape(words)})", text))
        spans = [(start, start + len(words)) for start in starts]
        spans = [span for span in spans if not cuts_word(text, *span)] or spans  # not every script has spaces
    elif isinstance(tokens, list) and words:
        size = len(wanted := words.split())
        places = range(len(tokens) - size + 1)
        spans = [(start, start + size) for start in places if tokens[start : start + size] == wanted]
    if len(spans) != 1:
        where = f"stands at {', '.join(map(str, spans))}: give one of these spans" if spans else "is not in the post"
        raise RowError(f"{of} {show_value(words)} {where}", "span")
    return spans[0]
