"""Bottom-up attention: the Visual Genome Faster R-CNN whose regions Oscar was trained on, in detectron2.

ResNet-101 C4 in Caffe's style, 1,600 object classes. Weights in the names of the public detectron2 port of it
(`faster_rcnn_from_caffe*.pkl`) fit; its attribute head, where a file has one, is not run. Kept are the proposals
themselves, unrefined, with the features they were judged by, as Oscar's training regions were made.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dgf.pipeline.detectors.base import Detector, DetectorSpec, InputSize
from dgf.pipeline.detectors.boxes import BestBoxes, HeadOutput
from dgf.pipeline.detectors.detectron2_config import build_detectron2_network, require_detectron2
from dgf.pipeline.detectors.detectron2_rcnn import BestOf, Detectron2Detector, describe_config
from dgf.pipeline.errors import UserError
from dgf.pipeline.text_files import read_whole
from dgf.pipeline.weights import WeightSource, identify_weights, read_weights, resolve_weights

if TYPE_CHECKING:
    from detectron2.config import CfgNode

CLASSES = 1600
FEATURE_DIM = 2048
MIN_SIZE, MAX_SIZE = 600, 1000
NAMES_FILE = "objects_vocab.txt"
MIN_SCORE = 0.2
MIN_BOXES = 10
_ATTRIBUTES = (r"roi_heads\.box_predictor\.(cls_embedding|fc_attr|attr_score)\..*",)
_OTHER_PORT = "roi_heads.box_predictor.attr_linear1.weight"


class VisualGenomeBackend:
    """The one network of this file as a detector."""

    def __init__(self, spec: DetectorSpec) -> None:
        self._spec = spec

    def input_size(self) -> InputSize:
        """How this detector resizes photos."""
        return InputSize(self._spec.min_size or MIN_SIZE, self._spec.max_size or MAX_SIZE)

    def describe(self) -> dict[str, object]:
        """What decides the output: configuration, weights and class names."""
        source = self._weights()
        names = "\n".join(read_class_names(source))
        return {
            "model": "visual-genome",
            "weights": identify_weights(source),
            "classes": f"sha256:{hashlib.sha256(names.encode()).hexdigest()}",
            "features": "res5 map of the proposal, averaged",
            "boxes": f"proposals, score from {MIN_SCORE}, at least {MIN_BOXES}",
            **describe_config(visual_genome_config(self._spec), self._spec),
        }

    def build(self, device: str) -> Detector:
        """Build the network with its weights."""
        config = visual_genome_config(self._spec)
        source = self._weights()
        names = read_class_names(source)
        network: Any = build_caffe_network(config, source, self._spec)
        sizes = (self._spec.regions, FEATURE_DIM)
        return Detectron2Detector(network, config, proposal_regions, *sizes, names, device, self._spec.precision)

    def _weights(self) -> WeightSource:
        return resolve_weights(self._spec.weights, what="the Visual Genome detector", published=lambda name: None)


def visual_genome_config(spec: DetectorSpec) -> "CfgNode":
    """The configuration of the network, from detectron2's defaults."""
    require_detectron2(spec)
    from detectron2.config import get_cfg

    config = get_cfg()
    model = config.MODEL
    model.DEVICE, model.WEIGHTS, model.MASK_ON = "cpu", "", False
    model.META_ARCHITECTURE = "GeneralizedRCNN"
    model.PIXEL_MEAN, model.PIXEL_STD = [102.9801, 115.9465, 122.7717], [1.0, 1.0, 1.0]
    model.RESNETS.DEPTH, model.RESNETS.STRIDE_IN_1X1, model.RESNETS.NORM = 101, True, "FrozenBN"
    model.RESNETS.OUT_FEATURES = ["res4"]
    model.ANCHOR_GENERATOR.SIZES = [[64, 128, 256, 512]]
    model.RPN.CONV_DIMS = [512]
    model.RPN.NMS_THRESH = 0.7
    model.RPN.PRE_NMS_TOPK_TEST, model.RPN.POST_NMS_TOPK_TEST = 6000, 300
    model.ROI_HEADS.NAME, model.ROI_HEADS.NUM_CLASSES = "Res5ROIHeads", CLASSES
    model.ROI_HEADS.NMS_THRESH_TEST = 0.3
    model.ROI_BOX_HEAD.POOLER_TYPE, model.ROI_BOX_HEAD.POOLER_RESOLUTION = "ROIPool", 14
    config.INPUT.FORMAT = "BGR"
    config.INPUT.MIN_SIZE_TEST, config.INPUT.MAX_SIZE_TEST = spec.min_size or MIN_SIZE, spec.max_size or MAX_SIZE
    return config


