"""What a captioner is, and which one the user asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

NO_REGIONS = "no regions"
"""Reason of a photo in which the detector found nothing: from nothing, Oscar says the same for every photo."""


@dataclass(frozen=True)
class CaptionInput:
    """One photo, in whichever form a captioner reads it.

    Args:
        ids: Its ids in the data set, the one it is stored under first.
        regions: Detector features and six of the box (n, D + 6), best first.
        tags: Class name of each region.
        pixels: Reads and decodes the photo, (H, W, 3) uint8 RGB; raises `ImageError`.
    """

    ids: tuple[str, ...]
    regions: NDArray[np.floating]
    tags: tuple[str, ...]
    pixels: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True)
class Caption:
    """A caption and how sure its captioner is.

    Args:
        text: Empty where there is none.
        logprob: Log-probability, averaged over its words; NaN where there is none.
        reason: Why there is no caption.
    """

    text: str
    logprob: float
    reason: str | None = None


class Captioner(Protocol):
    """Captions a batch of photos."""

    def caption(self, photos: Sequence[CaptionInput]) -> list[Caption]:
        """Give one caption a photo, in the same order."""


@dataclass(frozen=True)
class CaptionerSpec:
    """Which captioner, and what its words depend on.

    Args:
        backend: `oscar` reads regions and tags, `hf` reads pixels, `file` repeats the user's captions.
        source: `oscar`: a checkpoint's folder, `random` or `random:SEED`; `hf`: a model's folder; `file`: a JSONL.
        beams: Width of the beam search; 1 is greedy.
        length: Longest caption in word pieces, with its start and its end.
        precision: Of the weights; `bfloat16` only on CUDA.
    """

    backend: Literal["oscar", "hf", "file"]
    source: str
    beams: int = 5
    length: int = 20
    precision: Literal["float32", "bfloat16"] = "float32"


def missing(reason: str) -> Caption:
    """No caption, and why."""
    return Caption("", float("nan"), reason)
