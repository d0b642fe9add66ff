"""What everything in a drawn photo is painted with: simple shapes in the unit square of a box."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import ImageDraw, ImageFont

Color = tuple[int, int, int]
Point = tuple[float, float]

WHITE: Color = (250, 248, 242)
INK: Color = (52, 48, 58)
GOLD: Color = (240, 190, 70)
STEEL: Color = (150, 152, 160)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws in the unit square of a box: (0, 0) is its top left corner, (1, 1) its bottom right.

    Args:
        canvas: What is drawn on.
        left: Of the box, in pixels of the canvas, as all that follow.
        top: Of the box.
        width: Of the box.
        height: Of the box.
        mirrored: Whether left and right are exchanged.
    """

    canvas: ImageDraw.ImageDraw
    left: float
    top: float
    width: float
    height: float
    mirrored: bool = False

    def inside(self, x0: float, y0: float, x1: float, y1: float) -> "Pen":
        """Return a pen for a part of this box."""
        left, top, right, bottom = self._box(x0, y0, x1, y1)
        return replace(self, left=left, top=top, width=right - left, height=bottom - top)

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        """Draw a filled ellipse between the given corners."""
        self.canvas.ellipse(self._box(x0, y0, x1, y1), fill=color)

    def dome(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        """Draw the upper half of an ellipse; the half alone fills the given corners."""
        self.canvas.pieslice(self._box(x0, y0, x1, 2 * y1 - y0), 180, 360, fill=color)

    def block(self, x0: float, y0: float, x1: float, y1: float, color: Color, round_by: float = 0) -> None:
        """Draw a filled rectangle, its corners rounded by a share of the box's width."""
        box = self._box(x0, y0, x1, y1)
        if round_by:
            self.canvas.rounded_rectangle(box, radius=round_by * self.width, fill=color)
        else:
            self.canvas.rectangle(box, fill=color)

    def polygon(self, points: Sequence[Point], color: Color) -> None:
        """Draw a filled polygon."""
        self.canvas.polygon([self._at(point) for point in points], fill=color)

    def line(self, points: Sequence[Point], color: Color, thickness: float) -> None:
        """Draw a line of a thickness in shares of the box's width."""
        thick = max(1, round(thickness * self.width))
        self.canvas.line([self._at(point) for point in points], fill=color, width=thick, joint="curve")

    def ring(self, x0: float, y0: float, x1: float, y1: float, color: Color, thickness: float) -> None:
        """Draw the outline of an ellipse, of a thickness in shares of the box's width."""
        self.canvas.ellipse(self._box(x0, y0, x1, y1), outline=color, width=max(1, round(thickness * self.width)))

    def text(self, x: float, y: float, words: str, color: Color, size: float) -> None:
        """Write words around a middle point, as high as a share of the box's height."""
        font = ImageFont.load_default(max(6, round(size * self.height)))
        self.canvas.text(self._at((x, y)), words, fill=color, font=font, anchor="mm")

    def _at(self, point: Point) -> Point:
        x = 1 - point[0] if self.mirrored else point[0]
        return self.left + x * self.width, self.top + point[1] * self.height

    def _box(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        (left, top), (right, bottom) = self._at((x0, y0)), self._at((x1, y1))
        return min(left, right), top, max(left, right), bottom


def shade(color: Color, factor: float) -> Color:
    """Return a darker (below 1) or lighter (above 1) tone."""
    red, green, blue = (max(0, min(255, round(part * factor))) for part in color)
    return red, green, blue


def blend(one: Color, other: Color, share: float) -> Color:
    """Return the mixture that has a share of the other color."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
