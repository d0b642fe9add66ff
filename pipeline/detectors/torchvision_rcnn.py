"""Faster R-CNN of torchvision, which a plain install brings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.image_list import ImageList
from torchvision.ops.misc import FrozenBatchNorm2d

from dgf.pipeline.detectors.base import Detections, Detector, DetectorSpec, InputSize, Prepared
from dgf.pipeline.detectors.boxes import BestBoxes, best_boxes, pad_photos, scale_given, to_detections
from dgf.pipeline.errors import UserError
from dgf.pipeline.precision import Precision, describe_precision, infer_in
from dgf.pipeline.weights import WeightSource, fill_network, identify_weights, read_weights, resolve_weights, seeded

_SIZES = {
    "fasterrcnn_resnet50_fpn": (800, 1333),
    "fasterrcnn_resnet50_fpn_v2": (800, 1333),
    "fasterrcnn_mobilenet_v3_large_fpn": (800, 1333),
    "fasterrcnn_mobilenet_v3_large_320_fpn": (320, 640),
}
# The one published file that was trained with batch norms that add nothing to the variance.
_NO_EPSILON = "sha256:258fb6c6"


class TorchvisionBackend:
    """A Faster R-CNN of torchvision as a detector."""

    def __init__(self, spec: DetectorSpec) -> None:
        if spec.model not in _SIZES:
            raise UserError(
                f"--detector {spec.spec}: torchvision has no such model here", f"One of {', '.join(_SIZES)}"
            )
        self._spec = spec
        self._published = torchvision.models.get_model_weights(spec.model)

    def input_size(self) -> InputSize:
        """How this detector resizes photos."""
        min_size, max_size = _SIZES[self._spec.model]
        return InputSize(self._spec.min_size or min_size, self._spec.max_size or max_size, divisor=32, floor=True)

    def describe(self) -> dict[str, object]:
        """What decides the output: model and weights digest."""
        size = self.input_size()
        return {
            "model": self._spec.spec,
            "weights": identify_weights(self._weights()),
            "regions": self._spec.regions,
            "features": "region map of the final box, averaged",
            "preprocessing": f"shorter edge {size.min_size}, at most {size.max_size}, bilinear, RGB",
            "precision": describe_precision(self._spec.precision, on_gpu=torch.float16),
        }

    def build(self, device: str) -> Detector:
        """Build the network with its weights."""
        source = self._weights()
        with seeded(source):
            network = torchvision.models.get_model(self._spec.model, weights=None, weights_backbone=None)
        if isinstance(source, int):
            tame_random_torchvision(network)
        else:
            fill_network(network, read_weights(source), source)
        freeze_norms(network, 0.0 if identify_weights(source).startswith(_NO_EPSILON) else None)
        names = tuple(self._published.DEFAULT.meta["categories"][1:])
        return TorchvisionDetector(network, self.input_size(), names, self._spec.regions, device, self._spec.precision)

    def _weights(self) -> WeightSource:
        published = {name.lower(): entry.url for name, entry in self._published.__members__.items()}
        what = f"detector {self._spec.spec}"
        return resolve_weights(self._spec.weights, what=what, published=lambda name: published.get(name.lower()))


def tame_random_torchvision(network: nn.Module) -> None:
    """Scale random weights so that a photo gets boxes: the norms of an untrained network normalize nothing.

    Residual branches of ResNets are weakened, and depthwise convolutions, which are drawn as if they saw every
    channel, are strengthened.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.weight.data.mul_(module.groups**0.5)
    for name, value in network.state_dict().items():
        if name.endswith(".bn3.weight"):
            value.mul_(0.2)


def freeze_norms(network: nn.Module, epsilon: float | None) -> None:
    """Replace batch norms by constant scales and shifts, which is what they are at inference."""
    for module in list(network.modules()):
        for name, norm in list(module.named_children()):
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            frozen = FrozenBatchNorm2d(norm.num_features, eps=norm.eps if epsilon is None else epsilon)
            frozen.load_state_dict(norm.state_dict())
            setattr(module, name, frozen)


class TorchvisionDetector:
    """A Faster R-CNN of torchvision ready to read photos. Builder: `TorchvisionBackend.build`."""

    def __init__(
        self,
        network: detection.FasterRCNN,
        size: InputSize,
        names: tuple[str, ...],
        regions: int,
        device: str,
        precision: Precision | None = None,
    ) -> None:
        self.class_names = names
        self.input_size = size
        self.device = torch.device(device)
        self._network: Any = network.eval().requires_grad_(False)
        self._network.to(self.device, memory_format=torch.channels_last)
        self.feature_dim = int(network.backbone.out_channels)
        self._regions = regions
        self._precision = precision
        self._nms = float(network.roi_heads.nms_thresh)
        self._mean = torch.tensor(network.transform.image_mean, device=self.device).view(3, 1, 1) * 255
        self._std = torch.tensor(network.transform.image_std, device=self.device).view(3, 1, 1) * 255

    def prepare(self, photo: npt.NDArray[np.uint8]) -> Prepared:
        """Resize one photo as torchvision does: bilinear, not antialiased."""
        height, width = photo.shape[:2]
        pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float()
        resized = nn.functional.interpolate(pixels, self.input_size.resized(height, width), mode="bilinear")
        return Prepared(resized[0].round().byte().permute(1, 2, 0).contiguous().numpy(), (height, width))

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        """Run a batch in one forward: backbone, proposals, box head, and the features of the boxes kept."""
        heads = self._network.roi_heads
        sizes = [photo.pixels.shape[:2] for photo in batch]
        with infer_in(self._precision, self.device, on_gpu=torch.float16):
            pixels = pad_photos(batch, self.input_size, self._mean, self._std, bgr=False)
            features = self._network.backbone(pixels)
            proposals, _ = self._network.rpn(ImageList(pixels, sizes), features)
            maps = {name: level.float().contiguous() for name, level in features.items()}
            head = heads.box_head(heads.box_roi_pool(maps, proposals, sizes))
            kept = self._keep(head, proposals, sizes)
            means = self._pool(maps, [found.boxes for found in kept], sizes)
            wanted = scale_given(batch, self.device)
            given: Sequence[Tensor | None] = self._pool(maps, wanted, sizes) if wanted else [None] * len(batch)
            return [to_detections(*found) for found in zip(kept, means, batch, given, strict=True)]

    def _pool(self, maps: dict[str, Tensor], boxes: list[Tensor], sizes: list[tuple[int, int]]) -> Sequence[Tensor]:
        """Average the region maps of the boxes of each photo: (n, D)."""
        grids = self._network.roi_heads.box_roi_pool(maps, boxes, sizes)  # (sum n, D, 7, 7)
        means: Sequence[Tensor] = grids.mean((2, 3)).split([len(found) for found in boxes])
        return means

    def _keep(self, head: Tensor, proposals: list[Tensor], sizes: list[tuple[int, int]]) -> list[BestBoxes]:
        counts = [len(found) for found in proposals]
        heads = self._network.roi_heads
        with torch.autocast(head.device.type, enabled=False):  # box offsets want more than eleven bits
            logits, offsets = heads.box_predictor(head.float())
            boxes = heads.box_coder.decode(offsets, proposals).split(counts)  # (P, 1 + C, 4)
            scores = logits.softmax(-1).split(counts)
        return [  # the first class is the background
            best_boxes(box[:, 1:], score[:, 1:], size=size, regions=self._regions, nms=self._nms)
            for box, score, size in zip(boxes, scores, sizes, strict=True)
        ]
