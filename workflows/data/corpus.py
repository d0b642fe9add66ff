"""A data set with everything that belongs to its posts: features, captions, entity types."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.lines import FaultLog, RowError, read_objects
from dgf.pipeline.posts import Dataset, Post
from dgf.pipeline.shards import ShardFolder, fingerprint_of
from dgf.workflows.config import TrainConfig

TypePairs = Mapping[str, tuple[str | None, str | None]]
"""Head type and tail type by post id."""

_TYPES_FORM = 'One JSON object a line: {"id": "test:17", "head": "per", "tail": "org"}; null for a type not known.'


@dataclass(frozen=True, slots=True)
class Corpus:
    """An opened data set with its features.

    Args:
        dataset: The posts.
        store: Feature (and caption) shards; None to work on text.
        types: Entity types by post id, where a file or the data set gives them.
        captioner: Fingerprint of what wrote the captions; None where there are none.
    """

    dataset: Dataset
    store: FeatureStore | None
    types: TypePairs
    captioner: str | None

    def split(self, name: str) -> tuple[Post, ...]:
        """Return the posts of a split.

        Raises:
            UserError: If there is no such split, or it has no row.
        """
        posts = self.dataset.splits.get(name)
        if not posts:
            there = ", ".join(self.dataset.splits)
            raise UserError(f"{self.dataset.root}: no rows in a split called {name!r}", f"Splits here: {there}.")
        return posts

    @property
    def type_names(self) -> tuple[str, ...]:
        """Every entity type that a file or the data set gives."""
        return tuple(sorted({name for pair in self.types.values() for name in pair if name}))


def open_corpus(config: TrainConfig, dataset: Dataset, device: torch.device) -> Corpus:
    """Open what the configuration names beside the posts; features go into the device's or host's memory if they fit.

    Raises:
        UserError: If anything is missing or at fault.
    """
    data = config.data
    if data.captions and not data.features:
        raise UserError("--captions needs --features: captions belong to the photos in the feature shards")
    store, captions = None, Path(data.captions) if data.captions else None
    if data.features:
        store = FeatureStore.open(Path(data.features), captions, image=config.model.reads.image or "blocks")
        store.place(device)
    types = read_types(Path(data.types)) if data.types else {}
    known = types_of_posts(post for posts in dataset.splits.values() for post in posts)
    captioner = fingerprint_of(ShardFolder.open(captions, "captions").settings["captioner"]) if captions else None
    return Corpus(dataset, store, {**known, **types}, captioner)


def types_of_posts(posts: Iterable[Post]) -> TypePairs:
    """Collect the types that the data set itself gives its mentions."""
    return {post.id: (post.head.type, post.tail.type) for post in posts if post.head.type or post.tail.type}


def read_types(file: Path) -> TypePairs:
    """Read a type file.

    Raises:
        UserError: It cannot be read, or lines are not of the form; the first ten are named.
    """
    pairs: dict[str, tuple[str | None, str | None]] = {}
    log = FaultLog(file)
    for number, row in read_objects(file, log):
        with log.at(file, number):
            if not {"id", "head", "tail"} <= row.keys():
                raise RowError("not an object with id, head and tail")
            post, head, tail = row["id"], row["head"], row["tail"]
            if not (isinstance(post, str) and isinstance(head, str | None) and isinstance(tail, str | None)):
                raise RowError("id must be text, head and tail text or null")
            if post in pairs:
                raise RowError(f"a second line for {post}")
            pairs[post] = (head, tail)
    log.finish("stop", _TYPES_FORM)
    return pairs
