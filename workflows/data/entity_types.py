"""Entity types that come from a file or the data set, never from a relation's name."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from dgf.pipeline.lines import FaultLog, RowError, read_objects
from dgf.pipeline.posts import Post

TypePairs = Mapping[str, tuple[str | None, str | None]]
"""Head type and tail type by post id."""

_TYPES_FORM = 'One JSON object a line: {"id": "test:17", "head": "per", "tail": "org"}; null for a type not known.'


def types_of_posts(posts: Iterable[Post]) -> TypePairs:
    """Collect the types that the data set itself gives its mentions."""
    return {post.id: (post.head.type, post.tail.type) for post in posts if post.head.type or post.tail.type}


def read_types(file: Path) -> TypePairs:
    """Read a type file.

    Raises:
        UserError: It cannot be read, or lines are not of the form; the first ten are named.
    """
    pairs: dict[str, tuple[str | None, str | None]] = {}
    log = FaultLog(file)
    for number, row in read_objects(file, log):
        with log.at(file, number):
            if not {"id", "head", "tail"} <= row.keys():
                raise RowError("not an object with id, head and tail")
            post, head, tail = row["id"], row["head"], row["tail"]
            if not (isinstance(post, str) and isinstance(head, str | None) and isinstance(tail, str | None)):
                raise RowError("id must be text, head and tail text or null")
            if post in pairs:
                raise RowError(f"a second line for {post}")
            pairs[post] = (head, tail)
    log.finish("stop", _TYPES_FORM)
    return pairs
