"""What a computation of shards is, and what every worker does with one: load its networks, compute and commit."""

import importlib.metadata
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import h5py

from dgf.pipeline.errors import UserError
from dgf.pipeline.shards import Failure, Marker, ShardFolder, ShardStats

Report = Callable[[int], object]
"""Takes how many photos of a shard are done so far."""

PhotosRead = TypeVar("PhotosRead")


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Where shards are computed: on a device `cpu`, `cuda` or `cuda:N`, by `count` local processes (0: in this one).

    Args:
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
class JobPart:
    """Which shards of a folder a run makes where several share it: every `count`-th, from the `number`-th on."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "JobPart":
        """The third of sixteen is `3/16`.

        Raises:
            UserError: It is not of that form, or there is no such part.
        """
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        number, count = map(int, found.groups()) if found is not None else (0, 0)
        if not 1 <= number <= count:
            raise UserError(f"--part {text}: not I/N with I between 1 and N", "The third of sixteen is --part 3/16.")
        return cls(number, count)

    def share(self, shards: int) -> range:
        """Numbers of its shards, of so many."""
        return range(self.number - 1, shards, self.count)


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What a finished shard's task gives back: what the marker tells of it, never arrays.

    `computed` is False where the shard was already committed when the task began.
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
    """A computed shard that is not written yet; `write` fills its new HDF5 file."""

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

        What waiting for a batch takes is added to `seconds[waiting]`, what the loop does with it to `compute`.

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
        """Read and compute one shard, taking its turn at the networks. Called from several threads; safe to repeat."""
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
        """Load the networks, once in each worker process, for shards that go into `folder`.

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


@dataclass(frozen=True, slots=True)
class ShardJob:
    """Everything a worker needs to know; the plan and the photos it finds in their folders.

    The number of `threads` of the networks on a CPU changes the last bits; None for a computation without torch.
    """

    folder: ShardFolder
    spec: ComputationSpec
    device: str = "cpu"
    threads: int | None = None

    def open(self) -> "ShardWork":
        """Load the networks, once in each worker process, after a look at whether this machine can do the job.

        Raises:
            UserError: This worker lacks the device, or has other weights or files than the driver.
        """
        if self.device.startswith("cuda"):
            import torch  # a worker without a GPU may do without it

            if not torch.cuda.is_available():
                raise UserError(f"This worker has no GPU, and the device is {self.device}.", "Give --device cpu.")
        folder = self.folder.found_here()
        claimed = folder.settings
        for name, here in self.spec.describe().items():
            if here != claimed.get(name):
                raise UserError(
                    f"This worker would run another {name}: {here} instead of {claimed.get(name)}.",
                    "Give every machine the same weights and configuration files.",
                )
        use_threads(self.threads)
        return ShardWork(folder, self.spec.load(folder, self.device), Turns(self.threads))


class ShardWork:
    """A job with its networks loaded."""

    def __init__(self, folder: ShardFolder, computation: Computation, turns: Turns) -> None:
        self._folder = folder
        self._computation = computation
        self._turns = turns

    def run(self, index: int, report: Report) -> ShardResult:
        """Compute and commit one shard, unless it is committed already. Called from several threads; safe to repeat."""
        committed = self._folder.committed(index)
        if committed is not None:
            return ShardResult.of(committed, computed=False)
        self._folder.check_held()
        content = self._computation.compute(index, self._turns, report)
        return ShardResult.of(self._folder.commit(index, content.write, content.stats), computed=True)

    def close(self) -> None:
        """No more shards will be asked for; `run` calls that are still under way may raise early."""
        self._turns.stop()
