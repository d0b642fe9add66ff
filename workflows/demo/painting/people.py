"""People: someone standing, a player in a jersey, a child, a crowd seen from behind."""

import random
from collections.abc import Sequence

from dgf.workflows.demo.painting.pen import INK, WHITE, Color, Pen, shade

SKINS: tuple[Color, ...] = ((250, 216, 190), (240, 194, 158), (214, 160, 120), (160, 108, 78), (116, 76, 56))
HAIRS: tuple[Color, ...] = ((40, 34, 36), (92, 56, 40), (150, 92, 50), (214, 164, 90), (184, 78, 44), (190, 186, 186))
CLOTHES: tuple[Color, ...] = (
    *((120, 156, 138), (206, 158, 92), (146, 120, 168), (98, 138, 176), (196, 124, 116), (232, 222, 204)),
    *((84, 92, 120), (170, 178, 120)),
)
TROUSERS: tuple[Color, ...] = ((66, 72, 96), (92, 78, 74), (60, 84, 92), (112, 104, 100))


def person(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint someone standing; colors: skin, hair, shirt, trousers."""
    skin, hair, shirt, trousers = colors
    style = rng.randrange(4)
    if style == 1:
        pen.block(0.2, 0.06, 0.8, 0.37, shade(hair, 0.86), 0.2)
    _legs(pen, trousers, shade(trousers, 0.86), INK)
    if style == 1:
        pen.polygon([(0.26, 0.5), (0.74, 0.5), (0.86, 0.78), (0.14, 0.78)], shade(shirt, 0.92))
    _arms(pen, shade(shirt, 0.88), skin, rng.random() < 0.25)
    pen.block(0.22, 0.29, 0.78, 0.64, shirt, 0.16)
    pen.block(0.66, 0.33, 0.78, 0.62, shade(shirt, 0.92), 0.08)
    if style == 2:
        pen.polygon([(0.38, 0.29), (0.62, 0.29), (0.5, 0.42)], WHITE)
    elif style == 3:
        pen.block(0.22, 0.44, 0.78, 0.5, shade(shirt, 1.18))
    _head(pen, skin, hair, style)


def player(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint someone in a striped jersey, shorts and socks; colors: skin, hair, jersey, stripes."""
    skin, hair, jersey, stripes = colors
    for x in (0.29, 0.53):
        pen.block(x + 0.01, 0.7, x + 0.17, 0.84, skin)
        pen.block(x, 0.8, x + 0.18, 0.97, jersey, 0.03)
        pen.block(x, 0.8, x + 0.18, 0.83, stripes)
        pen.block(x - 0.04, 0.95, x + 0.2, 1.0, INK, 0.05)
    pen.block(0.24, 0.58, 0.76, 0.74, WHITE if sum(stripes) < 600 else INK, 0.04)
    _arms(pen, jersey, skin, rng.random() < 0.3)
    pen.block(0.2, 0.29, 0.8, 0.64, jersey, 0.14)
    for x in (0.27, 0.44, 0.61):
        pen.block(x, 0.3, x + 0.09, 0.63, stripes)
    pen.block(0.72, 0.34, 0.8, 0.6, shade(jersey, 0.86), 0.06)
    _head(pen, skin, hair, rng.choice((0, 2, 3)))


def child(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint a child with a large head and a party hat; colors: skin, hair, dungarees, shirt."""
    skin, hair, cloth, shirt = colors
    for x in (0.3, 0.53):
        pen.block(x, 0.76, x + 0.17, 0.97, cloth, 0.05)
        pen.block(x - 0.03, 0.94, x + 0.19, 1.0, shade(cloth, 0.55), 0.05)
    up = rng.random() < 0.5
    pen.line([(0.28, 0.58), (0.1, 0.42 if up else 0.74)], shirt, 0.13)
    pen.line([(0.72, 0.58), (0.9, 0.72)], shade(shirt, 0.9), 0.13)
    pen.ellipse(0.02, 0.36 if up else 0.7, 0.18, 0.46 if up else 0.8, skin)
    pen.ellipse(0.82, 0.68, 0.98, 0.78, skin)
    pen.block(0.25, 0.52, 0.75, 0.8, shirt, 0.12)
    pen.block(0.31, 0.62, 0.69, 0.86, cloth, 0.05)
    pen.ellipse(0.14, 0.12, 0.86, 0.56, hair)
    pen.ellipse(0.19, 0.18, 0.81, 0.56, skin)
    pen.dome(0.17, 0.13, 0.83, 0.31, hair)
    for x in (0.35, 0.57):
        pen.ellipse(x, 0.34, x + 0.08, 0.4, INK)
    for x in (0.24, 0.64):
        pen.ellipse(x, 0.41, x + 0.12, 0.47, shade(skin, 0.9))
    pen.line([(0.42, 0.45), (0.5, 0.48), (0.58, 0.45)], shade(skin, 0.55), 0.03)
    pen.polygon([(0.32, 0.18), (0.5, 0.0), (0.68, 0.18)], cloth)
    pen.polygon([(0.38, 0.12), (0.44, 0.06), (0.6, 0.1), (0.64, 0.14)], WHITE)


def crowd(pen: Pen, colors: Sequence[Color], rng: random.Random) -> None:
    """Paint two rows of people from behind, some with raised hands; colors: skin, hair, and clothes to begin with."""
    count = 6
    for row, top in enumerate((0.12, 0.38)):
        for index in range(count + row):
            left = (index + (0.5 if row == 0 else 0)) / (count + 1)
            width = 1 / (count + 1)
            skin, hair, cloth = rng.choice(SKINS), rng.choice(HAIRS[:5]), rng.choice((colors[2], *CLOTHES[:5]))
            tone = 0.74 if row == 0 else 0.9
            if rng.random() < 0.4 or index == 2:
                side = left + width * rng.choice((0.05, 0.8))
                pen.line([(side + 0.01, top + 0.3), (side + 0.012, top - 0.05)], shade(cloth, tone), 0.02)
                pen.ellipse(side - 0.004, top - 0.12, side + 0.028, top, shade(skin, tone))
            pen.block(left - 0.004, top + 0.22, left + width + 0.004, 1.0, shade(cloth, tone), 0.05)
            pen.block(left + 0.38 * width, top + 0.18, left + 0.62 * width, top + 0.28, shade(skin, tone * 0.9))
            pen.ellipse(left + 0.18 * width, top, left + 0.82 * width, top + 0.25, shade(hair, tone))


def _legs(pen: Pen, near: Color, far: Color, shoes: Color) -> None:
    for x, color in ((0.28, near), (0.53, far)):
        pen.block(x, 0.6, x + 0.19, 0.97, color, 0.04)
        pen.block(x - 0.04, 0.95, x + 0.2, 1.0, shoes, 0.05)


def _arms(pen: Pen, sleeve: Color, skin: Color, raised: bool) -> None:
    hand = (0.1, 0.16) if raised else (0.11, 0.58)
    pen.line([(0.28, 0.36), (0.14, 0.4 if raised else 0.46), hand], sleeve, 0.15)
    pen.line([(0.72, 0.36), (0.86, 0.46), (0.89, 0.58)], shade(sleeve, 0.92), 0.15)
    pen.ellipse(hand[0] - 0.09, hand[1] - 0.03, hand[0] + 0.08, hand[1] + 0.05, skin)
    pen.ellipse(0.81, 0.55, 0.98, 0.63, shade(skin, 0.95))


def _head(pen: Pen, skin: Color, hair: Color, style: int) -> None:
    pen.block(0.42, 0.22, 0.58, 0.32, shade(skin, 0.86), 0.05)
    if style == 3:
        pen.ellipse(0.38, 0.0, 0.62, 0.1, hair)
    pen.ellipse(0.23, 0.02, 0.77, 0.23, hair)
    pen.ellipse(0.27, 0.05, 0.73, 0.27, skin)
    if style == 2:
        pen.dome(0.22, 0.0, 0.78, 0.11, hair)
        pen.block(0.22, 0.09, 0.4, 0.14, hair, 0.06)
    else:
        pen.dome(0.24, 0.01, 0.76, 0.12, hair)
    for x in (0.37, 0.55):
        pen.ellipse(x, 0.145, x + 0.075, 0.175, INK)
    for x in (0.3, 0.6):
        pen.ellipse(x, 0.19, x + 0.11, 0.215, shade(skin, 0.9))
    pen.line([(0.42, 0.215), (0.5, 0.232), (0.58, 0.215)], shade(skin, 0.55), 0.035)
