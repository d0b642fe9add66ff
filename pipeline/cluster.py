"""Shards on worker processes: in this process, on local ones (one per GPU), or on a Dask scheduler that is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dgf.pipeline.commit import Failure, Marker


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


class ShardWork(Protocol):
    """Work with its models loaded, living in one worker process."""

    def run(self, index: int) -> ShardResult:
        """Read, compute and commit one shard; safe to run twice. May be called from several threads at once."""
        ...


class ShardJob(Protocol):
    """Settings of some work: small and picklable, no models."""

    def open(self, device: str) -> ShardWork:
        """Load the models, once in each worker process, and see that they are those of the settings.

        Args:
            device: `cpu`, `cuda` or `cuda:N`; a worker with a GPU of its own sees it as `cuda`.

        Raises:
            UserError: This worker lacks the weights, has others, or lacks the device.
        """
        ...


def run_job(
    job: ShardJob,
    indices: Sequence[int],
    *,
    workers: int,
    scheduler: str | None,
    device: str,
    on_result: Callable[[ShardResult], None],
    per_worker: int = 1,
) -> None:
    """Run the shards, wherever the workers are; `on_result` is called in this process as each ends."""
    raise NotImplementedError
