"""What extraction and captioning share: the shards still to do, run with a bar, and the threads they are run with."""

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from dgf.pipeline.jobs.cluster import ShardJob, ShardResult, run_job
from dgf.pipeline.shards.commit import SETTINGS, committed
from dgf.pipeline.shards.plan import Plan
from dgf.workflows.devices import choose_device

MOST_THREADS = 4


class ShardSettings(Protocol):
    """The options that both commands have."""

    @property
    def out(self) -> Path:
        """Folder of the shards."""

    @property
    def workers(self) -> int:
        """Local worker processes."""

    @property
    def scheduler(self) -> str | None:
        """Address of a Dask scheduler."""

    @property
    def device(self) -> str:
        """`auto`, `cpu`, `cuda` or `cuda:N`."""

    @property
    def threads(self) -> int | None:
        """Of the networks on a CPU."""

    @property
    def overwrite(self) -> bool:
        """Make an existing folder anew."""


class PhotoBar:
    """A progress bar that counts photos while their shards are still under way, in whichever process."""

    def __init__(self, title: str, planned: Sequence[int], todo: Sequence[int]) -> None:
        self.results: list[ShardResult] = []
        self._planned = planned
        self._seen = dict.fromkeys(todo, 0)
        self._lock = threading.Lock()
        total, left = sum(planned), sum(planned[index] for index in todo)
        self._bar: tqdm[Any] = tqdm(
            total=total, initial=total - left, desc=title, unit=" photos", file=sys.stderr, mininterval=0.5
        )

    def __enter__(self) -> "PhotoBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def photos(self, index: int, done: int) -> None:
        """So many photos of a shard are done; one that is run again counts only what is new."""
        with self._lock:
            new = min(done, self._planned[index]) - self._seen[index]
            if new > 0:
                self._seen[index] += new
                self._bar.update(new)

    def result(self, result: ShardResult) -> None:
        """A shard is committed."""
        self.results.append(result)
        self.photos(result.index, self._planned[result.index])


def run_shards(
    settings: ShardSettings,
    job: ShardJob,
    plan: Plan,
    fingerprint: str,
    *,
    device: str,
    title: str,
    per_worker: int = 1,
) -> list[ShardResult]:
    """Runs the shards that are not committed yet; returns those that this run computed."""
    planned = [sum(len(batch) for batch in shard) for shard in plan.shards]
    folder = settings.out.absolute()
    todo = [index for index in range(len(planned)) if committed(folder, index, fingerprint) is None]
    with PhotoBar(title, planned, todo) as bar:
        run_job(
            job,
            todo,
            workers=settings.workers,
            scheduler=settings.scheduler,
            device=device,
            on_result=bar.result,
            on_photos=bar.photos,
            per_worker=per_worker,
        )
    return [result for result in bar.results if result.computed]


def shard_device(settings: ShardSettings) -> tuple[str, str]:
    """The device to ask workers for, and its kind: `cpu` or `cuda`.

    A scheduler's workers have devices of their own, which need not be here; `auto` then asks for the kind found here.

    Raises:
        UserError: The device is not here, where the work is done here.
    """
    if not settings.scheduler:
        device = str(choose_device(settings.device))
    else:
        device = choose_device("auto").type if settings.device == "auto" else settings.device
    return device, device.partition(":")[0]


def usual_threads() -> int:
    """Threads of the networks on this machine's CPU unless told otherwise."""
    return min(MOST_THREADS, len(os.sched_getaffinity(0)))


def folder_threads(settings: ShardSettings, kind: str) -> int:
    """What was asked for, or what the folder was begun with, or a few; never by the number of workers.

    On a CPU the number of threads changes the last bits of what is computed, so it is one of the folder's settings.
    """
    if settings.threads is not None:
        return settings.threads
    recorded = settings.out / SETTINGS
    if kind == "cpu" and recorded.is_file() and not settings.overwrite:
        try:
            before: Any = json.loads(recorded.read_text(encoding="utf-8"))["threads"]
        except (ValueError, KeyError, TypeError):
            return usual_threads()
        return before if isinstance(before, int) and before > 0 else usual_threads()
    return usual_threads()
