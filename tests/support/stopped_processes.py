"""A training on two processes that SIGTERM ends at its second step, and that goes on: `... FINISHED-RUN OUT`."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook

from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.checkpoints import load_training_state
from dgf.workflows.training.run_folder import RunFolder
from dgf.workflows.training.signals import TerminatedError

if __name__ == "__main__":
    like, out = RunFolder(Path(sys.argv[1])), Path(sys.argv[2])
    steps = [0]

    def end_at_the_second(*_: Any) -> None:
        steps[0] += 1
        if steps[0] == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    settings = TrainSettings(like.load_config(), out, "cpu", resume=True, processes=2)
    handle = register_optimizer_step_post_hook(end_at_the_second)
    try:
        train(settings)
        sys.exit("it did not end")
    except TerminatedError:
        handle.remove()
    progress = load_training_state(RunFolder(out).last)["progress"]
    assert (progress["epoch"], progress["step"]) == (0, 2), progress
    train(settings)
