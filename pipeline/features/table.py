"""Features of a few photos in memory, in the form in which `FeatureStore` gives those of shards."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dgf.pipeline.features.index import ARRAYS
from dgf.pipeline.features.store import Features
from dgf.pipeline.shards import PYRAMID, Layout


class FeatureTable:
    """Features of photos by row; each photo is a row of every array of a shard, by its name there."""

    def __init__(self, layout: Layout, photos: Sequence[Mapping[str, NDArray[Any]]]) -> None:
        columns = layout.columns()
        # one more row, of zeros, is what -1 finds
        self._tables = {
            name: torch.from_numpy(np.stack([*(photo[array] for photo in photos), np.zeros(columns[array][1], "f2")]))
            for name, array in ARRAYS.items()
            if array in columns
        }
        counts = np.array([*(photo["objects/count"] for photo in photos), 0], np.int64)
        self._mask = torch.arange(layout.objects) < torch.from_numpy(counts)[:, None]  # (photos + 1, K)

    def gather(self, rows: Sequence[int] | NDArray[np.int64]) -> Features:
        """Features of any photos, (B,) row numbers in any order, repetitions allowed, -1 for no photo."""
        wanted = torch.from_numpy(np.asarray(rows, np.int64))
        found = {name: table[wanted] for name, table in self._tables.items()}
        lacking = {"fc7": (0,), "pyramid": (0, PYRAMID[1])}
        for name, shape in lacking.items():
            found.setdefault(name, torch.empty(len(wanted), *shape, dtype=torch.float16))
        return Features(object_mask=self._mask[wanted], **found)
