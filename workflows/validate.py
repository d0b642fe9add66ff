"""What a data set holds, and everything about it that may surprise: faults, missing photos, quirks."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

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
from dgf.pipeline.posts import UNREADABLE, Dataset, Fault, OnError, Post, collect_dataset
from dgf.workflows.fix_posts import Repair, check_fix_place, fix_posts
from dgf.workflows.settings import ValidateSettings

Photos = Literal["exist", "header", "pixels"]

UNLABELED = "(no relation given)"


@dataclass(frozen=True, slots=True)
class BadPhoto:
    """A photo that cannot be used, by its first id: the ids of the posts that show it, and why."""

    image_id: str
    posts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """Counts of one split: its posts (`rows`), distinct texts (`sentences`) and distinct photos named (`images`).

    Args:
        images_found: Photos that are there and usable.
        relations: Posts by relation, every relation of the data set.
        overlapping: Posts whose mentions share a word (nested names).
        tail_first: Posts whose tail begins before its head.
        entity_at_end: Posts with a mention that ends with the last word.
        disagreeing: Groups of posts with the same text and mentions but different relations.
    """

    rows: int
    sentences: int
    with_image: int
    without_image: int
    images: int
    images_found: int
    relations: Mapping[str, int]
    overlapping: int
    tail_first: int
    entity_at_end: int
    disagreeing: int


@dataclass(frozen=True, slots=True)
class Validation:
    """What `dgf validate` found.

    Args:
        data: The data set.
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
    log = FaultLog(settings.data)
    how: dict[str, Any] = {"relations": settings.relations, "span_unit": settings.span_unit, "keep_going": True}
    dataset = collect_dataset(settings.data, log, **how)
    # Every distinct photo, and which posts show it.
    reasons: dict[tuple[str, ...], str | None] = {}
    shown_by: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for post in dataset.posts:
        if post.image_ids:
            if post.image_ids not in reasons:
                reasons[post.image_ids] = _why_unusable(dataset, post, settings.photos)
                on_photo()
            shown_by[post.image_ids].append(post.id)
    near = NearPhotos(dataset)
    bad = tuple(
        BadPhoto(ids[0], tuple(shown_by[ids]), reason + (near.hint(ids) if reason == NO_FILE else ""))
        for ids, reason in reasons.items()
        if reason is not None
    )
    missing = next((ids for ids, reason in reasons.items() if reason == NO_FILE), None)
    # What the splits have in common.
    texts = {split: {post.tokens for post in posts} for split, posts in dataset.splits.items()}
    shared = [(one, other, len(texts[one] & texts[other])) for one, other in combinations(texts, 2)]
    return Validation(
        data=settings.data,
        splits={split: _count_split(posts, dataset.relations, reasons) for split, posts in dataset.splits.items()},
        shared_sentences=tuple(entry for entry in shared if entry[2]),
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


def _count_split(
    posts: tuple[Post, ...], relations: tuple[str, ...], reasons: Mapping[tuple[str, ...], str | None]
) -> SplitFacts:
    counts = Counter(UNLABELED if post.relation is None else post.relation for post in posts)
    images = {post.image_ids for post in posts if post.image_ids}
    labels: dict[object, set[str | None]] = defaultdict(set)
    for post in posts:
        labels[post.tokens, post.head.start, post.head.end, post.tail.start, post.tail.end].add(post.relation)
    unlabeled = (UNLABELED,) if counts[UNLABELED] else ()
    return SplitFacts(
        rows=len(posts),
        sentences=len({post.tokens for post in posts}),
        with_image=sum(bool(post.image_ids) for post in posts),
        without_image=sum(not post.image_ids for post in posts),
        images=len(images),
        images_found=sum(reasons[ids] is None for ids in images),
        relations={name: counts[name] for name in (*relations, *unlabeled)},
        overlapping=sum(post.head.start < post.tail.end and post.tail.start < post.head.end for post in posts),
        tail_first=sum(post.tail.start < post.head.start for post in posts),
        entity_at_end=sum(len(post.tokens) in (post.head.end, post.tail.end) for post in posts),
        disagreeing=sum(len(found) > 1 for found in labels.values()),
    )
