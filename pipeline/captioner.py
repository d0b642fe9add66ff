"""What a captioner is, and which one the user asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CaptionInput:
    """One photo, in whichever form a captioner reads it.

    Args:
        image_id: Its id in the data set.
        regions: Detector features and six of the box (n, D + 6), best first.
        tags: Class name of each region.
        pixels: Decodes the photo, (H, W, 3) uint8 RGB.
    """

    image_id: str
    regions: NDArray[np.float32]
    tags: tuple[str, ...]
    pixels: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True)
class Caption:
    """A caption and how sure its captioner is.

    Args:
        text: Empty where there is none.
        logprob: Log-probability, the mean over its words; NaN where nobody knows.
        reason: Why there is no caption.
    """

    text: str
    logprob: float
    reason: str | None = None


class Captioner(Protocol):
    """Captions a batch of photos."""

    def caption(self, photos: Sequence[CaptionInput]) -> list[Caption]:
        """One caption a photo, in the same order."""
        ...


@dataclass(frozen=True)
class CaptionerSpec:
    """Which captioner, and what its words depend on.

    Args:
        backend: `oscar` reads regions and tags, `hf` reads pixels, `file` repeats the user's captions.
        source: `oscar`: a checkpoint's folder, `random` or `random:SEED`; `hf`: a model's folder; `file`: a JSONL.
        beams: Width of the beam search; 1 is greedy.
        length: Longest caption in word pieces, with its start and its end.
        precision: `bfloat16` only on CUDA.
    """

    backend: Literal["oscar", "hf", "file"]
    source: str
    beams: int = 5
    length: int = 20
    precision: Literal["float32", "bfloat16"] = "float32"
