"""What a computation of shards is, and what goes to and fro between the parts that run one."""

import importlib.metadata
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import h5py

from dgf.pipeline.shards import Failure, Marker, ShardFolder, ShardStats

Report = Callable[[int], object]
"""Takes how many photos of a shard are done so far."""

PhotosRead = TypeVar("PhotosRead")


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Where shards are computed.

    Args:
        device: `cpu`, `cuda` or `cuda:N`, of each worker.
        count: Local worker processes; 0 works in this process.
        scheduler: Address of a Dask scheduler to use instead; its workers may come and go at any time.
        threads: Of the networks on a CPU; None for as many as the folder was begun with, or a few.
    """

    device: str = "cpu"
    count: int = 0
    scheduler: str | None = None
    threads: int | None = None

    @property
    def device_kind(self) -> str:
        """`cpu` or `cuda`."""
        return self.device.partition(":")[0]


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What a finished shard's task gives back: counts and reasons, never arrays.

    Args:
        index: Number of the shard.
        rows: Photos that have a row.
        failures: Photos that have none, and why.
        seconds: Per stage, as in the marker.
        computed: False where the shard was already committed when the task began.
    """

    index: int
    rows: int
    failures: tuple[Failure, ...]
    seconds: dict[str, float]
    computed: bool

    @classmethod
    def of(cls, marker: Marker, *, computed: bool) -> "ShardResult":
        """The result that a shard's marker tells."""
        stats = marker.stats
        return cls(marker.index, stats.rows, stats.failures, dict(stats.seconds), computed)


@dataclass(frozen=True, slots=True)
class ShardContent:
    """A computed shard that is not written yet.

    Args:
        write: Fills the shard's new HDF5 file.
        stats: Rows, failures, seconds.
    """

    write: Callable[[h5py.File], None]
    stats: ShardStats


class StoppedError(Exception):
    """The run was asked to end; nothing of the shard is kept."""


class Turns:
    """The turns in which the shards of one worker use its networks: one shard at a time.

    Args:
        threads: Of torch in the thread whose turn it is (torch keeps it by thread); None leaves torch alone.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let shards under way end at their next batch with `StoppedError`."""
        self._stopped.set()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait until the networks are free, and hold them."""
        with self._lock:
            use_threads(self._threads)
            yield

    def time_batches(
        self, batches: Iterable[PhotosRead], seconds: dict[str, float], waiting: str
    ) -> Iterator[PhotosRead]:
        """The batches of a shard, one by one, within `take`.

        Args:
            batches: As they are read.
            seconds: What waiting for a batch takes is added to `waiting`, what the loop does with it to `compute`.
            waiting: Name of that stage.

        Raises:
            StoppedError: `stop` was called.
        """
        since = time.perf_counter()
        for batch in batches:
            if self._stopped.is_set():
                raise StoppedError
            started = time.perf_counter()
            seconds[waiting] += started - since
            yield batch
            since = time.perf_counter()
            seconds["compute"] += since - started


class Computation(Protocol):
    """A computation with its networks loaded, living in one worker process."""

    def compute(self, index: int, turns: Turns, report: Report) -> ShardContent:
        """Read and compute one shard. Called from several threads at once; safe to repeat.

        Args:
            index: Number of the shard.
            turns: For the networks, which serve one shard at a time.
            report: Told, as batches end, how many photos of the shard are done.
        """
        ...


class ComputationSpec(Protocol):
    """Which computation: small and picklable, without its networks."""

    def describe(self) -> Mapping[str, Any]:
        """What the result depends on, as `settings.json` says it; cheap.

        Raises:
            UserError: Weights or files are not there.
        """
        ...

    def load(self, folder: ShardFolder, device: str) -> Computation:
        """Load the networks, once in each worker process.

        Args:
            folder: Where its shards go.
            device: `cpu`, `cuda` or `cuda:N`; a worker with a GPU of its own sees it as `cuda`.

        Raises:
            UserError: Weights, files or the plan are not there or do not fit.
        """
        ...


def use_threads(threads: int | None) -> None:
    """Set how many threads torch uses when called from this thread; None leaves torch alone, even unimported."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def software_versions(*names: str) -> dict[str, str]:
    """Versions of what the numbers in a shard depend on beside its settings."""
    return {name: importlib.metadata.version(name) for name in names}
