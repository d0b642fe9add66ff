"""A data set with everything that belongs to its posts: features, captions, entity types."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.graphs import GraphFile
from dgf.pipeline.posts import Dataset, Post, read_dataset
from dgf.workflows.config import DataConfig, TrainConfig
from dgf.workflows.data.captions import CaptionTable, caption_folder, open_captions
from dgf.workflows.data.graphs import open_graphs
from dgf.workflows.data.type_file import TypeFile, TypePairs, check_types, match_types, read_types


@dataclass(frozen=True, slots=True)
class Corpus:
    """An opened data set with its features.

    Args:
        dataset: The posts.
        store: Feature shards; None to work without them.
        types: Entity types by post id, where a file or the data set gives them.
        captions: Of the photos; None where there are none.
        type_file: The file that types were given in and how it fits; None where there is none.
        graphs: Scene graphs of a file, for a model that reads them; None where there is none.
    """

    dataset: Dataset
    store: FeatureStore | None
    types: TypePairs
    captions: CaptionTable | None
    type_file: TypeFile | None = None
    graphs: GraphFile | None = None

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
    def captioner(self) -> str | None:
        """Fingerprint of what wrote the captions; None where there are none."""
        return None if self.captions is None else self.captions.captioner

    @property
    def type_names(self) -> tuple[str, ...]:
        """Every entity type that a file or the data set gives."""
        return tuple(sorted({name for pair in self.types.values() for name in pair if name}))


def read_configured(data: DataConfig) -> Dataset:
    """Read the data set that a configuration names, as it says."""
    return read_dataset(
        Path(data.path),
        on_error=data.on_error,
        negative=data.negative_label,
        span_unit=data.span_unit,
        layout=data.layout,
    )


def open_corpus(config: TrainConfig, dataset: Dataset, device: torch.device) -> Corpus:
    """Open what the configuration names beside the posts; features go into the device's or host's memory if they fit.

    Raises:
        UserError: If anything is missing or at fault.
    """
    data = config.data
    store, folder = None, caption_folder(data)
    if data.features:
        store = FeatureStore.open(Path(data.features), folder, image=config.model.reads.image or "blocks")
        store.place(device)
    captions = open_captions(data, store)
    graphs = open_graphs(data, config.model.reads, store)
    types = read_types(Path(data.types)) if data.types else {}
    type_file = match_types(Path(data.types), types, dataset) if data.types else None
    known = types_of_posts(post for posts in dataset.splits.values() for post in posts)
    check_types(known, dataset, str(dataset.root), strict=False)
    return Corpus(dataset, store, {**known, **types}, captions, type_file, graphs)


def types_of_posts(posts: Iterable[Post]) -> TypePairs:
    """Collect the types that the data set itself gives its mentions."""
    return {post.id: (post.head.type, post.tail.type) for post in posts if post.head.type or post.tail.type}
