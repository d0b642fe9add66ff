"""Read a data set, whichever of the known layouts it has."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, OnError
from dgf.pipeline.file_kinds import recognize
from dgf.pipeline.posts.base import Dataset, Post
from dgf.pipeline.posts.jsonl import read_jsonl, split_name, split_of_file
from dgf.pipeline.posts.mnre import IMAGE_FOLDER, RELATION_FILES, SPLITS, TEXT_FOLDERS, find_mnre_files, read_mnre_split
from dgf.pipeline.posts.relations import NONE, find_negative, read_relations
from dgf.pipeline.posts.spans import SpanUnit
from dgf.pipeline.text_files import STDIN

_RELATION_LISTS = ("relations.json", *RELATION_FILES)
_LAYOUTS = (
    "Give a folder with txt/ours_{train,val,test}.txt (MNRE), a folder with {train,val,test}.jsonl, or one .jsonl file."
)
_FIX_ROWS = "Fix these rows, or leave them out with --on-error skip (`dgf validate` lists all of them)."
_CONVERT = "Convert text that is not UTF-8, such as that of Windows: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"
_SHOWN_WARNINGS = 3

UNREADABLE = "file"
"""The kind of fault of a whole file."""

_log = logging.getLogger(__name__)


def read_dataset(
    path: Path,
    *,
    on_error: OnError = "stop",
    relations: Path | None = None,
    negative: str | None = None,
    span_unit: SpanUnit = "characters",
    with_relations: bool = True,
) -> Dataset:
    """Read every split of a data set, and log what may not mean what it says.

    Args:
        path: A folder in the MNRE layout, a folder of `{train,val,test}.jsonl`, or one JSONL file, which is
            one split, named like the file; `-` reads such a file from standard input, with photos beside here.
        on_error: `stop` raises if any row is at fault; `skip` leaves such rows out and lists them in
            `Dataset.faults`.
        relations: JSON file of relation name -> id. Without it, `ours_rel2id.json`, `rel2id.json` or
            `relations.json` beside the data is read if it is there; else the relations are those of the
            rows, "None" first.
        negative: The relation that means "no relation"; None finds it by its name, "" says that there is none.
        span_unit: What spans into a text count where they do not say.
        with_relations: Whether relations are checked against a list beside the data.

    Returns:
        The data set. Photos are named, not looked for.

    Raises:
        UserError: The path is not a data set, a file cannot be read, or (`stop`) rows are at fault.
    """
    log = FaultLog(path)
    how: dict[str, Any] = {"relations": relations, "negative": negative, "span_unit": span_unit}
    dataset = collect_dataset(path, log, **how, with_relations=with_relations)
    encoding = any(fault.kind == "encoding" for fault in log.faults)
    log.finish(on_error, f"{_FIX_ROWS} {_CONVERT}" if encoding else _FIX_ROWS)
    if not any(dataset.splits.values()):
        raise UserError(
            f"{path}: not one row can be used ({len(log.faults)} fault(s); the first: {log.faults[0]})",
            "`dgf validate` lists every fault.",
        )
    for warning in log.warnings[:_SHOWN_WARNINGS]:
        _log.warning("warning: %s", warning)
    if len(log.warnings) > _SHOWN_WARNINGS:
        _log.warning("... and %d more rows like these: `dgf validate` lists them", len(log.warnings) - _SHOWN_WARNINGS)
    return dataset


def collect_dataset(
    path: Path,
    log: FaultLog,
    *,
    relations: Path | None = None,
    negative: str | None = None,
    span_unit: SpanUnit = "characters",
    with_relations: bool = True,
    keep_going: bool = False,
) -> Dataset:
    """Read a data set as `read_dataset` does, with every fault and warning left in `log`; it may have no row at all.

    Raises:
        UserError: The path is not a data set, or a file cannot be read; with `keep_going`, such a file is a fault too.
    """
    files, layout = find_files(path)
    folder = path if path.is_dir() else path.parent
    listed, known = None, None
    with _as_fault(log, relations or path, keep_going):
        listed = relations or (_relations_beside(folder) if with_relations else None)
        known = read_relations(listed) if listed else None
    allowed = None if known is None else frozenset(known)
    splits: dict[str, list[Post]] = {}
    ids: set[str] = set()
    for split, file in files.items():
        found: dict[str, list[Post]] = {split: []}
        with _as_fault(log, file, keep_going):
            if layout == "mnre":
                found = {split: read_mnre_split(file, split, log, allowed)}
            else:
                fixed = path.is_dir()
                found = read_jsonl(file, split, log, allowed, ids, fixed_split=fixed, span_unit=span_unit)
        for name, posts in found.items():
            splits.setdefault(name, []).extend(posts)
    used = {post.relation for posts in splits.values() for post in posts if post.relation is not None}
    names = known or (*sorted(used & {NONE}), *sorted(used - {NONE}))
    return Dataset(
        root=path,
        image_root=_photo_folder(path, layout),
        splits={split: tuple(posts) for split, posts in splits.items()},
        relations=names,
        negative=find_negative(names, negative),
        faults=tuple(log.faults),
        warnings=tuple(log.warnings),
        relations_file=listed,
    )


def find_photo_folder(path: Path) -> Path:
    """Find the folder that a data set's photos lie in, without reading the posts.

    Raises:
        UserError: The path is not a data set.
    """
    return _photo_folder(path, find_files(path)[1])


def _photo_folder(path: Path, layout: str) -> Path:
    folder = path if path.is_dir() else path.parent
    return folder / IMAGE_FOLDER if layout == "mnre" else folder


@contextlib.contextmanager
def _as_fault(log: FaultLog, file: Path, keep_going: bool) -> Iterator[None]:
    """Make a file that cannot be read one fault among others, where that is wanted."""
    try:
        yield
    except UserError as error:
        if not keep_going:
            raise
        hint = f"; {error.hint}" if error.hint else ""
        log.add(file, None, error.message.removeprefix(f"{file}").lstrip(": ") + hint, UNREADABLE)


def find_files(path: Path) -> tuple[dict[str, Path], str]:
    """Find the file of each split, and the layout: mnre or jsonl.

    Raises:
        UserError: The path is not a data set.
    """
    if path == STDIN:
        return {"posts": path}, "jsonl"
    if not path.exists():
        raise UserError(f"{path}: no such file or folder", _LAYOUTS)
    if path.is_file():
        return {_split_of_posts(path): path}, "jsonl"
    if not path.is_dir():
        if path.is_relative_to("/dev"):  # the shell's own pipes, as of `<(zcat FILE)`
            return {"posts": path}, "jsonl"
        raise UserError(f"{path}: neither a file nor a folder", _LAYOUTS)
    text = find_mnre_files(path)
    lines, arrays = (dict(_split_files(path, json)) for json in (False, True))
    if text and lines:
        raise UserError(f"{path}: holds both {next(iter(text.values()))} and {next(iter(lines.values()))}", _LAYOUTS)
    if found := text or lines or arrays:
        return {split: found[split] for split in SPLITS if split in found}, "mnre" if text else "jsonl"
    raise UserError(f"{path}: no posts found in this folder", _LAYOUTS)


def _split_of_posts(path: Path) -> str:
    """The split that one file of posts is; what is inside decides where its name does not say."""
    if (split := split_of_file(path)) is not None:
        return split
    kind = recognize(path)
    if kind is not None and (kind.name in ("JSON", "a JSON array") or "UTF-16" in kind.name):
        return split_name(path.stem)
    what = f"it is {kind.name}" if kind else "it is of no kind that is known here"
    raise UserError(f"{path}: not a .jsonl file of posts: {what}", (kind and kind.hint) or _LAYOUTS)


def _split_files(folder: Path, arrays: bool) -> Iterator[tuple[str, Path]]:
    """The files of a folder that are named for a split: those of lines, or `.json` ones."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        split = split_of_file(file)
        if split not in SPLITS or not file.is_file() or _is_array(file) != arrays:
            continue
        if split in found:
            fault = f"two .jsonl files for the split {split}: {found[split].name} and {file.name}"
            raise UserError(f"{folder}: {fault}", "Keep one of them in the folder.")
        found[split] = file
        yield split, file


def _relations_beside(folder: Path) -> Path | None:
    """The list of relations in the folder, or beside the text within it."""
    places = [folder, *(folder / name for name in TEXT_FOLDERS if name != ".")]
    found = [place / name for place in places for name in _RELATION_LISTS if (place / name).is_file()]
    if len(found) > 1 and len({file.read_bytes() for file in found}) > 1:
        raise UserError(
            f"{folder}: more than one list of relations: {', '.join(str(file.relative_to(folder)) for file in found)}",
            "Keep one of them, or name one with --relations.",
        )
    return found[0] if found else None


def _is_array(file: Path) -> bool:
    return file.name.lower().endswith((".json", ".json.gz"))
