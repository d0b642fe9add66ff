"""One shard of features: photos read ahead in threads, through the networks batch by batch, into arrays.

While the networks work on a batch, threads read, decode and resize the next ones; while a shard is written, the next
one has the networks (`run_shards(..., per_worker=2)`). Memory holds the rows of those shards and `AHEAD` batches
of resized photos, however many photos there are.
"""

import contextlib
import functools
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dgf.pipeline.detectors import Detections, Detector, GivenBoxes, Prepared
from dgf.pipeline.encoders import PhotoEncoder
from dgf.pipeline.jobs.base import Report, ShardContent, Turns, software_versions
from dgf.pipeline.jobs.given import GivenObjects
from dgf.pipeline.jobs.rows import Rows
from dgf.pipeline.photos import Damaged, ImageError, decode, digest, read_bytes
from dgf.pipeline.shards import Failure, Layout, Photo, Plan, PlannedShard, ShardFolder, ShardStats, write_features
from dgf.pipeline.storage.address import Location
from dgf.pipeline.storage.mirror import Mirror
from dgf.pipeline.storage.photos import bring_planned

if TYPE_CHECKING:  # it brings torch
    from dgf.pipeline.encoders.resnet import Croppable, PyramidExtractor

AHEAD = 2
"""Batches read ahead of the one in the networks."""

_MOST_READERS = 8


@dataclass(frozen=True, slots=True)
class ReadyPhoto:
    """A photo decoded once and resized for each network."""

    photo: Photo
    for_detector: Prepared
    for_encoder: npt.NDArray[Any]
    for_resnet: "Croppable | None" = None
    given: GivenBoxes | None = None


@dataclass(frozen=True, slots=True)
class Networks:
    """Detector, encoder and, where pyramids are wanted, ResNet-50 on their device, and the sizes of what they give.

    Where boxes are `given`, they are the objects of photos; regions are the detector's own all the same.
    `software` are packages that the numbers depend on beside those of every extraction.
    """

    detector: Detector
    encoder: PhotoEncoder
    layout: Layout
    resnet: "PyramidExtractor | None" = None
    software: tuple[str, ...] = ()
    given: GivenObjects | None = None

    def prepare(self, photo: Photo, pixels: npt.NDArray[np.uint8]) -> ReadyPhoto:
        """Resize a decoded photo, (H, W, 3) uint8 RGB, for each network. Safe to call from several threads."""
        for_detector, given = self.detector.prepare(pixels), None
        if self.given is not None:
            given = self.given.find(photo)
            for_detector = replace(for_detector, boxes=given.boxes)
        for_resnet = None if self.resnet is None else self.resnet.prepare(pixels)
        return ReadyPhoto(photo, for_detector, self.encoder.prepare(pixels), for_resnet, given)

    def add_rows(self, ready: Sequence[ReadyPhoto], rows: Rows) -> list[Failure]:
        """Run the networks on a batch; gives back the photos for which there is no row."""
        if not ready:
            return []
        detections = self.detector.detect_prepared([photo.for_detector for photo in ready])
        objects = [self._objects(photo, found) for photo, found in zip(ready, detections, strict=True)]
        blocks = self.encoder.extract_prepared([photo.for_encoder for photo in ready])
        pyramids = None
        if self.resnet is not None:
            croppable = [photo.for_resnet for photo in ready if photo.for_resnet is not None]
            pyramids = self.resnet.extract_prepared(croppable, [chosen.boxes for chosen in objects])
        failures = []
        for position, (photo, found) in enumerate(zip(ready, detections, strict=True)):
            fc7 = None if blocks.fc7 is None else blocks.fc7[position]
            pyramid = None if pyramids is None else pyramids[position]
            if not rows.add(photo.photo, found, blocks.blocks[position], fc7, pyramid, objects[position]):
                failures.append(Failure(photo.photo.image_id, "the networks gave numbers that are not finite"))
        return failures

    def _objects(self, photo: ReadyPhoto, found: Detections) -> Detections:
        """The boxes that were given, with their features, or what the detector found."""
        if self.given is None or photo.given is None or found.given is None:
            return found
        return self.given.detect(photo.given, found.given)


