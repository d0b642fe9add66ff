"""A repaired copy of a data set: only what has one right reading is changed, and every change is said."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import Fault, FaultLog, RowError
from dgf.pipeline.files import file_digest, write_atomic
from dgf.pipeline.lines import parse_json, parse_rows
from dgf.pipeline.packed import PackedPhoto
from dgf.pipeline.photos import ImageError, find_photos, resolve_photo
from dgf.pipeline.posts import (
    Dataset,
    ReadOptions,
    SpanUnit,
    as_utf16,
    collect_dataset,
    find_dataset,
    parse_row,
    plain_path,
)
from dgf.pipeline.text_files import STDIN, open_text

_REPAIRED = ("mnre", "jsonl")


@dataclass(frozen=True, slots=True)
class Repair:
    """What `fix_posts` did: the copy, its rows, every change with its line, and the photos that came along."""

    out: Path
    rows: int
    changes: tuple[Fault, ...]
    photos: int


def check_fix_place(data: Path, out: Path) -> None:
    """See that a repaired copy of `data` can be written to `out`.

    Raises:
        UserError: It cannot: the place is taken, or the name does not go with the data.
    """
    if data == STDIN:
        raise UserError("--fix needs a file or a folder, not standard input", "Write the posts to a file first.")
    if out.exists():
        raise UserError(f"--fix {out}: is there already", "Name a new file or folder: nothing is overwritten.")
    if not data.is_dir() and out.suffix.lower() != ".jsonl":
        raise UserError(f"--fix {out}: the copy of a file is a .jsonl file", f"Name it {out.name}.jsonl, say.")


def check_fix_layout(layout: str) -> None:
    """See that a repaired copy is made of data sets of that layout.

    Raises:
        UserError: It is not.
    """
    if layout not in _REPAIRED:
        raise UserError(f"--fix: of the layout {layout} no copy is made", f"It repairs {' and '.join(_REPAIRED)}.")


def fix_posts(dataset: Dataset, out: Path, span_unit: SpanUnit) -> Repair:
    """Write a copy of a data set with what is certain put right.

    That is: UTF-8 without a mark and one row a line, whatever the text was written in; in JSON nulls left out; one
    slash between folders; a backslash where that names a photo; spans that count UTF-16 units, where `span_unit` says
    so or the mentions' texts prove it of all of a file. Rows with other faults are copied as they are. Photos come
    along as hard links, or as copies.

    Raises:
        UserError: The place is taken, or a file cannot be read.
    """
    check_fix_place(dataset.root, out)
    layout = dataset.layout
    check_fix_layout(layout)
    files = find_dataset(dataset.root, layout).files
    folder = dataset.root if dataset.root.is_dir() else dataset.root.parent
    target = out if dataset.root.is_dir() else out.parent
    target.mkdir(parents=True, exist_ok=True)
    log = FaultLog(dataset.root)
    rows = 0
    for file in files.values():
        copy = target / _plain_name(file.relative_to(folder)) if dataset.root.is_dir() else out
        in_units = layout == "jsonl" and _counts_units(file, span_unit, log)
        rows += _fix_file(file, copy, layout, dataset, log, in_units)
    if dataset.relations_file is not None and dataset.root.is_dir() and dataset.relations_file.is_relative_to(folder):
        relations = target / dataset.relations_file.relative_to(folder)
        relations.parent.mkdir(parents=True, exist_ok=True)
        names = {name: number for number, name in enumerate(dataset.relations)}
        write_atomic(relations, (json.dumps(names, ensure_ascii=False) + "\n").encode())
    copy_of = collect_dataset(out, FaultLog(out), ReadOptions(layout, keep_going=True))
    named = replace(copy_of, image_root=dataset.image_root)
    return Repair(out, rows, tuple(log.warnings), _bring_photos(named, copy_of.image_root))


def _plain_name(file: Path) -> Path:
    """The name of the copy: lines, without compression."""
    name = file.name.removesuffix(".gz")
    return file.with_name(f"{Path(name).stem}.jsonl" if Path(name).suffix.lower() == ".json" else name)


def _counts_units(file: Path, span_unit: SpanUnit, log: FaultLog) -> bool:
    """Whether the spans of a file that say no unit count UTF-16 units: told, or proved by every mention concerned."""
    if span_unit == "utf16":
        return True
    proved, open_spans = 0, 0
    for _, row in parse_rows(file):
        if isinstance(row, RowError):
            continue
        for mention, span in _spans_in_question(row):
            proves = str(row["text"])[slice(*span)] == (mention.get("text") or mention.get("name"))
            proved, open_spans = proved + proves, open_spans + (not proves)
    if proved and open_spans:
        fault = f"spans left as they are: {proved} count UTF-16 units, of {open_spans} others nothing proves it"
        log.warn(file, 1, f"{fault}; if all do, give --span-unit utf16 with --fix", "span")
    return proved > 0 and not open_spans


def _spans_in_question(row: Mapping[str, object]) -> list[tuple[Mapping[str, Any], tuple[int, int]]]:
    """The mentions whose span would be another one in UTF-16 units, with that span in characters."""
    text = row.get("text")
    found: list[tuple[Mapping[str, Any], tuple[int, int]]] = []
    for mention in (row.get("head"), row.get("tail")):
        if isinstance(text, str) and isinstance(mention, dict) and mention.get("unit") is None:
            other = as_utf16(text, mention.get("span"))
            if other is not None:
                found.append((mention, other))
    return found


def _fix_file(file: Path, copy: Path, layout: str, dataset: Dataset, log: FaultLog, in_units: bool) -> int:
    """Write the copy of one file; returns its rows. Lines keep their numbers, by which rows without an id are known."""
    with open_text(file) as text:
        if text.encoding != "utf-8" or text.marked:
            log.warn(file, 1, f"{text.encoding.upper()}{' with a mark' * text.marked} written as UTF-8", "encoding")
    lines: list[str] = []
    for number, row in parse_rows(file, parse_row if layout == "mnre" else parse_json):
        lines += [""] * (number - 1 - len(lines))
        if isinstance(row, RowError):
            what = "copied as it is" if row.source else "left out"
            log.warn(file, number, f"{what}, since it cannot be read: {row}", "not repaired")
            lines.append(row.source or "")
            continue
        fixed, done = _fix_mnre_row(row, dataset) if layout == "mnre" else _fix_json_row(row, dataset, in_units)
        for kind, change in done.items():
            log.warn(file, number, change, kind)
        lines.append(_line_of(fixed, layout))
    copy.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(copy, "".join(line + "\n" for line in lines).encode(errors="replace"))
    return sum(map(bool, lines))


def _line_of(row: dict[str, Any], layout: str) -> str:
    """The row as a line; half a surrogate pair can only be written as an escape."""
    line = repr(row) if layout == "mnre" else json.dumps(row, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        return ascii(row) if layout == "mnre" else json.dumps(row)
    return line


def _fix_json_row(row: Mapping[str, object], dataset: Dataset, in_units: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The repaired row, and what was changed by kind."""
    fixed: dict[str, Any] = {name: value for name, value in row.items() if value is not None}
    done: dict[str, str] = {}
    if gone := sorted(row.keys() - fixed.keys()):
        done["null"] = f"null left out: {', '.join(gone)}"
    _fix_path(fixed, "image", (".",), dataset, done)
    for mention, span in _spans_in_question(fixed) if in_units else ():
        of = "head" if mention is fixed.get("head") else "tail"
        done[f"{of} span"] = f"{of} span {mention['span']} in UTF-16 units written as {list(span)} in characters"
        fixed[of] = {**mention, "span": list(span)}
    return fixed, done


