"""The posts of a data set one after another, whichever of the known layouts it has."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog
from dgf.pipeline.posts.base import Dataset, Post
from dgf.pipeline.posts.layouts import TEXT_FOLDERS, Found, ReadContext, TakenIds, find_dataset
from dgf.pipeline.posts.relations import NONE, find_negative, read_relations
from dgf.pipeline.posts.spans import SpanUnit

UNREADABLE = "file"
"""The kind of fault of a whole file."""

_RELATION_LISTS = ("relations.json", "ours_rel2id.json", "rel2id.json")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a data set is read.

    Args:
        layout: Of its files; None tells it by them.
        relations: JSON file of relation name -> id. Without it, `ours_rel2id.json`, `rel2id.json` or
            `relations.json` beside the data is read if it is there; else the relations are those of the
            rows, "None" first.
        negative: The relation that means "no relation"; None finds it by its name, "" says that there is none.
        span_unit: What spans into a text count where they do not say.
        with_relations: Whether relations are checked against a list beside the data, and tell rows apart.
        keep_going: Whether a file that cannot be read is one fault among others.
    """

    layout: str | None = None
    relations: Path | None = None
    negative: str | None = None
    span_unit: SpanUnit = "characters"
    with_relations: bool = True
    keep_going: bool = False


class PostStream:
    """The posts of a data set in the order of its files, each read when it is asked for.

    Args:
        path: See `read_dataset`.
        log: Receives every fault, warning and note, as rows are read.
        options: How it is read.

    Raises:
        UserError: The path is not a data set; or the list of relations cannot be read, unless it is to keep going.
    """

    def __init__(self, path: Path, log: FaultLog, options: ReadOptions) -> None:
        self._found: Found = find_dataset(path, options.layout)
        self._log, self._options = log, options
        self._listed: Path | None = None
        self._known: tuple[str, ...] | None = None
        with self._as_fault(options.relations or path):
            self._listed = options.relations or (_relations_beside(self._found) if options.with_relations else None)
            self._known = read_relations(self._listed) if self._listed else None

    def posts(self, ids: TakenIds) -> Iterator[tuple[str, str, Post]]:
        """Yield each post with the split of its file, which is where rows belong that name none, and its own split.

        Args:
            ids: Those that are taken; those read are added.

        Raises:
            UserError: A file cannot be read, unless it is to keep going.
        """
        allowed = None if self._known is None else frozenset(self._known)
        how = ReadContext(
            self._log,
            allowed,
            ids,
            one_split=not self._found.one_file,
            span_unit=self._options.span_unit,
            files=tuple(self._found.files.values()),
            photos=self._found.photos,
            with_relations=self._options.with_relations,
        )
        for split, file in self._found.files.items():
            with self._as_fault(file):
                for own, post in self._found.layout.read(file, split, how):
                    yield split, own, post

    @property
    def file_splits(self) -> tuple[str, ...]:
        """The split of each file, in order."""
        return tuple(self._found.files)

    def dataset(self, splits: dict[str, tuple[Post, ...]], used: set[str]) -> Dataset:
        """Make the data set of what was read: posts by split, as far as they were kept, and their relations.

        Raises:
            UserError: There is no such negative relation.
        """
        names = self._known or (*sorted(used & {NONE}), *sorted(used - {NONE}))
        return Dataset(
            root=self._found.path,
            image_root=self._found.photos,
            splits=splits,
            relations=names,
            negative=find_negative(names, self._options.negative),
            faults=tuple(self._log.faults),
            warnings=tuple(self._log.warnings),
            relations_file=self._listed,
            layout=self._found.layout.name,
            notes=tuple(self._log.notes),
        )

    @contextlib.contextmanager
    def _as_fault(self, file: Path) -> Iterator[None]:
        """Make a file that cannot be read one fault among others, where that is wanted."""
        try:
            yield
        except UserError as error:
            if not self._options.keep_going:
                raise
            hint = f"; {error.hint}" if error.hint else ""
            self._log.add(file, None, error.message.removeprefix(f"{file}").lstrip(": ") + hint, UNREADABLE)


def in_order(default: str, found: list[str]) -> list[str]:
    """The splits of a file in the order in which they are told: its own first, if it has any row or no other has."""
    return [default] if not found else sorted(found, key=lambda split: split != default)


def _relations_beside(data: Found) -> Path | None:
    """The list of relations in the folder, or beside the text within it."""
    within = [data.folder / name for name in TEXT_FOLDERS if name != "."]
    places = dict.fromkeys((data.folder, *within, *(file.parent for file in data.files.values())))
    found = [place / name for place in places for name in _RELATION_LISTS if (place / name).is_file()]
    if len(found) > 1 and len({file.read_bytes() for file in found}) > 1:
        raise UserError(
            f"{data.path}: more than one list of relations: {', '.join(map(str, found))}",
            "Keep one of them, or name one with --relations.",
        )
    return found[0] if found else None