def read_class_names(source: WeightSource) -> tuple[str, ...]:
    """Read the first name in each line of `objects_vocab.txt` beside the weights; number the classes of random ones.

    Raises:
        UserError: The file is missing or has another number of lines.
    """
    if isinstance(source, int):
        return tuple(f"class {index}" for index in range(CLASSES))
    path = source.parent / NAMES_FILE
    if not path.is_file():
        raise UserError(
            f"{path}: the names of the {CLASSES} classes are not there: no such file",
            f"Put the {NAMES_FILE} that bottom-up attention publishes (data/genome/1600-400-20) beside the weights",
        )
    lines = read_whole(path, 1 << 20).splitlines()
    names = tuple(line.split(",")[0].strip().lower() for line in lines if line.strip())
    if len(names) != CLASSES:
        raise UserError(f"{path}: {len(names)} class names instead of {CLASSES}", "Fetch the file again")
    return names


def build_caffe_network(config: "CfgNode", source: WeightSource, spec: DetectorSpec) -> Any:
    """Build detectron2's network and turn it into Caffe's: the stem's pooling, and a dilated res5.

    Raises:
        UserError: The weights do not fit.
    """
    if isinstance(source, Path) and _OTHER_PORT in read_weights(source):
        raise UserError(
            f"{source}: weights of bottom-up-attention.pytorch, which orders classes and anchors otherwise",
            "Give faster_rcnn_from_caffe_attr.pkl (or .._original.pkl) of the port py-bottom-up-attention",
        )
    network: Any = build_detectron2_network(config, source, spec, ignore=_ATTRIBUTES)
    # What Caffe's network does differently has no weights.
    network.backbone.stem = _CaffeStem(network.backbone.stem)
    res5 = network.roi_heads.res5
    res5[0].conv1.stride = res5[0].shortcut.stride = (1, 1)
    for block in res5:
        block.conv2.padding = block.conv2.dilation = (2, 2)
    return network


class _CaffeStem(nn.Module):
    """The stem with a pooling that starts at the border and rounds up."""

    def __init__(self, stem: Any) -> None:
        super().__init__()
        self.conv1 = stem.conv1

    def forward(self, images: Tensor) -> Tensor:
        hidden = nn.functional.relu_(self.conv1(images))
        return nn.functional.max_pool2d(hidden, 3, stride=2, ceil_mode=True)


def proposal_regions(
    heads: Any, features: dict[str, Tensor], proposals: list[Any], best: BestOf, given: list[Tensor]
) -> HeadOutput:
    """A `RegionHead` that keeps proposals, each under its best class, with the features it was judged by.

    Boxes of a score of at least 0.2, at least 10 of them where there are so many, at most `regions`.
    """
    from detectron2.structures import Boxes

    said = HeadOutput([], [], [])
    for index, found in enumerate(proposals):  # photo by photo: res5 on 300 regions is batch enough
        maps = [features[name][index : index + 1].float().contiguous() for name in heads.in_features]
        judged = heads._shared_roi_transform(maps, [found.proposal_boxes]).mean((2, 3))  # (P, 2048)
        with torch.autocast(judged.device.type, enabled=False):
            scores = heads.box_predictor.cls_score(judged.float()).softmax(-1)[:, :-1]
        ordered = best(found.proposal_boxes.tensor[:, None], scores, size=found.image_size, once=True)
        count = max(int((ordered.scores >= MIN_SCORE).sum()), min(MIN_BOXES, len(ordered.scores)))
        said.kept.append(BestBoxes(*(values[:count] for values in ordered)))
        said.means.append(judged[said.kept[-1].rows])
        for boxes in given[index : index + 1]:
            said.given.append(heads._shared_roi_transform(maps, [Boxes(boxes)]).mean((2, 3)))
    return said
