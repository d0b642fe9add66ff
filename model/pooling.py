"""Means over spans and masks, and cosines, without a loop over rows."""

import torch
import torch.nn.functional as F
from torch import Tensor


def in_spans(spans: Tensor, length: int) -> Tensor:
    """Say which of L positions are in each span: (B, 2, 2) [start, end) -> (B, 2, L) bool."""
    position = spans.new_ones(length).cumsum(0) - 1  # (L,)
    return (position >= spans[..., :1]) & (position < spans[..., 1:])


def span_mean(values: Tensor, spans: Tensor, counted: Tensor | None = None) -> Tensor:
    """Average over each span: (B, L, N) and (B, 2, 2) [start, end) -> (B, 2, N).

    Where `counted`, (B, L) bool, is given, over the span's positions in it.
    """
    inside = in_spans(spans, values.shape[1])
    if counted is not None:
        inside = inside & counted.unsqueeze(1)
    weight = inside.to(values.dtype)
    return weight @ values / weight.sum(2, keepdim=True).clamp(min=1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average over the positions of the mask, 0 where there are none: (B, S, N) and (B, S) bool -> (B, N)."""
    weight = mask.to(values.dtype).unsqueeze(1)  # (B, 1, S)
    return (weight @ values / weight.sum(2, keepdim=True).clamp(min=1)).squeeze(1)


def normalized(states: Tensor) -> Tensor:
    """Bring (..., N) states of any language model to mean 0 and variance 1, so that what reads them has one scale."""
    return F.layer_norm(states, states.shape[-1:])


def cosines(left: Tensor, right: Tensor) -> Tensor:
    """Compute the cosine of every pair: (..., A, N) and (..., C, N) -> (..., A, C).

    In float32 also under autocast: a language model's states have cosines near 1, where bfloat16 has steps of 0.004.
    """
    with torch.autocast(left.device.type, enabled=False):
        return F.normalize(left.float(), dim=-1) @ F.normalize(right.float(), dim=-1).transpose(-1, -2)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Take the softmax over the last dimension within a mask, all zeros where the mask is empty."""
    lowest = scores.masked_fill(~mask, float("-inf")).amax(-1, keepdim=True)
    shifted = (scores - lowest.clamp(min=-1e4)).masked_fill(~mask, float("-inf"))
    weight = shifted.exp()
    return weight / weight.sum(-1, keepdim=True).clamp(min=1e-12)
