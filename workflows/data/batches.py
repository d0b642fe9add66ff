"""Rows to padded batches, and the order in which an epoch takes the rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dgf.model.batch import Batch
from dgf.model.config import Reads
from dgf.pipeline.features import FeatureStore
from dgf.workflows.data.captions import Captions
from dgf.workflows.data.examples import Examples, Ints

STREAM_BYTES = 1 << 30
"""Of features shuffled together where they stay in their files."""

POOL = 8
"""Batches whose rows are sorted by length together."""


@dataclass(frozen=True, slots=True)
class BatchMaker:
    """Makes the batch of any rows of a split.

    Args:
        examples: The split.
        store: The feature shards; None to run on text.
        captions: Of the store's photos; None for none.
        reads: What the model reads of a photo.
    """

    examples: Examples
    store: FeatureStore | None
    captions: Captions | None
    reads: Reads

    def __call__(self, rows: NDArray[np.int64]) -> Batch:
        """Make the batch of these rows, padded to its longest."""
        batch = self.examples.text_batch(rows)
        image_rows = self.examples.image_rows[rows]
        if self.store is None or (image_rows < 0).all():
            return batch
        if self.reads.objects or self.reads.image is not None:
            features = self.store.gather(image_rows)
            if self.reads.objects:
                batch.objects, batch.object_mask = features.objects, features.object_mask
            if self.reads.image is not None:
                batch.blocks = features.fc7[:, None] if self.reads.image == "fc7" else features.blocks
                batch.image_mask = torch.from_numpy(image_rows >= 0)
        if self.captions is not None:
            self.captions.add_to(batch, image_rows)
        return batch


def shuffled(lengths: Ints, batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
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


def epoch_batches(maker: BatchMaker, batch_size: int, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """Yield the batches of an epoch: from anywhere, or a few shards at a time where the features fit into no memory."""
    examples, store = maker.examples, maker.store
    if store is None or store.place_now != "files":
        yield from shuffled(examples.lengths, batch_size, seed, epoch)
        return
    for rows in store.stream(examples.image_rows, np.random.default_rng((seed, epoch)), STREAM_BYTES):
        for batch in shuffled(examples.lengths[rows], batch_size, seed, epoch):
            yield rows[batch]


def by_length(lengths: Ints, batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Take every row once, rows of like length together, so that padding costs little; for evaluation."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
