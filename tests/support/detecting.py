"""Whole photos through a network, without the preparation of its own thread."""

from collections.abc import Sequence

import numpy as np

from dgf.pipeline.detectors import Detections, Detector
from dgf.pipeline.vgg import BlockExtractor, Blocks


def detect(detector: Detector, photos: Sequence[np.ndarray]) -> list[Detections]:
    return detector.detect_prepared([detector.prepare(photo) for photo in photos])


def extract(vgg: BlockExtractor, photos: Sequence[np.ndarray]) -> Blocks:
    return vgg.extract_prepared([vgg.prepare(photo) for photo in photos])
