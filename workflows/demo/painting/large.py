"""Large things: buildings, vehicles, a tree, and what stands for a place or an occasion."""

import random
from collections.abc import Sequence

from dgf.workflows.demo.painting.pen import GOLD, INK, STEEL, WHITE, Color, Pen, shade

_GLASS: Color = (132, 174, 200)
_LIT: Color = (254, 230, 156)
_SIGNS = ("OPEN", "SALE", "HELLO", "NEWS", "MENU", "TAXI", "RADIO")


def house(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a small home; colors: wall, roof."""
    wall, roof = colors
    pen.block(0.7, 0.04, 0.82, 0.34, shade(roof, 0.78))
    pen.block(0.08, 0.4, 0.92, 1.0, wall)
    pen.block(0.78, 0.42, 0.92, 1.0, shade(wall, 0.93))
    pen.polygon([(0.0, 0.46), (0.5, 0.0), (1.0, 0.46)], roof)
    pen.polygon([(0.08, 0.46), (0.92, 0.46), (0.92, 0.5), (0.08, 0.5)], shade(wall, 0.85))
    pen.block(0.42, 0.62, 0.6, 1.0, shade(roof, 0.62), 0.03)
    pen.ellipse(0.55, 0.8, 0.58, 0.83, GOLD)
    pen.ellipse(0.43, 0.22, 0.57, 0.37, _LIT)
    for x in (0.16, 0.68):
        pen.block(x - 0.02, 0.56, x + 0.18, 0.8, WHITE, 0.02)
        pen.block(x, 0.58, x + 0.16, 0.78, _LIT if rng.random() < 0.6 else _GLASS)
        pen.line([(x + 0.08, 0.58), (x + 0.08, 0.78)], WHITE, 0.015)
        pen.block(x - 0.03, 0.8, x + 0.19, 0.84, shade(roof, 0.9))


def office(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a tower of glass; colors: wall, door."""
    wall, door = colors
    pen.block(0.4, 0.0, 0.6, 0.08, shade(wall, 0.8))
    pen.block(0.1, 0.05, 0.9, 1.0, wall)
    pen.block(0.74, 0.05, 0.9, 1.0, shade(wall, 0.9))
    pen.block(0.0, 0.78, 1.0, 0.83, shade(wall, 0.7))
    pen.block(0.03, 0.83, 0.97, 1.0, shade(wall, 0.86))
    for row in range(6):
        for column in range(4):
            x, y = 0.16 + 0.18 * column, 0.11 + 0.11 * row
            pen.block(x, y, x + 0.13, y + 0.075, _LIT if rng.random() < 0.25 else _GLASS)
    pen.block(0.36, 0.86, 0.64, 1.0, door)
    pen.line([(0.5, 0.86), (0.5, 1.0)], WHITE, 0.02)


def billboard(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a sign with a word upon it; colors: field, letters."""
    field, letters = colors
    for x in (0.18, 0.74):
        pen.block(x, 0.5, x + 0.08, 1.0, shade(STEEL, 0.7))
    pen.block(0.0, 0.0, 1.0, 0.64, shade(field, 0.55), 0.05)
    pen.block(0.03, 0.03, 0.97, 0.61, field, 0.04)
    pen.text(0.5, 0.26, rng.choice(_SIGNS), letters, 0.28)
    pen.block(0.2, 0.46, 0.8, 0.5, letters)
    pen.block(0.28, 0.53, 0.72, 0.56, letters)


def flag(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a flag on a pole; colors: three stripes."""
    pen.block(0.0, 0.0, 0.1, 1.0, STEEL, 0.04)
    wave = rng.uniform(0.02, 0.05)
    for row, color in enumerate(colors):
        top, deep = 0.05 + 0.17 * row, 0.17
        upper = [(0.1, top), (0.4, top + wave), (0.7, top - wave), (1.0, top)]
        pen.polygon([*upper, *((x, y + deep) for x, y in reversed(upper))], color)
    pen.ellipse(0.0, 0.0, 0.1, 0.06, GOLD)


def banner(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint cloth between two poles, with stars and pennants; colors: cloth, stars."""
    cloth, stars = colors
    for x in (0.0, 0.96):
        pen.block(x, 0.0, x + 0.04, 1.0, shade(STEEL, 0.75))
    sag = rng.uniform(0.05, 0.1)
    pen.polygon([(0.04, 0.04), (0.5, 0.04 + sag), (0.96, 0.04), (0.96, 0.5), (0.5, 0.5 + sag), (0.04, 0.5)], cloth)
    pen.polygon([(0.04, 0.44), (0.5, 0.44 + sag), (0.96, 0.44), (0.96, 0.5), (0.5, 0.5 + sag), (0.04, 0.5)], stars)
    for step in range(4):
        x = 0.13 + 0.195 * step
        pen.ellipse(x, 0.14 + sag / 2, x + 0.14, 0.36 + sag / 2, stars)
    for step in range(8):
        x = 0.06 + 0.11 * step
        pen.polygon(
            [(x, 0.56 + sag / 2), (x + 0.09, 0.56 + sag / 2), (x + 0.045, 0.7)], (cloth, stars, WHITE)[step % 3]
        )


def bus(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a bus from the side; colors: body, stripe."""
    body, stripe = colors
    pen.block(0.0, 0.0, 1.0, 0.88, body, 0.06)
    pen.block(0.0, 0.56, 1.0, 0.66, stripe)
    pen.block(0.03, 0.78, 0.97, 0.88, shade(body, 0.8))
    for step in range(4):
        x = 0.05 + 0.17 * step
        pen.block(x, 0.14, x + 0.14, 0.46, _GLASS, 0.015)
        if rng.random() < 0.6:
            pen.dome(x + 0.04, 0.28, x + 0.1, 0.46, INK)
    pen.block(0.74, 0.14, 0.84, 0.8, shade(_GLASS, 0.9), 0.01)
    pen.block(0.88, 0.14, 1.0, 0.5, shade(_GLASS, 1.1), 0.02)
    _wheels(pen, (0.14, 0.68), 0.16, 0.7)


def car(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a car from the side; colors: body."""
    body = colors[0]
    pen.polygon([(0.16, 0.44), (0.3, 0.0), (0.68, 0.0), (0.86, 0.44)], body)
    pen.polygon([(0.24, 0.42), (0.34, 0.1), (0.48, 0.1), (0.48, 0.42)], _GLASS)
    pen.polygon([(0.53, 0.42), (0.53, 0.1), (0.64, 0.1), (0.77, 0.42)], shade(_GLASS, 0.92))
    pen.block(0.0, 0.38, 1.0, 0.82, body, 0.08)
    pen.block(0.02, 0.68, 0.98, 0.82, shade(body, 0.82), 0.03)
    pen.ellipse(0.93, 0.46, 1.0, 0.6, _LIT)
    if rng.random() < 0.5:
        pen.block(0.42, 0.5, 0.5, 0.54, INK)
    _wheels(pen, (0.13, 0.65), 0.22, 0.56)


def airplane(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint an aircraft in flight; colors: stripe."""
    stripe = colors[0]
    pen.polygon([(0.0, 0.0), (0.12, 0.0), (0.26, 0.42), (0.06, 0.42)], stripe)
    pen.polygon([(0.5, 0.4), (0.6, 0.4), (0.48, 0.14), (0.42, 0.14)], (206, 210, 216))
    pen.block(0.02, 0.34, 1.0, 0.66, WHITE, 0.14)
    pen.block(0.04, 0.53, 0.97, 0.6, stripe)
    pen.polygon([(0.44, 0.54), (0.64, 0.54), (0.4, 1.0), (0.28, 1.0)], (196, 200, 208))
    pen.block(0.9, 0.4, 0.97, 0.48, INK, 0.02)
    for step in range(rng.choice((6, 7))):
        x = 0.26 + 0.085 * step
        pen.ellipse(x, 0.41, x + 0.04, 0.5, (104, 150, 190))


def tree(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a tree; colors: leaves."""
    leaves = colors[0]
    pen.polygon([(0.44, 0.5), (0.56, 0.5), (0.62, 1.0), (0.38, 1.0)], (124, 88, 64))
    pen.ellipse(0.0, 0.24, 0.56, 0.7, shade(leaves, 0.9))
    pen.ellipse(0.42, 0.22, 1.0, 0.7, shade(leaves, 0.82))
    pen.ellipse(0.16, 0.0, 0.82, 0.52, leaves)
    for _ in range(5):
        x, y = rng.uniform(0.22, 0.66), rng.uniform(0.08, 0.5)
        pen.ellipse(x, y, x + 0.1, y + 0.07, shade(leaves, 1.12))


def _wheels(pen: Pen, lefts: Sequence[float], width: float, top: float) -> None:
    for x in lefts:
        pen.ellipse(x, top, x + width, 1.0, INK)
        inset, deep = width * 0.28, (1 - top) * 0.28
        pen.ellipse(x + inset, top + deep, x + width - inset, 1.0 - deep, (206, 206, 208))
