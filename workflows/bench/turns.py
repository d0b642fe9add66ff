"""Two things timed in turns, so that whatever else a machine does slows both."""

import time
from collections.abc import Callable
from statistics import median

import torch


def in_turns(
    ours: Callable[[], object], limit: Callable[[], object], rounds: int, device: torch.device
) -> tuple[float, float]:
    """Return the median seconds of each, run in turns, once more than is counted."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for run, times in zip((ours, limit), seconds, strict=True):
            started = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - started)
    return median(seconds[0][1:]), median(seconds[1][1:])
