"""The optimizer and its schedule (Table 3), with rates of their own for the language model and for the new layers."""

import math

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from dgf.model.interface import RelationModel
from dgf.workflows.config import OptimConfig


def make_optimizer(model: RelationModel, optim: OptimConfig, rows: int) -> tuple[Optimizer, LambdaLR]:
    """Make the optimizer of the weights that are trained, and the rate's rise and fall over all steps.

    Biases, norms and single vectors do not decay, unless all weights do.

    Args:
        model: Its language model's weights get `lm_learning_rate`, temperatures `temperature_rate`, the others
            `learning_rate`.
        optim: Rates, decay, epochs and batch size.
        rows: Training rows, which decide the number of steps.
    """
    rates = (optim.lm_learning_rate, optim.learning_rate, optim.temperature_rate)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for rate, parameters in zip(rates, model.parameter_groups(), strict=True):
        for parameter in parameters:
            decay = optim.weight_decay if parameter.ndim > 1 or optim.decay == "all" else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    grouped = [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]
    grouped = grouped or [{"params": []}]  # of a model in which nothing learns
    kind = SGD if optim.optimizer == "sgd" else AdamW
    optimizer = kind(grouped, fused=True)  # one pass over each weight, and none of its steps asks a GPU for a number
    steps = optim.epochs * math.ceil(rows / optim.batch_size)
    return optimizer, LambdaLR(optimizer, lambda step: _rate_factor(step, steps, optim))


def _rate_factor(step: int, steps: int, optim: OptimConfig) -> float:
    """Return the share of the full rate at a step: rising over the warm-up, then constant or falling to zero.

    The first step has a share of 1/warm-up, where the schedules of transformers begin with a step of rate zero.
    """
    warmup = optim.warmup_steps or max(1, round(optim.warmup * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 1.0 if optim.schedule == "constant" else max(0.0, (steps - step) / max(1, steps - warmup))
