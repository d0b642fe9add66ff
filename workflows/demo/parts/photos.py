"""Photos of the world to learn from and to be measured on: drawn, and through JPEG as those of posts."""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from PIL import Image

from dgf.workflows.demo.world import Scene, draw_scene, training_scenes

TRAINING, HELD_OUT = 0, 1
"""Seeds of the scenes that the parts learn from, and of those that they are measured on."""

LEAST_VISIBLE = 0.25
"""Of a thing to be learned: of less, nobody could say what it is."""

_QUALITIES = (60, 95)


@dataclass(frozen=True, slots=True)
class DrawnPhoto:
    """A photo, (H, W, 3) uint8 RGB, and the scene it shows."""

    pixels: npt.NDArray[np.uint8]
    scene: Scene


def drawn_photos(seed: int) -> Iterator[DrawnPhoto]:
    """Draw photos without end: the same ones for the same seed."""
    rng = random.Random(f"JPEG of {seed}")
    for scene in training_scenes(seed):
        file = io.BytesIO()
        draw_scene(scene).save(file, "JPEG", quality=rng.randint(*_QUALITIES))
        yield DrawnPhoto(np.array(Image.open(file)), scene)


def batches_of_one_shape(photos: Iterator[DrawnPhoto], size: int, window: int = 6) -> Iterator[list[DrawnPhoto]]:
    """Batch photos with others of about their proportions, so that little is padding; `window` batches are sorted."""
    rng = random.Random(0)
    while True:
        some = sorted(islice(photos, size * window), key=lambda photo: photo.scene.size[0] / photo.scene.size[1])
        batches = [some[start : start + size] for start in range(0, len(some), size)]
        rng.shuffle(batches)
        yield from batches
