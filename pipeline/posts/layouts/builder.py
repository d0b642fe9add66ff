"""Which layout a data set has: told by its files, or as it is forced."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.file_kinds import recognize
from dgf.pipeline.posts.layouts.base import DataLayout, split_name
from dgf.pipeline.posts.layouts.conll import CONLL
from dgf.pipeline.posts.layouts.hub import HUGGING_FACE, hub_name
from dgf.pipeline.posts.layouts.jsonl import JSONL
from dgf.pipeline.posts.layouts.mnre_keys import JMERE, M2RE, MNRE, MNRE_1, MORE, TEXT_FOLDERS, UMRE
from dgf.pipeline.posts.layouts.table import TABLE
from dgf.pipeline.posts.layouts.webdataset import WEBDATASET, find_tars
from dgf.pipeline.text_files import STDIN

LAYOUTS = (MNRE_1, MNRE, UMRE, JSONL, MORE, CONLL, JMERE, M2RE, TABLE, WEBDATASET, HUGGING_FACE)
"""Those that are told by the files of a folder, in the order of choice."""

_TEXT_WITHIN = {*TEXT_FOLDERS, "data", "Version-1"}
"""Folders of a data set that hold its text alone."""

_HINT = "Give a data set in one of these layouts:" + "".join(f"\n  {each.name}: {each.files}" for each in LAYOUTS)


@dataclass(frozen=True, slots=True)
class Found:
    """A data set on the disk.

    Args:
        path: As it was given.
        layout: Of its files.
        files: The file of each split.
        folder: That holds everything.
    """

    path: Path
    layout: DataLayout
    files: Mapping[str, Path]
    folder: Path

    @property
    def photos(self) -> Path:
        """The folder of its photos, which need not be there."""
        return self.layout.photo_folder(self.folder)

    @property
    def one_file(self) -> bool:
        """Whether a file may hold several splits, since it is the only one."""
        return not self.path.is_dir() and hub_name(self.path) is None


def find_dataset(path: Path, layout: str | None = None) -> Found:
    """Find the files of a data set and tell its layout, or find those of the layout that is forced.

    Raises:
        UserError: The path is no data set, or not one of that layout.
    """
    forced = next((each for each in LAYOUTS if each.name == layout), None)
    if forced is None and layout is not None:
        raise UserError(f"{layout}: no such layout", _HINT)
    if _is_stream(path):
        if forced not in (None, JSONL):
            raise UserError(f"{path}: only jsonl can be read from a stream, not {layout}", "Give a file or a folder.")
        return _found(path, JSONL, {"posts": path})
    if hub_name(path) is not None and not path.exists():
        return _found(path, HUGGING_FACE, HUGGING_FACE.find(path))
    if not path.exists() and forced in (None, WEBDATASET) and (several := find_tars(path)):
        return _found(path, WEBDATASET, several)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder", _HINT)
    if not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: neither a file nor a folder", _HINT)
    if forced is not None:
        files = forced.find(path) or ({split_name(path.stem): path} if path.is_file() else {})
        if not files:
            raise UserError(f"{path}: no files of the layout {layout}", f"It has {forced.files}.")
        return _found(path, forced, files)
    for each in LAYOUTS:
        files = each.find(path)
        if files and each.claims(next(iter(files.values()))):
            if each in (MNRE_1, MNRE):
                _check_alone(path, files)
            return _found(path, each, files)
    if path.is_file():
        return _found(path, JSONL, {_split_of_posts(path): path})
    raise UserError(f"{path}: no posts found in this folder", _HINT)


def _found(path: Path, layout: DataLayout, files: Mapping[str, Path]) -> Found:
    if path.is_dir() or hub_name(path) is not None:
        return Found(path, layout, files, path)
    # a file that lies among text alone belongs to the folder above
    folders = [path.parent]
    while folders[-1].absolute().name in _TEXT_WITHIN:
        folders.append(folders[-1].absolute().parent)
    shown = next((folder for folder in folders if layout.photo_folder(folder).is_dir()), folders[:2][-1])
    return Found(path, layout, files, shown)


def _is_stream(path: Path) -> bool:
    """Whether the path is standard input, or one of the shell's own pipes, as of `<(zcat FILE)`."""
    return path == STDIN or (path.is_relative_to("/dev") and path.exists() and not path.is_file() and not path.is_dir())


def _check_alone(path: Path, text: Mapping[str, Path]) -> None:
    """Refuse MNRE's files beside files of lines."""
    lines = next(iter(JSONL.find(path).values()), None)
    if lines is not None and not lines.name.lower().endswith((".json", ".json.gz")):
        raise UserError(f"{path}: holds both {next(iter(text.values()))} and {lines}", "Give --layout to say which.")


def _split_of_posts(path: Path) -> str:
    """The split that one file of posts is; what is inside decides where its name does not say."""
    if named := JSONL.find(path):
        return next(iter(named))
    kind = recognize(path)
    if kind is not None and (kind.name in ("JSON", "a JSON array") or "UTF-16" in kind.name):
        return split_name(path.stem)
    what = f"it is {kind.name}" if kind else "it is of no kind that is known here"
    raise UserError(f"{path}: not a .jsonl file of posts: {what}", (kind and kind.hint) or _HINT)
