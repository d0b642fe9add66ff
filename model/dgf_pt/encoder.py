"""The multi-stage encoder (section 4.1.3, eq. 1 to 3): all stages in one pass, or one after another."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dgf.model.attention import Memory
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
        memory: Keys and values of every layer.
        valid: (B, S) bool, which of the positions before the decoder's are there.
        hidden: Last hidden states by part.
        branch: (E,) int64, branch of every position added by `extend`, in order.
        step: (E,) int64, how many positions of its branch come before each of them.
        steps: How many positions every branch has.
    """

    memory: Memory
    valid: Tensor
    hidden: dict[str, Tensor]
    branch: Tensor
    step: Tensor
    steps: int = 0


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
    nothing = stages[0][0].valid[:, :0]
    none = nothing.new_zeros(0, dtype=torch.int64)
    context = EncodedStages(Memory(), nothing, {}, none, none)
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
    hidden = backbone(inputs, seen | own, positions, context.memory, _shift(parts))
    context.valid = valid
    states = hidden.split([part.inputs.shape[1] for part in parts], 1)
    context.hidden.update(zip((part.name for part in parts), states, strict=True))


def extend(backbone: Backbone, context: EncodedStages, inputs: Tensor) -> Tensor:
    """Continue every branch with a few more positions; branches do not see one another.

    Args:
        backbone: The language model.
        context: Gains the new positions.
        inputs: (B, F, S, N) input vectors of S new positions of each of F branches.

    Returns:
        (B, F, S, N) last hidden states.
    """
    rows, count, new, _ = inputs.shape
    number = torch.arange(count * new, device=inputs.device)  # (F * S,)
    branch, step = number // new, number % new + context.steps
    context.branch, context.step = torch.cat([context.branch, branch]), torch.cat([context.step, step])
    context.steps += new
    _check_length(backbone, context.valid.shape[1] + context.steps)
    seen = context.branch == branch[:, None]  # (F * S, E + F * S)
    if not backbone.bidirectional:
        seen = seen & (context.step <= step[:, None])
    before = context.valid.unsqueeze(1).expand(-1, len(number), -1)
    mask = torch.cat([before, seen.expand(rows, -1, -1)], 2)  # (B, F * S, P + E + F * S)
    positions = context.valid.sum(1, keepdim=True) + step
    hidden: Tensor = backbone(inputs.flatten(1, 2), mask, positions, context.memory)
    return hidden.reshape(inputs.shape)


def _shift(parts: Sequence[Part]) -> Shift | None:
    """Add the deep prefixes at their positions, in units of the states they are added to."""
    if all(part.deep is None for part in parts):
        return None
    sizes = [part.inputs.shape[1] for part in parts]

    def shift(layer: int, hidden: Tensor) -> Tensor:
        # split, whose backward pass is one copy; that of slices is one of the whole for each of them
        states = list(hidden.split([*sizes, hidden.shape[1] - sum(sizes)], 1))
        for number, part in enumerate(parts):
            if part.deep is not None:
                state = states[number]
                size = state.detach().square().mean(-1, keepdim=True).sqrt()
                states[number] = state + (size * part.deep[layer - 1]).to(hidden.dtype)
        return torch.cat(states, 1)

    return shift


def _check_length(backbone: Backbone, length: int) -> None:
    if backbone.longest and length > backbone.longest:
        raise ModelError(
            f"prefixes, objects, image, text and decoder take {length} positions and {backbone.kind} has "
            f"{backbone.longest}; shorten the text or the prefixes"
        )
