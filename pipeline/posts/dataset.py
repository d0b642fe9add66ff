"""Read a data set whole, whichever of the known layouts it has."""

import logging
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, OnError, ShownWarnings
from dgf.pipeline.packed import PackedError, tar_files
from dgf.pipeline.posts.base import Dataset, Post
from dgf.pipeline.posts.spans import SpanUnit
from dgf.pipeline.posts.stream import PostStream, ReadOptions, in_order

_FIX_ROWS = (
    'Fix these rows, or leave them out: --on-error skip, in Python on_error="skip" (`dgf validate` lists all of them).'
)
_CONVERT = "Convert text that is not UTF-8, such as that of Windows: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"

_log = logging.getLogger(__name__)


def read_dataset(
    path: Path,
    *,
    on_error: OnError = "stop",
    relations: Path | None = None,
    negative: str | None = None,
    span_unit: SpanUnit = "characters",
    with_relations: bool = True,
    layout: str | None = None,
) -> Dataset:
    """Read every split of a data set, and log what may not mean what it says.

    Args:
        path: A folder in one of the layouts (`docs/data-sets.md`), or one file, which is one split, named like the
            file; `-` reads JSONL from standard input, with photos beside here; `hub:NAME` names a data set of the
            Hugging Face hub.
        on_error: `stop` raises if any row is at fault; `skip` leaves such rows out and lists them in
            `Dataset.faults`.
        relations: See `ReadOptions`, as are the other arguments.
        negative: Likewise.
        span_unit: Likewise.
        with_relations: Likewise.
        layout: Likewise.

    Returns:
        The data set. Photos are named, not looked for.

    Raises:
        UserError: The path is not a data set, a file cannot be read, or (`stop`) rows are at fault.
    """
    log = FaultLog(path)
    dataset = collect_dataset(path, log, ReadOptions(layout, relations, negative, span_unit, with_relations))
    encoding = any(fault.kind == "encoding" for fault in log.faults)
    log.finish(on_error, f"{_FIX_ROWS} {_CONVERT}" if encoding else _FIX_ROWS)
    if not any(dataset.splits.values()):
        fault = f"not one row can be used ({len(log.faults)} fault(s); the first: {log.faults[0]})"
        raise UserError(f"{path}: {fault if log.faults else 'not one row in it'}", "`dgf validate` lists every fault.")
    for note in log.notes:
        _log.info("note: %s", note)
    shown = ShownWarnings(_log)
    for warning in log.warnings:
        shown.add(warning)
    shown.finish()
    return dataset


def collect_dataset(path: Path, log: FaultLog, options: ReadOptions) -> Dataset:
    """Read a data set as `read_dataset` does, with every fault and warning left in `log`; it may have no row at all.

    Raises:
        UserError: The path is not a data set, or a file cannot be read, unless it is to keep going.
    """
    stream = PostStream(path, log, options)
    files: dict[str, dict[str, list[Post]]] = {split: {} for split in stream.file_splits}
    for file_split, split, post in stream.posts(set()):
        files[file_split].setdefault(split, []).append(post)
    splits: dict[str, list[Post]] = {}
    for default, found in files.items():
        for split in in_order(default, list(found)):
            splits.setdefault(split, []).extend(found.get(split, []))
    used = {post.relation for posts in splits.values() for post in posts if post.relation is not None}
    return stream.dataset({split: tuple(posts) for split, posts in splits.items()}, used)


def are_part_of(posts: Path, data: Path) -> bool:
    """Whether posts that were read from one path are those of a data set at another, or some of them by their files."""
    posts, data = posts.resolve(), data.resolve()
    if data in (posts, *posts.parents):
        return True
    try:
        files, all_files = tar_files(posts), tar_files(data)
    except PackedError:
        return False
    return bool(files) and set(files) <= set(all_files)
