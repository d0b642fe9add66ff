"""Encoders of whole photos behind one protocol: photos in, the blocks that the network reads of each out (4.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # it brings torch
    from dgf.pipeline.precision import Precision

VGG16 = "vgg16"
"""The paper's encoder."""

DEFAULT = "default"
"""Stands for the published weights."""

_THIN = 8


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Which encoder, with which weights, and which outputs.

    Args:
        spec: `vgg16`; `clip`, `siglip`, `dinov2` or `vit`, a published checkpoint of transformers;
            `transformers:FOLDER` or `transformers:NAME` of a hub; `timm:NAME`.
        weights: `random` or `random:SEED`; `default`: those published; or where they are, of VGG16 and timm a file,
            of a checkpoint its folder.
        fc7: Also give the 4,096 features after the second hidden layer, which VGG16 alone has.
        precision: What it computes in; None for float32 on a CPU and bfloat16 on a GPU.
    """

    spec: str = VGG16
    weights: str = "random"
    fc7: bool = False
    precision: "Precision | None" = None

    @property
    def kind(self) -> str:
        """The part before the colon."""
        return self.spec.partition(":")[0]

    @property
    def model(self) -> str:
        """The part after the colon."""
        return self.spec.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Features of B photos.

    Args:
        blocks: (B, M, C) float32, the places of a grid over the photo, row by row from the top left.
        fc7: (B, 4096) float32, or None where it was not asked for.
    """

    blocks: npt.NDArray[np.float32]
    fc7: npt.NDArray[np.float32] | None


class PhotoEncoder(Protocol):
    """A network that reads whole photos. Builder: `build_photo_encoder`.

    Attributes:
        block_shape: (M, C) of a photo's blocks.
    """

    block_shape: tuple[int, int]

    def prepare(self, photo: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Make one photo, (H, W, 3) uint8 RGB, the encoder's input. Safe to call from several threads."""

    def extract_prepared(self, photos: Sequence[npt.NDArray[Any]]) -> Blocks:
        """Run B prepared photos, all of one shape, in one forward."""


class EncoderBackend(Protocol):
    """What a library makes of an `EncoderSpec`. Finder: `builder.find_encoder`.

    Attributes:
        software: Packages that its numbers depend on beside those of every extraction.
    """

    software: tuple[str, ...]

    def describe(self) -> dict[str, object]:
        """What decides the output: model, weights digest, preprocessing, precision."""

    def build(self, device: str) -> PhotoEncoder:
        """Build the network with its weights."""


def cut_thin(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Cut a photo that is over eight times as long as wide to its middle, for an encoder that keeps the middle alone.

    Resized as a whole, by its shorter edge, it could be of any size.
    """
    most = _THIN * min(photo.shape[:2])
    top, left = (max(0, side - most) // 2 for side in photo.shape[:2])
    return photo[top : top + most, left : left + most]
