"""One shard of features: photos read ahead in threads, through the networks batch by batch, into arrays.

While the networks work on a batch, threads read, decode and resize the next ones; while a shard is written, the next
one has the networks (`run_shards(..., per_worker=2)`). Memory holds the rows of those shards and `AHEAD` batches
of resized photos, however many photos there are.
"""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dgf.pipeline.detectors import Detections, Prepared
from dgf.pipeline.jobs.base import Report, ShardContent, Turns, software_versions
from dgf.pipeline.jobs.reading import PhotoReader
from dgf.pipeline.jobs.rows import Rows
from dgf.pipeline.shards import Failure, Layout, Photo, Plan, PlannedShard, ShardFolder, ShardStats, write_features

_MOST_READERS = 8


class RegionNetwork(Protocol):
    """What extraction needs of a detector (`dgf.pipeline.detectors`)."""

    def prepare(self, photo: npt.NDArray[np.uint8]) -> Prepared:
        """Resize one photo, in any thread."""
        ...

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        """Run a batch."""
        ...


class BlockArrays(Protocol):
    """What VGG16 gives of B photos."""

    @property
    def blocks(self) -> npt.NDArray[np.float32]:
        """(B, 49, 512)."""

    @property
    def fc7(self) -> npt.NDArray[np.float32] | None:
        """(B, 4096), or None where it is not stored."""


class BlockNetwork(Protocol):
    """What extraction needs of VGG16 (`dgf.pipeline.vgg`)."""

    def prepare(self, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Resize one photo, in any thread."""
        ...

    def extract_prepared(self, photos: Sequence[npt.NDArray[np.uint8]]) -> BlockArrays:
        """Run a batch."""
        ...


@dataclass(frozen=True, slots=True)
class Networks:
    """Detector and VGG16 on their device, and the sizes of what they give."""

    detector: RegionNetwork
    vgg: BlockNetwork
    layout: Layout


@dataclass(frozen=True, slots=True)
class ReadyPhoto:
    """A photo decoded once and resized for both networks."""

    photo: Photo
    for_detector: Prepared
    for_vgg: npt.NDArray[np.uint8]


class Extraction:
    """The computation of feature shards.

    Args:
        folder: Where they go.
        plan: Of its photos.
        root: Folder of the photos.
        networks: Ready to run.
        readers: Threads that read and decode for one shard; None for as many as there are CPUs, within reason.
    """

    def __init__(
        self, folder: ShardFolder, plan: Plan, root: Path, networks: Networks, readers: int | None = None
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._networks = networks
        self._reader = PhotoReader(
            root, self._prepare, readers or max(2, min(_MOST_READERS, len(os.sched_getaffinity(0))))
        )
        self._versions = software_versions("dgf", "torch", "torchvision", "numpy", "pillow", "h5py")

    def compute(self, index: int, turns: Turns, report: Report) -> ShardContent:
        """Read and compute one shard."""
        rows, stats = self.fill_rows(self._plan.shards[index], turns, report)
        write = functools.partial(
            write_features,
            layout=self._networks.layout,
            image_ids=rows.image_ids,
            arrays=rows.arrays(),
            fingerprint=self._folder.fingerprint,
            versions=self._versions,
        )
        return ShardContent(write, stats)

    def fill_rows(self, shard: PlannedShard, turns: Turns, report: Report) -> tuple[Rows, ShardStats]:
        """Read the photos of a shard and run the networks on them.

        Args:
            shard: Its batches.
            turns: For the networks.
            report: Told after each batch how many photos are done.

        Returns:
            Its rows in the order of the plan, without the photos that failed, and the count, failures and seconds:
            `read` summed over the threads, `wait` what the networks waited for photos, `compute` what they took.
        """
        rows = Rows(self._networks.layout, sum(len(batch) for batch in shard))
        seconds = {"read": 0.0, "wait": 0.0, "compute": 0.0}
        failures: list[Failure] = []
        with self._reader.read(shard, seconds) as batches, turns.take():
            for photos in turns.time_batches(batches, seconds, waiting="wait"):
                ready = [photo for photo in photos if isinstance(photo, ReadyPhoto)]
                failures += [photo for photo in photos if isinstance(photo, Failure)]
                failures += self._add_rows(ready, rows)
                report(rows.count + len(failures))
        return rows, ShardStats(rows.count, tuple(failures), seconds)

    def _prepare(self, photo: Photo, pixels: npt.NDArray[np.uint8]) -> ReadyPhoto:
        return ReadyPhoto(photo, self._networks.detector.prepare(pixels), self._networks.vgg.prepare(pixels))

    def _add_rows(self, ready: Sequence[ReadyPhoto], rows: Rows) -> list[Failure]:
        """Run the networks on a batch; gives back the photos for which there is no row."""
        if not ready:
            return []
        detections = self._networks.detector.detect_prepared([photo.for_detector for photo in ready])
        blocks = self._networks.vgg.extract_prepared([photo.for_vgg for photo in ready])
        failures = []
        for position, (photo, found) in enumerate(zip(ready, detections, strict=True)):
            fc7 = None if blocks.fc7 is None else blocks.fc7[position]
            if not rows.add(photo.photo, found, blocks.blocks[position], fc7):
                failures.append(Failure(photo.photo.image_id, "the networks gave numbers that are not finite"))
        return failures
