"""Photos of a shard, read, decoded and resized in threads, a few batches ahead of the networks."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from dgf.pipeline.photos import ImageError, decode, read_bytes
from dgf.pipeline.shards import Failure, Photo, PhotoBatch, PlannedShard

AHEAD = 2
"""Batches read ahead of the one in the networks."""

Ready = TypeVar("Ready")


class PhotoReader(Generic[Ready]):
    """Reads the photos of shards.

    Args:
        root: Folder of the photos.
        prepare: Turns a photo and its pixels, (H, W, 3) uint8 RGB, into what the networks take; called in threads.
        threads: That read and decode for one shard.
    """

    def __init__(self, root: Path, prepare: Callable[[Photo, npt.NDArray[np.uint8]], Ready], threads: int) -> None:
        self._root = root
        self._prepare = prepare
        self._threads = threads

    @contextlib.contextmanager
    def read(self, shard: PlannedShard, seconds: dict[str, float]) -> Iterator[Iterator[list[Ready | Failure]]]:
        """The batches of a shard in order, `AHEAD` of them under way; reading begins at once.

        Args:
            shard: Its batches.
            seconds: What the threads take is added to `read`.
        """
        with ThreadPoolExecutor(self._threads, thread_name_prefix="read") as pool:
            todo = iter(shard)
            under_way: deque[list[Future[Ready | Failure]]] = deque()

            def start(batch: PhotoBatch | None) -> None:
                if batch is not None:
                    under_way.append([pool.submit(self._read_photo, photo, seconds) for photo in batch])

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

    def _read_photo(self, photo: Photo, seconds: dict[str, float]) -> Ready | Failure:
        started = time.perf_counter()
        try:
            data = read_bytes(self._root, photo.image_id)
            pixels = decode(data)
            if len(data) != photo.bytes or pixels.shape[:2] != photo.size:
                raise ImageError("changed while it was being extracted")
            return self._prepare(photo, pixels)
        except ImageError as error:
            return Failure(photo.image_id, str(error))
        finally:
            seconds["read"] += time.perf_counter() - started  # a lost update would cost a few milliseconds
