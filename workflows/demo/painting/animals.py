"""Animals, and a bicycle to come past them."""

import random
from collections.abc import Sequence

from dgf.workflows.demo.painting.pen import INK, WHITE, Color, Pen, shade


def dog(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a dog from the side, with a collar; colors: fur, collar."""
    fur, collar = colors
    pen.line([(0.12, 0.5), (0.03, 0.3 if rng.random() < 0.5 else 0.38)], fur, 0.07)
    for x in (0.14, 0.28, 0.5, 0.62):
        pen.block(x, 0.6, x + 0.09, 1.0, shade(fur, 0.88 if x in (0.28, 0.5) else 1), 0.03)
    pen.block(0.08, 0.42, 0.72, 0.76, fur, 0.14)
    pen.polygon([(0.54, 0.5), (0.62, 0.2), (0.8, 0.3), (0.72, 0.64)], fur)
    pen.line([(0.58, 0.42), (0.76, 0.47)], collar, 0.06)
    pen.ellipse(0.56, 0.04, 0.88, 0.4, fur)
    pen.block(0.74, 0.18, 1.0, 0.36, shade(fur, 1.12), 0.06)
    pen.ellipse(0.93, 0.17, 1.0, 0.25, INK)
    pen.ellipse(0.5, 0.02, 0.66, 0.38, shade(fur, 0.7))
    pen.ellipse(0.74, 0.14, 0.79, 0.2, INK)


def cat(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a sitting cat; colors: fur, chest."""
    fur, chest = colors
    tip = 0.5 if rng.random() < 0.5 else 0.66
    pen.line([(0.64, 0.92), (0.9, 0.88), (0.94, tip)], shade(fur, 0.85), 0.1)
    pen.ellipse(0.08, 0.36, 0.78, 1.0, fur)
    pen.ellipse(0.28, 0.48, 0.58, 0.92, chest)
    for x in (0.22, 0.46):
        pen.ellipse(x, 0.88, x + 0.2, 1.0, chest)
    for x in (0.08, 0.54):
        pen.polygon([(x, 0.24), (x + (0.02 if x < 0.3 else 0.18), 0.0), (x + 0.2, 0.16)], shade(fur, 0.9))
    pen.ellipse(0.02, 0.08, 0.8, 0.5, fur)
    for x in (0.2, 0.5):
        pen.ellipse(x, 0.22, x + 0.12, 0.34, (206, 214, 110))
        pen.ellipse(x + 0.04, 0.22, x + 0.08, 0.34, INK)
    pen.polygon([(0.36, 0.36), (0.46, 0.36), (0.41, 0.41)], (226, 130, 130))


def bird(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a flying bird; colors: feathers."""
    feathers = colors[0]
    pen.polygon([(0.0, 0.54), (0.26, 0.56), (0.2, 0.82)], shade(feathers, 0.75))
    pen.ellipse(0.14, 0.5, 0.78, 0.96, feathers)
    pen.ellipse(0.6, 0.36, 0.92, 0.72, feathers)
    pen.polygon([(0.89, 0.48), (1.0, 0.57), (0.88, 0.61)], (240, 170, 60))
    pen.ellipse(0.77, 0.47, 0.83, 0.54, INK)
    pen.ellipse(0.36, 0.74, 0.7, 0.96, shade(feathers, 1.2))
    back = rng.uniform(0.26, 0.46)
    pen.polygon([(0.42, 0.56), (0.62, 0.58), (back + 0.14, 0.1)], shade(feathers, 0.7))
    pen.polygon([(0.28, 0.64), (0.6, 0.6), (back - 0.08, 0.0)], shade(feathers, 0.85))


def horse(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a horse from the side; colors: coat, mane."""
    coat, mane = colors
    pen.polygon([(0.1, 0.36), (0.0, 0.46), (0.02, 0.76), (0.1, 0.6)], mane)
    for x in (0.12, 0.24, 0.54, 0.64):
        far = x in (0.24, 0.54)
        pen.block(x, 0.55, x + 0.08, 0.97, shade(coat, 0.84 if far else 1), 0.02)
        pen.block(x - 0.005, 0.93, x + 0.085, 1.0, INK)
    pen.block(0.07, 0.33, 0.74, 0.68, coat, 0.13)
    pen.polygon([(0.52, 0.44), (0.7, 0.08), (0.86, 0.14), (0.76, 0.58)], coat)
    pen.polygon([(0.5, 0.36), (0.66, 0.04), (0.74, 0.06), (0.62, 0.4)], mane)
    pen.polygon([(0.7, 0.06), (0.84, 0.07), (1.0, 0.28), (0.94, 0.36), (0.76, 0.26)], coat)
    pen.polygon([(0.71, 0.1), (0.74, 0.0), (0.79, 0.08)], coat)
    pen.ellipse(0.81, 0.12, 0.845, 0.165, INK)
    if rng.random() < 0.4:
        pen.polygon([(0.84, 0.12), (0.88, 0.13), (0.94, 0.24), (0.9, 0.25)], WHITE)


def bicycle(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a bicycle; colors: frame."""
    frame = colors[0]
    for x in (0.0, 0.6):
        pen.ring(x, 0.38, x + 0.4, 1.0, INK, 0.045)
        pen.ellipse(x + 0.17, 0.65, x + 0.23, 0.74, INK)
    pen.line([(0.2, 0.7), (0.33, 0.27), (0.68, 0.27), (0.44, 0.72), (0.2, 0.7)], frame, 0.05)
    pen.line([(0.33, 0.27), (0.44, 0.72)], frame, 0.05)
    pen.line([(0.8, 0.7), (0.66, 0.06)], shade(frame, 0.85), 0.05)
    pen.line([(0.58, 0.05), (0.76, 0.03)], INK, 0.05)
    pen.block(0.24, 0.17, 0.42, 0.25, INK, 0.03)
    if rng.random() < 0.5:
        pen.block(0.7, 0.12, 0.92, 0.36, (190, 148, 96), 0.02)
