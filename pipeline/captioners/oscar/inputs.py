"""What Oscar reads of a photo: its tags as word pieces and its regions, padded to the batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
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
    counts = [min(len(photo.regions), REGIONS_READ) for photo in photos]
    width = photos[0].regions.shape[1]
    tags = np.zeros((len(photos), max(len(piece) for piece in pieces)), np.int64)
    tag_mask = np.zeros(tags.shape, bool)
    regions = np.zeros((len(photos), max(counts), width), np.float32)
    region_mask = np.zeros(regions.shape[:2], bool)
    for row, (photo, piece, count) in enumerate(zip(photos, pieces, counts, strict=True)):
        tags[row, : len(piece)] = piece
        tag_mask[row, : len(piece)] = True
        regions[row, :count] = photo.regions[:count]
        region_mask[row, :count] = True
    tensors = (torch.from_numpy(values).to(device) for values in (tags, tag_mask, regions, region_mask))
    return CaptionContext(max(FIRST_TAG_POSITION, length), *tensors)
