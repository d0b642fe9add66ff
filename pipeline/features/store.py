"""The reader for training: features and captions of any photos, by row, from finished folders of shards.

Rows are numbered through all shards in the order of the plan. Three places can serve them: the files (the system's
page cache keeps what is read often), host memory, or the device (`FeatureStore.place`).

h5py reads scattered rows slowly, and its handles survive neither a fork nor pickling. The arrays of a shard are
contiguous and uncompressed, so they are mapped into memory, and a batch is its rows stacked.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgf.pipeline.features.index import ImageFeatures, Index, captions_by_row, read_index
from dgf.pipeline.shards import PYRAMID

Place = Literal["files", "host", "device"]

SHARE = 0.5
"""Share of the free memory that the features may take."""


@dataclass(slots=True)
class Features:
    """The pictures of a batch; a row of -1 is zeros and masked.

    Args:
        objects: (B, K, D) float16.
        object_mask: (B, K) bool, which objects are there.
        blocks: (B, M, C) float16; (B, 0, C) where the store was opened without.
        fc7: (B, 4096) float16; (B, 0) where the shards lack it or the store was opened without.
        pyramid: (B, 4, 15360) float16; (B, 0, 15360) likewise.
    """

    objects: Tensor
    object_mask: Tensor
    blocks: Tensor
    fc7: Tensor
    pyramid: Tensor

    def __getitem__(self, part: slice) -> "Features":
        return Features(
            self.objects[part], self.object_mask[part], self.blocks[part], self.fc7[part], self.pyramid[part]
        )


class FeatureStore:
    """Features of the photos of a finished folder, and their captions where there are any.

    It may be used from threads, forked processes and DataLoader workers: no HDF5 handle is kept, and a pickled copy
    maps the files again (wherever the original has its features). Shards must not be cut short while they are in use,
    which dgf itself never does: it replaces files as a whole.

    Attributes:
        folder: Of the feature shards.
        fingerprint: Of the networks, their weights and preprocessing: equal for two folders whose features may be
            mixed, such as training data and new posts, whatever photos they hold.
        image_ids: By row.
        object_dim: D. `objects` is K.
        class_names: What a detector's class numbers mean.
    """

    def __init__(self, index: Index, captions: Sequence[str] | None) -> None:
        self.folder = index.folder
        self.fingerprint = index.fingerprint
        self.image_ids = index.image_ids
        self.objects = index.layout.objects
        self.object_dim = index.layout.dim
        self.class_names = index.layout.class_names
        self.place_now: Place = "files"
        self._index = index
        self._captions = captions
        self._zeros = {name: torch.zeros(shape, dtype=torch.float16) for name, shape in index.shapes.items()}
        # Every row as a tensor that shows its place, a shard at a time when first wanted (about 1% of the features'
        # size); the last is what -1 finds.
        self._views: dict[str, list[Tensor]] = {
            name: [zeros] * (len(index.image_ids) + 1) for name, zeros in self._zeros.items()
        }
        self._shown = np.zeros(len(index.paths) + 1, dtype=bool)
        self._shown[-1] = True
        self._on_device: dict[str, Tensor] = {}
        # One more than there are rows: -1 finds a photo without objects there.
        self._counts = torch.from_numpy(np.append(index.counts, 0).astype(np.int64))

    @classmethod
    def open(cls, features: Path, captions: Path | None = None, *, image: ImageFeatures = "all") -> "FeatureStore":
        """Check folders and index their rows; no features are read yet. `image`: which outputs for photos to read.

        Raises:
            UserError: A folder is missing, unfinished, damaged, of another schema, or the captions do not belong to
                the features.
        """
        index = read_index(features, image)
        return cls(index, None if captions is None else captions_by_row(captions, index))

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def block_shape(self) -> tuple[int, int]:
        """(M, C) of the image blocks."""
        return self._index.layout.blocks

    @property
    def has_captions(self) -> bool:
        """Whether a folder of captions was given."""
        return self._captions is not None

    @property
    def shards(self) -> tuple[Path, ...]:
        """The files, by number."""
        return self._index.paths

    @property
    def row_bytes(self) -> int:
        """Bytes of a photo's features."""
        return 2 * sum(int(np.prod(shape)) for shape in self._index.shapes.values())

    def row(self, image_ids: Sequence[str]) -> int:
        """The row of the photo that a post has under one of these ids, tried in order; -1 if none has features.

        An id whose photo failed ends the search: the same name in another split's folder may be another picture.
        """
        for image_id in image_ids:
            if (row := self._index.rows.get(image_id)) is not None:
                return row
            if image_id in self._index.failed:
                return -1
        return -1

    @property
    def arrays(self) -> tuple[str, ...]:
        """Which tensors of `Features` are filled, apart from the mask."""
        return tuple(self._zeros)

    def stretches(self) -> list[tuple[Path, str, int, int]]:
        """Where the features lie: (file, array, offset, bytes), in their order."""
        return [stretch for shard in range(len(self.shards)) for stretch in self._index.stretches(shard)]

    def captions(self, rows: Iterable[int]) -> list[str]:
        """Captions of photos; the empty string for -1, where there are none, and for a photo whose caption failed."""
        return ["" if self._captions is None or row < 0 else self._captions[row] for row in rows]

    def allocate(self, batch: int, *, pin: bool = False) -> Features:
        """Buffers for `gather`, not filled; in page-locked memory on request (copies to a GPU then need not wait)."""
        every = {
            "objects": (0, 0),
            "blocks": (0, self.block_shape[1]),
            "fc7": (0,),
            "pyramid": (0, PYRAMID[1]),
            **self._index.shapes,
        }
        sizes = [batch * int(np.prod(shape)) for shape in every.values()]
        # One piece, and from NumPy, which asks for huge pages: a fifth faster to fill than pages of 4 KiB.
        pinned = torch.empty(sum(sizes), dtype=torch.float16, pin_memory=True) if pin else None
        memory = torch.from_numpy(np.empty(sum(sizes), dtype=np.float16)) if pinned is None else pinned
        objects, *images = (
            part.view(batch, *shape) for part, shape in zip(memory.split(sizes), every.values(), strict=True)
        )
        return Features(objects, torch.empty(batch, self.objects, dtype=torch.bool, pin_memory=pin), *images)

    def gather(self, rows: Sequence[int] | NDArray[np.int64], out: Features | None = None) -> Features:
        """Features of any photos, (B,) row numbers in any order, repetitions allowed, -1 for no photo.

        They fill the first part of `out`, buffers of `allocate(B or more)`, and that part is returned; without it, or
        where the features are on a device, they are new tensors (there).

        Raises:
            IndexError: A row that is not there.
            UserError: A shard has vanished or cannot be read any more.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        if wanted.size and (wanted.min() < -1 or wanted.max() >= len(self)):
            raise IndexError(f"rows from {wanted.min()} to {wanted.max()}, the store has {len(self)}")
        if self.place_now == "device":
            return self._from_device(wanted)
        part = (out or self.allocate(len(wanted)))[: len(wanted)]
        if len(part.objects) < len(wanted):
            raise ValueError(f"buffers of {len(part.objects)} rows for a batch of {len(wanted)}")
        part.object_mask.copy_(self._mask(torch.from_numpy(wanted)))
        shards = self._index.shard_of(wanted)
        for shard in np.unique(shards[~self._shown[shards]]).tolist():
            self._show(shard, self._index.map(shard))
        chosen = wanted.tolist()
        for name, views in self._views.items():
            if chosen:
                torch.stack([views[row] for row in chosen], out=getattr(part, name))
        return part

    def place(self, device: torch.device | str = "cpu", share: float = SHARE) -> Place:
        """Bring all features to where the model is, if they fit; else into host memory; else leave them in the files.

        They may take a `share` of the memory that is free there now. Returns where they are from now on.
        """
        target = torch.device(device)
        need = (len(self) + 1) * self.row_bytes
        if target.type == "cuda" and need <= share * torch.cuda.mem_get_info(target)[0]:
            self.load(target)
        elif need <= share * psutil.virtual_memory().available:
            for shard in self._index.filled():
                self._index.advise(shard)
                tables = self._index.map(shard)
                self._show(shard, {name: torch.from_numpy(table.numpy().copy()) for name, table in tables.items()})
            self.place_now = "host"
        return self.place_now

    def load(self, device: torch.device | str) -> None:
        """Bring all features to a device, whether they fit or not; `gather` then gives tensors there."""
        tables: dict[str, list[Tensor]] = {name: [] for name in self._zeros}
        for shard in self._index.filled():
            self._index.advise(shard)
            for name, table in self._index.map(shard).items():
                tables[name].append(table.to(device))
        for name, zeros in self._zeros.items():
            self._on_device[name] = torch.cat([*tables[name], zeros[None].to(device)])
        self._counts = self._counts.to(device)
        self.place_now = "device"

    def stream(self, rows: NDArray[np.int64], rng: np.random.Generator, window: int) -> Iterator[NDArray[np.int64]]:
        """Shuffle posts so that their photos come a few shards at a time, for features that fit nowhere.

        Args:
            rows: (n,) rows of the posts' photos, -1 for none.
            rng: Decides the order.
            window: Bytes of features to be shuffled together. Which shards meet in a window changes from call to
                call; two windows are in the page cache at a time.

        Yields:
            Positions 0 to n - 1, each once, a window at a time; the system fetches the next window meanwhile.
        """
        count = len(self.shards)
        largest = self.row_bytes * int(np.diff(self._index.firsts).max())
        together = max(1, window // max(1, largest))
        order = rng.permutation(count)
        windows = np.empty(count, dtype=np.int64)
        windows[order] = np.arange(count) // together
        # Posts without a photo are spread over all windows.
        of_post = windows[np.where(rows < 0, rng.integers(count, size=len(rows)), self._index.shard_of(rows))]
        mixed = rng.permutation(len(rows))
        mixed = mixed[np.argsort(of_post[mixed], kind="stable")]
        bounds = np.searchsorted(of_post[mixed], np.arange(windows.max() + 2))
        ahead = iter(order.tolist())
        for shard in islice(ahead, together):
            self._index.advise(shard)
        for start, end in pairwise(bounds.tolist()):
            for shard in islice(ahead, together):
                self._index.advise(shard)
            yield mixed[start:end]

    def __getstate__(self) -> Mapping[str, object]:
        return {"index": self._index, "captions": self._captions}

    def __setstate__(self, state: Mapping[str, object]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _mask(self, rows: Tensor) -> Tensor:
        return torch.arange(self.objects, device=rows.device) < self._counts[rows, None]  # (B, K)

    def _from_device(self, wanted: NDArray[np.int64]) -> Features:
        rows = torch.from_numpy(wanted).to(self._counts.device, non_blocking=True)
        index = torch.where(rows < 0, len(self), rows)
        tables = {name: table.index_select(0, index) for name, table in self._on_device.items()}
        blank = self.allocate(0)
        for name in ("blocks", "fc7", "pyramid"):
            shape = getattr(blank, name).shape[1:]
            tables.setdefault(name, torch.empty(len(wanted), *shape, dtype=torch.float16, device=rows.device))
        return Features(object_mask=self._mask(rows), **tables)

    def _show(self, shard: int, tables: Mapping[str, Tensor]) -> None:
        """Let the rows of a shard be read from these tables."""
        first, end = self._index.firsts[shard : shard + 2]
        for name, table in tables.items():
            self._views[name][first:end] = table.unbind(0)
        self._shown[shard] = True
