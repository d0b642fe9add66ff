"""Object detectors: one protocol, one builder, a file a kind."""

from dgf.pipeline.detectors.base import Detections, Detector, DetectorSpec, InputSize, Prepared
from dgf.pipeline.detectors.builder import build_detector, default_detector, describe_detector, input_size

__all__ = [
    "Detections",
    "Detector",
    "DetectorSpec",
    "InputSize",
    "Prepared",
    "build_detector",
    "default_detector",
    "describe_detector",
    "detectron2_config",
    "input_size",
]
