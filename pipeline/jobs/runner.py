"""One shard: photos read ahead in threads, through the networks batch by batch, into arrays, into a committed file.

While the networks work on a batch, threads read, decode and resize the next ones; while a shard is written, the next
one has the networks (`cluster.run_job(..., per_worker=2)`). Memory holds the rows of those shards and `AHEAD` batches
of resized photos, however many photos there are.
"""

import contextlib
import functools
import importlib.metadata
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from dgf.pipeline.detectors import Detections, Prepared
from dgf.pipeline.jobs.cluster import Report, ShardResult
from dgf.pipeline.photos.images import ImageError, decode, read_bytes
from dgf.pipeline.shards.commit import Failure, ShardStats, commit, committed
from dgf.pipeline.shards.plan import Batch, Photo, Plan, Shard
from dgf.pipeline.shards.rows import Rows
from dgf.pipeline.shards.schema import Layout, write_features

if TYPE_CHECKING:  # it brings torch, which only the networks need
    from dgf.pipeline.vgg import Blocks

SOFTWARE = ("dgf", "torch", "torchvision", "numpy", "pillow", "h5py")
AHEAD = 2
"""Batches read ahead of the one in the networks."""


class RegionNetwork(Protocol):
    """What the runner needs of a detector (`dgf.pipeline.detectors.Detector`)."""

    def prepare(self, photo: npt.NDArray[np.uint8]) -> Prepared:
        """Resizes one photo, in any thread."""
        ...

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        """Runs a batch."""
        ...


class BlockNetwork(Protocol):
    """What the runner needs of VGG16 (`dgf.pipeline.vgg.BlockExtractor`)."""

    def prepare(self, photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Resizes one photo, in any thread."""
        ...

    def extract_prepared(self, photos: Sequence[npt.NDArray[np.uint8]]) -> "Blocks":
        """Runs a batch."""
        ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A photo decoded once and resized for both networks."""

    photo: Photo
    for_detector: Prepared
    for_vgg: npt.NDArray[np.uint8]


class StoppedError(Exception):
    """The run was asked to end; nothing of the shard is kept."""


class Runner:
    """Takes shards through the networks; several threads may bring theirs, the networks serve one at a time.

    Args:
        root: Folder of the photos.
        detector: Ready to run.
        vgg: Ready to run.
        layout: Sizes of the rows.
        readers: Threads that read and decode for one shard.
        before_networks: Called in the thread that is about to use the networks (torch keeps some settings by thread).
    """

    def __init__(
        self,
        root: Path,
        detector: RegionNetwork,
        vgg: BlockNetwork,
        layout: Layout,
        readers: int,
        before_networks: Callable[[], None] = lambda: None,
    ) -> None:
        self._root = root
        self._detector = detector
        self._vgg = vgg
        self._layout = layout
        self._readers = readers
        self._before_networks = before_networks
        self._turn = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Shards under way end at their next batch with `StoppedError`."""
        self._stopped.set()

    def extract(self, shard: Shard, report: Report = lambda done: None) -> tuple[Rows, ShardStats]:
        """Reads and computes one shard.

        Args:
            shard: Its batches.
            report: Told after each batch how many photos are done.

        Returns:
            Its rows in the order of the plan, without the photos that failed, and the count, failures and seconds:
            `read` summed over the threads, `wait` what the networks waited for photos, `compute` what they took.
        """
        rows = Rows(self._layout, sum(len(batch) for batch in shard))
        seconds = {"read": 0.0, "wait": 0.0, "compute": 0.0}
        failures: list[Failure] = []
        with self._reading(shard, seconds) as batches, self._turn:
            self._before_networks()
            waiting_since = time.perf_counter()
            for photos in batches:
                if self._stopped.is_set():
                    raise StoppedError
                started = time.perf_counter()
                seconds["wait"] += started - waiting_since
                ready = [photo for photo in photos if isinstance(photo, Ready)]
                failures += [photo for photo in photos if isinstance(photo, Failure)]
                failures += self._compute(ready, rows)
                waiting_since = time.perf_counter()
                seconds["compute"] += waiting_since - started
                report(rows.count + len(failures))
        return rows, ShardStats(rows.count, tuple(failures), seconds)

    def _compute(self, ready: Sequence[Ready], rows: Rows) -> list[Failure]:
        if not ready:
            return []
        detections = self._detector.detect_prepared([photo.for_detector for photo in ready])
        blocks = self._vgg.extract_prepared([photo.for_vgg for photo in ready])
        failures = []
        for position, (photo, found) in enumerate(zip(ready, detections, strict=True)):
            fc7 = None if blocks.fc7 is None else blocks.fc7[position]
            if not rows.add(photo.photo, found, blocks.blocks[position], fc7):
                failures.append(Failure(photo.photo.image_id, "the networks gave numbers that are not finite"))
        return failures

    @contextlib.contextmanager
    def _reading(self, shard: Shard, seconds: dict[str, float]) -> Iterator[Iterator[list[Ready | Failure]]]:
        """Batches in order, `AHEAD` of them under way; reading begins at once, before the networks are free."""
        with ThreadPoolExecutor(self._readers, thread_name_prefix="read") as pool:
            todo = iter(shard)
            under_way: deque[list[Future[Ready | Failure]]] = deque()

            def start(batch: Batch | None) -> None:
                if batch is not None:
                    under_way.append([pool.submit(self._read, photo, seconds) for photo in batch])

            def batches() -> Iterator[list[Ready | Failure]]:
                while under_way:
                    done = [future.result() for future in under_way.popleft()]
                    start(next(todo, None))
                    yield done

            for _ in range(AHEAD):
                start(next(todo, None))
            try:
                yield batches()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, photo: Photo, seconds: dict[str, float]) -> Ready | Failure:
        started = time.perf_counter()
        try:
            data = read_bytes(self._root, photo.image_id)
            pixels = decode(data)
            if len(data) != photo.bytes or pixels.shape[:2] != photo.size:
                raise ImageError("changed while it was being extracted")
            return Ready(photo, self._detector.prepare(pixels), self._vgg.prepare(pixels))
        except ImageError as error:
            return Failure(photo.image_id, str(error))
        finally:
            seconds["read"] += time.perf_counter() - started  # a lost update would cost a few milliseconds


class ExtractWork:
    """A runner with the folder that its shards go to: the work of `cluster.run_job`."""

    def __init__(self, folder: Path, fingerprint: str, plan: Plan, layout: Layout, runner: Runner) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._plan = plan
        self._layout = layout
        self._runner = runner
        self._versions = software_versions()

    def run(self, index: int, report: Report) -> ShardResult:
        """Reads, computes and commits one shard, unless it is committed already."""
        done = committed(self._folder, index, self._fingerprint)
        if done is not None:
            return ShardResult.of(done, computed=False)
        rows, stats = self._runner.extract(self._plan.shards[index], report)
        write = functools.partial(
            write_features,
            layout=self._layout,
            image_ids=rows.image_ids,
            arrays=rows.arrays(),
            fingerprint=self._fingerprint,
            versions=self._versions,
        )
        return ShardResult.of(commit(self._folder, index, self._fingerprint, write, stats), computed=True)

    def close(self) -> None:
        """Ends the shards under way."""
        self._runner.stop()


def software_versions() -> dict[str, str]:
    """Versions of what the numbers in a shard depend on."""
    return {name: importlib.metadata.version(name) for name in SOFTWARE}
