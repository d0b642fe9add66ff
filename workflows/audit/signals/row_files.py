"""Files that tell something of each row by its number in its split: crop dictionaries, phrases."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dgf.pipeline.errors import UserError, foreign_reason
from dgf.pipeline.file_kinds import check_kind
from dgf.pipeline.posts import Dataset, split_name
from dgf.pipeline.text_files import read_whole
from dgf.pipeline.weights import load_torch_file

_TORCH = (".pth", ".pt")
_READ = (*_TORCH, ".json")
_LARGEST = 1 << 28
_FORM = 'It must map row numbers (the first is 0) to lists or text, such as {"0": ["a.png", "b.png"], "1": []}.'


def read_row_file(path: Path, dataset: Dataset) -> dict[str, Sequence[str]]:
    """Read what a file, or the files of a folder, one a split, tell of rows.

    Args:
        path: A `.pth` file of torch (read as weights only: nothing in it is run) or a `.json` file, whose name says
            its split, as in `mre_dev_dict.pth`; or a folder of such files.
        dataset: The posts. Rows have the numbers of the lines in their file, from 0.

    Returns:
        By post id: a list of names, or the words of a text.

    Raises:
        UserError: There is no such file, it holds something else, or has none of the data set's rows.
    """
    found: dict[str, Sequence[str]] = {}
    for split, file in _files(path, dataset).items():
        entries = _read(file)
        posts = dataset.splits[split]
        known = {post.id: entries[key] for key, post in enumerate(posts) if key in entries}
        if not known:
            raise UserError(
                f"{file}: has none of the {len(posts)} rows of the split {split}; it has row {next(iter(entries))}",
                _FORM,
            )
        found |= known
    return found


def _files(path: Path, dataset: Dataset) -> dict[str, Path]:
    """The file of each split that there is one of."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder", "Give a .pth or .json file, or a folder with one a split.")
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.suffix.lower() in _READ)
    found: dict[str, Path] = {}
    for file in files:
        named = [split for part in re.split(r"[\W_]+", file.name) if (split := split_name(part)) in dataset.splits]
        if not named and path.is_file() and len(dataset.splits) == 1:
            named = list(dataset.splits)
        if len(set(named)) != 1:
            if path.is_dir():
                continue  # of something else
            there = ", ".join(dataset.splits)
            raise UserError(f"{file}: its name does not say its split", f"Name it for one of: {there}.")
        if named[0] in found:
            fault = f"two files for the split {named[0]}: {found[named[0]].name} and {file.name}"
            raise UserError(f"{path}: {fault}", "Give one of them, or keep one in the folder.")
        found[named[0]] = file
    if not found:
        raise UserError(
            f"{path}: no .pth or .json file is named for a split of {dataset.root}",
            f"Such a name is mre_{next(iter(dataset.splits))}_dict.pth.",
        )
    return found


def _read(file: Path) -> dict[int, Sequence[str]]:
    """Read one file: row number -> names, or words."""
    content = _read_torch(file) if file.suffix.lower() in _TORCH else _read_json(file)
    if isinstance(content, list):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"{file}: does not tell anything of rows", _FORM)
    found: dict[int, Sequence[str]] = {}
    for key, value in content.items():
        number = int(key) if isinstance(key, str) and re.fullmatch(r"[0-9]{1,9}", key) else key
        if type(number) is not int or number < 0:
            raise UserError(f"{file}: {key!r:.60} is not the number of a row", _FORM)
        value = value.split() if isinstance(value, str) else value
        if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
            raise UserError(f"{file}: row {number} has neither a list of names nor text", _FORM)
        found[number] = value
    return found


def _read_torch(file: Path) -> Any:
    check_kind(file, otherwise=".pth")
    try:
        return load_torch_file(file)
    # torch raises whatever the damaged byte led it to
    except Exception as error:
        raise UserError(f"{file} cannot be read as a file of torch: {foreign_reason(error)}", _FORM) from error


def _read_json(file: Path) -> Any:
    text = read_whole(file, _LARGEST)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "too deep or long"
        )
        raise UserError(f"{file}: not JSON: {reason}", _FORM) from None
