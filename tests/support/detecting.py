"""Whole photos through a network, without the preparation of its own thread."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dgf.pipeline.detectors import Detections, Detector
from dgf.pipeline.encoders import Blocks, PhotoEncoder


def detect(detector: Detector, photos: Sequence[np.ndarray]) -> list[Detections]:
    return detector.detect_prepared([detector.prepare(photo) for photo in photos])


def check_given(detector: Detector, photos: Sequence[np.ndarray], atol: float) -> None:
    """Boxes that a detector found, given back with the photos, have the features they were found with; what is found
    stays the same, and a photo without boxes among the others has none."""
    before = detect(detector, photos)
    ready = [detector.prepare(photo) for photo in photos]
    given = [found.boxes[::-1].copy() for found in before[:-1]]
    wanted = [replace(photo, boxes=boxes) for photo, boxes in zip(ready[:-1], given, strict=True)]
    after = detector.detect_prepared([*wanted, ready[-1]])
    for one, other, boxes in zip(before, after, [*given, before[0].boxes[:0]], strict=True):
        for name in ("features", "boxes", "scores", "classes"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert other.given is not None and one.given is None and len(boxes) == len(other.given)
        if len(boxes):
            np.testing.assert_allclose(other.given, one.features[::-1], atol=atol)
            assert not np.allclose(other.given, one.features, atol=atol)


def extract(encoder: PhotoEncoder, photos: Sequence[np.ndarray]) -> Blocks:
    return encoder.extract_prepared([encoder.prepare(photo) for photo in photos])
