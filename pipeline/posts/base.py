"""What a post is: one row to classify, whatever layout it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dgf.pipeline.faults import Fault

OBJECT = "[object]"
"""The word that stands for an object of the photo, at the end of the words of its post."""

MAX_MENTIONS = 64
"""Of a post that stands for all pairs of its mentions: over four thousand pairs."""

PhotoBox = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the photo's width and height."""


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity mention: `tokens[start:end]` of its post.

    Args:
        text: The mention as written; `OBJECT` for an object of the photo.
        start: First word.
        end: One past the last word.
        type: Entity type where the data set gives one apart from the relation.
        box: Where in the photo the object is; None for a mention in the text.
    """

    text: str
    start: int
    end: int
    type: str | None = None
    box: PhotoBox | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One sentence with one entity pair, at most one photo and at most one relation.

    Args:
        id: Unique in the data set, stable between runs: `train:17` (split and 1-based line), or the user's own.
        tokens: The words.
        head: First entity of the relation (it may follow the tail in the text).
        tail: Second entity.
        image_ids: Ids under which its photo may be found, in the order to try them; empty where the post has no
            photo. An id is a POSIX path relative to `Dataset.image_root`.
        relation: The label, None where it is not known. The relation called "None" is the string "None".
    """

    id: str
    tokens: tuple[str, ...]
    head: Mention
    tail: Mention
    image_ids: tuple[str, ...] = ()
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Posts by split, the relations they may have, and where their photos lie.

    Args:
        root: The folder or file that was read.
        image_root: Folder that every image id is relative to (it need not exist: a trainer works from shards).
        splits: Posts of each split, in file order.
        relations: Every relation in id order.
        negative: The one that means "no relation", which figures leave out; None where every relation counts.
        faults: Rows that were skipped (`on_error="skip"`).
        warnings: Rows that were read and may not mean what they say.
        relations_file: Where the relations are listed; None where they are those of the rows.
        layout: By its name.
        notes: What was read as what, where that is not plain: one line each.
    """

    root: Path
    image_root: Path
    splits: Mapping[str, tuple[Post, ...]]
    relations: tuple[str, ...]
    negative: str | None = None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    relations_file: Path | None = None
    layout: str = "jsonl"
    notes: tuple[str, ...] = ()

    @property
    def posts(self) -> tuple[Post, ...]:
        """Every post of every split."""
        return tuple(chain.from_iterable(self.splits.values()))
