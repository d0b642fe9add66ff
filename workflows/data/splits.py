"""Posts made ready for a model, split by split: the row of each photo in the shards, tokens, captions."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from dgf.model.interface import EncodesCaptions, RelationModel
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.posts import Post
from dgf.workflows.config import TrainConfig
from dgf.workflows.data.batches import BatchMaker, Captions, pool_captions, tokenize_captions
from dgf.workflows.data.captions import CaptionTable, check_captioned
from dgf.workflows.data.corpus import Corpus
from dgf.workflows.data.draws import captions_of_others, draw_photos
from dgf.workflows.data.encode import PostEncoder
from dgf.workflows.data.examples import Ints, make_examples
from dgf.workflows.data.graphs import align_photos
from dgf.workflows.data.mention_objects import find_mention_objects
from dgf.workflows.devices import autocast
from dgf.workflows.settings import MissingImages

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placed:
    """Posts with the rows of their photos.

    Args:
        posts: Those that are kept.
        rows: (n,) row in the feature store, -1 for none.
        skipped: Ids of posts left out because their photo is missing.
        missing: Ids of posts that run on text although they name a photo.
        caption_rows: (n,) row of the photo's caption, -1 for none; None where no captions were given.
    """

    posts: tuple[Post, ...]
    rows: Ints
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    caption_rows: Ints | None = None

    @property
    def text_only(self) -> int:
        """Rows of which nothing but the text is seen, whatever the reason."""
        return int((~self.shown).sum())

    @property
    def shown(self) -> np.ndarray:
        """(n,) bool, rows of whose photo the features or the caption are there."""
        there: np.ndarray = self.rows >= 0
        return there if self.caption_rows is None else there | (self.caption_rows >= 0)


def text_only_words(*, captions: bool) -> str:
    """Say what `Placed.text_only` rows are: where captions were given, a row with one of them is none of these."""
    return "with nothing but text" if captions else "without a photo"


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
    reads = config.model.reads

    # the photo and caption of each post: posts may drop out here
    data, root, table = config.data, corpus.dataset.root, corpus.captions
    placed = {
        name: place(rows, corpus.store, data.missing_images, root, captions=table, split=name)
        for name, rows in posts.items()
    }
    if corpus.store is not None:
        _check_matched(posts, placed, corpus.store, root)
    if table is not None and table.names is not None:
        if not reads.captions:
            keys = "model.fusion of dgf-pt, model.captions of prompt"
            _log.warning("warning: captions were given, and this model reads none (%s bring them in)", keys)
        told = {name: found.caption_rows for name, found in placed.items()}
        check_captioned(table, {n: (placed[n].posts, rows) for n, rows in told.items() if rows is not None}, data)
    if not all(found.posts for found in placed.values()):
        raise UserError(f"{root}: no row is left once those without a photo are skipped")

    # mentions that are objects of the photos
    objects = {
        name: find_mention_objects(found.posts, found.rows, corpus.store, config.model, root)
        for name, found in placed.items()
    }

    # what is left out or changed on purpose
    placed = {name: _as_drawn(found, corpus.store, config) for name, found in placed.items()}

    # words and mentions as tokens, relations and types as numbers
    encoder = build_encoder(model, data.max_length)
    examples = {
        name: make_examples(
            found.posts,
            found.rows,
            encoder,
            model.labels,
            reads.entity_types,
            corpus.types,
            found.caption_rows,
            objects[name],
        )
        for name, found in placed.items()
    }

    # captions, of all splits together: they may show the same photos
    captions = None
    if reads.captions and table is not None:
        wanted = [split.caption_rows for split in examples.values() if split.caption_rows is not None]
        captions = encode_captions(table.texts, np.concatenate(wanted), model, config, device, pool=pool)

    # which objects of each photo are related
    alignments = None
    if reads.alignment is not None and corpus.store is not None:
        alignments = align_photos(corpus.store, corpus.graphs, [(found.posts, found.rows) for found in placed.values()])
    makers = {name: BatchMaker(each, corpus.store, captions, reads, alignments) for name, each in examples.items()}
    return {name: Split(makers[name], placed[name]) for name in posts}


def build_encoder(model: RelationModel, max_length: int) -> PostEncoder:
    """Build what makes tokens of posts for a model, its markers among them."""
    language_model, markers = model.language_model, model.config.reads.markers
    base = None if markers == "none" else language_model.vocab_size
    return PostEncoder(language_model.tokenizer, max_length, base, markers)


def encode_captions(
    texts: Sequence[str], wanted: Ints, model: RelationModel, config: TrainConfig, device: torch.device, *, pool: bool
) -> Captions:
    """Make tokens of captions and, where `pool` says so, encode those that are `wanted`: rows, -1 for none."""
    captions = tokenize_captions(texts, model.language_model.tokenizer, config.data.max_caption)
    if not (pool and isinstance(model, EncodesCaptions)):
        return captions
    with autocast(device, config.precision):
        return pool_captions(captions, wanted, model, device)


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
    captions: CaptionTable | None = None,
    split: str = "",
) -> Placed:
    """Look up every post's photo and its caption; a missing one is never replaced by another.

    Where there are captions and no features, photos are known by their captions alone, and none counts as missing.

    Args:
        posts: Rows of a split.
        store: The feature shards; None where there are none.
        missing_images: For posts that name a photo the shards lack.
        data: The data set, for the message.
        captions: Of the photos; None where there are none.
        split: Of the posts: files of captions may be of one split.

    Raises:
        UserError: If a photo is missing and `missing_images` is `error`.
    """
    rows = np.array([-1 if store is None else store.row(post.image_ids) for post in posts], dtype=np.int64)
    named = np.array([bool(post.image_ids) for post in posts], dtype=bool)
    wanted = store is not None or captions is None
    lacking = np.flatnonzero(named & (rows < 0)) if wanted else np.zeros(0, np.int64)
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
    kept = tuple(post for post, there in zip(posts, keep, strict=True) if there)
    absent = tuple(posts[int(i)].id for i in lacking)
    return Placed(
        posts=kept,
        rows=rows[keep],
        skipped=absent if skip else (),
        missing=() if skip else absent,
        caption_rows=None if captions is None else captions.find(split, kept, rows[keep]),
    )


def _as_drawn(placed: Placed, store: FeatureStore | None, config: TrainConfig) -> Placed:
    """Leave out the photos that `data.image_share` drops, and exchange captions where `data.captions_of` says so."""
    rows, captions, seed = placed.rows, placed.caption_rows, config.data_seed
    if config.data.image_share < 1:
        photos = [  # by the name in the shards, where posts may know one photo by several
            post.image_ids[0] if store is None or row < 0 else store.image_ids[row]
            for post, row, shown in zip(placed.posts, rows, placed.shown, strict=True)
            if shown
        ]
        drawn = draw_photos(photos, config.data.image_share, seed)
        keep = np.zeros(len(rows), dtype=bool)
        keep[placed.shown] = [name in drawn for name in photos]
        rows = np.where(keep, rows, -1)
        captions = None if captions is None else np.where(keep, captions, -1)
    if captions is not None and config.data.captions_of == "others":
        captions = captions_of_others(captions, seed)
    return replace(placed, rows=rows, caption_rows=captions)
