"""A training that is killed, or asked to end, right after a step; run in a process of its own."""

import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgf.workflows.config import TrainConfig
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.signals import TERMINATED, TerminatedError


def train_until(config: TrainConfig, out: Path, step: int | None, signal: int = 0) -> None:
    """Trains on one thread, or goes on with a run; sends itself the signal after so many steps of this process."""
    torch.set_num_threads(1)
    left = [step]

    def count(*_: Any) -> None:
        if left[0] is not None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal)

    register_optimizer_step_post_hook(count)
    try:
        train(TrainSettings(config, out, "cpu", resume=True))
    except TerminatedError as stopped:
        assert "--resume" in str(stopped)
        sys.exit(TERMINATED)
