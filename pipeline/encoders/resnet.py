"""ResNet-50: the four stages of a photo and of its best object crops, pooled to 2x2 maps, as HVPNeT reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor, nn

from dgf.pipeline.precision import Precision, describe_precision, infer_in
from dgf.pipeline.shards import PYRAMID
from dgf.pipeline.weights import WeightSource, fill_network, identify_weights, read_weights, resolve_weights, seeded

CROPS = PYRAMID[0] - 1
"""Of a photo at most, beside the whole of it."""

_EDGE = 224
_SHORTER = 256
_LONGEST = 2048
"""Of what crops are cut from: photos wait in memory until their objects are found."""
_FIRST_WEIGHTS = "IMAGENET1K_V1"
"""Those that HVPNeT was published with; torchvision's own default came later."""

_Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ResNetSpec:
    """Which weights, and what to compute in.

    Args:
        weights: `random`, `random:SEED`, a file, or a name of torchvision's; `default` is `IMAGENET1K_V1`.
        precision: None for float32 on a CPU and bfloat16 on a GPU.
    """

    weights: str = "random"
    precision: Precision | None = None


@dataclass(frozen=True, slots=True)
class Croppable:
    """A photo made ready before its objects are known.

    Args:
        whole: (224, 224, 3) uint8, the middle of the photo.
        pixels: (h, w, 3) uint8, of which crops are cut.
        scale: Pixels of it for one of the original.
    """

    whole: _Picture
    pixels: _Picture
    scale: float


def describe_resnet(spec: ResNetSpec) -> dict[str, object]:
    """What decides the output, for a fingerprint. Cheap: a weights file is hashed, nothing is built.

    Raises:
        UserError: The weights cannot be had.
    """
    return {
        "model": "torchvision:resnet50",
        "weights": identify_weights(_resnet_weights(spec)),
        "pictures": f"photo, and its {CROPS} boxes of the highest scores; zeros where there are fewer",
        "preprocessing": f"shorter edge {_SHORTER} bilinear antialiased, middle {_EDGE}x{_EDGE}, ImageNet mean and "
        f"deviation; crops of the photo within {_LONGEST}x{_LONGEST}",
        "precision": describe_precision(spec.precision, on_gpu=torch.bfloat16),
    }


def build_resnet(spec: ResNetSpec, device: str) -> "PyramidExtractor":
    """Build ResNet-50 on a device.

    Raises:
        UserError: The weights cannot be had or do not fit.
    """
    source = _resnet_weights(spec)
    if isinstance(source, int):
        with seeded(source):
            return PyramidExtractor(torchvision.models.resnet50(weights=None), device, spec.precision)
    with torch.device("meta"):
        network = torchvision.models.resnet50(weights=None)
    network.fc = nn.Identity()
    network.to_empty(device="cpu")
    fill_network(network, read_weights(source), source, ignore=(r"fc\..*",))
    return PyramidExtractor(network, device, spec.precision)


