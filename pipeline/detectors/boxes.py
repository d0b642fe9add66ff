"""A detector's input tensor from photos, and the best boxes of each from the output of its box head."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image

from dgf.pipeline.detectors.base import Detections, InputSize, Prepared


def pad_photos(batch: Sequence[Prepared], size: InputSize, mean: Tensor, std: Tensor, *, bgr: bool) -> Tensor:
    """Normalize photos and pad them together with zeros.

    Args:
        batch: B resized photos.
        size: How they were resized.
        mean: (3, 1, 1) in the network's channel order, values of pixels 0 to 255; its device is the result's.
        std: Likewise.
        bgr: The network wants blue first.

    Returns:
        (B, 3, H, W) float32, channels last.
    """
    height, width = size.padded([photo.size for photo in batch])
    padded = torch.zeros((len(batch), height, width, 3), device=mean.device).permute(0, 3, 1, 2)  # (B, 3, H, W)
    for row, photo in zip(padded, batch, strict=True):
        pixels = torch.from_numpy(photo.pixels).to(mean.device).permute(2, 0, 1)
        pixels = pixels.flip(0) if bgr else pixels
        row[:, : pixels.shape[1], : pixels.shape[2]] = (pixels - mean) / std
    return padded


class HeadOutput(NamedTuple):
    """What a box head says of a batch of B photos.

    Args:
        kept: The boxes kept of each.
        means: (n, D) features of those.
        given: (g, D) features of the boxes that were given; empty where none were.
    """

    kept: "list[BestBoxes]"
    means: list[Tensor]
    given: list[Tensor]


class BestBoxes(NamedTuple):
    """The boxes kept of one photo, by descending score.

    Args:
        boxes: (n, 4) in pixels of the network's input.
        scores: (n,).
        classes: (n,) int64.
        rows: (n,) int64, the proposal that each comes from.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    rows: Tensor


def best_boxes(
    boxes: Tensor,
    scores: Tensor,
    *,
    size: tuple[int, int],
    regions: int,
    nms: float,
    once: bool = False,
    candidates: int = 1000,
) -> BestBoxes:
    """Class-wise non-maximum suppression, and the `regions` boxes of the highest score.

    There is no score threshold: a score says how far to trust its box, and is stored. Suppression goes by
    descending score, so what the best `candidates` (box, class) pairs leave is the beginning of what all would
    leave; more are looked at only where those leave too few.

    Args:
        boxes: (P, C, 4) one box a proposal and class, or (P, 1, 4) one for all classes.
        scores: (P, C) without the background class.
        size: (height, width) of the photo within the network's input.
        regions: How many to keep at most.
        nms: Overlap (IoU) from which the lower of two boxes of one class is dropped.
        once: Keep a proposal only under its best class.
        candidates: Pairs to look at first.
    """
    classes = scores.shape[1]
    boxes = clip_boxes_to_image(boxes, size)  # (P, C or 1, 4)
    usable = (boxes[..., 2:] > boxes[..., :2]).all(-1) & torch.isfinite(boxes).all(-1)  # (P, C or 1)
    flat = torch.where(usable & torch.isfinite(scores), scores, -1.0).flatten()  # (P * C,)
    possible = int((flat >= 0).sum())
    while True:
        top, index = flat.topk(min(candidates, possible))
        rows, pair_class = index // classes, index % classes
        pair_boxes = boxes[rows, pair_class if boxes.shape[1] > 1 else torch.zeros_like(pair_class)]
        # Double: classes are kept apart by large offsets, which cost single precision its subpixels.
        keep = batched_nms(pair_boxes.double(), top.double(), pair_class, nms)
        if once:
            same = rows[keep][:, None] == rows[keep]
            keep = keep[~same.tril(-1).any(1)]
        keep = keep[:regions]
        if len(keep) == regions or candidates >= possible:
            return BestBoxes(pair_boxes[keep], top[keep], pair_class[keep], rows[keep])
        candidates *= 4


def scale_given(batch: Sequence[Prepared], device: torch.device) -> list[Tensor]:
    """The boxes that come with photos, (g, 4) each in pixels of the network's input; nothing where none does."""
    if all(photo.boxes is None for photo in batch):
        return []
    scaled = []
    for photo in batch:
        (height, width), (new_height, new_width) = photo.size, photo.pixels.shape[:2]
        scale = np.array([new_width / width, new_height / height] * 2, np.float32)
        boxes = np.zeros((0, 4), np.float32) if photo.boxes is None else photo.boxes
        scaled.append(torch.from_numpy(boxes * scale).to(device))
    return scaled


def to_detections(found: BestBoxes, features: Tensor, photo: Prepared, given: Tensor | None = None) -> Detections:
    """Move one photo's boxes to the host, in pixels of the original, and the features of boxes that were given."""
    height, width = photo.size
    new_height, new_width = photo.pixels.shape[:2]
    scale = np.array([width / new_width, height / new_height] * 2, dtype=np.float32)
    edge = np.array([width, height] * 2, dtype=np.float32)
    return Detections(
        features=features.float().cpu().numpy(),
        boxes=np.minimum(found.boxes.float().cpu().numpy() * scale, edge),
        scores=found.scores.float().cpu().numpy(),
        classes=found.classes.int().cpu().numpy(),
        given=None if given is None else given.float().cpu().numpy(),
    )
