"""The multi-stage encoder (section 4.1.3, eq. 1 to 3): all stages in one pass, or one after another."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import DynamicCache

from dgf.model.backbone import Backbone, Shift
from dgf.model.errors import ModelError


@dataclass
class Part:
    """One piece of the input: a prefix, the objects, the image or the text.

    Args:
        name: Its name in `EncodedStages.hidden`.
        inputs: (B, S, N) input vectors.
        valid: (B, S) bool, what is there.
        deep: (layers - 1, S, N) what is added in the layers after the first, or None.
    """

    name: str
    inputs: Tensor
    valid: Tensor
    deep: Tensor | None = None


@dataclass
class EncodedStages:
    """What has been read so far, to continue from.

    Args:
        cache: Keys and values of every layer.
        valid: (B, S) bool, which of the cached positions are there.
        hidden: Last hidden states by part.
        branches: Branch of every position added by `extend`, in order.
        steps: How many positions of its branch come before each of them.
    """

    cache: DynamicCache
    valid: Tensor
    hidden: dict[str, Tensor] = field(default_factory=dict)
    branches: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)


def encode(backbone: Backbone, stages: Sequence[Sequence[Part]], *, staged: bool = False) -> EncodedStages:
    """Read the parts of all stages.

    Under a causal mask, stage after stage with a cache and everything at once are the same function (a test
    proves it), so training takes one pass. Positions that are not there are seen by none and counted by no position id.
    A bidirectional model reads everything at once and has no staged run.

    Raises:
        ModelError: `staged` with a bidirectional model, or more positions than the language model has.
    """
    if staged and backbone.bidirectional:
        raise ModelError(f"{backbone.kind} reads in both directions: it has no staged run, only one pass")
    context = EncodedStages(DynamicCache(), stages[0][0].valid[:, :0])
    for parts in stages if staged else [[part for stage in stages for part in stage]]:
        _read_parts(backbone, context, parts)
    return context


def _read_parts(backbone: Backbone, context: EncodedStages, parts: Sequence[Part]) -> None:
    past = context.valid.shape[1]
    inputs = torch.cat([part.inputs for part in parts], 1)  # (B, S, N)
    valid = torch.cat([context.valid, *(part.valid for part in parts)], 1)  # (B, P + S)
    total, new = valid.shape[1], inputs.shape[1]
    _check_length(backbone, total)
    positions = (valid.cumsum(1) - 1).clamp(min=0)[:, past:]
    place = torch.arange(total, device=valid.device)
    own = place == place[past:, None]  # (S, P + S); a position always sees itself, or a softmax would be empty
    seen = valid.unsqueeze(1).expand(-1, new, -1)
    if not backbone.bidirectional:
        seen = seen & (place <= place[past:, None])
    hidden = backbone(inputs, seen | own, positions, context.cache, _shift(parts))
    context.valid = valid
    states = hidden.split([part.inputs.shape[1] for part in parts], 1)
    context.hidden.update(zip((part.name for part in parts), states, strict=True))


def extend(backbone: Backbone, context: EncodedStages, inputs: Tensor, branches: list[int], steps: list[int]) -> Tensor:
    """Continue with a few more positions, in branches that do not see one another.

    Args:
        backbone: The language model.
        context: Gains the new positions.
        inputs: (B, S, N) input vectors.
        branches: Branch of each new position.
        steps: How many positions of its branch come before it.

    Returns:
        (B, S, N) last hidden states.
    """
    device, rows = inputs.device, inputs.shape[0]
    context.branches += branches
    context.steps += steps
    _check_length(backbone, context.valid.shape[1] + max(context.steps) + 1)
    branch = torch.tensor(context.branches, device=device)
    step = torch.tensor(context.steps, device=device)
    past = len(context.branches) - inputs.shape[1]
    seen = branch == branch[past:, None]  # (S, E + S)
    if not backbone.bidirectional:
        seen = seen & (step <= step[past:, None])
    before = context.valid.unsqueeze(1).expand(-1, len(seen), -1)
    mask = torch.cat([before, seen.expand(rows, -1, -1)], 2)  # (B, S, P + E + S)
    positions = context.valid.sum(1, keepdim=True) + step[past:]
    hidden: Tensor = backbone(inputs, mask, positions, context.cache)
    return hidden


def _shift(parts: Sequence[Part]) -> Shift | None:
    """Add the deep prefixes at their positions, in units of the states they are added to."""
    deep = [part.deep for part in parts if part.deep is not None]
    if not deep:
        return None
    added = torch.cat(deep, 1)  # (layers - 1, P, N)
    at = torch.tensor([part.deep is not None for part in parts for _ in range(part.inputs.shape[1])]).nonzero()[:, 0]
    at = at.to(added.device)  # (P,)

    def shift(layer: int, hidden: Tensor) -> Tensor:
        state = hidden[:, at]
        size = state.detach().square().mean(-1, keepdim=True).sqrt()
        return hidden.index_add(1, at, (size * added[layer - 1]).to(hidden.dtype))

    return shift


def _check_length(backbone: Backbone, length: int) -> None:
    if backbone.longest and length > backbone.longest:
        raise ModelError(
            f"prefixes, objects, image, text and decoder take {length} positions and {backbone.kind} has "
            f"{backbone.longest}; shorten the text or the prefixes"
        )
