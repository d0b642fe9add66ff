"""A training on two processes that SIGTERM ends, and that goes on: `... FINISHED-RUN OUT WHERE`.

WHERE is `step`, its second; or a batch of its second validation, `validation`, where `helper` tells the other process.
"""

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgf.model.dgf_pt.network import DGF
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.checkpoints import load_training_state
from dgf.workflows.training.run_folder import RunFolder
from dgf.workflows.training.signals import TerminatedError

STEPS, BATCHES = 3, 2
"""Of an epoch, and of its validation."""

if __name__ == "__main__":
    like, out, where = RunFolder(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
    counts = {"steps": 0, "batches": 0}

    def end_at_the_second(*_: Any) -> None:
        counts["steps"] += 1
        if counts["steps"] == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    def end_in_the_second(module: Any, *_: Any) -> None:
        if isinstance(module, DGF) and not module.training:
            counts["batches"] += 1
            if counts["batches"] == BATCHES + 1:
                [helper] = multiprocessing.active_children()
                told = helper.pid if where == "helper" else os.getpid()
                assert told
                os.kill(told, signal.SIGTERM)

    settings = TrainSettings(like.load_config(), out, "cpu", resume=True, processes=2)
    handle = (
        register_optimizer_step_post_hook(end_at_the_second)
        if where == "step"
        else register_module_forward_hook(end_in_the_second)
    )
    try:
        train(settings)
        sys.exit("it did not end")
    except TerminatedError:
        handle.remove()
    progress = load_training_state(RunFolder(out).last)["progress"]
    assert (progress["epoch"], progress["step"]) == ((0, 2) if where == "step" else (1, STEPS)), progress
    train(settings)
