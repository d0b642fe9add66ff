"""SIGTERM while a run is validated: it ends after that batch, saved, and goes on to what it would have been."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgf.model.baselines.prompt import Prompt
from dgf.model.dgf_pt.network import DGF
from dgf.workflows.config import resolve_config
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.checkpoints import load_training_state
from dgf.workflows.training.run_folder import RunFolder
from dgf.workflows.training.signals import TerminatedError
from support.small_world import TINY, write_posts

BATCHES = 3
"""Of two rows, of a validation."""
PROMPT = ("model.name=prompt", "model.fit=none", TINY[0], "optim.batch_size=2")
LEARNING = (*TINY, "optim.batch_size=2", "optim.epochs=3", "optim.checkpoint_every=none", "model.dropout=0.3")


@contextmanager
def counted(end_after: int | None = None) -> Iterator[dict[str, int]]:
    """Count steps and validated batches; SIGTERM comes in one of these."""
    counts = {"steps": 0, "batches": 0}

    def step(*_: Any) -> None:
        counts["steps"] += 1

    def batch(module: Any, *_: Any) -> None:
        if isinstance(module, DGF | Prompt) and not module.training:
            counts["batches"] += 1
            if counts["batches"] == end_after:
                os.kill(os.getpid(), signal.SIGTERM)

    handles = [register_optimizer_step_post_hook(step), register_module_forward_hook(batch)]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize(
    ("words", "epoch", "steps", "of"),
    [(LEARNING, 2, 12, 18), (LEARNING, 3, 18, 18), (PROMPT, 1, 0, 0)],
    ids=["second-epoch", "last-epoch", "nothing-learns"],
)
def test_a_run_ends_within_a_batch_of_its_validation_and_goes_on(
    words: tuple[str, ...], epoch: int, steps: int, of: int, tmp_path: Path
) -> None:
    posts = {"path": str(write_posts(tmp_path / "posts")), "missing_images": "text-only"}
    config = resolve_config("demo", None, words, posts)
    train(TrainSettings(config, tmp_path / "whole", "cpu"))
    stopped = TrainSettings(config, tmp_path / "stopped", "cpu", resume=True)
    before = BATCHES * (epoch - 1)

    # twice, since a run that was stopped may be stopped again
    with counted(before + 1) as counts, pytest.raises(TerminatedError, match=f"before the validation of epoch {epoch}"):
        train(stopped)
    assert counts == {"steps": steps, "batches": before + 1}
    with counted(2) as counts, pytest.raises(TerminatedError, match=f"before the validation of epoch {epoch}"):
        train(stopped)
    assert counts == {"steps": 0, "batches": 2}, "no step is taken again"
    progress = load_training_state(RunFolder(tmp_path / "stopped").last)["progress"]
    assert (progress["epoch"], progress["step"]) == (epoch - 1, of // 3)
    assert not RunFolder(tmp_path / "stopped").finished

    with counted() as counts:
        train(stopped)
    assert counts == {"steps": of - steps, "batches": BATCHES * (3 if of else 1) - before}
    for weights in (best_weights, last_weights):
        whole, other = (weights(tmp_path / run) for run in ("whole", "stopped"))
        assert whole.keys() == other.keys() and all(torch.equal(whole[name], other[name]) for name in whole)
    assert story(tmp_path / "whole") == story(tmp_path / "stopped")


def best_weights(run: Path) -> dict[str, Tensor]:
    return load_file(run / "model.safetensors")


def last_weights(run: Path) -> dict[str, Tensor]:
    return dict(load_training_state(RunFolder(run).last)["network"])


def story(run: Path) -> list[dict[str, object]]:
    """The lines of `metrics.jsonl` without what the clock says."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: line[key] for key in ("epoch", "loss", "val", "learning_rates")} for line in lines]
