"""What a model reads: one padded batch of tensors."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from dgf.model.errors import ModelError


@dataclass(slots=True)
class Batch:
    """B rows, each one sentence, one entity pair and at most one photo, padded to the longest of the batch.

    Rows without a photo have False in the masks; a batch in which no row has one may leave the visual tensors
    None. Padded positions may hold any finite number: masks alone say what is there.

    Args:
        tokens: (B, L) int64 token ids, the special tokens of the language model among them where it wants them.
            With `markers`, ids from `vocab_size` to `vocab_size + 3` open and close the head, open and close
            the tail.
        token_mask: (B, L) bool.
        spans: (B, 2, 2) int64, token [start, end) of head and tail, their own markers included.
        objects: (B, K, D) features of the detected objects.
        object_mask: (B, K) bool.
        blocks: (B, M, C) blocks of the photo, or what else the model reads of it: (B, 1, 4096) fc7, (B, 4, 15360) the
            pyramids of the photo and three crops.
        image_mask: (B,) bool.
        captions: (B, N) pooled captions, from `EncodesCaptions.encode_captions`.
        caption_tokens: (B, C) int64 captions as tokens, read instead of `captions` where given: a language model
            that is being trained must read its captions again.
        caption_token_mask: (B, C) bool.
        caption_mask: (B,) bool.
        alignment: (B, L, K) how alike each token's word and each object stand in the graphs of sentence and photo,
            zeros for special tokens, markers and rows without a photo; for models whose `Reads.alignment` asks.
        mention_objects: (B, 2) int64, which of the objects head and tail are, -1 for one that is words; for models
            whose `Reads.boxes` asks. The words of such a mention only hold its place.
        given_types: (B, 2) int64 type of head and tail for `entity_types` file and gold; -1 is unknown.
        relations: (B,) int64 targets, -1 is unknown. Only the objective and the metrics read them.
        type_targets: (B, 2) int64 targets of the type heads, -1 is unknown. Only the objective reads them.
        sentences: (B,) int64; rows of one sentence share a number (eq. 12). Only the objective reads it.

    Attributes:
        has_objects: Whether any row has objects; found when the batch is made, where its masks are still on the CPU,
            so that no step waits for a device to say it.
        has_image: Likewise of images.
        has_caption: Likewise of captions.

    Raises:
        ModelError: Features come without the mask that says where they are real.
    """

    tokens: Tensor
    token_mask: Tensor
    spans: Tensor
    objects: Tensor | None = None
    object_mask: Tensor | None = None
    blocks: Tensor | None = None
    image_mask: Tensor | None = None
    captions: Tensor | None = None
    caption_tokens: Tensor | None = None
    caption_token_mask: Tensor | None = None
    caption_mask: Tensor | None = None
    alignment: Tensor | None = None
    mention_objects: Tensor | None = None
    given_types: Tensor | None = None
    relations: Tensor | None = None
    type_targets: Tensor | None = None
    sentences: Tensor | None = None
    has_objects: bool = field(init=False)
    has_image: bool = field(init=False)
    has_caption: bool = field(init=False)

    def __post_init__(self) -> None:
        self.has_objects = _any(self.objects, self.object_mask, "object_mask")
        self.has_image = _any(self.blocks, self.image_mask, "image_mask")
        captions = self.captions if self.caption_tokens is None else self.caption_tokens
        self.has_caption = _any(captions, self.caption_mask, "caption_mask")

    def __len__(self) -> int:
        return self.tokens.shape[0]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Batch":
        """Copy the batch to another device."""
        return self.each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """Change every tensor; what the batch has is known and not asked for again."""
        changed = copy.copy(self)
        for entry in fields(self):
            if isinstance(value := getattr(self, entry.name), Tensor):
                setattr(changed, entry.name, change(value))
        return changed

    def having(self, **tensors: Any) -> "Batch":
        """Put other tensors into a copy of the batch, and find out what it has now."""
        return replace(self, **tensors)


def _any(features: Tensor | None, mask: Tensor | None, name: str) -> bool:
    if features is None:
        return False
    if mask is None:
        raise ModelError(f"the batch has no {name}, which says where its features are real")
    return bool(mask.any())
