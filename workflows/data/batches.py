"""Rows to padded batches: tokens from the examples, pictures from the shards, captions pooled or as tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from dgf.model.batch import Batch
from dgf.model.dgf_pt.network import DGF
from dgf.pipeline.features import FeatureStore
from dgf.workflows.data.examples import Examples, Ints

MAX_CAPTION = 32
"""Most tokens of a caption that are read; Oscar writes at most twenty word pieces."""

STREAM_BYTES = 1 << 30
"""Of features shuffled together where they stay in their files."""

POOL = 8
"""Batches whose rows are sorted by length together."""


@dataclass(frozen=True, slots=True)
class Captions:
    """Every photo's caption, by row of the feature store.

    Args:
        tokens: Token ids of each caption; empty where there is none.
        pooled: (photos, N) on the CPU, where the language model does not change; None where it is being trained
            and must read them anew.
    """

    tokens: tuple[tuple[int, ...], ...]
    pooled: Tensor | None = None

    def add_to(self, batch: Batch, image_rows: Ints) -> None:
        """Puts the captions of these photos (B,) into the batch; -1 has none."""
        chosen = [self.tokens[row] if row >= 0 else () for row in image_rows]
        if not any(chosen):
            return
        batch.caption_mask = torch.tensor([bool(tokens) for tokens in chosen])
        if self.pooled is not None:
            batch.captions = self.pooled[torch.from_numpy(np.maximum(image_rows, 0))]
        else:
            batch.caption_tokens, batch.caption_token_mask = _padded(chosen)


def read_captions(store: FeatureStore, tokenizer: PreTrainedTokenizerBase) -> Captions:
    """Tokenizes every caption of the store once."""
    texts = store.captions(range(len(store)))
    encoded = tokenizer(texts, add_special_tokens=False, truncation=True, max_length=MAX_CAPTION)["input_ids"]
    return Captions(tuple(tuple(ids) for ids in encoded))


def pool_captions(
    captions: Captions, image_rows: Ints, network: DGF, device: torch.device, batch_size: int = 256
) -> Captions:
    """Encodes captions once, for a language model that does not change (eq. 8).

    Args:
        captions: Of the store's photos.
        image_rows: Rows of the photos that will be shown, repetitions and -1 allowed; the others stay zeros.
        network: Reads them.
        device: Where the network is.
        batch_size: Captions at once.
    """
    shown = np.unique(image_rows[image_rows >= 0])
    pooled = torch.zeros(len(captions.tokens), network.backbone.width)
    for start in range(0, len(shown), batch_size):
        rows = shown[start : start + batch_size]
        tokens, mask = _padded([captions.tokens[row] for row in rows])
        pooled[torch.from_numpy(rows)] = network.encode_captions(tokens.to(device), mask.to(device)).float().cpu()
    return Captions(captions.tokens, pooled)


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """(B, C) int64 padded with 0, and which places are filled; an empty row keeps one masked place."""
    longest = max(1, max(map(len, rows), default=1))
    tokens, mask = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), bool)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = row
        mask[i, : len(row)] = True
    return torch.from_numpy(tokens), torch.from_numpy(mask)


@dataclass(frozen=True, slots=True)
class BatchMaker:
    """Makes the batch of any rows of a split.

    Args:
        examples: The split.
        store: The feature shards; None to run on text.
        captions: Of the store's photos; None for none.
        fc7: Whether the image is VGG16's fc7 vector rather than its blocks.
    """

    examples: Examples
    store: FeatureStore | None
    captions: Captions | None
    fc7: bool = False

    def __call__(self, rows: NDArray[np.int64]) -> Batch:
        """The batch of these rows, padded to its longest."""
        batch = self.examples.text_batch(rows)
        image_rows = self.examples.image_rows[rows]
        if self.store is None or (image_rows < 0).all():
            return batch
        features = self.store.gather(image_rows)
        batch.objects, batch.object_mask = features.objects, features.object_mask
        batch.blocks = features.fc7[:, None] if self.fc7 else features.blocks
        batch.image_mask = torch.from_numpy(image_rows >= 0)
        if self.captions is not None:
            self.captions.add_to(batch, image_rows)
        return batch


def with_pooled_captions(makers: Sequence[BatchMaker], network: DGF, device: torch.device) -> list[BatchMaker]:
    """The same makers of one store with the captions of all their photos encoded once, for all of them."""
    captions = makers[0].captions
    if captions is None:
        return list(makers)
    image_rows = np.concatenate([maker.examples.image_rows for maker in makers])
    pooled = pool_captions(captions, image_rows, network, device)
    return [replace(maker, captions=pooled) for maker in makers]


def shuffled(lengths: Ints, batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Every row once, in an order that seed and epoch alone decide; for training.

    Within pools of a few batches rows of like length go together, which saves a good part of the padding and leaves
    the order random otherwise.
    """
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(lengths))
    pool = POOL * batch_size
    pools = [order[start : start + pool] for start in range(0, len(order), pool)]
    sorted_pools = [rows[np.argsort(lengths[rows], kind="stable")] for rows in pools]
    batches = [rows[i : i + batch_size] for rows in sorted_pools for i in range(0, len(rows), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def epoch_batches(maker: BatchMaker, batch_size: int, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """The batches of an epoch: from anywhere, or a few shards at a time where the features fit into no memory."""
    examples, store = maker.examples, maker.store
    if store is None or store.place_now != "files":
        yield from shuffled(examples.lengths, batch_size, seed, epoch)
        return
    for rows in store.stream(examples.image_rows, np.random.default_rng((seed, epoch)), STREAM_BYTES):
        for batch in shuffled(examples.lengths[rows], batch_size, seed, epoch):
            yield rows[batch]


def by_length(lengths: Ints, batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Every row once, rows of like length together, so that padding costs little; for evaluation."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
