"""Every kind of thing is painted inside its box and fills it, and looks the other way when mirrored."""

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dgf.workflows.demo.painting import BACKDROPS, CLUTTER, KINDS, LIGHTS, WORLD_CLASSES, Pen, color_thing

SIDE, LEFT, TOP = 400, 100, 100
GROUND = (255, 0, 255)


def painted(kind: str, look: int, mirrored: bool = False) -> np.ndarray:
    """Pixels of a thing whose box is 200 high and begins at (100, 100)."""
    image = Image.new("RGB", (LEFT * 2 + round(200 * KINDS[kind].aspect), SIDE), GROUND)
    colors = color_thing(kind, random.Random(look))
    pen = Pen(ImageDraw.Draw(image), LEFT, TOP, 200 * KINDS[kind].aspect, 200, mirrored)
    KINDS[kind].paint(pen, colors, random.Random(look))
    return np.asarray(image)


@pytest.mark.parametrize("kind", WORLD_CLASSES)
def test_a_thing_fills_its_box_and_stays_in_it(kind: str) -> None:
    width = 200 * KINDS[kind].aspect
    for look in range(8):
        rows, columns = np.nonzero((painted(kind, look) != GROUND).any(-1))
        edges = np.array([columns.min() - LEFT, LEFT + width - columns.max(), rows.min() - TOP, TOP + 200 - rows.max()])
        allowed = np.array([0.08 * width, 0.08 * width, 16, 16])
        assert (np.abs(edges) <= allowed).all(), (look, edges, width)


@pytest.mark.parametrize("kind", ["dog", "airplane", "flag"])
def test_mirrored_it_looks_the_other_way(kind: str) -> None:
    plain, mirrored = painted(kind, 0).astype(int), painted(kind, 0, mirrored=True).astype(int)
    alike = np.abs(plain[:, ::-1] - mirrored).max(-1) < 8
    assert alike.mean() > 0.97 and (np.abs(plain - mirrored).max(-1) > 8).mean() > 0.05


def test_there_are_kinds_enough_and_the_clutter_is_some_of_them() -> None:
    assert len(set(WORLD_CLASSES)) == len(WORLD_CLASSES) >= 15
    assert set(CLUTTER) < set(WORLD_CLASSES) and len(BACKDROPS) >= 6


@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_a_backdrop_leaves_no_pixel_unpainted(backdrop: str) -> None:
    for look, light in enumerate(LIGHTS):
        image = Image.new("RGB", (320, 200), GROUND)
        BACKDROPS[backdrop](Pen(ImageDraw.Draw(image), 0, 0, 320, 200), light, random.Random(look))
        assert not (np.asarray(image) == GROUND).all(-1).any()