class Extraction:
    """The computation of feature shards: photos of `root`, a folder or an address, as `plan` orders them, for `folder`.

    Up to `readers` threads read and decode for one shard; None for as many as there are CPUs, within reason.
    Photos whose pixel data is `damaged` fail, or are used as far as the decoder makes anything of them.
    """

    def __init__(
        self,
        folder: ShardFolder,
        plan: Plan,
        root: Location,
        networks: Networks,
        readers: int | None = None,
        damaged: Damaged = "fail",
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._root = root if isinstance(root, Path) else Mirror(root).path
        self._address = None if isinstance(root, Path) else root
        self._networks = networks
        self._damaged = damaged
        self._readers = readers or max(2, min(_MOST_READERS, len(os.sched_getaffinity(0))))
        always = ("dgf", "torch", "torchvision", "numpy", "pillow", "h5py")
        self._versions = software_versions(*always, *networks.software)

    def compute(self, index: int, turns: Turns, report: Report) -> ShardContent:
        """Read and compute one shard."""
        if self._address is not None:
            photos = {photo.image_id: photo.sha256 for batch in self._plan.shards[index] for photo in batch}
            bring_planned(self._address, photos)
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

        Returns:
            Its rows in the order of the plan, without the photos that failed, and the count, failures and seconds:
            `read` summed over the threads, `wait` what the networks waited for photos, `compute` what they took.
        """
        rows = Rows(self._networks.layout, sum(len(batch) for batch in shard))
        seconds = {"read": 0.0, "wait": 0.0, "compute": 0.0}
        failures: list[Failure] = []
        with self._read_ahead(shard, seconds) as batches, turns.take():
            for photos in turns.time_batches(batches, seconds, waiting="wait"):
                ready = [photo for photo in photos if isinstance(photo, ReadyPhoto)]
                failures += [photo for photo in photos if isinstance(photo, Failure)]
                failures += self._networks.add_rows(ready, rows)
                report(rows.count + len(failures))
        return rows, ShardStats(rows.count, tuple(failures), seconds)

    @contextlib.contextmanager
    def _read_ahead(
        self, shard: PlannedShard, seconds: dict[str, float]
    ) -> Iterator[Iterator[list[ReadyPhoto | Failure]]]:
        """The batches of a shard in order, `AHEAD` of them under way; reading begins at once."""
        with ThreadPoolExecutor(self._readers, thread_name_prefix="read") as pool:
            todo = iter(shard)
            under_way: deque[list[Future[ReadyPhoto | Failure]]] = deque()

            def start(count: int) -> None:
                for batch in islice(todo, count):
                    under_way.append([pool.submit(self._read_photo, photo, seconds) for photo in batch])

            def batches() -> Iterator[list[ReadyPhoto | Failure]]:
                while under_way:
                    done = [future.result() for future in under_way.popleft()]
                    start(1)
                    yield done

            start(AHEAD)
            try:
                yield batches()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _read_photo(self, photo: Photo, seconds: dict[str, float]) -> ReadyPhoto | Failure:
        started = time.perf_counter()
        try:
            data = read_bytes(self._root, photo.image_id)
            # At an address a photo may have changed since the plan was made here or elsewhere.
            if self._address is not None and digest(data) != photo.sha256:
                raise ImageError("changed while it was being extracted")
            pixels = decode(data, self._damaged)
            if len(data) != photo.bytes or pixels.shape[:2] != photo.size:
                raise ImageError("changed while it was being extracted")
            return self._networks.prepare(photo, pixels)
        except ImageError as error:
            return Failure(photo.image_id, str(error))
        finally:
            seconds["read"] += time.perf_counter() - started  # a lost update would cost a few milliseconds
