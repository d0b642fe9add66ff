"""The rows of one shard, filled photo by photo from what the networks gave."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dgf.pipeline.detectors import Detections
from dgf.pipeline.shards import Layout, Photo, to_float16

_Floats = npt.NDArray[np.float32]


class Rows:
    """The arrays of one shard, filled photo by photo; `capacity` is the number that the plan gives the shard."""

    def __init__(self, layout: Layout, capacity: int) -> None:
        self._layout = layout
        self._arrays: dict[str, npt.NDArray[Any]] = {
            name: np.zeros((capacity, *shape), dtype) for name, (dtype, shape) in layout.columns().items()
        }
        for name in ("objects/classes", "regions/tags"):
            self._arrays[name][:] = -1
        self.image_ids: list[str] = []

    @property
    def count(self) -> int:
        """Rows filled so far."""
        return len(self.image_ids)

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """The filled part of every array."""
        return {name: array[: self.count] for name, array in self._arrays.items()}

    def add(
        self,
        photo: Photo,
        found: Detections,
        blocks: _Floats,
        fc7: _Floats | None,
        pyramid: _Floats | None = None,
        given: Detections | None = None,
    ) -> bool:
        """Fill the next row, unless a number is not finite (False).

        The first R regions found are kept, the first K of them, or of what was `given`, are the objects; blocks
        (M, C), fc7 (4096,), pyramid (4, 15360).
        """
        all_images = {"image/blocks": blocks, "image/fc7": fc7, "image/pyramid": pyramid}
        images = {name: value for name, value in all_images.items() if value is not None}
        chosen = found if given is None else given
        apart = (found,) if chosen is found else (found, chosen)
        seen = [value for one in apart for value in (one.features, one.boxes, one.scores)]
        if not all(np.isfinite(value).all() for value in (*seen, *images.values())):
            return False
        regions = min(len(found.scores), self._layout.regions)
        objects = min(len(chosen.scores), self._layout.objects)
        dim = self._layout.dim
        features = to_float16(found.features[:regions])
        row, arrays = self.count, self._arrays
        arrays["image_sha256"][row] = np.frombuffer(bytes.fromhex(photo.sha256), np.uint8)
        arrays["image_size"][row] = photo.size
        of_objects = features if chosen is found else to_float16(chosen.features[:objects])
        arrays["objects/features"][row, :objects] = of_objects[:objects]
        arrays["objects/boxes"][row, :objects] = chosen.boxes[:objects]
        arrays["objects/scores"][row, :objects] = chosen.scores[:objects]
        arrays["objects/classes"][row, :objects] = chosen.classes[:objects]
        arrays["objects/count"][row] = objects
        for name, value in images.items():
            arrays[name][row] = to_float16(value)
        arrays["regions/features"][row, :regions, :dim] = features
        arrays["regions/features"][row, :regions, dim:] = box_features(found.boxes[:regions], photo.size)
        arrays["regions/tags"][row, :regions] = found.classes[:regions]
        arrays["regions/count"][row] = regions
        self.image_ids.append(photo.image_id)
        return True


def box_features(boxes: _Floats, size: tuple[int, int]) -> _Floats:
    """(n, 4) boxes in pixels to the six numbers Oscar reads: x1/W y1/H x2/W y2/H w/W h/H, (n, 6)."""
    height, width = size
    scaled = boxes / np.array([width, height, width, height], np.float32)
    return np.concatenate([scaled, scaled[:, 2:] - scaled[:, :2]], axis=1)
