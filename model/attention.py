"""What the language model has read, and attention over it in the pieces in which it was read."""

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache
from transformers.masking_utils import eager_mask

from dgf.model.language_models import drop

#: The name under which transformers' models find `attend_over_memory`.
OVER_MEMORY = "dgf_memory"

#: The type of device where attention is plain products.
PLAIN_ON = "cpu"

#: What later passes say of a piece, in the order of their backward passes: (B, G, E, P) and (B, G, E, D), of which the
#: gradient is the product.
Ledger = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Keys or values of one pass in one layer.

    Args:
        states: (B, G, P, D).
        ledger: Where passes that read them later write what the gradient is made of; None where they are read at once,
            or no gradient is wanted.
    """

    states: Tensor
    ledger: Ledger | None = None

    def compared(self, query: Tensor) -> Tensor:
        """Multiply (B, G, E, D) queries with keys: (B, G, E, P)."""
        if self.ledger is None:
            return query @ self.states.transpose(2, 3)
        compared: Tensor = _Compared.apply(query, self.states, self.ledger)
        return compared

    def mixed(self, weights: Tensor) -> Tensor:
        """Multiply (B, G, E, P) weights with values: (B, G, E, D)."""
        if self.ledger is None:
            return weights @ self.states
        mixed: Tensor = _Mixed.apply(weights, self.states, self.ledger)
        return mixed


def keep(states: Tensor) -> Piece:
    """Keep keys or values for later passes.

    The gradient of what a few later positions (E) attend to is as large as all that was read (P), in every layer, and
    would wait there until the backward pass arrives. What it is the product of is small where E is, and waits instead.
    """
    learns = states.requires_grad and torch.is_grad_enabled()
    if not learns or states.device.type != PLAIN_ON or torch.compiler.is_compiling():
        return Piece(states)
    ledger: Ledger = []
    kept: Tensor = _Kept.apply(states, ledger)
    return Piece(kept, ledger)


@dataclass
class Memory:
    """Keys and values of every layer, in the pieces in which they were read.

    A cache that grows by concatenation copies every key and value for the few positions that the decoder adds.

    Args:
        passes: For each pass, each layer's (B, H, S, N / H) keys and values.
        cache: The same of an architecture whose attention is its own.
    """

    passes: list[dict[int, tuple[Piece, Piece]]] = field(default_factory=list)
    cache: DynamicCache | None = None

    def branch(self) -> "Memory":
        """Return a memory that goes on by itself from what was read so far, which no pass copies."""
        return Memory(list(self.passes), copy.deepcopy(self.cache))

    def pieces(self, layer: int, turn: int, key: Tensor, value: Tensor) -> tuple[list[Piece], list[Piece]]:
        """Keep what pass number `turn` reads in a layer, and return it behind what the passes before it read."""
        if layer not in self.passes[turn]:  # kept once, also where the layer is computed again
            self.passes[turn][layer] = keep(key), keep(value)
        before = [done[layer] for done in self.passes[:turn]]
        return [*(k for k, _ in before), Piece(key)], [*(v for _, v in before), Piece(value)]


def attend(
    query: Tensor, keys: list[Piece], values: list[Piece], seen: Tensor, scale: float, dropout: float = 0.0
) -> Tensor:
    """Attend in the way that is fast on the device: fused on a GPU, plain products on a CPU.

    On a CPU torch's fused kernel is slower at a sentence's length, and its backward in bfloat16 took six times as long
    (100 rows of 40 positions).

    Args:
        query: (B, H, S, D).
        keys: Pieces, (B, G, P, D) each; H is a multiple of G, whose heads are shared.
        values: Likewise.
        seen: (B or 1, 1, S, sum of P), bool, or what is added to the scores.
        scale: Of the scores.
        dropout: Of the weights.

    Returns:
        (B, H, S, D).
    """
    shared = query.shape[1] // keys[0].states.shape[1]
    if query.device.type != PLAIN_ON:
        key, value = (
            torch.cat([piece.states for piece in pieces], 2) if len(pieces) > 1 else pieces[0].states
            for pieces in (keys, values)
        )
        if shared > 1:
            key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, dropout_p=dropout, scale=scale)
    heads = query.shape[:3]
    grouped = (query * scale).reshape(len(query), keys[0].states.shape[1], -1, query.shape[3])  # (B, G, H / G * S, D)
    products = [key.compared(grouped) for key in keys]
    scores = (torch.cat(products, 3) if len(products) > 1 else products[0]).reshape(*heads, -1)  # (B, H, S, P)
    exact = torch.promote_types(scores.dtype, torch.float32)
    weights = as_bias(seen, scores.dtype).add(scores).softmax(-1, dtype=exact).to(values[0].states.dtype)
    sizes = [value.states.shape[2] for value in values]
    parts = drop(weights, dropout).reshape(*grouped.shape[:3], -1).split(sizes, 3)
    mixtures = [value.mixed(part) for part, value in zip(parts, values, strict=True)]
    mixed: Tensor = sum(mixtures[1:], start=mixtures[0])
    return mixed.reshape(*heads, -1)


def as_bias(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn a mask into what is added to scores; one that is added already stays as it is."""
    if seen.dtype != torch.bool:
        return seen
    return torch.zeros_like(seen, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)


def attend_over_memory(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    scaling: float | None = None,
    dropout: float = 0.0,
    memory: Memory | None = None,
    turn: int = 0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Be the attention of a transformers model, over what `memory` holds and what is new."""
    if query.device.type == PLAIN_ON:  # products would copy them, and the pass that goes on from here again
        key, value = key.contiguous(), value.contiguous()
    keys, values = [Piece(key)], [Piece(value)]
    if memory is not None:
        keys, values = memory.pieces(int(module.layer_idx), turn, key, value)  # type: ignore[arg-type]
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    mixed = attend(query, keys, values, attention_mask, scale, dropout)
    return mixed.transpose(1, 2).contiguous(), None  # (B, S, H, D)


class _Kept(torch.autograd.Function):
    """The states themselves; backward, when all later passes have written into the ledger, multiplies it out."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, ledger: Ledger) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.ledger = ledger
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, *_: None) -> tuple[Tensor, None]:
        weights, others = zip(*ctx.ledger, strict=True)
        ctx.ledger.clear()
        return torch.cat(weights, 2).transpose(2, 3) @ torch.cat(others, 2), None  # (B, G, P, D)


class _Compared(torch.autograd.Function):
    """(B, G, E, D) queries times (B, G, P, D) keys; the gradient of the keys goes into the ledger."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor, ledger: Ledger) -> Tensor:
        compared = query @ keys.transpose(2, 3)
        ctx.save_for_backward(query.to(compared.dtype), keys.to(compared.dtype))  # in which autocast computes
        ctx.ledger = ledger
        return compared

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        [gradient] = gradients
        query, keys = ctx.saved_tensors
        ctx.ledger.append((gradient, query))
        return gradient @ keys, None, None


class _Mixed(torch.autograd.Function):
    """(B, G, E, P) weights times (B, G, P, D) values; the gradient of the values goes into the ledger."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, values: Tensor, ledger: Ledger) -> Tensor:
        mixed = weights @ values
        ctx.save_for_backward(weights.to(mixed.dtype), values.to(mixed.dtype))
        ctx.ledger = ledger
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        [gradient] = gradients
        weights, values = ctx.saved_tensors
        ctx.ledger.append((weights, gradient))
        return gradient @ values.transpose(2, 3), None, None


AttentionInterface.register(OVER_MEMORY, attend_over_memory)
AttentionMaskInterface.register(OVER_MEMORY, eager_mask)
