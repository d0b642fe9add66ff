"""Shards on worker processes: in this process, on local ones (one a GPU), or on a Dask scheduler that is there.

A shard is one task. A task may run twice (its worker died, or was slow to say that it had finished): shards are
committed by renaming and come out the same, so that does no harm.
"""

# mypy: untyped-calls-exclude=distributed

import asyncio
import concurrent.futures
import contextlib
import functools
import importlib.metadata
import logging
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import as_completed as threads_completed
from dataclasses import dataclass, field, replace
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, Nanny, Scheduler, SpecCluster, Worker, WorkerPlugin, get_worker
from distributed import as_completed as tasks_completed
from distributed.comm.core import CommClosedError

from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import ShardJob, ShardResult, ShardWork
from dgf.pipeline.shards import shard_name

CONNECT_SECONDS = 20
RETRIES = 1
"""How often a shard whose task raised is tried again."""
DEATHS = 2
"""How many workers a shard may take down before it is given up (schedulers started by hand have their own limit)."""
_TRIM = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
"""Dask has workers give freed memory back at once, which a training step asks for again: a quarter of its time."""
LOST = (CommClosedError, asyncio.CancelledError, concurrent.futures.CancelledError)
AGAIN = "What was finished is kept: run the same command again to continue."

_log = logging.getLogger(__name__)


def run_job(
    job: ShardJob,
    indices: Sequence[int],
    *,
    workers: int = 0,
    scheduler: str | None = None,
    on_result: Callable[[ShardResult], object] = lambda result: None,
    on_photos: Callable[[int, int], object] = lambda index, done: None,
    per_worker: int = 1,
) -> None:
    """Run the shards, wherever the workers are. One that fails stops no other.

    The workers are `workers` processes here (0: this one), or those of a Dask `scheduler`, which may come and go at
    any time. Each has `per_worker` shards in hand at once, so that reading one continues beside computing another.
    `on_result` is called in this process as each shard ends, `on_photos` too, from any thread, with a shard's number
    and how many of its photos are done.

    Raises:
        UserError: The scheduler cannot be reached or was lost, a worker cannot do the job, or shards failed.
    """
    if not indices:
        return
    progress = _Progress(on_result, on_photos)
    if scheduler is not None:
        _run_there(job, indices, scheduler, progress)
    elif workers == 0:
        _run_here(job, indices, per_worker, progress)
    else:
        with local_cluster(min(workers, len(indices)), per_worker, job.device) as cluster:
            _log.info("dashboard of the workers: %s", cluster.dashboard_link)
            # Each worker sees one GPU, whatever its number is outside.
            _run_there(replace(job, device=job.device.partition(":")[0]), indices, cluster.scheduler_address, progress)
    progress.check(len(indices))


@dataclass
class _Progress:
    """Hands results on and gathers what failed."""

    on_result: Callable[[ShardResult], object]
    on_photos: Callable[[int, int], object]
    faults: dict[int, str] = field(default_factory=dict)

    def failed(self, index: int, error: BaseException) -> None:
        self.faults[index] = f"{type(error).__name__}: {error}"

    def check(self, total: int) -> None:
        if self.faults:
            shown = "; ".join(f"{shard_name(index)}: {fault}" for index, fault in sorted(self.faults.items())[:5])
            raise UserError(f"{len(self.faults)} of {total} shards failed: {shown}", AGAIN)


def _run_here(job: ShardJob, indices: Sequence[int], per_worker: int, progress: _Progress) -> None:
    work = job.open()
    with ThreadPoolExecutor(per_worker) as pool:
        try:
            futures = {
                pool.submit(work.run, index, functools.partial(progress.on_photos, index)): index for index in indices
            }
            for future in threads_completed(futures):
                error = future.exception()
                if error is None:
                    progress.on_result(future.result())
                else:
                    progress.failed(futures[future], error)
        except BaseException:
            work.close()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    work.close()


