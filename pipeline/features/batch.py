"""The pictures of a batch as tensors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dgf.pipeline.shards import BLOCKS


@dataclass(slots=True)
class Features:
    """The pictures of a batch; a row of -1 is zeros and masked.

    Args:
        objects: (B, K, D) float16.
        object_mask: (B, K) bool, which objects are there.
        blocks: (B, 49, 512) float16; (B, 0, 512) where the store was opened without.
        fc7: (B, 4096) float16; (B, 0) where the shards lack it or the store was opened without.
    """

    objects: Tensor
    object_mask: Tensor
    blocks: Tensor
    fc7: Tensor

    def __getitem__(self, part: slice) -> "Features":
        return Features(self.objects[part], self.object_mask[part], self.blocks[part], self.fc7[part])


def allocate_features(batch: int, count: int, shapes: Mapping[str, tuple[int, ...]], *, pin: bool = False) -> Features:
    """Buffers for a batch, not filled; in page-locked memory on request (copies to a GPU then need not wait).

    Args:
        batch: B, rows.
        count: K, objects of a row.
        shapes: Shape of a row of each array that is read; the others have no numbers.
        pin: Whether the memory is page-locked.
    """
    every = {"objects": (0, 0), "blocks": (0, BLOCKS[1]), "fc7": (0,), **shapes}
    sizes = [batch * int(np.prod(shape)) for shape in every.values()]
    # One piece, and from NumPy, which asks for huge pages: a fifth faster to fill than pages of 4 KiB.
    memory = (
        torch.empty(sum(sizes), dtype=torch.float16, pin_memory=True)
        if pin
        else torch.from_numpy(np.empty(sum(sizes), dtype=np.float16))
    )
    objects, blocks, fc7 = (
        part.view(batch, *shape) for part, shape in zip(memory.split(sizes), every.values(), strict=True)
    )
    return Features(objects, torch.empty(batch, count, dtype=torch.bool, pin_memory=pin), blocks, fc7)
