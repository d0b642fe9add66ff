"""Runs the language model on vectors: one way for every architecture, always with a cache."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from dgf.model.errors import ModelError
from dgf.model.language_model import takes

#: Changes the hidden states that enter a layer: (layer, (B, S, N)) -> (B, S, N). Layer 0 is never asked.
Shift = Callable[[int, Tensor], Tensor]

#: The type of device where attention is plain products.
PLAIN_ON = "cpu"


class Backbone(nn.Module):
    """A language model that reads vectors, masks and positions, and continues from a cache.

    transformers has no cache for `openai-gpt`, so its blocks are run here, with the weights they have.

    On a CPU attention is plain products: torch's fused kernel is slower there at a sentence's length, and its
    backward in bfloat16 took six times as long (100 rows of 40 positions).
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        self.kind = str(model.config.model_type)
        self.bidirectional = self.kind == "bert"
        self.layer_count = int(model.config.num_hidden_layers)
        self.longest = int(getattr(model.config, "max_position_embeddings", 0) or 0)
        self._cache_argument = "cache" if takes(model, "cache") else "past_key_values"
        self._gpu_attention = str(model.config._attn_implementation)

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer layers, first to last."""
        for module in self.model.modules():
            if isinstance(module, nn.ModuleList) and len(module) == self.layer_count:
                return module
        raise ModelError(f"a {self.kind} model has no list of {self.layer_count} layers that could be found")

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding table."""
        return int(self.model.config.vocab_size)

    def embed(self, tokens: Tensor) -> Tensor:
        """Look up the static word embeddings: (B, L) ids -> (B, L, N)."""
        embedded: Tensor = self.model.get_input_embeddings()(tokens)
        return embedded

    def forward(
        self, inputs: Tensor, mask: Tensor, positions: Tensor, cache: DynamicCache, shift: Shift | None = None
    ) -> Tensor:
        """Return the last hidden states of the new positions; `cache` gains their keys and values.

        Args:
            inputs: (B, S, N) input vectors of the new positions.
            mask: (B, S, P + S) bool, what each new position sees of the P cached ones and of the new ones. Every
                position must see at least one.
            positions: (B, S) int64 position ids.
            cache: What has been read before; new for a new sequence.
            shift: Added to the layers' inputs (deep prefixes).
        """
        inputs = inputs.float()  # under autocast too: some architectures keep their whole residual stream in this type
        seen = mask.unsqueeze(1)  # (B, 1, S, P + S)
        if self.kind == "openai-gpt":
            return _run_openai(self.model, inputs, seen, positions, cache, shift)
        if self._attention_on(inputs.device) != "sdpa":  # the others add the mask to the scores
            seen = torch.zeros_like(seen, dtype=inputs.dtype).masked_fill(~seen, torch.finfo(inputs.dtype).min)
        arguments: dict[str, Any] = {self._cache_argument: cache}
        if takes(self.model, "use_cache"):
            arguments["use_cache"] = True
        with _shifted(self.layers, shift):
            output = self.model(inputs_embeds=inputs, attention_mask=seen, position_ids=positions, **arguments)
        hidden: Tensor = output.last_hidden_state
        return hidden

    def _attention_on(self, device: torch.device) -> str:
        """Have transformers use its plain attention on a CPU, else the one it chose; return which is in use."""
        wanted = "eager" if device.type == PLAIN_ON else self._gpu_attention
        if self.model.config._attn_implementation != wanted and self.model._can_set_attn_implementation():
            self.model.set_attn_implementation(wanted)
        return str(self.model.config._attn_implementation)


@contextmanager
def _shifted(layers: nn.ModuleList, shift: Shift | None) -> Iterator[None]:
    """Let every layer but the first read shifted hidden states while it lasts."""
    with ExitStack() as hooks:
        if shift is not None:
            for index, layer in enumerate(layers):
                if index > 0:
                    hooks.enter_context(layer.register_forward_pre_hook(_before(index, shift), with_kwargs=True))
        yield


def _before(index: int, shift: Shift) -> Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]:
    def change(
        _: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if arguments:
            return (shift(index, arguments[0]), *arguments[1:]), named
        return arguments, {**named, "hidden_states": shift(index, named["hidden_states"])}

    return change


def _run_openai(
    model: Any, inputs: Tensor, seen: Tensor, positions: Tensor, cache: DynamicCache, shift: Shift | None
) -> Tensor:
    """Run the blocks of transformers' OpenAIGPTModel, with a cache (a test holds the two equal)."""
    hidden: Tensor = model.drop(inputs + model.positions_embed(positions))
    for index, block in enumerate(model.h):
        if shift is not None and index > 0:
            hidden = shift(index, hidden)
        attention = block.attn
        heads = attention.c_attn(hidden).unflatten(2, (3, attention.n_head, -1))  # (B, S, 3, H, N / H)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        key, value = cache.update(key, value, index)
        dropout = attention.attn_dropout.p if attention.training else 0.0
        mixed = _attend(query, key, value, seen, dropout)
        mixed = attention.resid_dropout(attention.c_proj(mixed.transpose(1, 2).flatten(2)))
        middle = block.ln_1(hidden + mixed)
        hidden = block.ln_2(middle + block.mlp(middle))
    return hidden


def _attend(query: Tensor, key: Tensor, value: Tensor, seen: Tensor, dropout: float) -> Tensor:
    """Attend with (B, H, S, N / H) queries over (B, H, P, N / H) keys and values, in the way that is fast there."""
    if query.device.type != PLAIN_ON:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, dropout_p=dropout)
    scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5  # (B, H, S, P)
    weights = scores.float().masked_fill(~seen, -torch.inf).softmax(-1).to(value.dtype)
    return F.dropout(weights, dropout) @ value
