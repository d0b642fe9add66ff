"""From a box head's output to the best boxes of a photo."""

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image


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
    height: int,
    width: int,
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
        height: Of the photo within the network's input.
        width: Likewise.
        regions: How many to keep at most.
        nms: Overlap (IoU) from which the lower of two boxes of one class is dropped.
        once: Keep a proposal only under its best class.
        candidates: Pairs to look at first.
    """
    classes = scores.shape[1]
    boxes = clip_boxes_to_image(boxes, (height, width))  # (P, C or 1, 4)
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
