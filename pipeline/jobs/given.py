"""Boxes of a file in the place of the objects that a detector finds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dgf.pipeline.detectors import BoxFile, Detections, FoundFaultError, GivenBoxes
from dgf.pipeline.errors import UserError
from dgf.pipeline.faults import FaultLog
from dgf.pipeline.shards import Photo


@dataclass(frozen=True, slots=True)
class GivenObjects:
    """The first K boxes of each photo of a file as its objects.

    Args:
        file: The boxes.
        most: K.
        class_names: The detector's, and behind them the labels of the file that are none of those.
        numbers: Of the labels, among the class names.
    """

    file: BoxFile
    most: int
    class_names: tuple[str, ...]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, file: BoxFile, most: int, class_names: tuple[str, ...]) -> "GivenObjects":
        """Number the labels of a file behind the classes of a detector."""
        known, labels = set(class_names), file.labels
        names = (*class_names, *(label for label in labels if label not in known))
        places = {name: number for number, name in enumerate(names)}
        return cls(file, most, names, {label: places[label] for label in labels})

    def find(self, photo: Photo) -> GivenBoxes:
        """Return the boxes of a photo, none where the file has no line of it."""
        found = self.file.find(photo.ids, photo.size)
        if found is None:
            return GivenBoxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), (), 0)
        kept = slice(self.most)
        return GivenBoxes(found.boxes[kept], found.scores[kept], found.labels[kept], found.line)

    def detect(self, given: GivenBoxes, features: npt.NDArray[np.float32]) -> Detections:
        """Make the objects of a photo of its boxes and their features, (n, D)."""
        classes = np.array([self.numbers[label] if label else -1 for label in given.labels], np.int32)
        return Detections(features, given.boxes, given.scores, classes)


def check_boxes(file: BoxFile, photos: Iterable[Photo]) -> tuple[int, int]:
    """See that a file's boxes are of these photos.

    Returns:
        How many of the photos have no line in it, and how many of its lines are of none of the photos.

    Raises:
        UserError: A box lies outside its photo, or no line is of any photo; names lines.
    """
    log, lacking, used, first = FaultLog(file.path), 0, set[int](), ""
    for photo in photos:
        first = first or photo.image_id
        try:
            found = file.find(photo.ids, photo.size)
        except FoundFaultError as error:
            log.add(file.path, error.line, str(error), error.kind)
            continue
        lacking += found is None
        used |= {given.line for given in file.lines_of(photo.ids)}
    log.finish("stop", "Boxes are [x1, y1, x2, y2] in pixels of the upright photo.")
    if first and not used:
        named = next(iter(file.photos))
        raise UserError(
            f"--boxes {file.path}: its boxes are of none of the photos: {named} is not among them, {first} is",
            "Name each photo as the posts do, with its folder.",
        )
    return lacking, len(file.photos) - len(used)
