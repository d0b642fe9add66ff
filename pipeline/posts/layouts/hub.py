"""Data sets of Hugging Face's `datasets`: `hub:NAME`, or Parquet or Arrow files; rows have the keys of JSONL or MNRE.

A row is known by its number, from 1. The library is not installed with dgf.
"""

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import SPLITS, DataLayout, ReadContext, in_any_folder, split_name
from dgf.pipeline.posts.layouts.jsonl import read_object
from dgf.pipeline.posts.layouts.mnre_keys import image_of_row, text_post_of_row

HUB = "hub:"

_TABLE = re.compile(r"(?P<split>.+?)(-\d+-of-\d+)?\.(?P<kind>parquet|arrow)", re.IGNORECASE)
_PART = re.compile(r"-\d+(-of-(?P<all>\d+)\.)", re.IGNORECASE)
_PHOTO_KEYS = ("image", "img_id", "image_id")
_SAVED = ("dataset_dict.json", "dataset_info.json", "state.json")
"""What `save_to_disk` leaves in a folder."""


def hub_name(path: Path) -> str | None:
    """The name behind `hub:`, also where the path was made absolute; None for another path."""
    for place, part in enumerate(path.parts):
        if part.startswith(HUB):
            return "/".join(path.parts[place:]).removeprefix(HUB)
    return None


def find_hub(path: Path) -> dict[str, Path]:
    """Find the splits of a data set, each as a name below it, or the file itself."""
    if path.is_file():
        named = _TABLE.fullmatch(path.name)
        return {} if named is None else {split_name(named["split"]): path}
    if _has_own_splits(path):
        return {split: path / split for split in _open_splits(path)}
    return {split: files[0] if len(files) == 1 else path / split for split, files in _tables(path).items()}


