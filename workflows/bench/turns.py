"""Things timed in turns, so that whatever else a machine does slows all of them."""

import time
from collections.abc import Callable
from statistics import median

import torch


def in_turns(*runs: Callable[[], object], rounds: int, device: torch.device) -> list[float]:
    """Return the median seconds of each, run in turns, once more than is counted."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds + 1):
        for run, times in zip(runs, seconds, strict=True):
            started = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - started)
    return [median(times[1:]) for times in seconds]
