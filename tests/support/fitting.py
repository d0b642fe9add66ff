"""Small models fitted to a batch of rows, and what they then say."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dgf.model.batch import Batch
from dgf.model.interface import RelationModel
from support.batches import select_rows


def fit(model: RelationModel, batch: Batch, steps: int, size: int = 32, rate: float = 2e-3) -> RelationModel:
    """Train a model on rows, at a rate that rises and falls; return it in evaluation mode."""
    model.train()
    inside, new, _ = model.parameter_groups()
    optimizer = torch.optim.AdamW(inside + new, lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 20) * (1 - step / steps))
    torch.manual_seed(0)
    order = torch.cat([torch.randperm(len(batch)) for _ in range(1 + steps * size // len(batch))])
    for rows in order.split(size)[:steps]:
        part = select_rows(batch, rows)
        total = model.loss(model(part), part)["total"]
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(inside + new, 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: RelationModel, batch: Batch) -> float:
    """Share of the rows whose most probable relation is theirs."""
    return float((model(batch).log_probs.argmax(1) == batch.relations).float().mean())


@torch.no_grad()
def answers(model: Callable[[Batch], Any], batch: Batch) -> Tensor:
    """(B, R) what a model says."""
    log_probs: Tensor = model(batch).log_probs
    return log_probs
