"""Photos into a detector's input tensor, and its boxes back to pixels of the photos."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from dgf.pipeline.detectors.base import Detections, InputSize, Prepared
from dgf.pipeline.detectors.boxes import BestBoxes


@contextmanager
def half_inference(device: torch.device) -> Iterator[None]:
    """Infer in the detectors' `PRECISION`."""
    with torch.inference_mode(), torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
        yield


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


def to_detections(found: BestBoxes, features: Tensor, photo: Prepared) -> Detections:
    """Move one photo's boxes to the host, in pixels of the original."""
    height, width = photo.size
    new_height, new_width = photo.pixels.shape[:2]
    scale = np.array([width / new_width, height / new_height] * 2, dtype=np.float32)
    edge = np.array([width, height] * 2, dtype=np.float32)
    return Detections(
        features=features.float().cpu().numpy(),
        boxes=np.minimum(found.boxes.float().cpu().numpy() * scale, edge),
        scores=found.scores.float().cpu().numpy(),
        classes=found.classes.int().cpu().numpy(),
    )