def read_hub(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split, or one file. Photos within a table are not read, and counted."""
    rows = _as_they_are(_open_rows(path))
    names = {name: feature.names for name, feature in (rows.features or {}).items() if hasattr(feature, "names")}
    number, within = 0, 0
    for number, row in enumerate(_rows(path, rows), start=1):
        within += any(_is_within(row.get(key)) for key in _PHOTO_KEYS)
        with reading.log.at(path, number):
            named = {key: _named(value, names.get(key)) for key, value in row.items()}
            if "token" in named and "h" in named:
                images = in_any_folder(image_of_row(named), split)
                yield split, text_post_of_row(named, f"{split}:{number}", images, reading.relations)
            else:
                yield read_object(path, number, named, split, reading)
    if not number:
        reading.log.add(path, None, "holds no row", "empty")
    if within:
        fault = f"{within} photos are within the table, where they are not read: their posts have none"
        reading.log.warn(path, None, f"{fault}; write each to a file, and give its path", "photo")


HUGGING_FACE = DataLayout(
    name="datasets",
    files="hub:NAME of the Hugging Face hub, or a folder of Parquet or Arrow files",
    find=find_hub,
    claims=lambda path: True,
    read=read_hub,
    photos=("images", "."),
)


def _has_own_splits(path: Path) -> bool:
    """Whether the library knows the splits: those of the hub, and of a folder that `save_to_disk` wrote."""
    return any((path / name).is_file() for name in _SAVED) or (hub_name(path) is not None and not path.exists())


def _open_splits(path: Path) -> Mapping[str, Any]:
    """Open the splits of a data set whose splits the library knows, without reading them.

    Raises:
        UserError: The library is not installed, or cannot open it; or two splits are the same one here.
    """
    if path.exists():
        opened = _load(path, lambda library: library.load_from_disk(str(path)))
    else:
        opened = _load(path, lambda library: library.load_dataset(hub_name(path), streaming=True))
    splits = opened if isinstance(opened, dict) else {str(opened.split or "posts"): opened}
    found: dict[str, Any] = {}
    for name, rows in splits.items():
        split = split_name(str(name))
        if split in found:
            raise UserError(f"{path}: two splits are {split}: {', '.join(map(str, splits))}", "Rename one of them.")
        found[split] = rows
    return found


def _open_rows(path: Path) -> Any:
    """Open one split, as `find_hub` names it, without reading it.

    Raises:
        UserError: The library is not installed, or cannot open it.
    """
    if not path.is_file() and _has_own_splits(path.parent):
        return _open_splits(path.parent)[path.name]
    files = [path] if path.is_file() else _tables(path.parent)[path.name]
    named = _TABLE.fullmatch(files[0].name)
    if named is None:
        raise UserError(f"{path}: its name says neither Parquet nor Arrow", "Call it NAME.parquet or NAME.arrow.")
    kind = named["kind"].lower()
    # the library takes names of files as patterns, and not every name of a file as that of a split
    given = {"rows": [glob.escape(str(file.absolute())) for file in files]}
    return _load(path, lambda library: library.load_dataset(kind, data_files=given, streaming=True))["rows"]


def _load(path: Path, load: Callable[[Any], Any]) -> Any:
    """What the library makes of a path.

    Raises:
        UserError: The library is not installed, or cannot open it.
    """
    try:
        import datasets
    except ImportError:
        hint = "Install it: pip install 'dgf[datasets]'. Or write the posts as one JSON object a line."
        raise UserError(f"{path}: needs the library datasets, which is not installed", hint) from None
    try:
        return load(datasets)
    except Exception as error:  # the library raises what it likes
        raise _cannot_read(path, error) from None


def _tables(path: Path) -> dict[str, list[Path]]:
    """The table of each split of a folder, which may be in several parts; hidden folders are caches of others.

    Raises:
        UserError: A split has several tables, or a table not all of its parts.
    """
    found: dict[str, list[Path]] = {}
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if (named := _TABLE.fullmatch(name)) is not None and not name.startswith("."):
                found.setdefault(split_name(named["split"]), []).append(Path(folder, name))
    for split, files in found.items():
        _check_parts(path, split, files)
    first = [split for split in SPLITS if split in found]
    return {split: found[split] for split in (*first, *(other for other in found if other not in first))}


def _check_parts(path: Path, split: str, files: list[Path]) -> None:
    """See that files are one table: a single file, or every part of `NAME-00000-of-00002` in one folder."""
    tables = [(file.parent, _PART.sub(r"-*\1", file.name)) for file in files]
    other = next((file for file, table in zip(files, tables, strict=True) if table != tables[0]), None)
    if other is not None:
        two = f"{files[0].relative_to(path)} and {other.relative_to(path)}"
        raise UserError(f"{path}: two tables for the split {split}: {two}", "Keep one of them, or give one file.")
    part = _PART.search(files[0].name)
    if part is not None and len(files) != int(part["all"]):
        fault = f"{len(files)} of the {int(part['all'])} parts of the split {split} are there"
        raise UserError(f"{path}: {fault}", "Copy or fetch the others, or give one file.")


def _as_they_are(rows: Any) -> Any:
    """Have the photos of a table left as they are."""
    for name, feature in (rows.features or {}).items():
        if getattr(feature, "decode", False):
            rows = rows.cast_column(name, type(feature)(decode=False))
    return rows


def _rows(path: Path, rows: Any) -> Iterator[Mapping[str, Any]]:
    try:
        yield from rows
    except Exception as error:
        raise _cannot_read(path, error) from None


def _cannot_read(path: Path, error: Exception) -> UserError:
    said = (str(error).strip().splitlines() or [""])[0]
    return UserError(f"{path}: datasets cannot read it: {type(error).__name__}: {said[:200]}", "Check name and files.")


def _is_photo(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, dict) and value.keys() == {"bytes", "path"}


def _is_within(value: object) -> bool:
    """Whether a photo is in the table alone."""
    return _is_photo(value) and value["bytes"] is not None and not value["path"]


def _named(value: Any, names: list[str] | None) -> Any:
    """A value as JSONL would have it: the name of a class, the path of a photo."""
    if names is not None and type(value) is int and 0 <= value < len(names):
        return names[value]
    return value["path"] if _is_photo(value) else value
