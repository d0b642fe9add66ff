"""What Oscar reads of a photo: its tags as word pieces and its regions, padded to the batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BertTokenizer

from dgf.pipeline.captioners.base import CaptionInput

REGIONS_READ = 50
MAX_TAG_PIECES = 29  # text of 50 for captions of 20 (70 for 40): what is left beside caption and [SEP]
FIRST_TAG_POSITION = 40  # fixed in training, whatever the length of the caption


@dataclass(frozen=True)
class CaptionContext:
    """The part of a batch that no caption changes: B photos, T tag pieces with [SEP], R regions.

    Args:
        tag_start: Position of the first tag piece.
        tags: Word pieces (B, T) int64, 0 where padded.
        tag_mask: Which are there (B, T).
        regions: (B, R, width) float32, zero where padded.
        region_mask: Which are there (B, R).
    """

    tag_start: int
    tags: Tensor
    tag_mask: Tensor
    regions: Tensor
    region_mask: Tensor

    @property
    def mask(self) -> Tensor:
        """Which of the T + R rows are there, (B, T + R)."""
        return torch.cat([self.tag_mask, self.region_mask], dim=1)

    @property
    def positions(self) -> Tensor:
        """Positions of the tag pieces, (B, T)."""
        count = self.tags.shape[1]
        return torch.arange(self.tag_start, self.tag_start + count, device=self.tags.device).expand_as(self.tags)

    @property
    def segments(self) -> Tensor:
        """1 for a tag piece, 0 for padding, (B, T)."""
        return self.tag_mask.long()


def tag_pieces(tags: Sequence[str], tokenizer: BertTokenizer) -> list[int]:
    """Word pieces of the tags joined by spaces, duplicates kept, cut to 29, and [SEP]; nothing for no tags."""
    pieces: list[int] = tokenizer.encode(" ".join(tags), add_special_tokens=False)[:MAX_TAG_PIECES]
    return [*pieces, tokenizer.sep_token_id] if pieces else []


def build_context(
    photos: Sequence[CaptionInput], tokenizer: BertTokenizer, length: int, device: torch.device
) -> CaptionContext:
    """Pad a batch of photos, whose regions (n, width) are of one width, to its longest tags and most regions.

    `length` is that of the longest caption with [CLS] and [SEP].
    """
    pieces = [tag_pieces(photo.tags, tokenizer) for photo in photos]
    regions = [photo.regions[:REGIONS_READ].astype(np.float32) for photo in photos]
    tags = _pad([torch.tensor(piece, dtype=torch.long) for piece in pieces])
    padded = _pad([torch.from_numpy(found) for found in regions])
    return CaptionContext(max(FIRST_TAG_POSITION, length), *(tensor.to(device) for tensor in (*tags, *padded)))


def _pad(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """B tensors of different lengths padded with zeros, (B, N, ...), and which of their rows are there, (B, N)."""
    padded = pad_sequence(rows, batch_first=True)
    counts = torch.tensor([len(row) for row in rows])
    return padded, torch.arange(padded.shape[1]) < counts.unsqueeze(1)
