"""Posts made ready for a model, split by split: the row of each photo in the shards, tokens, captions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dgf.model.interface import RelationModel
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.posts import Post
from dgf.workflows.config import TrainConfig
from dgf.workflows.data.batches import BatchMaker, pool_captions, tokenize_captions
from dgf.workflows.data.corpus import Corpus
from dgf.workflows.data.encode import PostEncoder
from dgf.workflows.data.examples import Ints, make_examples
from dgf.workflows.settings import MissingImages


@dataclass(frozen=True, slots=True)
class Placed:
    """Posts with the rows of their photos.

    Args:
        posts: Those that are kept.
        rows: (n,) row in the feature store, -1 for text alone.
        skipped: Ids of posts left out because their photo is missing.
        missing: Ids of posts that run on text although they name a photo.
    """

    posts: tuple[Post, ...]
    rows: Ints
    skipped: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def text_only(self) -> int:
        """Rows that run with their visual parts masked, whatever the reason."""
        return int((self.rows < 0).sum())


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

    Captions are encoded here, once, where `pool` says so; otherwise batches bring them as tokens.

    Raises:
        UserError: If a photo is missing and the configuration does not allow it, or no row is left of a split.
    """
    reads, language_model = config.model.reads, model.language_model

    # the photo of each post: posts may drop out here
    data, root = config.data, corpus.dataset.root
    placed = {
        name: place(rows, corpus.store, data.missing_images, root, share=data.image_share, seed=config.seed)
        for name, rows in posts.items()
    }
    if corpus.store is not None:
        _check_matched(posts, placed, corpus.store, root)
    if not all(found.posts for found in placed.values()):
        raise UserError(f"{root}: no row is left once those without a photo are skipped")

    # words and mentions as tokens, relations and types as numbers
    base = language_model.vocab_size if reads.markers else None
    encoder = PostEncoder(language_model.tokenizer, data.max_length, base)
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


def _check_matched(
    posts: Mapping[str, Sequence[Post]], placed: Mapping[str, Placed], store: FeatureStore, data: Path
) -> None:
    """Refuse features of which none is of a photo that these posts show."""
    named = [post for rows in posts.values() for post in rows if post.image_ids]
    if named and sum(len(found.skipped) + len(found.missing) for found in placed.values()) == len(named):
        raise UserError(
            f"{store.folder}: has none of the photos that {len(named)} posts of {data} show, such as "
            f"{named[0].image_ids[0]}; it has such as {next(iter(store.image_ids), 'no photo at all')}",
            "Give the features of this data set, or leave out --features to run on text.",
        )


def place(
    posts: Sequence[Post],
    store: FeatureStore | None,
    missing_images: MissingImages,
    data: Path,
    *,
    share: float = 1.0,
    seed: int = 0,
) -> Placed:
    """Look up every post's photo; a missing one is never replaced by another picture.

    Args:
        posts: Rows of a split.
        store: The feature shards; None where there are none.
        missing_images: For posts that name a photo the shards lack.
        data: The data set, for the message.
        share: Share of the photos to keep (Figure 3), the same photos for every split and run of one seed.
        seed: Draws the photos kept.

    Raises:
        UserError: If a photo is missing and `missing_images` is `error`.
    """
    rows = np.array([-1 if store is None else store.row(post.image_ids) for post in posts], dtype=np.int64)
    named = np.array([bool(post.image_ids) for post in posts], dtype=bool)
    lacking = np.flatnonzero(named & (rows < 0))
    if lacking.size and missing_images == "error":
        first = ", ".join(posts[i].image_ids[0] for i in lacking[:3])
        where = "no features were given" if store is None else f"not in {store.folder}"
        raise UserError(
            f"{data}: {lacking.size} of {len(posts)} posts show a photo that is missing ({where}), such as {first}",
            f"`dgf extract-features {data} --out FEATURES` extracts them; --missing-images skip leaves such posts out, "
            "text-only runs them without a photo.",
        )
    skip = missing_images == "skip"
    keep = np.ones(len(posts), dtype=bool)
    keep[lacking] = not skip
    if store is not None:  # draw the photos kept; one more answers for row -1
        drawn = np.append(np.random.default_rng(seed).random(len(store)) < share, True)
        rows = np.where(drawn[rows], rows, -1)
    absent = tuple(posts[int(i)].id for i in lacking)
    return Placed(
        posts=tuple(post for post, kept in zip(posts, keep, strict=True) if kept),
        rows=rows[keep],
        skipped=absent if skip else (),
        missing=() if skip else absent,
    )