def pool_stages(stages: Sequence[Tensor]) -> Tensor:
    """Pool (B, c, S, S) maps to 2x2 and lay them flat, (B, 4 x sum of c), channel by channel.

    Windows and strides are half a side, rounded down: of a side of 7 the last row and column are not read.
    """
    pooled = [F.avg_pool2d(stage, stage.shape[-1] // 2) for stage in stages]
    return torch.cat(pooled, 1).flatten(1)


def fit_middle(picture: _Picture) -> _Picture:
    """Resize a picture, (H, W, 3), to a shorter edge of 256 and keep its middle, (224, 224, 3).

    In one step, since the whole of a thin picture may be a thousand times as large as its middle.
    """
    height, width = picture.shape[:2]
    shorter = min(height, width)
    tall, wide = (_SHORTER if side == shorter else int(_SHORTER * side / shorter) for side in (height, width))
    top, left = round((tall - _EDGE) / 2), round((wide - _EDGE) / 2)
    across, down = width / wide, height / tall
    box = (left * across, top * down, (left + _EDGE) * across, (top + _EDGE) * down)
    return np.array(Image.fromarray(picture).resize((_EDGE, _EDGE), Image.Resampling.BILINEAR, box))


def cut_boxes(photo: Croppable, boxes: npt.NDArray[np.float32]) -> list[_Picture]:
    """Cut what lies in (n, 4) boxes, in pixels of the original, out of a photo; at least one pixel each."""
    height, width = photo.pixels.shape[:2]
    crops = []
    for left, top, right, bottom in (boxes * photo.scale).tolist():
        x, y = min(max(int(left), 0), width - 1), min(max(int(top), 0), height - 1)
        crops.append(photo.pixels[y : max(ceil(bottom), y + 1), x : max(ceil(right), x + 1)])
    return crops


class PyramidExtractor:
    """ResNet-50 ready to read photos and their crops. Builder: `build_resnet`."""

    def __init__(self, network: torchvision.models.ResNet, device: str, precision: Precision | None = None) -> None:
        self.device = torch.device(device)
        self._precision = precision
        self._network = network.eval().requires_grad_(False).to(self.device)
        self._network.to(memory_format=torch.channels_last)
        wanted = torchvision.models.ResNet50_Weights[_FIRST_WEIGHTS].transforms()
        self._mean = torch.tensor(wanted.mean, device=self.device).view(3, 1, 1) * 255
        self._std = torch.tensor(wanted.std, device=self.device).view(3, 1, 1) * 255
        self._nothing = self._read(torch.zeros(1, 3, _EDGE, _EDGE, device=self.device))  # (1, 15360)

    @staticmethod
    def prepare(photo: _Picture) -> Croppable:
        """Make one photo, (H, W, 3) uint8 RGB, ready. Safe to call from several threads."""
        scale = min(1.0, _LONGEST / max(photo.shape[:2]))
        pixels = photo
        if scale < 1:
            height, width = (max(1, round(side * scale)) for side in photo.shape[:2])
            pixels = np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.BILINEAR))
        return Croppable(fit_middle(photo), pixels, scale)

    def extract_prepared(
        self, photos: Sequence[Croppable], boxes: Sequence[npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float32]:
        """Run B photos and the first three of the boxes of each, (n, 4), in one forward: (B, 4, 15360) float32.

        Of a photo with fewer boxes, the rest is what the network makes of zeros.
        """
        shown = [
            [photo.whole, *map(fit_middle, cut_boxes(photo, found[:CROPS]))]
            for photo, found in zip(photos, boxes, strict=True)
        ]
        pixels = torch.from_numpy(np.stack([picture for pictures in shown for picture in pictures]))
        with torch.inference_mode():
            read = self._read((pixels.to(self.device).permute(0, 3, 1, 2) - self._mean) / self._std)
            nothing = self._nothing.expand(CROPS, -1)
            rows = [
                torch.cat([own, nothing])[: PYRAMID[0]] for own in read.split([len(pictures) for pictures in shown])
            ]
            array: npt.NDArray[np.float32] = torch.stack(rows).cpu().numpy()
        return array

    def _read(self, pictures: Tensor) -> Tensor:
        """Run (P, 3, 224, 224) pictures in the network's scale: (P, 15360) float32."""
        net, stages = self._network, []
        with infer_in(self._precision, self.device, on_gpu=torch.bfloat16):
            states = net.maxpool(net.relu(net.bn1(net.conv1(pictures.contiguous(memory_format=torch.channels_last)))))
            for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
                states = layer(states)
                stages.append(states)
            return pool_stages(stages).float()


def _resnet_weights(spec: ResNetSpec) -> WeightSource:
    members = torchvision.models.ResNet50_Weights.__members__.items()
    published = {name.lower(): entry.url for name, entry in members}
    published["default"] = published[_FIRST_WEIGHTS.lower()]
    return resolve_weights(spec.weights, what="ResNet-50", published=lambda name: published.get(name.lower()))
