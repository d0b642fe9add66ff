"""Faster R-CNN of detectron2: any configuration of its model zoo, or of a file."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from dgf.pipeline.detectors.base import PRECISION, Detections, Detector, DetectorSpec, InputSize, Prepared
from dgf.pipeline.detectors.batching import half_inference, pad_photos, to_detections
from dgf.pipeline.detectors.boxes import BestBoxes, best_boxes
from dgf.pipeline.detectors.detectron2_config import (
    build_detectron2_network,
    detectron2_class_names,
    detectron2_input_size,
    published_detectron2_weights,
    read_detectron2_config,
)
from dgf.pipeline.weights import WeightSource, identify_weights, resolve_weights

if TYPE_CHECKING:
    from detectron2.config import CfgNode


class Detectron2Backend:
    """A configuration of detectron2 as a detector."""

    def __init__(self, spec: DetectorSpec) -> None:
        self._spec = spec
        self._config = read_detectron2_config(spec)

    def input_size(self) -> InputSize:
        """How this detector resizes photos."""
        return detectron2_input_size(self._config)

    def describe(self) -> dict[str, object]:
        """What decides the output: configuration and weights by their digests."""
        return {
            "model": f"detectron2:{self._spec.model}",
            "weights": identify_weights(self._weights()),
            "features": "region map of the final box, averaged",
            **describe_config(self._config, self._spec),
        }

    def build(self, device: str) -> Detector:
        """Build the network with its weights."""
        network: Any = build_detectron2_network(self._config, self._weights(), self._spec)
        settings = self._config.MODEL.ROI_HEADS
        regions, nms = self._spec.regions, float(settings.NMS_THRESH_TEST)
        head: RegionHead
        if settings.NAME == "Res5ROIHeads":
            head, dim = Res5Regions(network.roi_heads, regions, nms), network.roi_heads.res5[-1].out_channels
        else:
            head = PooledRegions(network.roi_heads, regions, nms)
            dim = network.backbone.output_shape()[settings.IN_FEATURES[0]].channels
        return Detectron2Detector(network, self._config, head, dim, detectron2_class_names(self._config), device)

    def _weights(self) -> WeightSource:
        return resolve_weights(
            self._spec.weights,
            what=f"detector {self._spec.spec}",
            published=lambda name: published_detectron2_weights(self._spec, name),
        )


def describe_config(config: "CfgNode", spec: DetectorSpec) -> dict[str, object]:
    """The part of a description that a configuration gives."""
    return {
        "config": f"sha256:{hashlib.sha256(config.dump().encode()).hexdigest()}",
        "regions": spec.regions,
        "preprocessing": f"shorter edge {config.INPUT.MIN_SIZE_TEST}, at most {config.INPUT.MAX_SIZE_TEST}, "
        f"bilinear, {config.INPUT.FORMAT}",
        "precision": PRECISION,
    }


class RegionHead(Protocol):
    """Chooses among the proposals of a batch."""

    def __call__(self, features: dict[str, Tensor], proposals: list[Any]) -> tuple[list[BestBoxes], list[Tensor]]:
        """From feature maps and detectron2's proposals to the boxes kept of each photo and their (n, D) features."""
        ...


class PooledRegions:
    """Heads that read a pooled map (FPN, DC5): a region's features are that map, averaged."""

    def __init__(self, heads: Any, regions: int, nms: float) -> None:
        self._heads, self._regions, self._nms = heads, regions, nms

    def __call__(self, features: dict[str, Tensor], proposals: list[Any]) -> tuple[list[BestBoxes], list[Tensor]]:
        """See `RegionHead`."""
        # Pooling wants this layout, and would round boxes to the precision of the maps.
        maps = [features[name].float().contiguous() for name in self._heads.box_in_features]
        pooled = self._heads.box_pooler(maps, [found.proposal_boxes for found in proposals])
        kept = keep_boxes(self._heads.box_predictor, self._heads.box_head(pooled), proposals, self._regions, self._nms)
        grids = self._heads.box_pooler(maps, _boxes(kept))  # (sum n, D, 7, 7)
        return kept, list(grids.mean((2, 3)).split([len(found.boxes) for found in kept]))


