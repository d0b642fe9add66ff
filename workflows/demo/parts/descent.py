"""How the demo's transformers learn: by AdamW, at a rate that rises for a twentieth of the steps and then falls."""

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR


def descend(
    model: nn.Module, losses: Iterable[Tensor], steps: int, rate: float, every: int, betas: tuple[float, float]
) -> Iterator[tuple[int, float]]:
    """Take a step for each loss, and tell the mean loss from time to time.

    Args:
        model: All of its parameters learn.
        losses: Of one batch each, made when they are asked for, so that each sees the step before it.
        steps: How many losses are taken.
        rate: The highest learning rate.
        every: After how many steps the mean is told.
        betas: Of AdamW.

    Yields:
        The number of steps taken, and the mean of the last `every` losses.
    """
    optimizer = AdamW(model.parameters(), lr=rate, betas=betas, weight_decay=0.01)
    schedule = LambdaLR(optimizer, lambda step: min(1, 20 * (step + 1) / steps) * (1 - step / steps))
    total = 0.0
    for step, loss in enumerate(islice(losses, steps), 1):
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        total += loss.item()
        if step % every == 0:
            yield step, total / every
            total = 0.0
