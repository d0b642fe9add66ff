"""Which of a photo's detected objects are related: as a scene graph says, or by where their boxes lie."""

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.graphs.base import Edges, SceneGraph

SAME = 0.5
"""Overlap (IoU) from which a box of a scene graph, or of a mention, is said to be one of the detected objects."""

NEAR = 0.05
"""Of the photo's diagonal: the gap between two boxes up to which their objects count as related."""

Boxes = NDArray[np.floating]


def match_objects(graph: SceneGraph, boxes: Boxes, size: tuple[int, int]) -> Edges:
    """Find the relations of a scene graph between detected objects.

    Each box of the graph stands for the object that it overlaps most, where that is by IoU >= `SAME`; others, and
    their relations, are left out.

    Args:
        graph: Of the photo.
        boxes: (n, 4) of the detected objects, in pixels of the photo.
        size: (height, width) of the photo.
    """
    if not len(boxes) or not len(graph.relations):
        return ()
    overlap = overlap_of_boxes(_in_pixels(graph, size), np.asarray(boxes, np.float64))  # (graph's boxes, n)
    objects = np.where(overlap.max(1) >= SAME, overlap.argmax(1), -1)
    return _as_edges(objects[graph.relations])


def near_objects(boxes: Boxes, size: tuple[int, int]) -> Edges:
    """Relate objects whose boxes overlap, or have a gap of at most `NEAR` of the photo's diagonal between them.

    Args:
        boxes: (n, 4) of the detected objects, in pixels of the photo.
        size: (height, width) of the photo.
    """
    start, end = np.asarray(boxes[:, :2], np.float64), np.asarray(boxes[:, 2:], np.float64)
    gaps = np.maximum(np.maximum(start[:, None] - end, start - end[:, None]), 0)  # (n, n, 2), in x and y
    related = np.hypot(gaps[..., 0], gaps[..., 1]) <= NEAR * np.hypot(*size)
    return _as_edges(np.argwhere(related))


def _as_edges(pairs: NDArray[np.int64]) -> Edges:
    """Put pairs of objects, (m, 2) with -1 for none, in order, each once, without those of one object."""
    kept = np.sort(pairs[(pairs >= 0).all(1) & (pairs[:, 0] != pairs[:, 1])], axis=1)
    return tuple((int(a), int(b)) for a, b in np.unique(kept, axis=0))


def _in_pixels(graph: SceneGraph, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the graph's boxes in pixels of the photo, (n, 4)."""
    if graph.sides is None:
        return graph.boxes
    shorter, longest = graph.sides
    height, width = size
    shown = round(longest * min(size) / max(size)) if shorter * max(size) > longest * min(size) else shorter
    shown = max(1, shown)
    seen = (int(shown * width / height), shown) if height <= width else (shown, int(shown * height / width))
    in_pixels: NDArray[np.float64] = graph.boxes * np.array([width / seen[0], height / seen[1]] * 2)
    return in_pixels


def overlap_of_boxes(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of each box with each, (n, 4) and (m, 4) -> (n, m); of boxes without an area, 0."""
    sides = np.minimum(left[:, None, 2:], right[:, 2:]) - np.maximum(left[:, None, :2], right[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=2)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1) for boxes in (left, right)]
    union = areas[0][:, None] + areas[1] - shared
    overlap: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return overlap
