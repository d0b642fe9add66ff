"""Entity types that a file gives for posts, counted against the data set they are given for."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dgf.model.labels import LabelSpace
from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, RowError
from dgf.pipeline.files import file_digest
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts import Dataset

TypePairs = Mapping[str, tuple[str | None, str | None]]
"""Head type and tail type by post id."""

_TYPES_FORM = 'One JSON object a line: {"id": "test:17", "head": "per", "tail": "org"}; null for a type not known.'
_SHOWN = 10

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TypeFile:
    """A type file and how it fits.

    Args:
        file: Where.
        sha256: Of the file.
        lines: Posts it gives types for, `matched` of them in the data set, which has `posts`.
        unknown: Types that stand in no relation's name, although the relations' names carry types.
    """

    file: str
    sha256: str
    lines: int
    matched: int
    posts: int
    unknown: tuple[str, ...]


def read_types(file: Path) -> TypePairs:
    """Read a type file.

    Raises:
        UserError: It cannot be read, or lines are not of the form; the first ten are named.
    """
    pairs: dict[str, tuple[str | None, str | None]] = {}
    log = FaultLog(file)
    for number, row in read_objects(file, log, empty="holds no types"):
        with log.at(file, number):
            if not {"id", "head", "tail"} <= row.keys():
                raise RowError("not an object with id, head and tail")
            post, head, tail = row["id"], row["head"], row["tail"]
            post = str(post) if type(post) is int else post  # as for posts
            if not (isinstance(post, str) and isinstance(head, str | None) and isinstance(tail, str | None)):
                raise RowError("id must be text, head and tail text or null")
            if "" in (head, tail) or any(name and not name.isprintable() for name in (head, tail)):
                raise RowError("a type must be printable text, or null")
            if post in pairs:
                raise RowError(f"a second line for {post}")
            pairs[post] = (head, tail)
    log.finish("stop", _TYPES_FORM)
    return pairs


def match_types(file: Path, pairs: TypePairs, dataset: Dataset) -> TypeFile:
    """Count a type file against a data set, and say how it fits.

    Raises:
        UserError: It is of other posts, or none of its types stands in a relation's name although these carry types.
    """
    posts = dataset.posts
    matched = sum(post.id in pairs for post in posts)
    if not matched:
        raise UserError(
            f"{file}: none of its {len(pairs)} ids, such as {next(iter(pairs))!r}, is one of a post in {dataset.root}",
            f"Ids of posts there are such as {posts[0].id!r}.",
        )
    unknown = check_types(pairs, dataset, str(file), strict=True)
    _log.info("%s: types for %d of %d posts (%d lines)", file, matched, len(posts), len(pairs))
    return TypeFile(str(file), file_digest(file), len(pairs), matched, len(posts), tuple(unknown))


def check_types(pairs: TypePairs, dataset: Dataset, source: str, *, strict: bool) -> list[str]:
    """Name the types that stand in no relation's name, although the relations' names carry types; log a warning.

    Raises:
        UserError: Where `strict`, if all of them do not.
    """
    known = LabelSpace.from_relations(dataset.relations).types if dataset.relations else ()
    given = sorted({name for post in dataset.posts for name in pairs.get(post.id, ()) if name})
    unknown = [name for name in given if name not in known] if known else []
    if unknown:
        shown = ", ".join(_with_near(name, known) for name in unknown[:_SHOWN])
        message = f"{source}: entity types that stand in no relation's name: {shown}"
        if strict and len(unknown) == len(given):
            raise UserError(message, f"Those that the relations' names carry are: {', '.join(known)}.")
        _log.warning("warning: %s", message)
    return unknown


def _with_near(name: str, known: Sequence[str]) -> str:
    near = next((other for other in known if other.casefold() == name.casefold()), None)
    return f"{name} (did you mean {near}?)" if near else name
