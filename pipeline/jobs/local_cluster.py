"""Dask workers on this machine: one process each, and one GPU each where there are GPUs."""

# mypy: untyped-calls-exclude=distributed

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

import dask
from distributed import Nanny, Scheduler, SpecCluster

DEATHS = 2
"""How many workers a shard may take down before it is given up (schedulers started by hand have their own limit)."""


@contextlib.contextmanager
def local_cluster(workers: int, per_worker: int, device: str) -> Iterator[SpecCluster]:
    """Worker processes on this machine, each with one GPU where the device is one; a dead one is replaced."""
    gpus = _gpus() if device.startswith("cuda") else []
    options: dict[str, Any] = {"nthreads": per_worker, "memory_limit": None, "silence_logs": logging.CRITICAL}
    specification = {
        number: {
            "cls": Nanny,
            "options": {**options, "env": {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {}},
        }
        for number in range(workers)
    }
    head = {"host": "127.0.0.1", "dashboard": True, "dashboard_address": "127.0.0.1:0"}
    with dask.config.set({"distributed.scheduler.allowed-failures": DEATHS}):
        cluster = SpecCluster(
            workers=specification, scheduler={"cls": Scheduler, "options": head}, silence_logs=logging.CRITICAL
        )
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
