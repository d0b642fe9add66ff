"""What a photo shows, as values, and the photo drawn from them: the same pixels for the same scene."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from dgf.workflows.demo.painting import BACKDROPS, KINDS, Color, Pen

Box = tuple[float, float, float, float]

_OVERSAMPLE = 2  # drawn larger and scaled down, which smooths the edges
_GAINS = {
    "day": (1.0, 1.0, 1.0),
    "overcast": (0.93, 0.95, 0.97),
    "golden": (1.04, 0.98, 0.87),
    "dusk": (0.97, 0.85, 0.9),
    "night": (0.8, 0.81, 0.94),
}
_GRID = 16  # points along each side of a box at which it is asked what lies in front


@dataclass(frozen=True, slots=True)
class Thing:
    """Something in a photo.

    Args:
        kind: One of `WORLD_CLASSES`.
        box: x0, y0, x1, y1 in pixels of the photo, of the whole thing, also where others hide it.
        colors: What its painter reads.
        look: Seed of its small variations.
        mirrored: Whether it looks to the other side.
        matters: Whether it is part of what the photo is there to show, and no clutter.
        visible: Share of its box that no box of a thing in front covers.
    """

    kind: str
    box: Box
    colors: tuple[Color, ...]
    look: int
    mirrored: bool = False
    matters: bool = False
    visible: float = 1.0

    @property
    def area(self) -> float:
        """What is visible of the box, in square pixels."""
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * (y1 - y0) * self.visible


@dataclass(frozen=True, slots=True)
class Scene:
    """What a photo shows.

    Args:
        backdrop: Where it was taken.
        light: One of `LIGHTS`.
        size: Width and height in pixels.
        look: Seed of the backdrop's small variations.
        things: From back to front.
    """

    backdrop: str
    light: str
    size: tuple[int, int]
    look: int
    things: tuple[Thing, ...]


def with_visible_shares(things: Sequence[Thing]) -> tuple[Thing, ...]:
    """Tell each thing, given from back to front, how much of it is visible."""
    boxes = [thing.box for thing in things]
    return tuple(
        replace(thing, visible=_visible_share(thing.box, boxes[index + 1 :])) for index, thing in enumerate(things)
    )


def covered_share(box: Box, other: Box) -> float:
    """Return the share of a box that another covers."""
    wide, tall = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    return max(wide, 0) * max(tall, 0) / ((box[2] - box[0]) * (box[3] - box[1]))


def _visible_share(box: Box, in_front: Sequence[Box]) -> float:
    x0, y0, x1, y1 = box
    middles = (np.arange(_GRID) + 0.5) / _GRID
    across, down = x0 + (x1 - x0) * middles, y0 + (y1 - y0) * middles
    hidden = np.zeros((_GRID, _GRID), dtype=bool)
    for left, top, right, bottom in in_front:
        hidden |= np.outer((top <= down) & (down <= bottom), (left <= across) & (across <= right))
    return round(1 - float(hidden.mean()), 3)


def draw_scene(scene: Scene) -> Image.Image:
    """Draw the photo of a scene, RGB."""
    width, height = (side * _OVERSAMPLE for side in scene.size)
    image = Image.new("RGB", (width, height))
    canvas, glaze = ImageDraw.Draw(image), ImageDraw.Draw(image, "RGBA")
    BACKDROPS[scene.backdrop](Pen(canvas, 0, 0, width, height), scene.light, random.Random(scene.look))
    for thing in scene.things:
        x0, y0, x1, y1 = (side * _OVERSAMPLE for side in thing.box)
        if KINDS[thing.kind].layer == "ground":
            deep = 0.05 * min(x1 - x0, y1 - y0)
            glaze.ellipse((x0 - deep, y1 - deep, x1 + 2 * deep, y1 + deep), fill=(40, 40, 60, 70))
        pen = Pen(canvas, x0, y0, x1 - x0, y1 - y0, thing.mirrored)
        KINDS[thing.kind].paint(pen, thing.colors, random.Random(thing.look))
    return _lit(image.reduce(_OVERSAMPLE), scene.light)


def _lit(image: Image.Image, light: str) -> Image.Image:
    """Give all colors the tone of the light."""
    gains = _GAINS[light]
    return image.point([min(255, round(value * gain)) for gain in gains for value in range(256)])
