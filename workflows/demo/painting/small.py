"""Small things: what people hold, win, carry, watch and put on walls."""

import math
import random
from collections.abc import Sequence

from dgf.workflows.demo.painting.pen import GOLD, INK, STEEL, WHITE, Color, Pen, Point, shade


def crest(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a club's shield with a star; colors: field, star."""
    field, star = colors
    outline = [(0.0, 0.04), (0.5, 0.0), (1.0, 0.04), (1.0, 0.5), (0.84, 0.78), (0.5, 1.0), (0.16, 0.78), (0.0, 0.5)]
    pen.polygon(outline, GOLD)
    inner = [(0.5 + (x - 0.5) * 0.86, 0.48 + (y - 0.48) * 0.88) for x, y in outline]
    pen.polygon(inner, field)
    pen.polygon([(0.5, 0.06), *inner[2:6]], shade(field, 0.86))
    pen.polygon(_star(0.5, 0.44, 0.3, 0.26, turn=rng.uniform(-0.1, 0.1)), star)
    pen.block(0.3, 0.76, 0.7, 0.81, star)


def heart(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a heart with a gleam; colors: its color."""
    color = colors[0]
    pen.ellipse(0.0, 0.0, 0.54, 0.56, color)
    pen.ellipse(0.46, 0.0, 1.0, 0.56, color)
    pen.polygon([(0.04, 0.41), (0.5, 0.3), (0.96, 0.41), (0.5, 1.0)], color)
    gleam = rng.uniform(0.1, 0.16)
    pen.ellipse(gleam, 0.12, gleam + 0.18, 0.28, shade(color, 1.25))


def cake(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a cake with candles; colors: icing, sponge."""
    icing, sponge = colors
    for x in (0.3, 0.48, 0.66):
        pen.block(x, 0.12, x + 0.05, 0.42, rng.choice((WHITE, (120, 180, 200), (240, 150, 160))))
        pen.ellipse(x - 0.01, 0.0, x + 0.06, 0.16, GOLD)
    pen.block(0.12, 0.38, 0.88, 0.92, sponge, 0.06)
    pen.block(0.12, 0.38, 0.88, 0.56, icing, 0.06)
    for step in range(5):
        x = 0.13 + 0.15 * step
        pen.ellipse(x, 0.48, x + 0.14, 0.48 + rng.uniform(0.16, 0.24), icing)
    pen.block(0.12, 0.74, 0.88, 0.79, shade(icing, 0.9))
    pen.ellipse(0.0, 0.86, 1.0, 1.0, (222, 224, 228))


def pram(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a baby carriage; colors: cloth."""
    cloth = colors[0]
    pen.line([(0.82, 0.5), (0.97, 0.18)], INK, 0.05)
    pen.polygon([(0.24, 0.66), (0.32, 0.66), (0.72, 0.92), (0.66, 0.94)], shade(STEEL, 0.8))
    pen.polygon([(0.76, 0.66), (0.68, 0.66), (0.28, 0.92), (0.34, 0.94)], shade(STEEL, 0.8))
    pen.dome(0.0, 0.0, 0.76, 0.44, shade(cloth, 0.86))
    pen.dome(0.12, 0.06, 0.52, 0.44, shade(cloth, 0.98))
    pen.ellipse(0.46, 0.26, 0.72, 0.5, (250, 216, 190))
    pen.ellipse(0.58, 0.34, 0.62, 0.38, INK)
    pen.block(0.0, 0.42, 0.92, 0.62, cloth, 0.06)
    pen.block(0.06, 0.52, 0.86, 0.74, cloth, 0.14)
    pen.block(0.0, 0.42, 0.92, 0.47, WHITE, 0.02)
    if rng.random() < 0.5:
        pen.ellipse(0.38, 0.52, 0.54, 0.67, WHITE)
    for x in (0.08, 0.6):
        pen.ellipse(x, 0.74, x + 0.27, 1.0, INK)
        pen.ellipse(x + 0.07, 0.81, x + 0.2, 0.93, (214, 214, 216))


def ball(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a ball with patches; colors: patches."""
    pen.ellipse(0.0, 0.0, 1.0, 1.0, shade(WHITE, 0.84))
    pen.ellipse(0.0, 0.0, 0.94, 0.94, WHITE)
    turn = rng.uniform(0, 1)
    pen.polygon([_around(0.48, 0.48, 0.2, 0.2, turn + step / 5) for step in range(5)], colors[0])
    for step in range(5):
        x, y = _around(0.48, 0.48, 0.38, 0.38, turn + step / 5)
        pen.ellipse(x - 0.08, y - 0.08, x + 0.08, y + 0.08, colors[0])


def suitcase(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint luggage on wheels, with a sticker; colors: case, sticker."""
    case, sticker = colors
    pen.line([(0.34, 0.24), (0.34, 0.03), (0.66, 0.03), (0.66, 0.24)], INK, 0.08)
    pen.block(0.0, 0.2, 1.0, 0.94, case, 0.12)
    for x in (0.2, 0.5, 0.8):
        pen.block(x - 0.03, 0.22, x + 0.03, 0.92, shade(case, 0.82))
    x = rng.uniform(0.25, 0.5)
    pen.ellipse(x, 0.4, x + 0.26, 0.6, sticker)
    for x in (0.12, 0.74):
        pen.ellipse(x, 0.9, x + 0.14, 1.0, INK)


def trophy(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a cup with two handles on a foot; colors: metal."""
    metal = colors[0]
    for x0, x1 in ((0.0, 0.4), (0.6, 1.0)):
        pen.ring(x0, 0.06, x1, 0.46, shade(metal, 0.8), 0.08)
    pen.block(0.18, 0.0, 0.82, 0.3, metal, 0.06)
    pen.ellipse(0.18, 0.02, 0.82, 0.6, metal)
    pen.ellipse(0.56, 0.1, 0.78, 0.5, shade(metal, 0.86))
    pen.ellipse(0.26, 0.1, 0.36, 0.4, shade(metal, 1.2))
    pen.polygon([(0.44, 0.56), (0.56, 0.56), (0.64, 0.8), (0.36, 0.8)], shade(metal, 0.8))
    pen.block(0.2, 0.78, 0.8, 1.0, INK, 0.05)
    pen.block(0.34, 0.85, 0.66, 0.93, metal)
    if rng.random() < 0.5:
        pen.polygon(_star(0.5, 0.26, 0.13, 0.12), WHITE)


def microphone(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a microphone on a stand; colors: ring."""
    tilt = rng.uniform(-0.06, 0.06)
    pen.block(0.43, 0.3, 0.57, 0.95, shade(STEEL, 0.6))
    pen.ellipse(0.0, 0.9, 1.0, 1.0, INK)
    pen.ellipse(0.1, 0.905, 0.9, 0.965, shade(STEEL, 0.6))
    pen.polygon([(0.22 + tilt, 0.14), (0.78 + tilt, 0.14), (0.62, 0.36), (0.38, 0.36)], INK)
    pen.ellipse(0.12 + tilt, 0.0, 0.88 + tilt, 0.2, (176, 178, 186))
    for y in (0.06, 0.1):
        pen.line([(0.18 + tilt, y), (0.82 + tilt, y)], shade(STEEL, 0.8), 0.04)
    pen.block(0.2 + tilt, 0.15, 0.8 + tilt, 0.19, colors[0])


def country(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a map on a board with a marked town; colors: land, second land, mark."""
    land, other, mark = colors
    pen.block(0.0, 0.0, 1.0, 1.0, (134, 100, 74), 0.03)
    pen.block(0.03, 0.04, 0.97, 0.96, (160, 206, 226))
    shore = [_around(0.44, 0.5, rng.uniform(0.3, 0.38), rng.uniform(0.32, 0.42), step / 10) for step in range(10)]
    pen.polygon(shore, land)
    pen.polygon([shore[0], shore[1], shore[2], shore[3], (0.42, 0.52)], other)
    pen.line([shore[8], (0.46, 0.4), (0.42, 0.6), shore[4]], (108, 160, 200), 0.015)
    x, y = rng.uniform(0.42, 0.56), rng.uniform(0.2, 0.36)
    pen.ellipse(x - 0.09, y - 0.12, x + 0.09, y + 0.12, mark)
    pen.polygon([(x - 0.085, y + 0.03), (x + 0.085, y + 0.03), (x, y + 0.3)], mark)
    pen.ellipse(x - 0.035, y - 0.05, x + 0.035, y + 0.05, WHITE)
    pen.ellipse(0.82, 0.74, 0.92, 0.9, WHITE)
    pen.polygon([(0.87, 0.75), (0.9, 0.84), (0.84, 0.84)], mark)


def television(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a television that shows hills and a sun; colors: hills, sky."""
    hills, sky = colors
    pen.line([(0.36, 0.24), (0.22, 0.02)], INK, 0.025)
    pen.line([(0.5, 0.24), (0.68, 0.02)], INK, 0.025)
    for x in (0.16, 0.76):
        pen.polygon([(x, 0.86), (x + 0.08, 0.86), (x + 0.04, 1.0)], INK)
    pen.block(0.0, 0.2, 1.0, 0.92, (122, 84, 60), 0.08)
    pen.block(0.06, 0.28, 0.76, 0.84, sky, 0.05)
    sun = rng.uniform(0.2, 0.5)
    pen.ellipse(sun, 0.36, sun + 0.12, 0.52, GOLD)
    pen.polygon([(0.08, 0.8), (0.3, 0.56), (0.46, 0.7), (0.6, 0.6), (0.74, 0.8)], hills)
    for y in (0.34, 0.5):
        pen.ellipse(0.82, y, 0.93, y + 0.12, GOLD)
    for y in (0.7, 0.75, 0.8):
        pen.line([(0.82, y), (0.93, y)], INK, 0.015)


def book(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint an open book; colors: cover."""
    pen.polygon([(0.0, 0.12), (0.5, 0.24), (1.0, 0.12), (1.0, 0.9), (0.5, 1.0), (0.0, 0.9)], colors[0])
    for side in (0, 1):
        points = [(0.06, 0.02), (0.5, 0.16), (0.5, 0.92), (0.06, 0.8)]
        page: list[Point] = [(1 - x if side else x, y) for x, y in points]
        pen.polygon(page, shade(WHITE, 0.92 if side else 1))
        for row in range(rng.choice((3, 4))):
            y = 0.2 + 0.15 * row
            ends: list[Point] = [(0.14, y), (0.42, y + 0.08)]
            pen.line([(1 - x if side else x, at) for x, at in ends], (170, 166, 160), 0.03)


def balloon(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a balloon on a string; colors: its color."""
    color = colors[0]
    bend = rng.uniform(-0.2, 0.2)
    pen.line([(0.5, 0.56), (0.5 + bend, 0.74), (0.5 - bend, 0.88), (0.5, 1.0)], shade(STEEL, 0.8), 0.05)
    pen.polygon([(0.5, 0.5), (0.62, 0.61), (0.38, 0.61)], shade(color, 0.85))
    pen.ellipse(0.0, 0.0, 1.0, 0.57, color)
    pen.ellipse(0.18, 0.08, 0.42, 0.22, shade(color, 1.25))


def _star(x: float, y: float, width: float, height: float, turn: float = 0) -> list[Point]:
    sizes = (1.0, 0.42)
    return [
        _around(x, y, width * sizes[step % 2], height * sizes[step % 2], step / 10 - 0.25 + turn / 6.3)
        for step in range(10)
    ]


def _around(x: float, y: float, width: float, height: float, turn: float) -> Point:
    return x + width * math.cos(2 * math.pi * turn), y + height * math.sin(2 * math.pi * turn)
