"""What the loop works on, and where a run stands."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from dgf.model.interface import RelationModel
from dgf.workflows.config import TrainConfig
from dgf.workflows.data import BatchMaker
from dgf.workflows.training.processes import ALONE, Processes


@dataclass(frozen=True, slots=True)
class Trainer:
    """Everything the loop needs."""

    model: RelationModel
    optimizer: Optimizer
    schedule: LambdaLR
    config: TrainConfig
    device: torch.device
    train: BatchMaker
    val: BatchMaker
    processes: Processes = ALONE

    @property
    def epochs(self) -> int:
        """Epochs of the run: one, without a step, where nothing in the model learns."""
        return self.config.optim.epochs if self.learning else 1

    @property
    def learning(self) -> int:
        """How many numbers of the model learn."""
        return sum(p.numel() for group in self.optimizer.param_groups for p in group["params"])


@dataclass(slots=True)
class Progress:
    """Where a run stands; part of every checkpoint.

    Args:
        epoch: Epochs that are done.
        best_epoch: The one with the best validation F1 so far; 0 before the first.
        best_f1: That F1.
        metrics: A line of `metrics.jsonl` for each epoch.
        step: Steps that are done of the epoch after these.
        sums: Their losses, each summed over rows.
        seconds: Time that they took.
        waited: Part of it spent waiting for batches.
        stream: Whether the order of rows is that of features that fit into no memory; decided once, since it must stay
            whatever memory is free later. None in a run of an older version.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_f1: float = -1.0
    metrics: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    waited: float = 0.0
    stream: bool | None = None

    def check(self) -> None:
        """Raise a ValueError, KeyError or TypeError where a checkpoint held something else under these names."""
        counts = (self.epoch, self.best_epoch, self.step)
        numbers = [self.best_f1, self.seconds, self.waited, *self.sums.values()]
        for line in self.metrics:
            figures = (line["loss"][name] for name in self.metrics[0]["loss"])
            numbers += [line["epoch"], line["rows_per_second"], *figures, *line["val"].values()]
            numbers += [line.get("seconds", 0.0), line.get("seconds_waited", 0.0)]
        if not all(type(count) is int and count >= 0 for count in counts) or len(self.metrics) != self.epoch:
            raise ValueError("it does not count epochs and steps")
        if not all(type(number) in (int, float) for number in numbers):
            raise ValueError("its figures are no numbers")
