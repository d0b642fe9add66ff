"""Dropout at a CPU's speed: torch draws a number for each entry there, which takes a sixth of a training step."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEVELS = 1 << 16
"""Of the 16 random bits that decide about an entry."""
_ENTRIES = 4
"""That one draw of 64 bits decides about."""


def drop(states: Tensor, share: float) -> Tensor:
    """Zero a share of the entries, rounded to 1/65536, and scale the others, as `torch.nn.functional.dropout` does.

    On a CPU one draw of torch's own generator decides about four entries, with a third of the time; elsewhere, and
    where torch compiles, it is torch's function.

    Args:
        states: Of any shape.
        share: From 0 to below 1.
    """
    if not share:
        return states
    if states.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(states, share)
    zeroed = round(share * _LEVELS)
    draws = torch.empty(-(-states.numel() // _ENTRIES), dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
    kept = draws.view(torch.int16)[: states.numel()].view(states.shape) >= zeroed - _LEVELS // 2
    return states * kept.to(states.dtype).mul_(_LEVELS / (_LEVELS - zeroed))


class Dropout(nn.Module):
    """Drops by `drop` while it trains; `p` is the share, as torch names it."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, states: Tensor) -> Tensor:
        """Drop a share of the entries, in evaluation none."""
        return drop(states, self.p) if self.training else states
