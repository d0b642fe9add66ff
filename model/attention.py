"""What the language model has read, and attention over it in the pieces in which it was read."""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache
from transformers.masking_utils import eager_mask

#: The name under which transformers' models find `attend_over_memory`.
OVER_MEMORY = "dgf_memory"

#: The type of device where attention is plain products.
PLAIN_ON = "cpu"


@dataclass
class Memory:
    """Keys and values of every layer, in the pieces in which they were read.

    A cache that grows by concatenation copies every key and value for the few positions that the decoder adds.

    Args:
        passes: For each pass, each layer's (B, H, S, N / H) keys and values.
        cache: The same of an architecture whose attention is its own.
    """

    passes: list[dict[int, tuple[Tensor, Tensor]]] = field(default_factory=list)
    cache: DynamicCache | None = None

    def pieces(self, layer: int, turn: int, key: Tensor, value: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Keep what pass number `turn` reads in a layer, and return it behind what the passes before it read."""
        self.passes[turn].setdefault(layer, (key, value))  # kept once, also where the layer is computed again
        before = [done[layer] for done in self.passes[:turn]]
        return [*(k for k, _ in before), key], [*(v for _, v in before), value]


def attend(
    query: Tensor, keys: list[Tensor], values: list[Tensor], seen: Tensor, scale: float, dropout: float = 0.0
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
    shared = query.shape[1] // keys[0].shape[1]
    if query.device.type != PLAIN_ON:
        key, value = (torch.cat(pieces, 2) if len(pieces) > 1 else pieces[0] for pieces in (keys, values))
        if shared > 1:
            key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, dropout_p=dropout, scale=scale)
    heads = query.shape[:3]
    grouped = (query * scale).reshape(query.shape[0], keys[0].shape[1], -1, query.shape[3])  # (B, G, H / G * S, D)
    products = [grouped @ key.transpose(2, 3) for key in keys]
    scores = (torch.cat(products, 3) if len(products) > 1 else products[0]).reshape(*heads, -1)  # (B, H, S, P)
    weights = as_bias(seen, scores.dtype).add(scores).softmax(-1, dtype=torch.float32).to(values[0].dtype)
    parts = F.dropout(weights, dropout).reshape(*grouped.shape[:3], -1).split([value.shape[2] for value in values], 3)
    mixed: Tensor = sum(
        (part @ value for part, value in zip(parts[1:], values[1:], strict=True)), start=parts[0] @ values[0]
    )
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
    keys, values = [key], [value]
    if memory is not None:
        keys, values = memory.pieces(int(module.layer_idx), turn, key, value)  # type: ignore[arg-type]
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    mixed = attend(query, keys, values, attention_mask, scale, dropout)
    return mixed.transpose(1, 2).contiguous(), None  # (B, S, H, D)


AttentionInterface.register(OVER_MEMORY, attend_over_memory)
AttentionMaskInterface.register(OVER_MEMORY, eager_mask)
