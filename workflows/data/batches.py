"""Rows to padded batches with their photos and captions, and the order in which an epoch takes the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from dgf.model.batch import Batch
from dgf.model.config import Reads
from dgf.model.interface import EncodesCaptions
from dgf.pipeline.features import Features, FeatureStore
from dgf.workflows.data.examples import Examples, Ints
from dgf.workflows.data.graphs import Alignments

POOLED_AT_ONCE = 256

STREAM_BYTES = 1 << 30
"""Of features shuffled together where they stay in their files."""

POOL = 8
"""Batches whose rows are sorted by length together."""


@dataclass(frozen=True, slots=True)
class Captions:
    """Every caption, by row of its table.

    Args:
        tokens: Token ids of each caption; empty where there is none.
        pooled: (captions, N) on the CPU, where the language model does not change; None where it is being trained
            and must read them again.
    """

    tokens: tuple[tuple[int, ...], ...]
    pooled: Tensor | None = None

    def of(self, rows: Ints) -> dict[str, Tensor]:
        """Return what a batch holds of the captions of these rows (B,), by its names; -1 is none."""
        chosen = [self.tokens[row] if row >= 0 else () for row in rows]
        if not any(chosen):
            return {}
        there = {"caption_mask": torch.tensor([bool(tokens) for tokens in chosen])}
        if self.pooled is not None:
            return {**there, "captions": self.pooled[torch.from_numpy(np.maximum(rows, 0))]}
        tokens, mask = _padded(chosen)
        return {**there, "caption_tokens": tokens, "caption_token_mask": mask}


class GathersFeatures(Protocol):
    """Where the features of photos are: shards, or memory."""

    def gather(self, rows: Ints) -> Features:
        """Return those of any photos, (B,) rows in any order, -1 for no photo."""


@dataclass(frozen=True, slots=True)
class BatchMaker:
    """Makes the batch of any rows of a split.

    Args:
        examples: The split.
        store: Features of the photos; None to run on text.
        captions: Of the photos; None for none.
        reads: What the model reads of a photo.
        alignments: Structural weights of words and objects, for a model that reads them; None for none.
    """

    examples: Examples
    store: GathersFeatures | None
    captions: Captions | None
    reads: Reads
    alignments: Alignments | None = None

    def __call__(self, rows: Ints) -> Batch:
        """Make the batch of these rows, padded to its longest."""
        batch = self.examples.text_batch(rows)
        image_rows = self.examples.image_rows[rows]
        seen: dict[str, Tensor | None] = {}
        shown = self.store is not None and bool((image_rows >= 0).any())
        if self.store is not None and shown and (self.reads.objects or self.reads.image is not None):
            features = self.store.gather(image_rows)
            if self.reads.objects:
                seen |= {"objects": features.objects, "object_mask": features.object_mask}
                if self.examples.mention_objects is not None:
                    seen["mention_objects"] = torch.from_numpy(self.examples.mention_objects[rows])
            if self.reads.image is not None:
                images = {"blocks": features.blocks, "fc7": features.fc7[:, None], "pyramid": features.pyramid}
                seen["blocks"] = images[self.reads.image]
                seen["image_mask"] = torch.from_numpy(image_rows >= 0)
        if self.alignments is not None and shown:
            counts = np.array([len(self.examples.posts[row].tokens) for row in rows], np.int64)
            seen["alignment"] = self.alignments.of(self.examples.words_of(rows), counts, image_rows)
        if self.captions is not None and self.examples.caption_rows is not None:
            seen |= self.captions.of(self.examples.caption_rows[rows])
        return batch.having(**seen)


def shuffled(lengths: Ints, batch_size: int, seed: int, epoch: int) -> list[Ints]:
    """Take every row once, in an order that seed and epoch alone decide; for training.

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


def must_stream(maker: BatchMaker) -> bool:
    """Whether the features of a split fit into no memory, so that an epoch reads them a few shards at a time."""
    return isinstance(maker.store, FeatureStore) and maker.store.place_now == "files"


def epoch_batches(maker: BatchMaker, batch_size: int, seed: int, epoch: int, *, stream: bool) -> Iterator[Ints]:
    """Yield the batches of an epoch: from anywhere, or (`stream`) the photos of a few shards at a time."""
    examples, store = maker.examples, maker.store
    if not stream or not isinstance(store, FeatureStore):
        yield from shuffled(examples.lengths, batch_size, seed, epoch)
        return
    for rows in store.stream(examples.image_rows, np.random.default_rng((seed, epoch)), STREAM_BYTES):
        for batch in shuffled(examples.lengths[rows], batch_size, seed, epoch):
            yield rows[batch]


def by_length(lengths: Ints, batch_size: int) -> Iterator[Ints]:
    """Take every row once, rows of like length together, so that padding costs little; for evaluation."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def tokenize_captions(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_length: int) -> Captions:
    """Tokenize every caption once, up to `max_length` tokens."""
    encoded = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    return Captions(tuple(tuple(ids[:max_length]) for ids in encoded))


def pool_captions(captions: Captions, wanted: Ints, model: EncodesCaptions, device: torch.device) -> Captions:
    """Encode captions once, for a language model that does not change (eq. 8).

    `wanted` are the rows that will be read, repetitions and -1 allowed; the others stay zeros.
    """
    shown = np.unique(wanted[wanted >= 0])
    pooled = torch.zeros(len(captions.tokens), model.language_model.width)
    for start in range(0, len(shown), POOLED_AT_ONCE):
        rows = shown[start : start + POOLED_AT_ONCE]
        tokens, mask = _padded([captions.tokens[row] for row in rows])
        pooled[torch.from_numpy(rows)] = model.encode_captions(tokens.to(device), mask.to(device)).float().cpu()
    return Captions(captions.tokens, pooled)


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return (B, C) int64 padded with 0, and which positions are filled; an empty row keeps a masked one."""
    longest = max(1, max(map(len, rows), default=1))
    tokens, mask = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), bool)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = row
        mask[i, : len(row)] = True
    return torch.from_numpy(tokens), torch.from_numpy(mask)
