"""A repaired copy of a data set: only what has one right reading is changed, and every change is said."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import Fault, FaultLog, RowError
from dgf.pipeline.files import write_atomic
from dgf.pipeline.lines import parse_json, parse_rows
from dgf.pipeline.photos import ImageError, find_photos, resolve_photo
from dgf.pipeline.posts import Dataset, as_utf16, collect_dataset, find_files, parse_row, plain_path
from dgf.pipeline.text_files import STDIN, open_text


@dataclass(frozen=True, slots=True)
class Repair:
    """What `fix_posts` did: the copy, its rows, every change with its line, and the photos that came along."""

    out: Path
    rows: int
    changes: tuple[Fault, ...]
    photos: int


def fix_posts(dataset: Dataset, out: Path) -> Repair:
    """Write a copy of a data set with what is certain put right.

    That is: UTF-8 without a mark and one row a line, whatever the text was written in; nulls left out; one
    slash between folders; a backslash where that names a photo; spans that counted UTF-16 units, where the mention's
    text proves it. Rows with other faults are copied as they are. Photos come along as hard links, or as copies.

    Raises:
        UserError: The place is taken, or a file cannot be read.
    """
    if dataset.root == STDIN:
        raise UserError("--fix needs a file or a folder, not standard input", "Write the posts to a file first.")
    if out.exists():
        raise UserError(f"--fix {out}: is there already", "Name a new file or folder: nothing is overwritten.")
    files, layout = find_files(dataset.root)
    folder = dataset.root if dataset.root.is_dir() else dataset.root.parent
    target = out if dataset.root.is_dir() else out.parent
    target.mkdir(parents=True, exist_ok=True)
    log = FaultLog(dataset.root)
    rows = 0
    for file in files.values():
        copy = target / _plain_name(file.relative_to(folder)) if dataset.root.is_dir() else out
        rows += _fix_file(file, copy, layout, dataset, log)
    if dataset.relations_file is not None and dataset.root.is_dir() and dataset.relations_file.is_relative_to(folder):
        relations = target / dataset.relations_file.relative_to(folder)
        relations.parent.mkdir(parents=True, exist_ok=True)
        names = {name: number for number, name in enumerate(dataset.relations)}
        write_atomic(relations, (json.dumps(names, ensure_ascii=False) + "\n").encode())
    image_root = target / dataset.image_root.relative_to(folder)
    named = replace(collect_dataset(out, FaultLog(out), keep_going=True), image_root=dataset.image_root)
    return Repair(out, rows, tuple(log.warnings), _bring_photos(named, image_root))


def _plain_name(file: Path) -> Path:
    """The name of the copy: lines, without compression."""
    name = file.name.removesuffix(".gz")
    return file.with_name(f"{Path(name).stem}.jsonl" if Path(name).suffix.lower() == ".json" else name)


def _fix_file(file: Path, copy: Path, layout: str, dataset: Dataset, log: FaultLog) -> int:
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
        fixed, done = _fix_row(row, layout, dataset)
        for kind, change in done.items():
            log.warn(file, number, change, kind)
        lines.append(repr(fixed) if layout == "mnre" else json.dumps(fixed, ensure_ascii=False))
    copy.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(copy, "".join(line + "\n" for line in lines).encode(errors="surrogatepass"))
    return sum(map(bool, lines))


def _fix_row(row: Mapping[str, object], layout: str, dataset: Dataset) -> tuple[dict[str, Any], dict[str, str]]:
    """The repaired row, and what was changed by kind."""
    fixed: dict[str, Any] = {name: value for name, value in row.items() if value is not None}
    done: dict[str, str] = {}
    if gone := sorted(row.keys() - fixed.keys()):
        done["null"] = f"null left out: {', '.join(gone)}"
    for name in ("image",) if layout == "jsonl" else ("img_id", "image_id"):
        if isinstance(given := fixed.get(name), str) and (plain := _fix_path(given, layout, dataset)) != given:
            fixed[name] = plain
            done["slashes"] = f"{name} {given!r} written as {plain!r}"
    if layout == "jsonl" and isinstance(text := fixed.get("text"), str):
        for of in ("head", "tail"):
            mention = fixed.get(of)
            if isinstance(mention, dict) and (span := _fix_span(text, mention)) is not None:
                fixed[of] = {**mention, "span": span}
                done[f"{of} span"] = f"{of} span {mention['span']} in UTF-16 units written as {span} in characters"
    if layout == "mnre" and isinstance(relation := fixed.get("relation"), str):
        plain = relation.replace("\\/", "/")
        if plain != relation and plain in dataset.relations:
            fixed["relation"] = plain
            done["slashes"] = f"relation {relation!r} written as {plain!r}"
    return fixed, done


def _fix_path(given: str, layout: str, dataset: Dataset) -> str:
    plain = plain_path(given)
    other = plain_path(plain.replace("\\", "/"))
    folders = [PurePosixPath()] if layout == "jsonl" else [PurePosixPath(split) for split in dataset.splits]
    if other != plain and any(_there(dataset.image_root, str(folder / other)) for folder in folders):
        return other
    return plain


def _there(root: Path, image_id: str) -> bool:
    try:
        resolve_photo(root, image_id)
    except ImageError:
        return False
    return True


def _fix_span(text: str, mention: Mapping[str, Any]) -> list[int] | None:
    """The span in characters, where the mention's text is what it covers in UTF-16 units and not what it covers now."""
    name, span = mention.get("text") or mention.get("name"), mention.get("span")
    other = as_utf16(text, span) if mention.get("unit") is None else None
    if other is None or not isinstance(span, list) or text[slice(*span)] == name or text[slice(*other)] != name:
        return None
    return list(other)


def _bring_photos(dataset: Dataset, image_root: Path) -> int:
    """Link or copy every photo that is there under its name; returns how many."""
    brought = 0
    for image_id in find_photos(dataset).found:
        target = image_root / image_id
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        source = resolve_photo(dataset.image_root, image_id)
        try:
            os.link(source, target)
        except OSError:  # another file system, or one without links
            shutil.copy2(source, target)
        brought += 1
    return brought
