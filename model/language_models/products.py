"""Products with a layer's matrix by oneDNN, where they are faster than torch's own choice.

In float32 torch multiplies by MKL, which takes 2.2 times as long as oneDNN on an AMD processor; in bfloat16 by oneDNN
too, but it writes the bias in a pass of its own.
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

LEAST_WORK = 1 << 20
"""Multiplications below which oneDNN's start costs more than it gains."""

_CPUINFO = Path("/proc/cpuinfo")


def quicken_product(layer: nn.Module) -> None:
    """Have a linear layer multiply by `product` where that is faster; it keeps its weights and their names."""
    if type(layer) in (nn.Linear, Conv1D):  # and no kind of either, which may be of other weights
        layer.forward = partial(_multiply, layer, layer.forward)


def product(states: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply by oneDNN, on a CPU, as `torch.nn.functional.linear` does, up to rounding.

    Args:
        states: (..., I), in the type of the weights.
        weight: (O, I).
        bias: (O,).

    Returns:
        (..., O).
    """
    multiplied: Tensor = _Product.apply(states.reshape(-1, states.shape[-1]), weight, bias)
    return multiplied.reshape(*states.shape[:-1], -1)


def _multiply(layer: Any, plain: Callable[[Tensor], Tensor], states: Tensor) -> Tensor:
    """Multiply (..., I) by an nn.Linear, or a Conv1D, which holds its matrix the other way round."""
    device, weight = states.device.type, layer.weight
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype
    if dtype != weight.dtype or not _is_faster(states, weight):  # autocast keeps what it casts
        return plain(states)
    return product(states.to(dtype), weight.t() if isinstance(layer, Conv1D) else weight, layer.bias)


def _is_faster(states: Tensor, weight: Tensor) -> bool:
    rows = states.numel() // states.shape[-1]
    return (
        states.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and weight.dtype in (torch.float32, torch.bfloat16)
        and rows * weight.numel() >= LEAST_WORK
        and _has_fast_onednn()
    )


@cache
def _has_fast_onednn() -> bool:
    """Whether this is an AMD processor, for which MKL has no kernels of its own, and torch has oneDNN."""
    has_operation = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return (
        has_operation and _CPUINFO.exists() and "AuthenticAMD" in _CPUINFO.read_text(encoding="ascii", errors="ignore")
    )


class _Product(torch.autograd.Function):
    """(M, I) states times (O, I) weights, and the products that are its gradients."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        _, learns, _ = ctx.needs_input_grad
        ctx.save_for_backward(states if learns else None, weight)
        return _by_onednn(states, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        [gradient] = gradients  # (M, O)
        states, weight = ctx.saved_tensors
        enters, learns, shifts = ctx.needs_input_grad
        return (
            _by_onednn(gradient, weight.t()) if enters else None,
            _by_onednn(gradient.t(), states.t()) if learns else None,
            gradient.sum(0) if shifts else None,
        )


def _by_onednn(states: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    multiplied: Tensor = torch.ops.mkldnn._linear_pointwise(states, weight, bias, "none", [], "")
    return multiplied