def _fix_mnre_row(row: Mapping[str, object], dataset: Dataset) -> tuple[dict[str, Any], dict[str, str]]:
    """The repaired row, and what was changed by kind; other programs want all of its keys."""
    fixed, done = dict(row), dict[str, str]()
    for name in ("img_id", "image_id"):
        _fix_path(fixed, name, tuple(dataset.splits), dataset, done)
    if isinstance(relation := fixed.get("relation"), str) and "\\/" in relation:
        fixed["relation"] = relation.replace("\\/", "/")
        done["relation"] = f"relation {relation!r} written as {fixed['relation']!r}"
    return fixed, done


def _fix_path(row: dict[str, Any], name: str, folders: Sequence[str], dataset: Dataset, done: dict[str, str]) -> None:
    """Write a photo's name with single slashes, and with slashes for backslashes where that names a photo."""
    given = row.get(name)
    if not isinstance(given, str):
        return
    plain, other = plain_path(given), plain_path(given.replace("\\", "/"))
    if other != plain and any(_there(dataset.image_root, f"{folder}/{other}") for folder in folders):
        plain = other
    if plain != given:
        row[name] = plain
        done[name] = f"{name} {given!r} written as {plain!r}"


def _there(root: Path, image_id: str) -> bool:
    try:
        resolve_photo(root, image_id)
    except ImageError:
        return False
    return True


def _bring_photos(dataset: Dataset, image_root: Path) -> int:
    """Link or copy every photo that is there under its name; returns how many.

    Raises:
        UserError: Another photo lies in the place of one.
    """
    brought = 0
    packed: set[Path] = set()
    for image_id in find_photos(dataset).found:
        target, found = image_root / image_id, resolve_photo(dataset.image_root, image_id)
        source = Path(os.path.realpath(found.file)) if isinstance(found, PackedPhoto) else found
        if isinstance(found, PackedPhoto):  # the file that holds it comes along
            target = image_root / image_id.removesuffix(f"/{found.name}")
            if target in packed:
                continue
            packed.add(target)
        if target.exists():
            if file_digest(target) != file_digest(source):
                raise UserError(f"{target}: is another photo than {source}", "Give a folder of its own as --fix.")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without links
            shutil.copy2(source, target)
        brought += 1
    return brought
