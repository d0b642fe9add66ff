"""What a scene graph is, and checks of what files say of one."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.faults import RowError, show_value

Edge = tuple[int, int]
"""Numbers of two objects of a photo, the smaller first."""

Edges = tuple[Edge, ...]
"""Of one photo, in order, each once."""


@dataclass(frozen=True, slots=True)
class SceneGraph:
    """Boxes of a photo and which of them are related; by what relation is not read.

    Args:
        boxes: (n, 4) x0 y0 x1 y1, in pixels of the photo after it was resized to `sides`.
        relations: (m, 2) int64 numbers of boxes.
        sides: Of the photo as the tool saw it: the shorter side, and what the longer one may have at most. None where
            boxes are in pixels of the photo as it is.
    """

    boxes: NDArray[np.float64]
    relations: NDArray[np.int64]
    sides: tuple[int, int] | None = None


def boxes_field(value: object, name: str) -> NDArray[np.float64]:
    """Check a list of boxes, each [x0, y0, x1, y1] with x0 <= x1 and y0 <= y1: (n, 4)."""
    boxes = np.asarray(_numbers(value, name, (4,), "if"), np.float64)
    if (boxes[:, 2:] < boxes[:, :2]).any():
        raise RowError(f"{name}: a box must be [x0, y0, x1, y1] with x0 <= x1 and y0 <= y1")
    return boxes


def scores_field(value: object, name: str, count: int) -> NDArray[np.float64]:
    """Check a list of as many numbers as there are things that they are of: (n,)."""
    scores = np.asarray(_numbers(value, name, (), "if"), np.float64)
    if len(scores) != count:
        raise RowError(f"{name}: {len(scores)} numbers for {count}")
    return scores


def relations_field(value: object, name: str, count: int) -> NDArray[np.int64]:
    """Check a list of pairs of two different of `count` boxes: (m, 2)."""
    pairs = np.asarray(_numbers(value, name, (2,), "i"), np.int64)
    if pairs.size and (pairs.min() < 0 or pairs.max() >= count):
        raise RowError(f"{name}: boxes are counted from 0 to {count - 1}, and a pair names another one")
    if (pairs[:, 0] == pairs[:, 1]).any():
        raise RowError(f"{name}: a box cannot be related to itself")
    return pairs


def _numbers(value: Any, name: str, shape: tuple[int, ...], kinds: str) -> NDArray[np.generic]:
    """Check a list of numbers, or of lists of so many: an array whose kind is one of `kinds`, everything finite."""
    what = "whole numbers" if kinds == "i" else "numbers"
    wanted = f"a list of {f'{shape[0]} {what} each' if shape else what}"
    if value == []:
        return np.zeros((0, *shape), np.int64)
    try:
        array = np.array(value) if isinstance(value, list) else np.zeros((), bool)
    except (ValueError, OverflowError):  # lists of several lengths
        array = np.zeros((), bool)
    fits = array.dtype.kind in kinds and array.ndim and array.shape[1:] == shape and np.isfinite(array).all()
    # Among numbers NumPy takes true for 1.
    if not fits or bool in map(type, chain.from_iterable(value) if shape else value):
        raise RowError(f"{name} must be {wanted}, not {show_value(value)}")
    return array
