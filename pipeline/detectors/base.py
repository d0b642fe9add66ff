"""Object detectors behind one protocol: photos in, boxes with averaged region features out (paper, section 4.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from dgf.pipeline.errors import UserError

if TYPE_CHECKING:  # it brings torch
    from dgf.pipeline.precision import Precision

MAX_REGIONS = 100


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found in one photo, sorted by descending score.

    Args:
        features: (n, D) float32, the features of the region averaged over its grid.
        boxes: (n, 4) float32, x1 y1 x2 y2 in pixels of the original photo.
        scores: (n,) float32, probability of the class.
        classes: (n,) int32, index into the detector's `class_names`.
        given: (g, D) float32, the features of the boxes that were given with the photo; None where none were.
    """

    features: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int32]
    given: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class InputSize:
    """The size a photo is resized to: the shorter edge `min_size`, unless the longer would pass `max_size`.

    Args:
        min_size: Wanted length of the shorter edge in pixels.
        max_size: Limit of the longer edge.
        divisor: Padded edges are multiples of it.
        floor: Edges are cut to whole pixels (torchvision) instead of rounded (detectron2).
    """

    min_size: int
    max_size: int
    divisor: int = 1
    floor: bool = False

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the resized photo, at least one pixel each."""
        scale = self.min_size / min(height, width)
        if scale * max(height, width) > self.max_size:
            scale = self.max_size / max(height, width)
        half = 0.0 if self.floor else 0.5
        return max(1, int(scale * height + half)), max(1, int(scale * width + half))

    def padded(self, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """(height, width) of a batch of photos of these original sizes, resized and padded together."""
        resized = [self.resized(*size) for size in sizes]
        height, width = max(h for h, _ in resized), max(w for _, w in resized)
        return -(-height // self.divisor) * self.divisor, -(-width // self.divisor) * self.divisor


@dataclass(frozen=True, slots=True)
class Prepared:
    """A photo resized for the detector.

    Args:
        pixels: (h, w, 3) uint8 RGB.
        size: (height, width) of the original.
        boxes: (g, 4) float32, boxes in pixels of the original whose features are wanted too; None for none.
    """

    pixels: npt.NDArray[np.uint8]
    size: tuple[int, int]
    boxes: npt.NDArray[np.float32] | None = None


class Detector(Protocol):
    """A network that finds objects. Builder: `build_detector`."""

    class_names: tuple[str, ...]
    feature_dim: int
    input_size: InputSize

    def prepare(self, photo: npt.NDArray[np.uint8]) -> Prepared:
        """Resize one photo, (H, W, 3) uint8 RGB. Safe to call from several threads, so that it can run ahead."""

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        """Pad the photos together, run them in one forward, and keep at most `regions` boxes of each.

        The features of boxes that come with photos are pooled from the same maps, and change nothing else.
        """


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """Which detector, with which weights.

    Args:
        spec: `detectron2:NAME` (a configuration of its model zoo), `detectron2:FILE.yaml`,
            `torchvision:NAME` or `visual-genome`.
        weights: `random`, `random:SEED`, a file, or `default`: the published weights, fetched when asked for so.
        regions: Boxes to keep of each photo at most; all of them, however low their score.
        min_size: Shorter edge of the resized photo, None for the model's own.
        max_size: Limit of the longer edge, None for the model's own.
        precision: What it computes in; None for float32 on a CPU and float16 on a GPU.
    """

    spec: str
    weights: str = "random"
    regions: int = 50
    min_size: int | None = None
    max_size: int | None = None
    precision: "Precision | None" = None

    def __post_init__(self) -> None:
        if not 1 <= self.regions <= MAX_REGIONS:
            raise UserError(f"--regions {self.regions}: between 1 and {MAX_REGIONS} boxes can be kept of a photo")
        for name in ("min_size", "max_size"):
            value = getattr(self, name)
            if value is not None and value < 32:
                raise UserError(f"detector {name} {value}: at least 32 pixels")

    @property
    def backend(self) -> str:
        """The part before the colon."""
        return self.spec.partition(":")[0]

    @property
    def model(self) -> str:
        """The part after the colon."""
        return self.spec.partition(":")[2]


class DetectorBackend(Protocol):
    """What a library makes of a `DetectorSpec`. Finder: `builder.find_backend`."""

    def input_size(self) -> InputSize:
        """How the detector resizes photos."""

    def describe(self) -> dict[str, object]:
        """What decides the output: model, weights digest, preprocessing, precision."""

    def build(self, device: str) -> Detector:
        """Build the network with its weights."""
