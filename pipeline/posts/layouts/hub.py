"""Parquet files, and what else Hugging Face's `datasets` writes or has as `hub:NAME`; rows have JSONL's keys or MNRE's.

A row is known by its number, from 1. Parquet is read by pyarrow, with the photos within it, and all else by `datasets`,
without them; neither is installed with dgf.
"""

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.packed import PHOTO_COLUMNS
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.fields import image_field
from dgf.pipeline.posts.layouts.base import SPLITS, DataLayout, ReadContext, in_any_folder, split_name
from dgf.pipeline.posts.layouts.jsonl import read_object
from dgf.pipeline.posts.layouts.mnre_keys import image_of_row, text_post_of_row
from dgf.pipeline.posts.layouts.table_rows import TableRow, library_fault, library_rows, parquet_rows

HUB = "hub:"

_TABLE = re.compile(r"(?P<split>.+?)(-\d+-of-\d+)?\.(?P<kind>parquet|arrow)", re.IGNORECASE)
_PART = re.compile(r"-\d+(-of-(?P<all>\d+)\.)", re.IGNORECASE)
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
    """Read one split, or one file. Photos are read of Parquet alone; others within a table are counted."""
    number, within = 0, 0
    for number, row in enumerate(_rows(path), start=1):
        within += row.lost_photo
        with reading.log.at(row.file, row.number):
            yield _read_row(row, number, split, reading)
    if not number:
        reading.log.add(path, None, "holds no row", "empty")
    if within:
        fault = f"{within} photos are within the table, where they are not read: their posts have none"
        reading.log.warn(path, None, f"{fault}; write each to a file and give its path, or write Parquet", "photo")


HUGGING_FACE = DataLayout(
    name="datasets",
    files="a file or folder of Parquet or Arrow, or hub:NAME of the Hugging Face hub",
    find=find_hub,
    claims=lambda path: True,
    read=read_hub,
)


def _read_row(row: TableRow, number: int, split: str, reading: ReadContext) -> tuple[str, Post]:
    """Make split and post of a row, which is row `number` of its split.

    Raises:
        RowError: It cannot be used.
    """
    key = next((key for key in PHOTO_COLUMNS if key in row.values), "image")
    packed = None if row.packed is None else f"{reading.photo_place(row.file)}/{row.packed}"
    named = image_field(row.values.get(key), key)
    ids = tuple(name for name in (packed, named) if name is not None)
    default_id = f"{split}:{number}"
    if "token" in row.values and "h" in row.values:
        if packed is None:
            ids = in_any_folder(image_of_row(row.values), split)
        post = text_post_of_row(row.values, default_id, ids, reading.relations)
    else:
        given = {**row.values, "image": next(iter(ids), None)}
        numbered = None if row.number == number else default_id
        split, post = read_object(row.file, row.number, given, split, reading, numbered)
    return split, replace(post, image_ids=_places(ids, packed, reading.photos))


def _places(image_ids: Sequence[str], packed: str | None, photos: Path) -> tuple[str, ...]:
    """Where a photo may lie: in the table, in the folder `images` if there is one, or beside."""
    beside = [name for name in image_ids if name != packed]
    images = [f"images/{name}" for name in beside] if (photos / "images").is_dir() else []
    return (*([] if packed is None else [packed]), *images, *beside)


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


def _rows(path: Path) -> Iterator[TableRow]:
    """The rows of one split, as `find_hub` names it.

    Raises:
        UserError: They cannot be read, or a library that is needed is not installed.
    """
    if not path.is_file() and _has_own_splits(path.parent):
        yield from library_rows(path, _open_splits(path.parent)[path.name])
        return
    files = [path] if path.is_file() else _tables(path.parent)[path.name]
    named = _TABLE.fullmatch(files[0].name)
    if named is None:
        raise UserError(f"{path}: its name says neither Parquet nor Arrow", "Call it NAME.parquet or NAME.arrow.")
    if named["kind"].lower() == "parquet":
        for file in files:
            yield from parquet_rows(file)
        return
    # the library takes names of files as patterns, and not every name of a file as that of a split
    given = {"rows": [glob.escape(str(file.absolute())) for file in files]}
    opened = _load(path, lambda library: library.load_dataset("arrow", data_files=given, streaming=True))
    yield from library_rows(path, opened["rows"])


def _load(path: Path, load: Callable[[Any], Any]) -> Any:
    """What the library makes of a path.

    Raises:
        UserError: The library is not installed, or cannot open it.
    """
    try:
        import datasets
    except ImportError:
        hint = "Install it: pip install 'dgf[datasets]'. Or write the posts as Parquet, or as one JSON object a line."
        raise UserError(f"{path}: needs the library datasets, which is not installed", hint) from None
    try:
        return load(datasets)
    except Exception as error:  # the library raises what it likes
        raise library_fault(path, error) from None


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
