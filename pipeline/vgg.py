"""VGG16: 49 image blocks of a photo, and its `fc7` features (paper, section 4.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn

from dgf.pipeline.weights import WeightSource, fill_network, identify_weights, read_weights, resolve_weights, seeded

EDGE = 224


@dataclass(frozen=True, slots=True)
class VggSpec:
    """Which weights, and which outputs.

    Args:
        weights: `random`, `random:SEED`, a file, or a name of torchvision's (`IMAGENET1K_V1`, `default`).
        fc7: Also give the 4,096 features after the second hidden layer.
    """

    weights: str = "random"
    fc7: bool = False


@dataclass(frozen=True, slots=True)
class Blocks:
    """Features of B photos.

    Args:
        blocks: (B, 49, 512) float32, the 7x7 map after the fifth block, row by row from the top left.
        fc7: (B, 4096) float32, or None where it was not asked for.
    """

    blocks: npt.NDArray[np.float32]
    fc7: npt.NDArray[np.float32] | None


def describe_vgg(spec: VggSpec) -> dict[str, object]:
    """What decides the output, for a fingerprint. Cheap: a weights file is hashed, nothing is built.

    Raises:
        UserError: The weights cannot be had.
    """
    return {
        "model": "torchvision:vgg16",
        "weights": identify_weights(_vgg_weights(spec)),
        "fc7": spec.fc7,
        "preprocessing": f"whole photo to {EDGE}x{EDGE} bilinear antialiased, ImageNet mean and deviation",
        "precision": "float32 on cpu, bfloat16 autocast on cuda",
    }


def build_vgg(spec: VggSpec, device: str) -> "BlockExtractor":
    """Build VGG16 on a device.

    Raises:
        UserError: The weights cannot be had or do not fit.
    """
    source = _vgg_weights(spec)
    if isinstance(source, int):
        with seeded(source):
            network = torchvision.models.vgg16(weights=None)
    else:
        with torch.device("meta"):
            network = torchvision.models.vgg16(weights=None, init_weights=False)
        network.to_empty(device="cpu")
        fill_network(network, read_weights(source), source)
    head = network.classifier[:5] if spec.fc7 else None  # up to the second ReLU
    return BlockExtractor(network.features, head, device)


def _vgg_weights(spec: VggSpec) -> WeightSource:
    members = torchvision.models.VGG16_Weights.__members__.items()
    # The weights for features alone want photos in another scale.
    published = {name.lower(): entry.url for name, entry in members if name != "IMAGENET1K_FEATURES"}
    return resolve_weights(spec.weights, what="VGG16", published=lambda name: published.get(name.lower()))


class BlockExtractor:
    """VGG16 ready to read photos. Builder: `build_vgg`."""

    def __init__(self, features: nn.Module, head: nn.Module | None, device: str) -> None:
        self.device = torch.device(device)
        self._features = features.eval().requires_grad_(False).to(self.device)
        self._features.to(memory_format=torch.channels_last)
        self._head = head.eval().requires_grad_(False).to(self.device) if head is not None else None
        wanted = torchvision.models.VGG16_Weights.DEFAULT.transforms()  # what ImageNet's weights were trained with
        self._mean = torch.tensor(wanted.mean, device=self.device).view(3, 1, 1) * 255
        self._std = torch.tensor(wanted.std, device=self.device).view(3, 1, 1) * 255

    @staticmethod
    def prepare(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Resize one photo, (H, W, 3) uint8 RGB, to (224, 224, 3). Safe to call from several threads.

        The whole photo is squeezed into the square: a center crop would lose entities at the edges, and the 49
        blocks are to cover the photo.
        """
        return np.array(Image.fromarray(photo).resize((EDGE, EDGE), Image.Resampling.BILINEAR))

    def extract_prepared(self, photos: Sequence[npt.NDArray[np.uint8]]) -> Blocks:
        """Run B photos of (224, 224, 3) uint8 in one forward."""
        pixels = torch.from_numpy(np.stack(photos))
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"),
        ):
            images = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2)  # (B, 3, 224, 224) channels last
            grid = self._features((images - self._mean) / self._std)  # (B, 512, 7, 7)
            fc7 = self._head(grid.flatten(1)) if self._head is not None else None  # (B, 4096)
            return Blocks(_numpy(grid.flatten(2).transpose(1, 2)), _numpy(fc7) if fc7 is not None else None)


def _numpy(values: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = values.float().contiguous().cpu().numpy()
    return array
