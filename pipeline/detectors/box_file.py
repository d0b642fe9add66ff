"""Boxes that the user brings, such as those of grounded phrases, by photo."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog, RowError, show_value
from dgf.pipeline.files import file_digest
from dgf.pipeline.graphs import boxes_field, scores_field
from dgf.pipeline.lines import read_objects
from dgf.pipeline.posts import plain_path, text_field

_FORM = (
    'Each line is an object such as {"image_id": "train/photo.jpg", "boxes": [[10, 20, 200, 180]], "labels": '
    '["a man"], "scores": [0.9]}: boxes are [x1, y1, x2, y2] in pixels of the upright photo; labels and scores may be '
    "left out."
)
_KEYS = {"image_id", "boxes", "labels", "scores"}


@dataclass(frozen=True, slots=True)
class GivenBoxes:
    """The boxes of one photo: by descending score, where there are scores, else in the order of the file.

    Args:
        boxes: (n, 4) float32, x1 y1 x2 y2 in pixels of the upright photo.
        scores: (n,) float32; 1 where the file has none.
        labels: What each is called; empty where the file does not say.
        line: Of the file.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class BoxFile:
    """A file of boxes.

    Args:
        path: Where it is.
        photos: The boxes by image id.
    """

    path: Path
    photos: Mapping[str, GivenBoxes]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label, in order."""
        return tuple(sorted({label for given in self.photos.values() for label in given.labels if label}))

    def lines_of(self, image_ids: Iterable[str]) -> list[GivenBoxes]:
        """Return the boxes of each line that is of a photo of these ids, as they stand there."""
        return [self.photos[name] for name in map(plain_path, image_ids) if name in self.photos]

    def find(self, image_ids: Iterable[str], size: tuple[int, int]) -> GivenBoxes | None:
        """Return the boxes of a photo of these ids and this (height, width), cut to it; None where there is no line.

        Raises:
            FoundFaultError: A box lies outside the photo, or lines of two of its ids differ.
        """
        found = self.lines_of(image_ids)
        if not found:
            return None
        first = found[0]
        for other in found[1:]:
            same = np.array_equal(first.boxes, other.boxes) and np.array_equal(first.scores, other.scores)
            if not same or first.labels != other.labels:
                fault = f"other boxes, labels or scores than in line {first.line}, of the same photo"
                raise FoundFaultError(fault, other.line)
        edges = np.array([size[1], size[0]] * 2, np.float32)
        boxes = np.clip(first.boxes, 0, edges)
        if len(outside := np.flatnonzero((boxes[:, 2:] <= boxes[:, :2]).any(1))):
            box = first.boxes[outside[0]].tolist()
            raise FoundFaultError(f"the box {box} lies outside the photo, of {size[1]} x {size[0]} pixels", first.line)
        return GivenBoxes(boxes, first.scores, first.labels, first.line)


class FoundFaultError(RowError):
    """A line does not suit the photo that it is of."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message, "box")
        self.line = line


def digest_of_boxes(path: Path) -> str:
    """Return the SHA-256 of a file of boxes.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return file_digest(path)
    except OSError as error:
        raise UserError(f"--boxes {path} cannot be read: {error.strerror or error}", "Check the path.") from None


def read_boxes(path: Path) -> BoxFile:
    """Read a file of boxes, one JSON object a photo and line.

    Raises:
        UserError: It cannot be read, or lines are not of the form; the first ten are named.
    """
    photos: dict[str, GivenBoxes] = {}
    log = FaultLog(path)
    for number, row in read_objects(path, log, empty="holds no boxes"):
        with log.at(path, number):
            if unknown := sorted(row.keys() - _KEYS):
                raise RowError(f"unknown key {show_value(unknown[0])}")
            image_id = plain_path(text_field(row.get("image_id"), "image_id"))
            if image_id in photos:
                raise RowError(f"a second line of {image_id}, the first is {photos[image_id].line}")
            photos[image_id] = _parse_boxes(row, number)
    log.finish("stop", _FORM)
    return BoxFile(path, photos)


def _parse_boxes(row: Mapping[str, object], line: int) -> GivenBoxes:
    with np.errstate(over="ignore"):
        boxes = boxes_field(row.get("boxes"), "boxes").astype(np.float32)
    if not np.isfinite(boxes).all() or (boxes[:, 2:] <= boxes[:, :2]).any():
        raise RowError("boxes: a box must be [x1, y1, x2, y2] with x1 < x2 and y1 < y2", "box")
    count = len(boxes)
    scores = np.ones(count)
    if "scores" in row:
        scores = scores_field(row["scores"], "scores", count)
        if not ((scores >= 0) & (scores <= 1)).all():
            raise RowError("scores must lie between 0 and 1")
    order = np.argsort(-scores, kind="stable")
    labels = _parse_labels(row["labels"], count) if "labels" in row else ("",) * count
    return GivenBoxes(boxes[order], scores[order].astype(np.float32), tuple(labels[place] for place in order), line)


def _parse_labels(value: object, count: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) != count:
        raise RowError(f"labels must be a list of {count} words or phrases, one a box, not {show_value(value)}")
    return tuple(" ".join(text_field(label, "a label").split()) for label in value)
