"""The files of finished feature shards, mapped into memory."""

import math
import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgf.pipeline.errors import UserError
from dgf.pipeline.features.index import Index


class ShardFiles:
    """Finds rows and arrays in the files of an index; keeps no file open."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def shard_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of the shard of each row; -1 for row -1."""
        return np.searchsorted(self._index.firsts, rows, side="right") - 1

    def filled(self) -> list[int]:
        """Shards that have rows."""
        return np.flatnonzero(np.diff(self._index.firsts)).tolist()

    def stretches(self, shard: int) -> list[tuple[Path, str, int, int]]:
        """Where the features of a shard lie: (file, array, offset, bytes), in their order."""
        rows = int(self._index.firsts[shard + 1] - self._index.firsts[shard])
        return [
            (self._index.paths[shard], name, int(self._index.offsets[name][shard]), 2 * rows * math.prod(shape))
            for name, shape in self._index.shapes.items()
        ]

    def map(self, shard: int) -> dict[str, Tensor]:
        """The arrays of a shard, (rows, ...) each, mapped."""
        path, count = self._index.paths[shard], int(self._index.firsts[shard + 1] - self._index.firsts[shard])
        try:
            # A private mapping: nothing written to these tensors would reach the file.
            file = torch.from_file(str(path), shared=False, size=path.stat().st_size // 2, dtype=torch.float16)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"{path}: cannot be read any more ({error})", "Run the command that made the folder again."
            ) from None
        starts = {name: int(offsets[shard]) // 2 for name, offsets in self._index.offsets.items()}
        return {
            name: file[starts[name] : starts[name] + count * math.prod(shape)].view(count, *shape)
            for name, shape in self._index.shapes.items()
        }

    def advise(self, shard: int) -> None:
        """Ask the system to fetch a shard's arrays in long reads, in the background."""
        for path, _, offset, length in self.stretches(shard):
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), offset, length, os.POSIX_FADV_WILLNEED)
