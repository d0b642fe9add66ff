"""Entity types that come from a file or the data set, never from a relation's name."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts.base import Post

TypePairs = Mapping[str, tuple[str | None, str | None]]
"""Head type and tail type by post id."""

_FORM = 'One JSON object a line: {"id": "test:17", "head": "per", "tail": "org"}; null for a type not known.'


def types_of_posts(posts: Iterable[Post]) -> TypePairs:
    """The types that the data set itself gives its mentions."""
    return {post.id: (post.head.type, post.tail.type) for post in posts if post.head.type or post.tail.type}


def read_types(file: Path) -> TypePairs:
    """Reads a type file.

    Raises:
        UserError: If it cannot be read or a line is not of the form; all faults (at most ten) are named.
    """
    pairs: dict[str, tuple[str | None, str | None]] = {}
    faults: list[str] = []
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # splitlines would split inside JSON strings
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as text: {error}", _FORM) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            post, head, tail = row["id"], row["head"], row["tail"]
        except (ValueError, KeyError, TypeError, RecursionError):
            faults.append(f"{file}:{number}: not an object with id, head and tail")
            continue
        if not isinstance(post, str) or not all(isinstance(t, str | None) for t in (head, tail)):
            faults.append(f"{file}:{number}: id must be text, head and tail text or null")
        elif post in pairs:
            faults.append(f"{file}:{number}: a second line for {post}")
        else:
            pairs[post] = (head, tail)
    if faults:
        raise UserError("\n  ".join([f"{file}: {len(faults)} fault(s):", *faults[:10]]), _FORM)
    return pairs