class Res5Regions:
    """Heads that run ResNet's last stage on every region (C4): a region's features are its output, averaged."""

    def __init__(self, heads: Any, regions: int, nms: float) -> None:
        self._heads, self._regions, self._nms = heads, regions, nms

    def __call__(self, features: dict[str, Tensor], proposals: list[Any]) -> tuple[list[BestBoxes], list[Tensor]]:
        """See `RegionHead`."""
        kept: list[BestBoxes] = []
        means: list[Tensor] = []
        # Photo by photo: a thousand proposals through res5 take a gigabyte.
        for index, found in enumerate(proposals):
            maps = [features[name][index : index + 1].float().contiguous() for name in self._heads.in_features]
            grids = self._heads._shared_roi_transform(maps, [found.proposal_boxes])  # (P, D, 7, 7)
            kept += keep_boxes(self._heads.box_predictor, grids.mean((2, 3)), [found], self._regions, self._nms)
            means.append(self._heads._shared_roi_transform(maps, _boxes(kept[-1:])).mean((2, 3)))
        return kept, means


def keep_boxes(predictor: Any, head: Tensor, proposals: list[Any], regions: int, nms: float) -> list[BestBoxes]:
    """Score and refine the proposals of a batch, and keep the best boxes of each photo.

    Args:
        predictor: detectron2's box predictor.
        head: (sum P, F) output of the box head.
        proposals: Of each photo.
        regions: How many to keep of a photo.
        nms: Overlap from which the lower of two boxes of a class is dropped.
    """
    with torch.autocast(head.device.type, enabled=False):  # box offsets want more than eleven bits
        predictions = predictor(head.float())
        boxes = predictor.predict_boxes(predictions, proposals)
        scores = predictor.predict_probs(predictions, proposals)
    return [
        best_boxes(
            box.view(len(box), -1, 4),
            score[:, :-1],  # the last class is the background
            height=found.image_size[0],
            width=found.image_size[1],
            regions=regions,
            nms=nms,
        )
        for box, score, found in zip(boxes, scores, proposals, strict=True)
    ]


def _boxes(kept: list[BestBoxes]) -> list[Any]:
    from detectron2.structures import Boxes

    return [Boxes(found.boxes) for found in kept]


def fold_norms(network: nn.Module) -> None:
    """Merge frozen batch norms into the convolutions before them: the same sums, a tenth less work."""
    from detectron2.layers import FrozenBatchNorm2d

    for module in network.modules():
        norm = getattr(module, "norm", None)
        if isinstance(module, nn.Conv2d) and isinstance(norm, FrozenBatchNorm2d):
            module.register_module("norm", None)
            module.weight, module.bias = fuse_conv_bn_weights(
                module.weight, module.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )


class Detectron2Detector:
    """A Faster R-CNN of detectron2 ready to read photos. Builder: `Detectron2Backend.build`."""

    def __init__(
        self,
        network: Any,
        config: "CfgNode",
        head: RegionHead,
        feature_dim: int,
        names: tuple[str, ...],
        device: str,
    ) -> None:
        self.class_names = names
        self.feature_dim = int(feature_dim)
        self.input_size = detectron2_input_size(config)
        self.device = torch.device(device)
        fold_norms(network)
        self._network = network.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        self._head = head
        self._bgr = config.INPUT.FORMAT == "BGR"

    def prepare(self, photo: npt.NDArray[np.uint8]) -> Prepared:
        """Resize one photo as detectron2 does."""
        height, width = photo.shape[:2]
        new_height, new_width = self.input_size.resized(height, width)
        resized = Image.fromarray(photo).resize((new_width, new_height), Image.Resampling.BILINEAR)
        return Prepared(np.array(resized), (height, width))

    def detect(self, photos: Sequence[npt.NDArray[np.uint8]]) -> list[Detections]:
        """`prepare` and `detect_prepared` in one call."""
        return self.detect_prepared([self.prepare(photo) for photo in photos])

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        """Run a batch in one forward: backbone, proposals, box head, and the features of the boxes kept."""
        from detectron2.structures import ImageList

        with half_inference(self.device):
            mean, std = self._network.pixel_mean, self._network.pixel_std
            pixels = pad_photos(batch, self.input_size, mean, std, bgr=self._bgr)
            images = ImageList(pixels, [photo.pixels.shape[:2] for photo in batch])
            features = self._network.backbone(pixels)
            proposals, _ = self._network.proposal_generator(images, features, None)
            kept, means = self._head(features, proposals)
            return [to_detections(*found) for found in zip(kept, means, batch, strict=True)]
