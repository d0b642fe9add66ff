"""Posts made ready for a model, split by split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dgf.model.interface import RelationModel
from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Post
from dgf.workflows.config import TrainConfig
from dgf.workflows.data.batches import BatchMaker
from dgf.workflows.data.captions import pool_captions, tokenize_captions
from dgf.workflows.data.corpus import Corpus
from dgf.workflows.data.encode import PostEncoder
from dgf.workflows.data.examples import make_examples
from dgf.workflows.data.photo_rows import Placed, place


@dataclass(frozen=True, slots=True)
class Split:
    """The batches of a split, and the outcome of looking for its photos."""

    batches: BatchMaker
    placed: Placed


def prepare_splits(
    corpus: Corpus,
    posts: Mapping[str, Sequence[Post]],
    model: RelationModel,
    config: TrainConfig,
    device: torch.device,
    *,
    pool: bool,
) -> dict[str, Split]:
    """Find each post's photo, tokenize posts and captions, and hand out what makes batches of them.

    Args:
        corpus: Where the posts come from.
        posts: The posts of each split.
        model: Says how they are tokenized and which labels there are; on `device`.
        config: Says what the model reads, and what to do about missing photos.
        device: Where captions are encoded.
        pool: Whether captions are encoded here, once; otherwise batches bring them as tokens.

    Raises:
        UserError: If a photo is missing and the configuration does not allow it, or no row is left of a split.
    """
    reads, language_model = config.model.reads, model.language_model

    # the photo of each post: posts may drop out here
    placed = {name: _place_photos(corpus, rows, config) for name, rows in posts.items()}

    # words and mentions as tokens, relations and types as numbers
    base = language_model.vocab_size if reads.markers else None
    encoder = PostEncoder(language_model.tokenizer, config.data.max_length, base)
    examples = {
        name: make_examples(found.posts, found.rows, encoder, model.labels, reads.entity_types, corpus.types)
        for name, found in placed.items()
    }

    # captions, of all splits together: they may show the same photos
    captions = None
    if reads.captions and corpus.store is not None and corpus.store.has_captions:
        captions = tokenize_captions(corpus.store, language_model.tokenizer)
        if pool:
            shown = np.concatenate([split.image_rows for split in examples.values()])
            captions = pool_captions(captions, shown, model, device)
    return {name: Split(BatchMaker(examples[name], corpus.store, captions, reads), placed[name]) for name in posts}


def _place_photos(corpus: Corpus, posts: Sequence[Post], config: TrainConfig) -> Placed:
    data, root = config.data, corpus.dataset.root
    placed = place(posts, corpus.store, data.missing_images, root, share=data.image_share, seed=config.seed)
    if not placed.posts:
        raise UserError(f"{root}: no row is left once those without a photo are skipped")
    return placed