@contextlib.contextmanager
def local_cluster(
    workers: int, per_worker: int, device: str, environment: Mapping[str, str] | None = None
) -> Iterator[SpecCluster]:
    """Worker processes on this machine, each with one GPU where the device is one; a dead one is replaced.

    `environment` are variables that they have beside those of this process.

    Raises:
        UserError: They do not start.
    """
    gpus = _gpus() if device.startswith("cuda") else []
    options: dict[str, Any] = {"nthreads": per_worker, "memory_limit": None, "silence_logs": logging.CRITICAL}
    nannies = {}
    for number in range(workers):
        env = {**(environment or {}), **({"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {})}
        nannies[number] = {"cls": Nanny, "options": {**options, "env": env}}
    address = {"host": "127.0.0.1", "dashboard": True, "dashboard_address": "127.0.0.1:0"}
    scheduler = {"cls": Scheduler, "options": address}
    with dask.config.set({"distributed.scheduler.allowed-failures": DEATHS, _TRIM: None}):
        try:
            cluster = SpecCluster(workers=nannies, scheduler=scheduler, silence_logs=logging.CRITICAL)
        except RuntimeError as error:
            raise UserError(
                f"the local workers do not start: {error}",
                "They talk over 127.0.0.1: see that this machine reaches itself (`ip link set lo up`), or work in this "
                "process, with --workers 0.",
            ) from error
        try:
            yield cluster
        finally:
            with contextlib.suppress(AssertionError):  # a worker that is just being started again cannot be joined
                cluster.close()


def _gpus() -> list[str]:
    """What `CUDA_VISIBLE_DEVICES` may name, one a GPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible:
        return [name.strip() for name in visible.split(",")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _run_there(job: ShardJob, indices: Sequence[int], address: str, progress: _Progress) -> None:
    lost = UserError(f"The scheduler at {address} was lost.", AGAIN)
    with connect(address, lost) as client:
        if not client.nthreads():
            _log.info("the scheduler at %s has no workers yet: waiting for the first", address)
        plugin = JobPlugin(job)
        client.register_plugin(plugin)
        client.subscribe_topic(plugin.name, lambda event: progress.on_photos(*event[1]))

        def run(some: Sequence[int], attempt: str) -> list[int]:
            """The shards among `some` whose workers died."""
            futures = {}
            for index in some:
                key = f"{plugin.name}-{shard_name(index)}-{attempt}"
                futures[client.submit(run_in_worker, index, plugin.name, key=key, retries=RETRIES)] = index
            done = tasks_completed(futures, loop=client.loop)
            return [futures[future] for future in done if not _take(future, futures[future], progress, lost)]

        there = True
        try:
            # One shard that brings workers down takes what is beside it along: those are told apart by running alone.
            for index in sorted(run(indices, "first")):
                if run([index], "alone"):
                    progress.faults[index] = "every worker that took it died (out of memory?)"
        except (UserError, *LOST):
            there = False
            raise
        finally:
            if there:  # a lost scheduler would be waited for
                client.unregister_worker_plugin(plugin.name)


def _take(future: "Future[Any]", index: int, progress: _Progress, lost: UserError) -> bool:
    """Hand on the outcome of a shard; False if its workers died.

    The worker that holds a finished result may die before it is fetched: Dask then runs the task again, and this waits.
    """
    try:
        result = future.result()
    except KilledWorker:
        return False
    except LOST as error:  # nobody but us cancels, and we do not
        raise lost from error
    except Exception as error:
        progress.failed(index, error)
    else:
        progress.on_result(result)
    return True


@contextlib.contextmanager
def connect(address: str, lost: UserError) -> Iterator[Client]:
    """A client of a scheduler; `lost` is raised where it goes away.

    Raises:
        UserError: None answers there.
    """
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"No Dask scheduler answers at {address}: {error}",
            "Start one with `dask scheduler`, and give the address that it prints, such as tcp://10.0.0.1:8786.",
        ) from error
    with client:
        try:
            yield client
        except LOST as error:  # a scheduler that goes away shows in whatever call is under way
            raise lost from error


class JobPlugin(WorkerPlugin):
    """Holds a job's work, with its models, in each worker; late workers get it as they join."""

    def __init__(self, job: ShardJob) -> None:
        self.name = f"dgf-{secrets.token_hex(4)}"
        self._job = job
        self._version = importlib.metadata.version("dgf")
        self.work: ShardWork | None = None

    async def setup(self, worker: Worker) -> None:
        """Check the version and load the models, beside the worker's heartbeat."""
        here = importlib.metadata.version("dgf")
        if here != self._version:
            raise UserError(
                f"The worker at {worker.address} has dgf {here}, this is {self._version}.",
                "Install the same version on every machine.",
            )
        self.work = await asyncio.to_thread(self._job.open)

    def teardown(self, worker: Worker) -> None:
        """Let the models go."""
        if self.work is not None:
            self.work.close()
            self.work = None


def run_in_worker(index: int, plugin: str) -> ShardResult:
    """The task: one shard with this worker's models."""
    worker = get_worker()
    held = worker.plugins[plugin]
    if not isinstance(held, JobPlugin) or held.work is None:
        raise RuntimeError(f"the worker's plugin {plugin} is closed")
    return held.work.run(index, lambda done: worker.log_event(plugin, (index, done)))
