"""VGG16: 49 image blocks of a photo, and its `fc7` features (paper, section 4.1.1).

A file of weights may hold a narrower network: the same thirteen layers, each as wide as its weights say.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn

from dgf.pipeline.encoders.base import Blocks, EncoderSpec
from dgf.pipeline.errors import UserError
from dgf.pipeline.precision import Precision, describe_precision, infer_in
from dgf.pipeline.shards import BLOCKS
from dgf.pipeline.weights import WeightSource, fill_network, identify_weights, read_weights, resolve_weights, seeded

EDGE = 224
PUBLISHED_WIDTHS = tuple(int(entry) for entry in torchvision.models.vgg.cfgs["D"] if entry != "M")

_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # places among torchvision's `features`


class VggBackend:
    """VGG16 of torchvision as an encoder."""

    software: tuple[str, ...] = ()

    def __init__(self, spec: EncoderSpec) -> None:
        self._spec = spec

    def describe(self) -> dict[str, object]:
        """What decides the output: weights by their digest, and which outputs there are."""
        return {
            "model": "torchvision:vgg16",
            "weights": identify_weights(_vgg_weights(self._spec)),
            "fc7": self._spec.fc7,
            "preprocessing": f"whole photo to {EDGE}x{EDGE} bilinear antialiased, ImageNet mean and deviation",
            "precision": describe_precision(self._spec.precision, on_gpu=torch.bfloat16),
        }

    def build(self, device: str) -> "VggEncoder":
        """Build the network with its weights; they may lack fc7 only where it is not wanted."""
        source = _vgg_weights(self._spec)
        if isinstance(source, int):
            with seeded(source):
                network = torchvision.models.vgg16(weights=None)
        else:
            network = _read_network(source)
        if self._spec.fc7 and not len(network.classifier):
            raise UserError(
                f"{source}: these weights of VGG16 have no classifier, so there is no fc7", "Leave out --fc7."
            )
        head = network.classifier[:5] if self._spec.fc7 else None  # up to the second ReLU
        return VggEncoder(network.features, head, device, self._spec.precision)


def vgg_layers(widths: Sequence[int], *, batch_norm: bool = False) -> nn.Sequential:
    """Build VGG16's thirteen convolutions, of these widths, as torchvision builds and numbers them."""
    wide = iter(widths)
    plan = ["M" if entry == "M" else next(wide) for entry in torchvision.models.vgg.cfgs["D"]]
    layers: nn.Sequential = torchvision.models.vgg.make_layers(plan, batch_norm=batch_norm)
    return layers


def _read_network(path: Path) -> torchvision.models.VGG:
    """Read a network as wide as its weights say, with a classifier where they have one."""
    state = read_weights(path)
    widths = _widths(state)
    with torch.device("meta"):
        network = torchvision.models.vgg16(weights=None, init_weights=False)
        network.features = vgg_layers(widths)
        if not any(name.startswith("classifier.") for name in state):
            network.classifier = nn.Sequential()
        elif widths[-1] != PUBLISHED_WIDTHS[-1]:
            network.classifier[0] = nn.Linear(49 * widths[-1], network.classifier[0].out_features)
    network.to_empty(device="cpu")
    fill_network(network, state, path)  # which names whatever does not fit
    return network


def _widths(state: Mapping[str, Tensor]) -> list[int]:
    """Read the width of every convolution; the published one where the state has no such convolution."""
    weights = [state.get(f"features.{place}.weight") for place in _CONVOLUTIONS]
    return [
        published if weight is None or weight.ndim != 4 or not len(weight) else len(weight)
        for weight, published in zip(weights, PUBLISHED_WIDTHS, strict=True)
    ]


def _vgg_weights(spec: EncoderSpec) -> WeightSource:
    members = torchvision.models.VGG16_Weights.__members__.items()
    # The weights for features alone want photos in another scale.
    published = {name.lower(): entry.url for name, entry in members if name != "IMAGENET1K_FEATURES"}
    return resolve_weights(spec.weights, what="VGG16", published=lambda name: published.get(name.lower()))


class VggEncoder:
    """VGG16 ready to read photos. Builder: `VggBackend.build`.

    Attributes:
        block_shape: (49, C).
    """

    def __init__(
        self, features: nn.Module, head: nn.Module | None, device: str, precision: Precision | None = None
    ) -> None:
        self.device = torch.device(device)
        self._precision = precision
        widths = [layer.out_channels for layer in features.modules() if isinstance(layer, nn.Conv2d)]
        self.block_shape = (BLOCKS[0], widths[-1])
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

    def normalize(self, pixels: Tensor) -> Tensor:
        """Bring (B, 224, 224, 3) uint8 into the network's scale, (B, 3, 224, 224) channels last."""
        return (pixels.permute(0, 3, 1, 2) - self._mean) / self._std

    def extract_prepared(self, photos: Sequence[npt.NDArray[np.uint8]]) -> Blocks:
        """Run B photos of (224, 224, 3) uint8 in one forward."""
        pixels = torch.from_numpy(np.stack(photos))
        with infer_in(self._precision, self.device, on_gpu=torch.bfloat16):
            grid = self._features(self.normalize(pixels.to(self.device, non_blocking=True)))  # (B, C, 7, 7)
            fc7 = self._head(grid.flatten(1)) if self._head is not None else None  # (B, 4096)
            return Blocks(_numpy(grid.flatten(2).transpose(1, 2)), _numpy(fc7) if fc7 is not None else None)


def _numpy(values: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = values.float().contiguous().cpu().numpy()
    return array
