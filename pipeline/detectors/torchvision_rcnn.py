"""Faster R-CNN of torchvision, which a plain install brings."""

import re
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

from dgf.pipeline import weights as weight_files
from dgf.pipeline.detectors.base import Detections, Detector, DetectorSpec, InputSize, Prepared
from dgf.pipeline.detectors.batching import detections, padded_batch
from dgf.pipeline.detectors.boxes import BestBoxes, best_boxes
from dgf.pipeline.errors import UserError

PRECISION = "float32 on cpu, float16 autocast on cuda"
_SIZES = {
    "fasterrcnn_resnet50_fpn": (800, 1333),
    "fasterrcnn_resnet50_fpn_v2": (800, 1333),
    "fasterrcnn_mobilenet_v3_large_fpn": (800, 1333),
    "fasterrcnn_mobilenet_v3_large_320_fpn": (320, 640),
}
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# The one published file that was trained with batch norms that add nothing to the variance.
_NO_EPSILON = "sha256:258fb6c6"


def input_size(spec: DetectorSpec) -> InputSize:
    """How this detector resizes photos."""
    if spec.model not in _SIZES:
        raise UserError(f"--detector {spec.spec}: torchvision has no such model here", f"One of {', '.join(_SIZES)}")
    min_size, max_size = _SIZES[spec.model]
    return InputSize(spec.min_size or min_size, spec.max_size or max_size, divisor=32, floor=True)


def describe(spec: DetectorSpec) -> dict[str, object]:
    """What decides the output: model and weights digest."""
    size = input_size(spec)
    return {
        "model": spec.spec,
        "weights": weight_files.identify(_resolve(spec)),
        "regions": spec.regions,
        "features": "region map of the final box, averaged",
        "preprocessing": f"shorter edge {size.min_size}, at most {size.max_size}, bilinear, RGB",
        "precision": PRECISION,
    }


def _resolve(spec: DetectorSpec) -> weight_files.Source:
    entries = torchvision.models.get_model_weights(spec.model).__members__
    published = {name.lower(): entry.url for name, entry in entries.items()}
    return weight_files.resolve(
        spec.weights, what=f"detector {spec.spec}", published=lambda name: published.get(name.lower())
    )


def build(spec: DetectorSpec, device: str) -> Detector:
    """Builds the network with its weights."""
    size = input_size(spec)
    source = _resolve(spec)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source if isinstance(source, int) else 0)
        network = torchvision.models.get_model(spec.model, weights=None, weights_backbone=None)
    if isinstance(source, int):
        tame_random(network)
    else:
        weight_files.fill(network, weight_files.read_state(source), source)
    epsilon = 0.0 if not isinstance(source, int) and _is_v1(source) else None
    freeze_norms(network, epsilon)
    categories = torchvision.models.get_model_weights(spec.model).DEFAULT.meta["categories"]
    return TorchvisionDetector(network, size, tuple(categories[1:]), spec.regions, device)


def _is_v1(source: weight_files.Source) -> bool:
    return weight_files.identify(source).startswith(_NO_EPSILON)


def tame_random(network: nn.Module) -> None:
    """Scales random weights so that a photo gets boxes: the norms of an untrained network normalise nothing.

    Residual branches of ResNets are weakened, and depthwise convolutions, which are drawn as if they saw every
    channel, are strengthened.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.weight.data.mul_(module.groups**0.5)
    for name, value in network.state_dict().items():
        if re.search(r"\.bn3\.weight$", name):
            value.mul_(0.2)


def freeze_norms(network: nn.Module, epsilon: float | None) -> None:
    """Replaces batch norms by constant scales and shifts, which is what they are at inference."""
    for module in list(network.modules()):
        for name, norm in list(module.named_children()):
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            frozen = FrozenBatchNorm2d(norm.num_features, eps=norm.eps if epsilon is None else epsilon)
            frozen.load_state_dict(norm.state_dict())
            setattr(module, name, frozen)


class TorchvisionDetector:
    """A Faster R-CNN of torchvision ready to read photos. Builder: `build`."""

    def __init__(
        self, network: detection.FasterRCNN, size: InputSize, names: tuple[str, ...], regions: int, device: str
    ) -> None:
        self.class_names = names
        self.input_size = size
        self.device = torch.device(device)
        self._network: Any = network.eval().requires_grad_(False)
        self._network.to(self.device, memory_format=torch.channels_last)
        self.feature_dim = int(network.backbone.out_channels)
        self._regions = regions
        self._nms = float(network.roi_heads.nms_thresh)
        self._mean = torch.tensor(_MEAN, device=self.device).view(3, 1, 1) * 255
        self._std = torch.tensor(_STD, device=self.device).view(3, 1, 1) * 255

    def prepare(self, photo: npt.NDArray[np.uint8]) -> Prepared:
        """Resizes one photo as torchvision does: bilinear, not antialiased."""
        height, width = photo.shape[:2]
        pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float()
        resized = nn.functional.interpolate(pixels, self.input_size.resized(height, width), mode="bilinear")
        return Prepared(resized[0].round().byte().permute(1, 2, 0).contiguous().numpy(), (height, width))

    def detect(self, photos: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """`prepare` and `detect_prepared` in one call."""
        return self.detect_prepared([self.prepare(photo) for photo in photos])

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        """Runs a batch in one forward: backbone, proposals, box head, and the features of the boxes kept."""
        heads = self._network.roi_heads
        sizes = [photo.pixels.shape[:2] for photo in batch]
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"),
        ):
            pixels = padded_batch(batch, self.input_size, self._mean, self._std, bgr=False)
            features = self._network.backbone(pixels)
            proposals, _ = self._network.rpn(ImageList(pixels, sizes), features)
            maps = {name: level.float().contiguous() for name, level in features.items()}
            head = heads.box_head(heads.box_roi_pool(maps, proposals, sizes))
            kept = self._keep(head, proposals, sizes)
            grids = heads.box_roi_pool(maps, [found.boxes for found in kept], sizes)  # (sum n, D, 7, 7)
            means = grids.mean((2, 3)).split([len(found.boxes) for found in kept])
            return [detections(*found) for found in zip(kept, means, batch, strict=True)]

    def _keep(self, head: Tensor, proposals: list[Tensor], sizes: list[tuple[int, int]]) -> list[BestBoxes]:
        counts = [len(found) for found in proposals]
        heads = self._network.roi_heads
        with torch.autocast(head.device.type, enabled=False):  # box offsets want more than eleven bits
            logits, offsets = heads.box_predictor(head.float())
            boxes = heads.box_coder.decode(offsets, proposals).split(counts)  # (P, 1 + C, 4)
            scores = logits.softmax(-1).split(counts)
        return [
            best_boxes(
                box[:, 1:],  # the first class is the background
                score[:, 1:],
                height=size[0],
                width=size[1],
                regions=self._regions,
                nms=self._nms,
            )
            for box, score, size in zip(boxes, scores, sizes, strict=True)
        ]
