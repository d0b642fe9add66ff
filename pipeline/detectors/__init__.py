"""Object detectors: one protocol, one builder, a file a kind."""

from dgf.pipeline.detectors.base import Detections, Detector, DetectorSpec, InputSize, Prepared
from dgf.pipeline.detectors.box_file import BoxFile, FoundFaultError, GivenBoxes, digest_of_boxes, read_boxes
from dgf.pipeline.detectors.builder import build_detector, default_detector, describe_detector, input_size

__all__ = [
    "BoxFile",
    "Detections",
    "Detector",
    "DetectorSpec",
    "FoundFaultError",
    "GivenBoxes",
    "InputSize",
    "Prepared",
    "build_detector",
    "default_detector",
    "describe_detector",
    "detectron2_config",
    "digest_of_boxes",
    "input_size",
    "read_boxes",
]
