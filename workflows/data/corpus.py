"""What training, evaluation and prediction share: the data a configuration names, ready for the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from dgf.model.dgf_pt.network import DGF
from dgf.model.labels import LabelSpace
from dgf.pipeline.errors import UserError
from dgf.pipeline.features.store import FeatureStore
from dgf.pipeline.posts import Dataset, Post, read_dataset
from dgf.workflows.config import TrainConfig
from dgf.workflows.data.batches import BatchMaker, Captions, read_captions
from dgf.workflows.data.encode import PostEncoder
from dgf.workflows.data.entity_types import TypePairs, read_types, types_of_posts
from dgf.workflows.data.examples import make_examples
from dgf.workflows.data.photo_rows import Placed, place
from dgf.workflows.provenance import captioner_of


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
        """Posts of a split.

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


def open_corpus(config: TrainConfig, device: torch.device) -> Corpus:
    """Opens what the configuration names; features go into the device's or the host's memory where they fit.

    Raises:
        UserError: If anything is missing or at fault.
    """
    data = config.data
    if data.captions and not data.features:
        raise UserError("--captions needs --features: captions belong to the photos in the feature shards")
    dataset = read_dataset(Path(data.path), on_error=data.on_error)
    store, captions = None, Path(data.captions) if data.captions else None
    if data.features:
        store = FeatureStore.open(Path(data.features), captions, image=config.model.image_features)
        store.place(device)
    types = read_types(Path(data.types)) if data.types else {}
    known = types_of_posts(post for posts in dataset.splits.values() for post in posts)
    return Corpus(dataset, store, {**known, **types}, captioner_of(captions) if captions else None)


def tokenize_captions(corpus: Corpus, tokenizer: PreTrainedTokenizerBase, config: TrainConfig) -> Captions | None:
    """The captions of the corpus; None where it has none, or fusion, which reads them, is off."""
    if corpus.store is None or not corpus.store.has_captions or not config.model.fusion:
        return None
    return read_captions(corpus.store, tokenizer)


def make_encoder(tokenizer: PreTrainedTokenizerBase, network: DGF, config: TrainConfig) -> PostEncoder:
    """The encoder of a network's posts."""
    base = network.backbone.vocab_size if config.model.markers else None
    return PostEncoder(tokenizer, config.data.max_length, base)


def make_batches(
    posts: Sequence[Post],
    corpus: Corpus,
    captions: Captions | None,
    encoder: PostEncoder,
    labels: LabelSpace,
    config: TrainConfig,
) -> tuple[BatchMaker, Placed]:
    """A split's posts ready for the network, and what became of their photos.

    Raises:
        UserError: If a photo is missing and the configuration does not allow it, or no row is left.
    """
    placed = place(
        posts,
        corpus.store,
        config.data.missing_images,
        corpus.dataset.root,
        share=config.data.image_share,
        seed=config.seed,
    )
    if not placed.posts:
        raise UserError(f"{corpus.dataset.root}: no row is left once those without a photo are skipped")
    examples = make_examples(placed.posts, placed.rows, encoder, labels, config.model, corpus.types)
    fc7 = config.model.image_features == "fc7"
    return BatchMaker(examples, corpus.store, captions, fc7), placed
