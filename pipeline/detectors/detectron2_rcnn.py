"""Faster R-CNN of detectron2: any configuration of its model zoo, or of a file."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from dgf.pipeline.detectors.base import Detections, Detector, DetectorSpec, InputSize, Prepared
from dgf.pipeline.detectors.boxes import BestBoxes, HeadOutput, best_boxes, pad_photos, scale_given, to_detections
from dgf.pipeline.detectors.detectron2_config import (
    build_detectron2_network,
    detectron2_class_names,
    detectron2_input_size,
    published_detectron2_weights,
    read_detectron2_config,
)
from dgf.pipeline.precision import Precision, describe_precision, infer_in
from dgf.pipeline.weights import WeightSource, identify_weights, resolve_weights

if TYPE_CHECKING:
    from detectron2.config import CfgNode

BestOf = Callable[..., BestBoxes]
"""`best_boxes` for one detector: its `regions` and `nms` are given."""

RegionHead = Callable[[Any, dict[str, Tensor], list[Any], BestOf, list[Tensor]], HeadOutput]
"""From detectron2's heads, feature maps, proposals and given boxes of each photo to the boxes kept, and features."""


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
        if settings.NAME == "Res5ROIHeads":
            head, dim = res5_regions, network.roi_heads.res5[-1].out_channels
        else:
            head, dim = pooled_regions, network.backbone.output_shape()[settings.IN_FEATURES[0]].channels
        names = detectron2_class_names(self._config)
        return Detectron2Detector(
            network, self._config, head, self._spec.regions, dim, names, device, self._spec.precision
        )

    def _weights(self) -> WeightSource:
        published = partial(published_detectron2_weights, self._spec)
        return resolve_weights(self._spec.weights, what=f"detector {self._spec.spec}", published=published)


def describe_config(config: "CfgNode", spec: DetectorSpec) -> dict[str, object]:
    """The part of a description that a configuration gives."""
    return {
        "config": f"sha256:{hashlib.sha256(config.dump().encode()).hexdigest()}",
        "regions": spec.regions,
        "preprocessing": f"shorter edge {config.INPUT.MIN_SIZE_TEST}, at most {config.INPUT.MAX_SIZE_TEST}, "
        f"bilinear, {config.INPUT.FORMAT}",
        "precision": describe_precision(spec.precision, on_gpu=torch.float16),
    }


def pooled_regions(
    heads: Any, features: dict[str, Tensor], proposals: list[Any], best: BestOf, given: list[Tensor]
) -> HeadOutput:
    """A `RegionHead` of heads that read a pooled map (FPN, DC5): a region's features are that map, averaged."""
    # Pooling wants this layout, and would round boxes to the precision of the maps.
    maps = [features[name].float().contiguous() for name in heads.box_in_features]
    pooled = heads.box_pooler(maps, [found.proposal_boxes for found in proposals])
    kept = _keep_boxes(heads.box_predictor, heads.box_head(pooled), proposals, best)

    def pool(boxes: list[Tensor]) -> list[Tensor]:
        grids = heads.box_pooler(maps, _boxes(boxes))  # (sum n, D, 7, 7)
        return list(grids.mean((2, 3)).split([len(found) for found in boxes]))

    return HeadOutput(kept, pool([found.boxes for found in kept]), pool(given) if given else [])


def res5_regions(
    heads: Any, features: dict[str, Tensor], proposals: list[Any], best: BestOf, given: list[Tensor]
) -> HeadOutput:
    """A `RegionHead` of heads that run ResNet's last stage on every region (C4): its output, averaged."""
    said = HeadOutput([], [], [])
    # Photo by photo: a thousand proposals through res5 take a gigabyte.
    for index, found in enumerate(proposals):
        maps = [features[name][index : index + 1].float().contiguous() for name in heads.in_features]
        grids = heads._shared_roi_transform(maps, [found.proposal_boxes])  # (P, D, 7, 7)
        said.kept.extend(_keep_boxes(heads.box_predictor, grids.mean((2, 3)), [found], best))
        for means, boxes in ((said.means, [said.kept[-1].boxes]), (said.given, given[index : index + 1])):
            means.extend(heads._shared_roi_transform(maps, _boxes([one])).mean((2, 3)) for one in boxes)
    return said


def _keep_boxes(predictor: Any, head: Tensor, proposals: list[Any], best: BestOf) -> list[BestBoxes]:
    """Score and refine the proposals of a batch by the box head's output (sum P, F); keep the best of each photo."""
    with torch.autocast(head.device.type, enabled=False):  # box offsets want more than eleven bits
        predictions = predictor(head.float())
        boxes = predictor.predict_boxes(predictions, proposals)
        scores = predictor.predict_probs(predictions, proposals)
    return [  # the last class is the background
        best(box.view(len(box), -1, 4), score[:, :-1], size=found.image_size)
        for box, score, found in zip(boxes, scores, proposals, strict=True)
    ]


def _boxes(boxes: list[Tensor]) -> list[Any]:
    from detectron2.structures import Boxes

    return [Boxes(found) for found in boxes]


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
        regions: int,
        feature_dim: int,
        names: tuple[str, ...],
        device: str,
        precision: Precision | None = None,
    ) -> None:
        self.class_names = names
        self.feature_dim = int(feature_dim)
        self.input_size = detectron2_input_size(config)
        self.device = torch.device(device)
        fold_norms(network)
        self._network = network.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        self._head = head
        self._precision = precision
        self._best = partial(best_boxes, regions=regions, nms=float(config.MODEL.ROI_HEADS.NMS_THRESH_TEST))
        self._bgr = config.INPUT.FORMAT == "BGR"

    def prepare(self, photo: npt.NDArray[np.uint8]) -> Prepared:
        """Resize one photo as detectron2 does."""
        height, width = photo.shape[:2]
        new_height, new_width = self.input_size.resized(height, width)
        resized = Image.fromarray(photo).resize((new_width, new_height), Image.Resampling.BILINEAR)
        return Prepared(np.array(resized), (height, width))

    def detect_prepared(self, batch: Sequence[Prepared]) -> list[Detections]:
        """Run a batch in one forward: backbone, proposals, box head, and the features of the boxes kept."""
        from detectron2.structures import ImageList

        with infer_in(self._precision, self.device, on_gpu=torch.float16):
            mean, std = self._network.pixel_mean, self._network.pixel_std
            pixels = pad_photos(batch, self.input_size, mean, std, bgr=self._bgr)
            images = ImageList(pixels, [photo.pixels.shape[:2] for photo in batch])
            features = self._network.backbone(pixels)
            proposals, _ = self._network.proposal_generator(images, features, None)
            wanted = scale_given(batch, self.device)
            said = self._head(self._network.roi_heads, features, proposals, self._best, wanted)
            given = said.given if wanted else [None] * len(batch)
            return [to_detections(*found) for found in zip(said.kept, said.means, batch, given, strict=True)]
