import os
import signal
from pathlib import Path

import pytest
from distributed import LocalCluster

from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import WorkerPool
from dgf.pipeline.jobs.tasks import run_tasks


def divide(number: int) -> float:
    return 6 / number


def threads(number: int) -> tuple[int, str | None]:
    import torch

    return torch.get_num_threads(), os.environ.get("TQDM_DISABLE")


def die_once(file: Path) -> str:
    """Takes its worker down the first time, as running out of memory does."""
    if file.exists():
        return "continued"
    file.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("is dead")


@pytest.mark.parametrize("workers", [WorkerPool(), WorkerPool(count=2)], ids=["here", "processes"])
def test_every_task_ends_in_its_result_or_in_what_it_raised(workers: WorkerPool) -> None:
    ended = dict(run_tasks(divide, {"two": 2, "none": 0, "three": 3}, workers))
    assert isinstance(ended.pop("none"), ZeroDivisionError)
    assert ended == {"two": 3, "three": 2}


def test_workers_share_the_cores_out_and_show_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(6))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert dict(run_tasks(threads, {"a": 1, "b": 2}, WorkerPool(count=2))) == {"a": (3, "1"), "b": (3, "1")}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert dict(run_tasks(threads, {"a": 1}, WorkerPool(count=1))) == {"a": (1, "1")}
    assert dict(run_tasks(threads, {"a": 1}, WorkerPool(count=2, threads=2))) == {"a": (2, "1")}


def test_a_task_whose_worker_died_runs_again(tmp_path: Path) -> None:
    ended = dict(run_tasks(die_once, {"one": tmp_path / "one", "two": tmp_path / "two"}, WorkerPool(count=2)))
    assert ended == {"one": "continued", "two": "continued"}


def test_a_scheduler_that_is_there_or_not() -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        pool = WorkerPool(scheduler=cluster.scheduler_address)
        assert dict(run_tasks(divide, {"two": 2}, pool)) == {"two": 3}
    with pytest.raises(UserError, match="No Dask scheduler answers"):
        list(run_tasks(divide, {"two": 2}, WorkerPool(scheduler="tcp://127.0.0.1:9")))
