"""Whole photos through a network, without the preparation of its own thread."""

from collections.abc import Sequence

import numpy as np

from dgf.pipeline.detectors import Detections, Detector
from dgf.pipeline.encoders import Blocks, PhotoEncoder


def detect(detector: Detector, photos: Sequence[np.ndarray]) -> list[Detections]:
    return detector.detect_prepared([detector.prepare(photo) for photo in photos])


def extract(encoder: PhotoEncoder, photos: Sequence[np.ndarray]) -> Blocks:
    return encoder.extract_prepared([encoder.prepare(photo) for photo in photos])
