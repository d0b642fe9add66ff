"""Any function over many values, in this process, on local worker processes or on a Dask scheduler that is there.

For work that keeps its own results, such as training runs: a task whose worker died runs again and continues from them.
"""

# mypy: untyped-calls-exclude=distributed

import importlib.metadata
import os
import secrets
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import TypeVar

from distributed import KilledWorker
from distributed import as_completed as tasks_completed

from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import WorkerPool, use_threads
from dgf.pipeline.jobs.cluster import AGAIN, LOST, connect, local_cluster

Value = TypeVar("Value")
Result = TypeVar("Result")

_QUIET = {"TQDM_DISABLE": "1"}
"""Bars of several processes would write over one another."""


def run_tasks(
    task: Callable[[Value], Result], values: Mapping[str, Value], workers: WorkerPool
) -> Generator[tuple[str, Result | Exception], None, None]:
    """Run the task for each value; yield each name, as its task ends, with the result or what the task raised.

    Task, values and results are pickled. The CPU threads of a task are those of the pool; where it does not say, local
    workers share the cores out among them that this process may use, and none has more than `OMP_NUM_THREADS`.

    Close the generator to give tasks up that have not ended.

    Raises:
        UserError: The scheduler cannot be reached, or was lost.
    """
    if workers.scheduler is not None:
        yield from _run_there(task, values, workers, workers.scheduler)
    elif workers.count == 0:
        for name, value in values.items():
            use_threads(workers.threads)
            yield name, _attempt(task, value)
    elif values:
        count = min(workers.count, len(values))
        shared = replace(workers, threads=workers.threads or _threads_each(count))
        with local_cluster(count, 1, workers.device, _QUIET) as cluster:
            yield from _run_there(task, values, shared, cluster.scheduler_address)


def _threads_each(workers: int) -> int:
    cores = len(os.sched_getaffinity(0)) // workers
    most = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(most)) if most.isdecimal() else cores)


def _attempt(task: Callable[[Value], Result], value: Value) -> Result | Exception:
    try:
        return task(value)
    except Exception as error:
        return error


def _run_there(
    task: Callable[[Value], Result], values: Mapping[str, Value], workers: WorkerPool, address: str
) -> Generator[tuple[str, Result | Exception], None, None]:
    lost = UserError(f"The scheduler at {address} was lost.", AGAIN)
    version, batch = importlib.metadata.version("dgf"), secrets.token_hex(4)
    with connect(address, lost) as client:
        names = {}
        for name, value in values.items():
            key = f"dgf-{batch}-{name}"
            names[client.submit(call_in_worker, task, value, workers.threads, version, key=key)] = name
        for future in tasks_completed(list(names), loop=client.loop):
            try:
                yield names[future], future.result()
            except KilledWorker:
                yield names[future], UserError("every worker that took it died (out of memory?)")
            except LOST as error:
                raise lost from error
            except Exception as error:
                yield names[future], error


def call_in_worker(task: Callable[[Value], Result], value: Value, threads: int | None, version: str) -> Result:
    """The task in a worker, of the same version as the driver and with its threads."""
    here = importlib.metadata.version("dgf")
    if here != version:
        raise UserError(
            f"The worker has dgf {here}, the driver {version}.", "Install the same version on every machine."
        )
    use_threads(threads)
    return task(value)
