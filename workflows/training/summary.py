"""`summary.json`: what the training cost."""

import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dgf.pipeline.files import write_json


def summarize(
    metrics: Sequence[Mapping[str, Any]], device: torch.device, processes: int, learning: int
) -> dict[str, Any]:
    """Sum up the epochs of a run, those from before it was resumed among them; memory is this process's, since then.

    `learning` is how many numbers of the model learned; where it is 0, nothing was trained, and the one epoch is a
    validation of the model as it came.

    `share_waited` is the part of the time of the steps in which they waited for batches. The share of the limit, the
    bare language model's speed, is what `dgf bench train` measures.
    """
    rates = [line["rows_per_second"] for line in metrics]
    seconds = sum(line.get("seconds", 0.0) for line in metrics)  # older versions wrote the rate alone
    waited = sum(line.get("seconds_waited", 0.0) for line in metrics)
    return {
        "epochs": len(metrics),
        "trained_parameters": learning,
        "rows_per_second": round(sum(rates) / max(1, len(rates)), 1),
        "seconds": round(seconds, 3),
        "seconds_waited": round(waited, 3),
        "share_waited": round(waited / seconds, 4) if seconds else 0.0,
        "peak_memory_bytes": peak_memory(device),
        "device": str(device),
        "processes": processes,
    }


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write `summary.json` of a run."""
    write_json(folder / "summary.json", dict(summary))


def peak_memory(device: torch.device) -> int:
    """Return the most bytes in use so far: of the GPU by tensors, or of this process in host memory."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, KiB elsewhere
