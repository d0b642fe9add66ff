"""Which library brings a detector."""

import importlib.util
import logging

from dgf.pipeline.detectors.base import Detector, DetectorBackend, DetectorSpec, InputSize
from dgf.pipeline.errors import UserError

_log = logging.getLogger(__name__)


def default_detector() -> str:
    """Name the detector for whoever names none: detectron2's, or torchvision's where detectron2 is not installed."""
    if importlib.util.find_spec("detectron2") is not None:
        return "detectron2:COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml"
    chosen = "torchvision:fasterrcnn_resnet50_fpn"
    _log.warning("detectron2 is not installed: objects are found by %s (--detector chooses another)", chosen)
    return chosen


def find_backend(spec: DetectorSpec) -> DetectorBackend:
    """What the library that the specification names makes of it.

    Raises:
        UserError: The specification does not name a detector.
    """
    # Imported when asked for: each brings its own heavy library.
    match spec.backend:
        case "detectron2":
            from dgf.pipeline.detectors.detectron2_rcnn import Detectron2Backend

            return Detectron2Backend(spec)
        case "torchvision":
            from dgf.pipeline.detectors.torchvision_rcnn import TorchvisionBackend

            return TorchvisionBackend(spec)
        case "visual-genome":
            from dgf.pipeline.detectors.visual_genome import VisualGenomeBackend

            return VisualGenomeBackend(spec)
    raise UserError(
        f"--detector {spec.spec}: no such detector",
        "One of detectron2:COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml (or another of detectron2's zoo), "
        "detectron2:FILE.yaml, torchvision:fasterrcnn_resnet50_fpn, visual-genome",
    )


def input_size(spec: DetectorSpec) -> InputSize:
    """How the detector resizes photos, known without building it, so that photos can be batched by shape."""
    return find_backend(spec).input_size()


def describe_detector(spec: DetectorSpec) -> dict[str, object]:
    """What decides the detector's output, for a fingerprint: model, weights digest, preprocessing, precision.

    Cheap: nothing is built; a weights file is hashed.

    Raises:
        UserError: The specification does not name a detector, or its weights cannot be had.
    """
    return find_backend(spec).describe()


def build_detector(spec: DetectorSpec, device: str) -> Detector:
    """Build the network with its weights on a device (`cpu`, `cuda`, `cuda:1`).

    Raises:
        UserError: The specification does not name a detector, its library is not installed, or its weights do not fit.
    """
    return find_backend(spec).build(device)
