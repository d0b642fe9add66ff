"""What a detector found in each photo, read from the shards for people to look at."""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.shards import ShardFolder, read_layout, read_rows, read_text


@dataclass(frozen=True, slots=True)
class SeenObjects:
    """What the detector found in a photo, the surest first.

    Args:
        boxes: (n, 4) x1 y1 x2 y2 in pixels of the photo.
        names: Class of each; "" where the detector tells none.
        size: (height, width) of the photo.
    """

    boxes: NDArray[np.float32]
    names: tuple[str, ...]
    size: tuple[int, int]


def read_seen(features: Path, image_ids: Container[str] | None = None) -> dict[str, SeenObjects]:
    """Read the objects of photos from a folder of feature shards, by the id in the shards; of all, or of those named.

    Raises:
        UserError: The folder is missing, unfinished or damaged.
    """
    folder = ShardFolder.open(features, "features")
    seen: dict[str, SeenObjects] = {}
    for marker in folder.finished():
        with folder.open_shard(marker) as file:
            class_names = dict(enumerate(read_layout(file).class_names))
            columns = (read_rows(file, name) for name in ("image_size", "objects/count", "objects/boxes"))
            rows = zip(read_text(file, "image_id"), *columns, read_rows(file, "objects/classes"), strict=True)
            for image_id, (height, width), count, boxes, classes in rows:
                if image_ids is None or image_id in image_ids:
                    names = tuple(class_names.get(int(number), "") for number in classes[:count])
                    seen[image_id] = SeenObjects(boxes[:count], names, (int(height), int(width)))
    return seen
