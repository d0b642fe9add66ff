"""Counts of a data set, kept while its posts pass by: memory grows with what is at fault, not with the rows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from dgf.pipeline.posts import Post
from dgf.workflows.validation.distinct import DistinctValues, join_parts

UNLABELED = "(no relation given)"


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


@dataclass(slots=True)
class FaultyPhoto:
    """Why a photo cannot be used, and the posts that show it: split, number of the post, and its id."""

    reason: str
    posts: list[tuple[str, int, str]] = field(default_factory=list)


class Tally:
    """Counts by split.

    Args:
        values: Where distinct values are kept.
        why_unusable: Says why the photo of a post cannot be used, None if it can; asked once for each photo.
    """

    def __init__(self, values: DistinctValues, why_unusable: Callable[[Post], str | None]) -> None:
        self._values, self._why_unusable = values, why_unusable
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._relations: dict[str, Counter[str]] = defaultdict(Counter)
        self._bad: dict[tuple[str, ...], FaultyPhoto] = {}
        self._rows = 0

    def add(self, split: str, post: Post) -> None:
        """Count a post."""
        self._rows += 1
        head, tail, counts = post.head, post.tail, self._counts[split]
        counts["rows"] += 1
        self._relations[split][UNLABELED if post.relation is None else post.relation] += 1
        counts["overlapping"] += head.start < tail.end and tail.start < head.end
        counts["tail_first"] += tail.start < head.start
        counts["entity_at_end"] += len(post.tokens) in (head.end, tail.end)
        text = join_parts(post.tokens)
        self._values.put(f"text {split}", text)
        pair = (head.start, head.end, tail.start, tail.end, head.box, tail.box)
        self._values.put(f"pair {split}", join_parts((text, *pair)), f"= {post.relation}" if post.relation else "")
        if post.image_ids:
            self._add_photo(split, post, counts)

    def _add_photo(self, split: str, post: Post, counts: Counter[str]) -> None:
        ids, name = post.image_ids, join_parts(post.image_ids)
        if self._values.add("photo", name) and (reason := self._why_unusable(post)) is not None:
            self._bad[ids] = FaultyPhoto(reason)
        if (bad := self._bad.get(ids)) is not None:
            bad.posts.append((split, self._rows, post.id))
        counts["with_image"] += 1
        if self._values.add(f"photo {split}", name):
            counts["images"] += 1
            counts["images_found"] += bad is None

    @property
    def relations(self) -> set[str]:
        """Every relation that a post has."""
        return {name for counts in self._relations.values() for name in counts} - {UNLABELED}

    def facts(self, split: str, relations: Sequence[str]) -> SplitFacts:
        """Sum a split up."""
        counts, found = self._counts[split], self._relations[split]
        unlabeled = (UNLABELED,) if found[UNLABELED] else ()
        return SplitFacts(
            rows=counts["rows"],
            sentences=self._values.count(f"text {split}"),
            with_image=counts["with_image"],
            without_image=counts["rows"] - counts["with_image"],
            images=counts["images"],
            images_found=counts["images_found"],
            relations={name: found[name] for name in (*relations, *unlabeled)},
            overlapping=counts["overlapping"],
            tail_first=counts["tail_first"],
            entity_at_end=counts["entity_at_end"],
            disagreeing=self._values.count_ambiguous(f"pair {split}"),
        )

    def shared_sentences(self, splits: Sequence[str]) -> tuple[tuple[str, str, int], ...]:
        """Count the texts that two splits have in common, of each pair of splits that has any."""
        pairs = combinations(splits, 2)
        shared = [(one, other, self._values.count_common(f"text {one}", f"text {other}")) for one, other in pairs]
        return tuple(entry for entry in shared if entry[2])

    def bad_photos(self, splits: Sequence[str]) -> dict[tuple[str, ...], FaultyPhoto]:
        """The photos that cannot be used, and the posts that show them, in the order of the splits."""
        rank = {split: number for number, split in enumerate(splits)}
        for bad in self._bad.values():
            bad.posts.sort(key=lambda entry: (rank[entry[0]], entry[1]))
        return dict(sorted(self._bad.items(), key=lambda item: (rank[item[1].posts[0][0]], item[1].posts[0][1])))
