"""What a layout is: which files of a folder are posts, and how one of them is read, a post at a time."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.posts.base import Post
from dgf.pipeline.posts.spans import SpanUnit

_Answer = TypeVar("_Answer")

SPLITS = ("train", "val", "test")

_OTHER_NAMES = {"dev": "val", "valid": "val", "validation": "val", "training": "train", "testing": "test"}

SPLIT_NAME = rf"(?P<split>{'|'.join((*SPLITS, *_OTHER_NAMES))})"
"""How the name of a file tells its split, as a group of a regular expression."""


class TakenIds(Protocol):
    """The ids that are taken, wherever they are kept."""

    def add(self, post_id: str, /) -> object:
        """Take an id."""

    def __contains__(self, post_id: object, /) -> bool:
        """Say whether an id is taken."""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What the reader of a file is told.

    Args:
        log: Receives faults, warnings, and what was read as what.
        relations: The relations a row may have, None for any.
        ids: Those that are taken; those read are added.
        one_split: Whether every row must belong to the split the file is named for (one file per split).
        span_unit: What spans into a text count where they do not say.
        files: Every file of the data set, for what only all of them together tell.
        photos: The folder that the ids of photos are relative to.
        with_relations: Whether relations count; without them, a pair is one row whichever relations it has.
        answers: What `ask_all` was answered.
    """

    log: FaultLog
    relations: frozenset[str] | None = None
    ids: TakenIds = field(default_factory=set[str])
    one_split: bool = True
    span_unit: SpanUnit = "characters"
    files: tuple[Path, ...] = ()
    photos: Path = Path()
    with_relations: bool = True
    answers: dict[object, Any] = field(default_factory=dict)

    def photo_place(self, file: Path) -> str:
        """The path of a file that holds photos as their ids have it: relative to the folder of the photos."""
        return (file.relative_to(self.photos) if file.is_relative_to(self.photos) else Path(file.name)).as_posix()

    def ask_all(self, ask: Callable[[tuple[Path, ...]], _Answer]) -> _Answer:
        """Return what a function answers of all files of the data set, which it is asked once."""
        if ask not in self.answers:
            self.answers[ask] = ask(self.files)
        answer: _Answer = self.answers[ask]
        return answer

    def take_id(self, post: Post) -> None:
        """Take the id of a post.

        Raises:
            RowError: An earlier row has it.
        """
        if post.id in self.ids:
            raise RowError(f"id {show_value(post.id)} is taken by an earlier row", "id")
        self.ids.add(post.id)


@dataclass(frozen=True, slots=True)
class DataLayout:
    """A way in which data sets lie on the disk.

    Args:
        name: By which it is told and forced.
        files: What its files are called, for messages.
        find: The file of each split of a folder, or of a file of its own; empty where these are of another layout.
        claims: Whether a file that `find` named is of this layout, by what it begins with.
        read: Yields split and post of each row of a file that can be used.
        photos: Folders within that of the data set that may hold the photos, in the order of choice.
    """

    name: str
    files: str
    find: Callable[[Path], Mapping[str, Path]]
    claims: Callable[[Path], bool]
    read: Callable[[Path, str, ReadContext], Iterator[tuple[str, Post]]]
    photos: tuple[str, ...] = ()

    def photo_folder(self, folder: Path) -> Path:
        """The folder that the photos of a data set lie in: the first that is there, or else the first choice."""
        places = [folder / name for name in self.photos]
        return next((place for place in places if place.is_dir()), places[0] if places else folder)


def split_name(name: str) -> str:
    """The name that a split has here: val for dev, valid and validation, and known ones in small letters."""
    small = name.casefold()
    return _OTHER_NAMES.get(small, small if small in SPLITS else name)


def split_files(path: Path, pattern: re.Pattern[str], folders: tuple[str, ...] = (".",)) -> dict[str, Path]:
    """Find the file of each split by its name, whose group `split` is any spelling of one; or the file itself.

    Raises:
        UserError: A split has more than one file.
    """
    if path.is_file():
        named = pattern.fullmatch(path.name)
        return {} if named is None else {split_name(named["split"]): path}
    found: dict[str, Path] = {}
    for folder in (path / name for name in folders):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            named = pattern.fullmatch(file.name)
            split = None if named is None else split_name(named["split"].strip())
            if split not in SPLITS or not file.is_file():
                continue
            if split in found:
                two = f"{found[split].relative_to(path)} and {file.relative_to(path)}"
                raise UserError(f"{path}: two files for the split {split}: {two}", "Keep one of them in the folder.")
            found[split] = file
    return {split: found[split] for split in SPLITS if split in found}


def in_split_folders(image: str | None, split: str) -> tuple[str, ...]:
    """The ids under which a photo may lie: in the folder of its own split, then in those of the others."""
    folders = (split, *(other for other in SPLITS if other != split))
    return () if image is None else tuple(f"{folder}/{image}" for folder in folders)


def in_any_folder(image: str | None, split: str) -> tuple[str, ...]:
    """The ids under which a photo may lie where it is not known whether there is a folder for each split."""
    return () if image is None else (image, *in_split_folders(image, split))
