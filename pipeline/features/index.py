"""Where everything lies in a finished folder of shards, whether it is fit to be read, and its files in memory."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import plain_path
from dgf.pipeline.shards import (
    FC7,
    PYRAMID,
    Layout,
    ShardFolder,
    fingerprint_of,
    read_layout,
    read_rows,
    read_text,
    reading,
)

ARRAYS = {"objects": "objects/features", "blocks": "image/blocks", "fc7": "image/fc7", "pyramid": "image/pyramid"}
"""Name of each array here -> its name in a shard."""

ImageFeatures = Literal["all", "blocks", "fc7", "pyramid"]
"""Which of the outputs for a whole photo are read."""

_INFINITY = 0x7C00
"""Of float16, as bits."""

_NOT_THE_NETWORKS = ("photos", "batches", "device", "threads", "boxes")
"""Settings that decide which rows and objects there are and their last bits, but not what the numbers mean."""


@dataclass(frozen=True, slots=True)
class Index:
    """A folder of feature shards, checked; no file is kept open.

    Args:
        folder: Where.
        paths: The shards, by number.
        layout: Sizes they have in common.
        shapes: Shape of a row of each array to read: objects (K, D), blocks (M, C), fc7 (4096,),
            pyramid (4, 15360).
        offsets: Of each array, the byte at which its first row begins in each shard's file.
        firsts: (shards + 1,) row that each shard begins with; the last is the number of rows.
        image_ids: By row.
        rows: Row by image id; every id of photos with the same bytes is there.
        failed: Ids of photos that have no features because they are broken.
        counts: (rows,) int8, objects of each photo.
        fingerprint: Of the networks; see `FeatureStore`.
        made_with: Fingerprint of all the folder's settings, which captions made from it name.
    """

    folder: Path
    paths: tuple[Path, ...]
    layout: Layout
    shapes: dict[str, tuple[int, ...]]
    offsets: dict[str, NDArray[np.int64]]
    firsts: NDArray[np.int64]
    image_ids: tuple[str, ...]
    rows: dict[str, int]
    failed: frozenset[str]
    counts: NDArray[np.int8]
    fingerprint: str
    made_with: str

    def shard_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of the shard of each row; -1 for row -1."""
        return np.searchsorted(self.firsts, rows, side="right") - 1

    def filled(self) -> list[int]:
        """Shards that have rows."""
        return np.flatnonzero(np.diff(self.firsts)).tolist()

    def stretches(self, shard: int) -> list[tuple[Path, str, int, int]]:
        """Where the features of a shard lie: (file, array, offset, bytes), in their order."""
        rows = int(self.firsts[shard + 1] - self.firsts[shard])
        return [
            (self.paths[shard], name, int(self.offsets[name][shard]), 2 * rows * math.prod(shape))
            for name, shape in self.shapes.items()
        ]

    def map(self, shard: int) -> dict[str, Tensor]:
        """The arrays of a shard, (rows, ...) each, mapped; every number in them is finite.

        Raises:
            UserError: The file cannot be read any more, or a photo has features that are not finite.
        """
        path, count = self.paths[shard], int(self.firsts[shard + 1] - self.firsts[shard])
        try:
            # A private mapping: nothing written to these tensors would reach the file.
            file = torch.from_file(str(path), shared=False, size=path.stat().st_size // 2, dtype=torch.float16)
        except (OSError, RuntimeError) as error:
            raise _gone(path, error) from None
        starts = {name: int(offsets[shard]) // 2 for name, offsets in self.offsets.items()}
        tables = {
            name: file[starts[name] : starts[name] + count * math.prod(shape)].view(count, *shape)
            for name, shape in self.shapes.items()
        }
        for name, table in tables.items():
            self._check_finite(shard, name, table)
        return tables

    def _check_finite(self, shard: int, name: str, table: Tensor) -> None:
        """Refuse features that are not finite: a network would answer such a photo with its first relation."""
        # The bits of float16 without the sign: infinity and NaN are the largest, and PyTorch finds that three times
        # as fast as `isfinite`.
        largest = table.view(torch.int16).bitwise_and(0x7FFF).flatten(1).amax(1)
        bad = torch.nonzero(largest >= _INFINITY).flatten().tolist()
        if bad:
            photos = [self.image_ids[int(self.firsts[shard]) + row] for row in bad]
            raise UserError(
                f"{self.paths[shard]}: {ARRAYS[name]} of {len(bad)} photos hold numbers that are not finite, "
                f"such as those of {photos[0]}",
                "`dgf extract-features` records such photos as failed: extract them again, or leave them out.",
            )

    def advise(self, shard: int) -> None:
        """Ask the system to fetch a shard's arrays in long reads, in the background."""
        for path, _, offset, length in self.stretches(shard):
            try:
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), offset, length, os.POSIX_FADV_WILLNEED)
            except OSError as error:
                raise _gone(path, error) from None


