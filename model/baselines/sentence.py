"""The language model on a sentence with its markers, as most of the baselines read it: all of it is trained."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgf.model.attention import Memory
from dgf.model.backbone import Backbone
from dgf.model.errors import ModelError
from dgf.model.language_models import LanguageModel


class SentenceEncoder(nn.Module):
    """Token ids and markers to the language model's last states.

    Args:
        language_model: Of any kind that the project runs; it is trained as a whole.
        markers: Tokens of the vocabulary that the four markers (head opens, closes, tail opens, closes) start from;
            one that it does not have starts at random.
    """

    def __init__(self, language_model: LanguageModel, markers: tuple[str, str, str, str] | None = None) -> None:
        super().__init__()
        language_model.transformer.requires_grad_(True)
        self.backbone = Backbone(language_model.transformer)
        self.markers = start_markers(language_model, markers or ())

    def forward(
        self, tokens: Tensor, mask: Tensor, memory: Memory | None = None, memory_mask: Tensor | None = None
    ) -> Tensor:
        """Return (B, L, N) last states.

        Args:
            tokens: (B, L) int64; ids from the vocabulary's size on are markers.
            mask: (B, L) bool.
            memory: Keys and values of P positions that stand before the sentence in every layer; the sentence's own
                positions are counted from 0 all the same.
            memory_mask: (B, P) bool, which of them a row has.

        Raises:
            ModelError: A row is longer than the language model reads.
        """
        length = tokens.shape[1]
        check_length(length, self.backbone.longest, self.backbone.kind)
        position = torch.arange(length, device=tokens.device)
        seen = mask.unsqueeze(1) | (position == position[:, None])  # (B, L, L); itself always, or a softmax is empty
        if not self.backbone.bidirectional:
            seen = seen & (position <= position[:, None])
        if memory_mask is not None:
            seen = torch.cat([memory_mask.unsqueeze(1).expand(-1, length, -1), seen], 2)  # (B, L, P + L)
        counted = (mask.cumsum(1) - 1).clamp(min=0)
        states: Tensor = self.backbone(self.embed(tokens), seen, counted, memory or Memory())
        return states

    def embed(self, tokens: Tensor) -> Tensor:
        """Look up words and markers: (B, L) ids -> (B, L, N)."""
        return embed_marked(tokens, self.backbone.embed, self.backbone.vocab_size, self.markers)


def start_markers(language_model: LanguageModel, words: Sequence[str] = ()) -> nn.Parameter:
    """Make (4, N) vectors of the markers, started from these tokens of the vocabulary where it has them."""
    table = language_model.embeddings.detach()
    started = torch.randn(4, table.shape[1]) * float(table.float().std())
    for number, word in enumerate(words):
        if (token := _known(language_model, word)) is not None:
            started[number] = table[token]
    return nn.Parameter(started)


def embed_marked(tokens: Tensor, embed: Callable[[Tensor], Tensor], size: int, markers: Tensor) -> Tensor:
    """Embed (B, L) ids of a vocabulary of this size, and those from it on as markers, (4, N): (B, L, N)."""
    marked = F.embedding((tokens - size).clamp(0, 3), markers)
    return torch.where((tokens >= size).unsqueeze(-1), marked, embed(tokens.clamp(max=size - 1)))


def check_length(length: int, longest: int, kind: str) -> None:
    """Refuse a sentence that is longer than the language model reads; 0 is without a limit."""
    if longest and length > longest:
        raise ModelError(
            f"a sentence has {length} tokens and {kind} reads {longest}; set data.max_length to {longest} or less"
        )


def states_at_starts(states: Tensor, spans: Tensor) -> Tensor:
    """Return the states at the first token of head and tail, side by side: (B, L, N), (B, 2, 2) -> (B, 2 N)."""
    starts = spans[:, :, :1].expand(-1, -1, states.shape[2])  # (B, 2, N)
    return states.gather(1, starts).flatten(1)


def _known(language_model: LanguageModel, word: str) -> int | None:
    """Return the id of a token of the vocabulary."""
    return None if language_model.tokenizer is None else language_model.tokenizer.get_vocab().get(word)
