"""Captions of the photos in the shards: tokenized once, and encoded once where the language model stands still."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from dgf.model.batch import Batch
from dgf.model.interface import RelationModel
from dgf.pipeline.features import FeatureStore
from dgf.workflows.data.examples import Ints

MAX_CAPTION = 32
"""Most tokens of a caption that are read; Oscar writes at most twenty word pieces."""


@dataclass(frozen=True, slots=True)
class Captions:
    """Every photo's caption, by row of the feature store.

    Args:
        tokens: Token ids of each caption; empty where there is none.
        pooled: (photos, N) on the CPU, where the language model does not change; None where it is being trained
            and must read them again.
    """

    tokens: tuple[tuple[int, ...], ...]
    pooled: Tensor | None = None

    def add_to(self, batch: Batch, image_rows: Ints) -> None:
        """Put the captions of these photos (B,) into the batch; -1 has none."""
        chosen = [self.tokens[row] if row >= 0 else () for row in image_rows]
        if not any(chosen):
            return
        batch.caption_mask = torch.tensor([bool(tokens) for tokens in chosen])
        if self.pooled is not None:
            batch.captions = self.pooled[torch.from_numpy(np.maximum(image_rows, 0))]
        else:
            batch.caption_tokens, batch.caption_token_mask = _padded(chosen)


def tokenize_captions(store: FeatureStore, tokenizer: PreTrainedTokenizerBase) -> Captions:
    """Tokenize every caption of the store once."""
    texts = store.captions(range(len(store)))
    encoded = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return Captions(tuple(tuple(ids[:MAX_CAPTION]) for ids in encoded))


def pool_captions(
    captions: Captions, image_rows: Ints, model: RelationModel, device: torch.device, batch_size: int = 256
) -> Captions:
    """Encode captions once, for a language model that does not change (eq. 8).

    Args:
        captions: Of the store's photos.
        image_rows: Rows of the photos that will be shown, repetitions and -1 allowed; the others stay zeros.
        model: Reads them.
        device: Where the model is.
        batch_size: Captions at once.
    """
    shown = np.unique(image_rows[image_rows >= 0])
    pooled = torch.zeros(len(captions.tokens), model.language_model.width)
    for start in range(0, len(shown), batch_size):
        rows = shown[start : start + batch_size]
        tokens, mask = _padded([captions.tokens[row] for row in rows])
        pooled[torch.from_numpy(rows)] = model.encode_captions(tokens.to(device), mask.to(device)).float().cpu()
    return Captions(captions.tokens, pooled)


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Return (B, C) int64 padded with 0, and which positions are filled; an empty row keeps a masked one."""
    longest = max(1, max(map(len, rows), default=1))
    tokens, mask = np.zeros((len(rows), longest), np.int64), np.zeros((len(rows), longest), bool)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = row
        mask[i, : len(row)] = True
    return torch.from_numpy(tokens), torch.from_numpy(mask)