def read_index(path: Path, image: ImageFeatures) -> Index:
    """Check a folder of feature shards and find its rows.

    Raises:
        UserError: It is missing, unfinished or damaged; names what fixes it.
    """
    folder = ShardFolder.open(path, "features")
    settings, plan, markers = folder.settings, folder.plan, folder.finished()
    folder.verify(markers)

    # What each shard holds, and where its arrays lie in its file.
    layout: Layout | None = None
    ids: list[str] = []
    digests: list[str] = []
    counts, firsts = [np.zeros(0, np.int8)], [0]
    offsets: dict[str, list[int]] = {name: [] for name in ARRAYS}
    for marker in markers:
        with folder.open_shard(marker) as file:
            here = read_layout(file)
            if layout not in (None, here):
                raise folder.unfit(path / marker.file, "has other sizes or classes than the shards before it")
            layout = here
            ids += read_text(file, "image_id")
            digests += [bytes(digest).hex() for digest in read_rows(file, "image_sha256")]
            counts.append(read_rows(file, "objects/count"))
            firsts.append(len(ids))
            for name in _arrays(layout, image, path):
                offsets[name].append(_locate(folder, file, ARRAYS[name]))
    if layout is None:
        raise UserError(f"{path}: holds no shard", "None of the photos could be read; `dgf validate` lists them.")

    # By content: a photo keeps the id it was stored under, even when its posts know it by another now.
    rows = {image_id: row for row, image_id in enumerate(ids)}
    if len(rows) < len(ids):
        raise folder.unfit(path, "a photo appears twice")
    failed = {failure.image_id for failure in folder.failures}
    # The first row of a content: a photo that was tried again may turn out to be one that is there.
    by_content = {digest: row for row, digest in reversed(list(enumerate(digests)))}
    for photo in plan.photos():
        if (row := by_content.get(photo.sha256)) is not None:
            rows.update((image_id, row) for image_id in photo.ids)
        else:
            failed.update(photo.ids)
    # Older folders know `./p/x.jpg`, which posts call `p/x.jpg` now.
    rows |= {plain: row for image_id, row in rows.items() if (plain := plain_path(image_id)) not in rows}
    failed |= {plain_path(image_id) for image_id in failed}

    kept = _arrays(layout, image, path)
    shapes = {"objects": (layout.objects, layout.dim), "blocks": layout.blocks, "fc7": (FC7,), "pyramid": PYRAMID}
    return Index(
        folder=path,
        paths=tuple(path / marker.file for marker in markers),
        layout=layout,
        shapes={name: shapes[name] for name in kept},
        offsets={name: np.array(offsets[name], dtype=np.int64) for name in kept},
        firsts=np.array(firsts, dtype=np.int64),
        image_ids=tuple(ids),
        rows=rows,
        failed=frozenset(failed),
        counts=np.concatenate(counts),
        fingerprint=networks_fingerprint(settings),
        made_with=folder.fingerprint,
    )


def networks_fingerprint(settings: Mapping[str, Any]) -> str:
    """Tell what features are made with, whichever photos they are of: equal where they may be mixed."""
    return fingerprint_of({key: value for key, value in settings.items() if key not in _NOT_THE_NETWORKS})


def captions_by_row(path: Path, index: Index) -> tuple[str, ...]:
    """The caption of every row of the features; empty where making it failed.

    Raises:
        UserError: The folder is missing, unfinished or damaged, or belongs to other features.
    """
    folder = ShardFolder.open(path, "captions")
    hint = f"Caption these features: `dgf caption DATA --features {index.folder} --out CAPTIONS`."
    if folder.settings.get("features", index.made_with) != index.made_with:
        raise UserError(f"{path}: made from other features than those in {index.folder}", hint)
    captions: dict[str, str] = {}
    markers = folder.finished(len(index.paths))
    folder.verify(markers)
    for marker in markers:
        with folder.open_shard(marker) as file:
            captions.update(zip(read_text(file, "image_id"), read_text(file, "caption"), strict=True))
        captions.update((failure.image_id, "") for failure in marker.stats.failures)
    if lacking := [image_id for image_id in index.image_ids if image_id not in captions]:
        some = f"{len(lacking)} of the {len(index.image_ids)} photos in {index.folder}, such as {lacking[0]}"
        raise UserError(f"{path}: no caption for {some}", hint)
    return tuple(captions[image_id] for image_id in index.image_ids)


def _locate(folder: ShardFolder, file: h5py.File, name: str) -> int:
    """Where the first row of an array lies in its file; 0 for an array without rows."""
    with reading(file):
        array = file[name]
        offset, kind = array.id.get_offset() if array.size else 0, array.dtype
    if offset is None or offset % kind.itemsize or not kind.isnative:
        raise folder.unfit(Path(file.filename), f"{name} is not one plain stretch of bytes")
    return int(offset)


def _gone(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: cannot be read any more ({error})", "Run the command that made the folder again.")


def _arrays(layout: Layout, image: str, path: Path) -> tuple[str, ...]:
    if image == "fc7" and not layout.fc7:
        raise UserError(f"{path}: has no fc7 features", "Extract them with --fc7, or use the blocks.")
    if image == "pyramid" and not layout.pyramid:
        raise UserError(
            f"{path}: has no pyramids of ResNet-50",
            "Extract them, with all else, into another folder: `dgf extract-features DATA --out FEATURES --pyramid "
            "--resnet-weights default`.",
        )
    if image == "all":
        more = {"fc7": layout.fc7, "pyramid": layout.pyramid}
        return ("objects", "blocks", *(name for name, there in more.items() if there))
    return ("objects", image)
