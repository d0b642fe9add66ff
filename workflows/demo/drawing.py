"""The things that a drawn photo can show, each painted into a box of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import ImageDraw

Color = tuple[int, int, int]
Point = tuple[float, float]

WHITE: Color = (250, 248, 242)
INK: Color = (52, 48, 58)
GOLD: Color = (236, 184, 62)
ROSE: Color = (226, 76, 100)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws in the unit square of a box: (0, 0) is its top left corner, (1, 1) its bottom right."""

    canvas: ImageDraw.ImageDraw
    left: float
    top: float
    width: float
    height: float

    def inside(self, x0: float, y0: float, x1: float, y1: float) -> "Pen":
        """Return a pen for a part of this box."""
        (left, top), (right, bottom) = self._at((x0, y0)), self._at((x1, y1))
        return Pen(self.canvas, left, top, right - left, bottom - top)

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        """Draw a filled ellipse between the given corners."""
        self.canvas.ellipse([self._at((x0, y0)), self._at((x1, y1))], fill=color)

    def block(self, x0: float, y0: float, x1: float, y1: float, color: Color, round_by: float = 0) -> None:
        """Draw a filled rectangle, its corners rounded by a share of the box's width."""
        corners = [self._at((x0, y0)), self._at((x1, y1))]
        self.canvas.rounded_rectangle(corners, radius=round_by * self.width, fill=color)

    def polygon(self, points: Sequence[Point], color: Color) -> None:
        """Draw a filled polygon."""
        self.canvas.polygon([self._at(point) for point in points], fill=color)

    def line(self, points: Sequence[Point], color: Color, thickness: float) -> None:
        """Draw a line of a thickness in shares of the box's width."""
        thick = max(1, round(thickness * self.width))
        self.canvas.line([self._at(point) for point in points], fill=color, width=thick, joint="curve")

    def _at(self, point: Point) -> Point:
        return self.left + point[0] * self.width, self.top + point[1] * self.height


def shade(color: Color, factor: float) -> Color:
    """Return a darker (below 1) or lighter (above 1) tone."""
    red, green, blue = (max(0, min(255, round(part * factor))) for part in color)
    return red, green, blue


