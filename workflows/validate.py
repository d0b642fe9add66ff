"""What a data set holds, and everything about it that may surprise: faults, missing photos, quirks."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from dgf.pipeline.photos import ImageError, decode, find_image, probe, read_bytes, why_missing
from dgf.pipeline.posts import Dataset, Fault, OnError, Post, read_dataset

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
    """What `dgf validate` found; `shared_sentences` are (split, split, number of texts in both) where there are any."""

    data: Path
    splits: Mapping[str, SplitFacts]
    shared_sentences: tuple[tuple[str, str, int], ...]
    bad_photos: tuple[BadPhoto, ...]
    faults: tuple[Fault, ...]
    photos: Photos
    on_error: OnError

    @property
    def exit_code(self) -> int:
        """0 nothing to fix; 1 rows at fault that would stop a run; 3 rows left out, or photos missing or broken."""
        if self.faults and self.on_error == "stop":
            return 1
        return 3 if self.faults or self.bad_photos else 0

    def to_json(self) -> dict[str, Any]:
        """Return everything, as JSON values."""
        return {
            "data": str(self.data),
            "splits": {split: asdict(facts) for split, facts in self.splits.items()},
            "shared_sentences": [list(shared) for shared in self.shared_sentences],
            "photos_checked": self.photos,
            "bad_photos": [asdict(photo) for photo in self.bad_photos],
            "faults": [{"file": str(f.file), "line": f.line, "fault": f.message} for f in self.faults],
        }


def validate(
    data: Path,
    *,
    on_error: OnError = "stop",
    relations: Path | None = None,
    photos: Photos = "header",
    on_photo: Callable[[], object] = lambda: None,
) -> Validation:
    """Read a data set whole, and look at every photo it names once.

    Args:
        data: In any layout that `read_dataset` knows.
        on_error: Decides only the exit code: all faults are listed either way.
        relations: As for `read_dataset`.
        photos: `exist` looks for the files, `header` reads their sizes, `pixels` decodes them.
        on_photo: Called for each distinct photo.

    Raises:
        UserError: There is no data set at that path, or not one row of it can be used.
    """
    dataset = read_dataset(data, on_error="skip", relations=relations)
    reasons: dict[tuple[str, ...], str | None] = {}
    shown_by: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for post in dataset.posts:
        if post.image_ids:
            if post.image_ids not in reasons:
                reasons[post.image_ids] = _why_unusable(dataset, post, photos)
                on_photo()
            shown_by[post.image_ids].append(post.id)
    bad = (BadPhoto(ids[0], tuple(shown_by[ids]), reason) for ids, reason in reasons.items() if reason is not None)
    texts = {split: {post.tokens for post in posts} for split, posts in dataset.splits.items()}
    shared = [(one, other, len(texts[one] & texts[other])) for one, other in combinations(texts, 2)]
    return Validation(
        data=data,
        splits={split: _count_split(posts, dataset.relations, reasons) for split, posts in dataset.splits.items()},
        shared_sentences=tuple(entry for entry in shared if entry[2]),
        bad_photos=tuple(bad),
        faults=dataset.faults,
        photos=photos,
        on_error=on_error,
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
