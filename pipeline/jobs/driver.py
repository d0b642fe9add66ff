"""The driver's part, whichever the computation: the shards still to do, run with a bar, and the folder summed up."""

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dgf.pipeline.jobs.base import JobPart, ShardJob, ShardResult, WorkerPool
from dgf.pipeline.jobs.cluster import run_job
from dgf.pipeline.progress import photo_bar
from dgf.pipeline.shards import Failure, Marker, recorded_threads, shard_name

_MOST_THREADS = 4
_STAGES = ("read", "wait", "compute", "write")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShardsDone:
    """A folder in which every shard of this run is done: markers by index, failures by id, rows, others' included.

    `computed` are the rows of this run's shards, `seconds` what these took by stage.
    """

    markers: tuple[Marker, ...]
    failures: tuple[Failure, ...]
    rows: int
    computed: int
    seconds: Mapping[str, float]


def run_shards(
    job: ShardJob,
    sizes: Sequence[int],
    workers: WorkerPool,
    *,
    title: str,
    per_worker: int = 1,
    part: JobPart | None = None,
) -> ShardsDone:
    """Run the shards that are not committed yet, with a bar; `sizes` are the photos of every shard of the plan.

    Every committed shard is read first: one that is not what its marker says is made again, and no other. Where the run
    does a `part` of the plan, it leaves the shards of the others alone.

    Raises:
        UserError: Workers cannot be had or cannot do the job, or shards failed; what was finished is kept.
    """
    own = range(len(sizes)) if part is None else part.share(len(sizes))
    with photo_bar("check", sum(sizes[index] for index in own)) as check:
        damage = job.folder.find_damage(own, lambda index: check.update(sizes[index]))
    for index, fault in damage.items():
        _log.warning("%s.h5 is damaged (it %s): it is made again", job.folder.path / shard_name(index), fault)
        job.folder.withdraw(index)
    todo = [index for index in own if job.folder.committed(index) is None]
    planned = [size if index in own else 0 for index, size in enumerate(sizes)]
    with PhotoBar(title, planned, todo) as bar:
        run_job(
            job,
            todo,
            workers=workers.count,
            scheduler=workers.scheduler,
            on_result=bar.result,
            on_photos=bar.photos,
            per_worker=per_worker,
        )
    job.folder.refresh()  # with what workers elsewhere have done
    computed = [result for result in bar.results if result.computed]
    markers = [marker for index in range(len(sizes)) if (marker := job.folder.committed(index))]
    failures = (failure for marker in markers for failure in marker.stats.failures)
    return ShardsDone(
        markers=tuple(markers),
        failures=tuple(sorted(failures, key=lambda failure: failure.image_id)),
        rows=sum(marker.stats.rows for marker in markers),
        computed=sum(result.rows for result in computed),
        seconds={stage: sum(result.seconds.get(stage, 0.0) for result in computed) for stage in _STAGES},
    )


class PhotoBar:
    """A progress bar that counts photos while their shards are still under way, in whichever process."""

    def __init__(self, title: str, planned: Sequence[int], todo: Sequence[int]) -> None:
        self.results: list[ShardResult] = []
        self._planned = planned
        self._seen = dict.fromkeys(todo, 0)
        self._lock = threading.Lock()
        total = sum(planned)
        self._bar = photo_bar(title, total, done=total - sum(planned[index] for index in todo))

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


def usual_threads() -> int:
    """Threads of the networks on this machine's CPU unless told otherwise."""
    return min(_MOST_THREADS, len(os.sched_getaffinity(0)))


def choose_threads(workers: WorkerPool, out: Path, *, overwrite: bool) -> int:
    """What was asked for, or what the folder was begun with, or a few; never by the number of workers.

    On a CPU the number of threads changes the last bits of what is computed, so it is one of the folder's settings.
    """
    begun_with = None if overwrite or workers.device_kind != "cpu" else recorded_threads(out)
    return workers.threads or begun_with or usual_threads()