def person(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint someone standing; colors: skin, hair, shirt, trim of the shirt, trousers."""
    skin, hair, shirt, trim, trousers = colors
    pen.ellipse(0.08, 0.95, 0.92, 1.0, (88, 92, 88))
    for x in (0.3, 0.54):
        pen.block(x, 0.62, x + 0.16, 0.95, trousers, 0.04)
        pen.block(x - 0.02, 0.93, x + 0.2, 0.98, INK, 0.03)
    for x, hand in ((0.1, 0.1), (0.76, 0.8)):
        pen.block(x, 0.33, x + 0.14, 0.56, shade(shirt, 0.86), 0.07)
        pen.ellipse(hand, 0.53, hand + 0.1, 0.6, skin)
    pen.block(0.2, 0.31, 0.8, 0.66, shirt, 0.12)
    pen.block(0.2, 0.43, 0.8, 0.49, trim)
    pen.block(0.43, 0.26, 0.57, 0.34, shade(skin, 0.88))
    pen.ellipse(0.24, 0.0, 0.76, 0.24, hair)
    pen.ellipse(0.29, 0.05, 0.71, 0.29, skin)
    pen.polygon([(0.27, 0.13), (0.36, 0.03), (0.64, 0.03), (0.73, 0.13), (0.55, 0.09)], hair)
    for x in (0.39, 0.55):
        pen.ellipse(x, 0.15, x + 0.06, 0.175, INK)
    pen.line([(0.42, 0.22), (0.5, 0.235), (0.58, 0.22)], shade(skin, 0.6), 0.03)


def flag(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint a flag on a pole; colors: three stripes."""
    pen.block(0.06, 0.0, 0.14, 1.0, (150, 148, 150), 0.03)
    for row, color in enumerate(colors):
        top = 0.03 + 0.13 * row
        pen.polygon(
            [(0.14, top), (0.55, top + 0.03), (1.0, top), (1.0, top + 0.13), (0.55, top + 0.16), (0.14, top + 0.13)],
            color,
        )


def emblem(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint a shield; colors: field, sign upon it."""
    field, sign = colors
    outline = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.82, 0.8), (0.5, 1.0), (0.18, 0.8), (0.0, 0.5)]
    pen.polygon(outline, WHITE)
    pen.polygon([(0.5 + (x - 0.5) * 0.86, 0.47 + (y - 0.47) * 0.86) for x, y in outline], field)
    star = [(0.5, 0.16), (0.61, 0.38), (0.84, 0.4), (0.67, 0.55), (0.73, 0.78), (0.5, 0.66)]
    pen.polygon([*star, *((1 - x, y) for x, y in reversed(star[1:-1]))], sign)


def billboard(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint a poster on two legs with an emblem; colors: field, sign."""
    for x in (0.2, 0.74):
        pen.block(x, 0.5, x + 0.06, 1.0, (96, 92, 98))
    pen.block(0.0, 0.0, 1.0, 0.66, INK, 0.04)
    pen.block(0.04, 0.03, 0.96, 0.63, (232, 230, 222), 0.03)
    emblem(pen.inside(0.28, 0.08, 0.72, 0.58), colors)


def office(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint a building that bears an emblem; colors: field, sign."""
    pen.block(0.0, 0.1, 1.0, 1.0, (214, 208, 198), 0.02)
    pen.block(0.0, 0.06, 1.0, 0.13, (156, 148, 142), 0.02)
    for row in range(4):
        for column in range(5):
            if row < 2 and 0 < column < 4:
                continue
            x, y = 0.07 + 0.18 * column, 0.19 + 0.19 * row
            pen.block(x, y, x + 0.13, y + 0.12, (120, 158, 186), 0.01)
    emblem(pen.inside(0.32, 0.19, 0.68, 0.52), colors)
    pen.block(0.41, 0.8, 0.59, 1.0, colors[0], 0.02)


def house(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint a small home; colors: wall, roof."""
    wall, roof = colors
    pen.block(0.74, 0.08, 0.84, 0.4, shade(roof, 0.8))
    pen.block(0.1, 0.42, 0.9, 1.0, wall)
    pen.polygon([(0.0, 0.46), (0.5, 0.05), (1.0, 0.46)], roof)
    pen.block(0.42, 0.66, 0.6, 1.0, shade(roof, 0.7), 0.02)
    for x in (0.18, 0.68):
        pen.block(x, 0.56, x + 0.15, 0.76, (252, 232, 164), 0.01)
        pen.line([(x + 0.075, 0.56), (x + 0.075, 0.76)], wall, 0.015)


def airplane(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint an aircraft in flight; colors: stripe."""
    pen.polygon([(0.04, 0.1), (0.14, 0.1), (0.24, 0.45), (0.1, 0.45)], colors[0])
    pen.block(0.06, 0.38, 0.98, 0.66, WHITE, 0.12)
    pen.block(0.1, 0.55, 0.94, 0.61, colors[0])
    pen.polygon([(0.42, 0.56), (0.6, 0.56), (0.4, 1.0), (0.3, 1.0)], (196, 200, 206))
    for step in range(7):
        x = 0.3 + 0.08 * step
        pen.ellipse(x, 0.44, x + 0.035, 0.52, (104, 150, 190))


def suitcase(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint luggage; colors: case."""
    pen.line([(0.35, 0.25), (0.35, 0.02), (0.65, 0.02), (0.65, 0.25)], INK, 0.07)
    pen.block(0.05, 0.22, 0.95, 0.95, colors[0], 0.1)
    for x in (0.25, 0.69):
        pen.block(x, 0.22, x + 0.06, 0.95, shade(colors[0], 0.75))


def heart(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint a heart; colors: its color."""
    pen.ellipse(0.0, 0.0, 0.54, 0.56, colors[0])
    pen.ellipse(0.46, 0.0, 1.0, 0.56, colors[0])
    pen.polygon([(0.04, 0.4), (0.5, 0.3), (0.96, 0.4), (0.5, 1.0)], colors[0])


def trophy(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint a cup on a base; colors: metal."""
    metal = colors[0]
    for x in (0.0, 0.6):
        pen.ellipse(x, 0.08, x + 0.4, 0.46, shade(metal, 0.8))
    pen.ellipse(0.08, 0.14, 0.92, 0.4, WHITE)
    pen.ellipse(0.17, -0.16, 0.83, 0.62, metal)
    pen.block(0.1, -0.2, 0.9, 0.02, metal, 0.06)
    pen.block(0.44, 0.58, 0.56, 0.82, shade(metal, 0.8))
    pen.block(0.24, 0.8, 0.76, 1.0, INK, 0.05)


def banner(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint cloth between two poles with a sign; colors: cloth, sign."""
    cloth, sign = colors
    for x in (0.0, 0.97):
        pen.block(x, 0.0, x + 0.03, 1.0, (120, 112, 108))
    pen.polygon([(0.03, 0.06), (0.5, 0.12), (0.97, 0.06), (0.97, 0.52), (0.5, 0.6), (0.03, 0.52)], cloth)
    for step in range(5):
        x = 0.17 + 0.15 * step
        pen.ellipse(x, 0.22, x + 0.08, 0.44, sign)


def country(pen: Pen, colors: Sequence[Color]) -> None:
    """Paint a map with one town marked on it; colors: three stripes of the country's flag, color of the town."""
    land = [(0.06, 0.2), (0.3, 0.06), (0.52, 0.14), (0.8, 0.04), (0.96, 0.3), (0.86, 0.62), (0.94, 0.86)]
    land += [(0.62, 0.96), (0.4, 0.84), (0.18, 0.92), (0.04, 0.6)]
    pen.block(0.0, 0.0, 1.0, 1.0, (150, 196, 216), 0.04)
    pen.polygon(land, colors[0])
    pen.polygon([(x, y) for x, y in land if y > 0.28 or x in (0.06, 0.96)], colors[1])
    pen.polygon([(x, y) for x, y in land if y > 0.58], colors[2])
    pen.ellipse(0.44, 0.26, 0.64, 0.46, colors[3])
    pen.polygon([(0.45, 0.4), (0.63, 0.4), (0.54, 0.62)], colors[3])
    pen.ellipse(0.5, 0.32, 0.58, 0.4, WHITE)


_PAINTERS = (person, flag, emblem, billboard, office, house, airplane, suitcase, heart, trophy, banner, country)
PAINTERS: dict[str, Callable[[Pen, Sequence[Color]], None]] = {paint.__name__: paint for paint in _PAINTERS}
"""Every kind of thing, by the name a detector would give it."""
