"""Data sets of Hugging Face's `datasets`: `hub:NAME`, or Parquet or Arrow files; rows have the keys of JSONL or MNRE.

A row is known by its number, from 1. The library is not installed with dgf.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.layouts.base import SPLITS, DataLayout, ReadContext, split_name
from dgf.pipeline.posts.layouts.jsonl import read_object
from dgf.pipeline.posts.layouts.mnre_keys import image_of_row, in_any_folder, text_post_of_row

HUB = "hub:"

_TABLE = re.compile(r"(?P<split>.+?)(-\d+-of-\d+)?\.(?P<kind>parquet|arrow)", re.IGNORECASE)
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
        return {split: path for split in _tables([path])}
    if hub_name(path) is None and not _is_saved(path):
        found = _tables(path.rglob("*"))
        return {split: files[0] if len(files) == 1 else path / split for split, files in found.items()}
    return {split: path / split for split in _open(path)}


def read_hub(path: Path, split: str, reading: ReadContext) -> Iterator[tuple[str, Post]]:
    """Read one split, or one file."""
    rows = next(iter(_open(path).values())) if path.is_file() else _open(path.parent)[path.name]
    names = {name: feature.names for name, feature in (rows.features or {}).items() if hasattr(feature, "names")}
    number = 0
    for number, row in enumerate(_rows(path, rows), start=1):
        with reading.log.at(path, number):
            named = {key: _named(value, names.get(key)) for key, value in row.items()}
            if "token" in named and "h" in named:
                images = in_any_folder(image_of_row(named), split)
                yield split, text_post_of_row(named, f"{split}:{number}", images, reading.relations)
            else:
                yield read_object(path, number, named, split, reading)
    if not number:
        reading.log.add(path, None, "holds no row", "empty")


HUGGING_FACE = DataLayout(
    name="datasets",
    files="hub:NAME of the Hugging Face hub, or a folder of Parquet or Arrow files",
    find=find_hub,
    claims=lambda path: True,
    read=read_hub,
    photos=("images", "."),
)


def _open(path: Path) -> Mapping[str, Any]:
    """Open the splits of a data set without reading them.

    Raises:
        UserError: The library is not installed, or cannot open it.
    """
    try:
        import datasets
    except ImportError:
        hint = "Install it: pip install 'dgf[datasets]'. Or write the posts as one JSON object a line."
        raise UserError(f"{path}: needs the library datasets, which is not installed", hint) from None
    try:
        if _is_saved(path):
            opened = datasets.load_from_disk(str(path))
        elif (name := hub_name(path)) is not None and not path.exists():
            opened = datasets.load_dataset(name, streaming=True)
        else:
            files = _tables([path] if path.is_file() else path.rglob("*"))
            kind = next(iter(files.values()))[0].suffix.lower().removeprefix(".")
            whole = {split: [str(file.absolute()) for file in parts] for split, parts in files.items()}
            opened = datasets.load_dataset(kind, data_files=whole, streaming=True)
    except Exception as error:  # the library raises what it likes
        raise _cannot_read(path, error) from None
    splits = opened if isinstance(opened, dict) else {str(opened.split or "posts"): opened}
    return {split_name(str(split)): _plain(rows, datasets.Image(decode=False)) for split, rows in splits.items()}


def _is_saved(path: Path) -> bool:
    return any((path / name).is_file() for name in _SAVED)


def _tables(files: Iterable[Path]) -> dict[str, list[Path]]:
    """The tables of each split, which may be in several parts, among files."""
    found: dict[str, list[Path]] = {}
    for file in sorted(files):
        if (named := _TABLE.fullmatch(file.name)) is not None and file.is_file():
            found.setdefault(split_name(named["split"]), []).append(file)
    first = [split for split in SPLITS if split in found]
    return {split: found[split] for split in (*first, *(other for other in found if other not in first))}


def _plain(rows: Any, plain: Any) -> Any:
    """Have the photos of a table left as they are."""
    for name, feature in (rows.features or {}).items():
        if type(feature) is type(plain):
            rows = rows.cast_column(name, plain)
    return rows


def _rows(path: Path, rows: Any) -> Iterator[Mapping[str, Any]]:
    try:
        yield from rows
    except Exception as error:
        raise _cannot_read(path, error) from None


def _cannot_read(path: Path, error: Exception) -> UserError:
    said = (str(error).strip().splitlines() or [""])[0]
    return UserError(f"{path}: datasets cannot read it: {type(error).__name__}: {said[:200]}", "Check name and files.")


def _named(value: Any, names: list[str] | None) -> Any:
    """A value as JSONL would have it: the name of a class, the path of a photo."""
    if names is not None and type(value) is int and 0 <= value < len(names):
        return names[value]
    if isinstance(value, dict) and value.keys() == {"bytes", "path"}:
        return value["path"]
    return value
