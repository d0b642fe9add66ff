"""What a data set holds, and everything about it that may surprise: faults, missing photos, quirks."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog
from dgf.pipeline.photos import (
    NO_FILE,
    ImageError,
    NearPhotos,
    decode,
    find_image,
    probe,
    read_bytes,
    searched_folders,
    why_missing,
)
from dgf.pipeline.posts import UNREADABLE, Dataset, Fault, OnError, Post, PostStream, ReadOptions, in_order
from dgf.workflows.validation.distinct import DistinctIds, DistinctValues
from dgf.workflows.validation.fix_posts import Repair, check_fix_layout, check_fix_place, fix_posts
from dgf.workflows.validation.settings import ValidateSettings
from dgf.workflows.validation.tally import UNLABELED, SplitFacts, Tally

Photos = Literal["exist", "header", "pixels"]


@dataclass(frozen=True, slots=True)
class BadPhoto:
    """A photo that cannot be used, by its first id: the ids of the posts that show it, and why."""

    image_id: str
    posts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Validation:
    """What `dgf validate` found.

    Args:
        data: The data set.
        layout: By its name.
        notes: What was read as what, where that is not plain.
        splits: Counts by split.
        shared_sentences: (split, split, number of texts in both) where there are any.
        bad_photos: Those that cannot be used.
        searched: Where the first missing photo was looked for; None where all are there.
        faults: Rows and files that cannot be used.
        warnings: Rows that may not mean what they say.
        negative: The relation that means "no relation"; None where every relation counts.
        relations_file: Where the relations are listed.
        photos: How far photos were looked at.
        on_error: Decides the exit code.
        repair: The repaired copy, where one was asked for.
    """

    data: Path
    layout: str
    notes: tuple[str, ...]
    splits: Mapping[str, SplitFacts]
    shared_sentences: tuple[tuple[str, str, int], ...]
    bad_photos: tuple[BadPhoto, ...]
    searched: str | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    negative: str | None
    relations_file: Path | None
    photos: Photos
    on_error: OnError
    repair: Repair | None = None

    @property
    def labeled(self) -> bool:
        """Whether any relation is known, from a list or from rows."""
        return any(name != UNLABELED for facts in self.splits.values() for name in facts.relations)

    @property
    def kinds(self) -> dict[str, int]:
        """Faults by kind, the most frequent first."""
        return dict(Counter(fault.kind for fault in self.faults).most_common())

    @property
    def exit_code(self) -> int:
        """0 nothing to fix; 1 rows at fault that would stop a run; 3 rows left out, or photos missing or broken."""
        if self.faults and (self.on_error == "stop" or any(fault.kind == UNREADABLE for fault in self.faults)):
            return 1
        return 3 if self.faults or self.bad_photos else 0

    def to_json(self) -> dict[str, Any]:
        """Return everything, as JSON values."""
        repair = self.repair
        return {
            "data": str(self.data),
            "layout": self.layout,
            "notes": list(self.notes),
            "splits": {split: asdict(facts) for split, facts in self.splits.items()},
            "shared_sentences": [list(shared) for shared in self.shared_sentences],
            "negative_label": self.negative,
            "relations_file": None if self.relations_file is None else str(self.relations_file),
            "photos_checked": self.photos,
            "bad_photos": [asdict(photo) for photo in self.bad_photos],
            "photos_searched_in": self.searched,
            "faults": [_fault_json(fault) for fault in self.faults],
            "fault_kinds": self.kinds,
            "warnings": [_fault_json(warning) for warning in self.warnings],
            "repair": None
            if repair is None
            else {
                "out": str(repair.out),
                "rows": repair.rows,
                "photos": repair.photos,
                "changes": [_fault_json(change) for change in repair.changes],
            },
        }


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {"file": str(fault.file), "line": fault.line, "kind": fault.kind, "fault": fault.message}


def validate(settings: ValidateSettings, *, on_photo: Callable[[], object] = lambda: None) -> Validation:
    """Read a data set whole, and look at every photo it names once, calling `on_photo` for each.

    Every fault is listed, whatever `on_error` says; with `fix`, a repaired copy is written.

    Raises:
        UserError: There is no data set at that path, or the place of the copy is taken.
    """
    if settings.fix is not None:
        check_fix_place(settings.data, settings.fix)
    try:
        return _validate(settings, on_photo)
    except sqlite3.Error as error:
        hint = "Is there room in it? TMPDIR names another one."
        raise UserError(f"the temporary folder cannot be used: {error}", hint) from None


def _validate(settings: ValidateSettings, on_photo: Callable[[], object]) -> Validation:
    log, values = FaultLog(settings.data), DistinctValues()
    how = ReadOptions(settings.layout, settings.relations, span_unit=settings.span_unit, keep_going=True)
    stream = PostStream(settings.data, log, how)
    bare = stream.dataset({}, set())  # its photos can be looked for before all posts are read
    if settings.fix is not None:
        check_fix_layout(bare.layout)

    def look(post: Post) -> str | None:
        on_photo()
        return _why_unusable(bare, post, settings.photos)

    # every post once, in the order of the files
    tally = Tally(values, look)
    files: dict[str, dict[str, None]] = {split: {} for split in stream.file_splits}
    for file_split, split, post in stream.posts(DistinctIds(values)):
        files[file_split][split] = None
        tally.add(split, post)
    splits = list(dict.fromkeys(split for default, found in files.items() for split in in_order(default, list(found))))
    dataset = stream.dataset({split: () for split in splits}, tally.relations)

    # what is wrong with the photos, and which were likely meant
    near, unusable = NearPhotos(dataset), tally.bad_photos(splits)
    bad = tuple(
        BadPhoto(
            ids[0],
            tuple(post_id for _, _, post_id in rows.posts),
            rows.reason + (near.hint(ids) if rows.reason == NO_FILE else ""),
        )
        for ids, rows in unusable.items()
    )
    missing = next((ids for ids, rows in unusable.items() if rows.reason == NO_FILE), None)
    return Validation(
        data=settings.data,
        layout=dataset.layout,
        notes=dataset.notes,
        splits={split: tally.facts(split, dataset.relations) for split in splits},
        shared_sentences=tally.shared_sentences(splits),
        bad_photos=bad,
        searched=None if missing is None else searched_folders(dataset, missing),
        faults=dataset.faults,
        warnings=dataset.warnings,
        negative=dataset.negative,
        relations_file=dataset.relations_file,
        photos=settings.photos,
        on_error=settings.on_error,
        repair=None if settings.fix is None else fix_posts(dataset, settings.fix, settings.span_unit),
    )


def _why_unusable(dataset: Dataset, post: Post, photos: Photos) -> str | None:
    """Say why a post's photo cannot be used; None if it can."""
    image_id = find_image(dataset, post)
    if image_id is None:
        return why_missing(dataset, post)
    try:
        if photos == "header":
            probe(read_bytes(dataset.image_root, image_id))
        elif photos == "pixels":
            decode(read_bytes(dataset.image_root, image_id))
    except ImageError as error:
        return str(error)
    return None
