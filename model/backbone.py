"""Runs the language model on vectors: one way for every architecture, always with a memory of what it has read."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache, PreTrainedModel

from dgf.model.attention import OVER_MEMORY, PLAIN_ON, Memory, as_bias, attend
from dgf.model.errors import ModelError
from dgf.model.language_models import quicken_layers, takes

#: Changes the hidden states that enter a layer: (layer, (B, S, N)) -> (B, S, N). Layer 0 is never asked.
Shift = Callable[[int, Tensor], Tensor]


class Backbone(nn.Module):
    """A language model that reads vectors, masks and positions, and goes on from what it has read.

    Most architectures of transformers run with the attention of `dgf.model.attention`, which needs no cache, and have
    their states shifted by hooks that are always there, so that torch.compile sees one graph. `openai-gpt` has no such
    choice and no cache: its blocks are run here, with the weights they have. Any other runs as it is, with a cache.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        quicken_layers(model)
        self.model = model
        self.kind = str(model.config.model_type)
        self.bidirectional = self.kind == "bert"
        self.layer_count = int(model.config.num_hidden_layers)
        self.longest = int(getattr(model.config, "max_position_embeddings", 0) or 0)
        self.own_attention = self.kind == "openai-gpt"
        self.checkpointed = False
        # What runs on torch's fused attention has no attention of its own making, such as capped scores.
        self.over_memory = (
            model.config._attn_implementation in ("sdpa", OVER_MEMORY) and model._can_set_attn_implementation()
        )
        if self.over_memory:
            model.set_attn_implementation(OVER_MEMORY)
            for index, layer in enumerate(self.layers):
                layer.register_forward_pre_hook(partial(_shift_once, index), with_kwargs=True)
        else:
            self._cache_argument = "cache" if takes(model, "cache") else "past_key_values"
        self._use_cache = {"use_cache": not self.over_memory} if takes(model, "use_cache") else {}

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer layers, first to last."""
        for module in self.model.modules():
            if isinstance(module, nn.ModuleList) and len(module) == self.layer_count:
                return module
        raise ModelError(f"a {self.kind} model has no list of {self.layer_count} layers that could be found")

    def checkpoint_activations(self) -> None:
        """Have every layer compute its inside again in the backward pass instead of keeping it until then.

        Gradients stay what they are, dropout included. Keys and values are kept: what is read later attends to them.

        Raises:
            ModelError: The architecture runs with a cache, which would gain every key and value twice.
        """
        if not (self.over_memory or self.own_attention):
            raise ModelError(
                f"the layers of a {self.kind} model cannot be computed again, since its attention writes into a cache; "
                "leave checkpoint_activations at false"
            )
        self.checkpointed = True
        for layer in self.layers if self.over_memory else ():  # its hooks stay outside and run once
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding table."""
        return int(self.model.config.vocab_size)

    def embed(self, tokens: Tensor) -> Tensor:
        """Look up the static word embeddings: (B, L) ids -> (B, L, N)."""
        embedded: Tensor = self.model.get_input_embeddings()(tokens)
        return embedded

    def forward(
        self, inputs: Tensor, mask: Tensor, positions: Tensor, memory: Memory, shift: Shift | None = None
    ) -> Tensor:
        """Return the last hidden states of the new positions; `memory` gains their keys and values.

        Args:
            inputs: (B, S, N) input vectors of the new positions.
            mask: (B, S, P + S) bool, what each new position sees of the P read ones and of the new ones. Every
                position must see at least one.
            positions: (B, S) int64 position ids.
            memory: What has been read before; new for a new sequence.
            shift: Added to the layers' inputs (deep prefixes).
        """
        # under autocast too: some architectures keep their whole residual stream in this type
        inputs = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
        seen = mask.unsqueeze(1)  # (B, 1, S, P + S)
        if inputs.device.type == PLAIN_ON or not (self.over_memory or self.own_attention):
            seen = as_bias(seen, inputs.dtype)
        memory.passes.append({})
        turn = len(memory.passes) - 1
        if self.own_attention:
            run_block = _run_openai_block
            if self.checkpointed:
                run_block = partial(checkpoint, run_block, use_reentrant=False)
            return _run_openai(self.model, inputs, seen, positions, memory, turn, shift, run_block)
        reads: dict[str, Any] = {"inputs_embeds": inputs, "attention_mask": seen, "position_ids": positions}
        if self.over_memory:
            output = self.model(**reads, **self._use_cache, memory=memory, turn=turn, shift=shift)
        else:
            memory.cache = memory.cache or DynamicCache()
            with _shifted(self.layers, shift):
                output = self.model(**reads, **self._use_cache, **{self._cache_argument: memory.cache})
        hidden: Tensor = output.last_hidden_state
        return hidden


_Changed = tuple[tuple[Any, ...], dict[str, Any]]


def _shift_once(index: int, _: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> _Changed:
    """Shift what enters a layer by the `shift` that came with it; who asks next finds none."""
    rest = dict(named)
    shift = rest.pop("shift", None)
    if shift is None or index == 0:
        return arguments, rest
    if arguments:
        return (shift(index, arguments[0]), *arguments[1:]), rest
    return arguments, {**rest, "hidden_states": shift(index, rest["hidden_states"])}


@contextmanager
def _shifted(layers: nn.ModuleList, shift: Shift | None) -> Iterator[None]:
    """Shift what enters the layers of an architecture that hands them no further arguments, while it lasts."""
    with ExitStack() as hooks:
        for index, layer in enumerate(layers if shift is not None else ()):
            hook = partial(_shift_by, shift, index)
            hooks.enter_context(layer.register_forward_pre_hook(hook, with_kwargs=True))
        yield


def _shift_by(
    shift: Shift | None, index: int, layer: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
) -> _Changed:
    return _shift_once(index, layer, arguments, {**named, "shift": shift})


def _run_openai(
    model: Any,
    inputs: Tensor,
    seen: Tensor,
    positions: Tensor,
    memory: Memory,
    turn: int,
    shift: Shift | None,
    run_block: Callable[..., Tensor],
) -> Tensor:
    """Run the blocks of transformers' OpenAIGPTModel, with a memory (a test holds the two equal)."""
    hidden: Tensor = model.drop(inputs + model.positions_embed(positions))
    for index, block in enumerate(model.h):
        if shift is not None and index > 0:
            hidden = shift(index, hidden)
        hidden = run_block(block, hidden, seen, memory, index, turn)
    return hidden


def _run_openai_block(block: Any, hidden: Tensor, seen: Tensor, memory: Memory, index: int, turn: int) -> Tensor:
    attention = block.attn
    heads = attention.c_attn(hidden).unflatten(2, (3, attention.n_head, -1))  # (B, S, 3, H, N / H)
    query, key, value = heads.permute(2, 0, 3, 1, 4)
    keys, values = memory.pieces(index, turn, key, value)
    dropout = attention.attn_dropout.p if attention.training else 0.0
    mixed = attend(query, keys, values, seen, query.shape[-1] ** -0.5, dropout)
    mixed = attention.resid_dropout(attention.c_proj(mixed.transpose(1, 2).flatten(2)))
    middle: Tensor = block.ln_1(hidden + mixed)
    states: Tensor = block.ln_2(middle + block.mlp(middle))
    return states
