"""Where a photo was taken, painted from edge to edge; the ground begins at two thirds of the height."""

import random
from collections.abc import Callable

from dgf.workflows.demo.painting.pen import GOLD, WHITE, Color, Pen, blend, shade

_SKIES: dict[str, tuple[Color, Color]] = {
    "day": ((126, 190, 232), (224, 240, 242)),
    "overcast": ((172, 186, 200), (226, 230, 230)),
    "golden": ((150, 190, 220), (252, 226, 176)),
    "dusk": ((104, 98, 158), (250, 184, 144)),
    "night": ((34, 42, 92), (104, 106, 150)),
}
LIGHTS = tuple(_SKIES)


def _sky(pen: Pen, light: str, rng: random.Random) -> None:
    top, bottom = _SKIES[light]
    for step in range(24):
        pen.block(0, 0.7 * step / 24, 1, 0.7 * (step + 1) / 24, blend(top, bottom, step / 23))
    x = rng.uniform(0.08, 0.8)
    if light == "night":
        for _ in range(24):
            star, y = rng.random(), rng.random() * 0.4
            pen.ellipse(star, y, star + 0.006, y + 0.006, (240, 236, 210))
        pen.ellipse(x, 0.06, x + 0.1, 0.06 + 0.1 * pen.width / pen.height, (246, 240, 214))
        return
    if light in ("golden", "day"):
        pen.ellipse(x, 0.06, x + 0.1, 0.06 + 0.1 * pen.width / pen.height, (255, 240, 190))
    for _ in range(3):
        left, y, size = rng.uniform(-0.1, 0.9), rng.uniform(0.06, 0.34), rng.uniform(0.6, 1)
        cloud = blend(bottom, WHITE, 0.6)
        for dx, dy, wide in ((0, 0.02, 0.12), (0.06, 0, 0.14), (0.13, 0.025, 0.1)):
            pen.ellipse(left + dx * size, y + dy, left + (dx + wide) * size, y + dy + 0.07 * size, cloud)


def street(pen: Pen, light: str, rng: random.Random) -> None:
    """Paint a row of town houses behind a pavement."""
    _sky(pen, light, rng)
    left = -0.05
    while left < 1:
        width, top = rng.uniform(0.12, 0.2), rng.uniform(0.26, 0.46)
        tone = rng.choice(((206, 184, 170), (186, 190, 204), (214, 202, 176), (196, 176, 182)))
        pen.block(left, top, left + width, 0.72, tone)
        pen.block(left - 0.005, top - 0.02, left + width + 0.005, top + 0.01, shade(tone, 0.85))
        for row in range(int((0.68 - top) / 0.1)):
            for column in range(3):
                x, y = left + width * (0.13 + 0.28 * column), top + 0.04 + 0.1 * row
                lit = (250, 228, 160) if rng.random() < 0.3 else shade(tone, 0.84)
                pen.block(x, y, x + width * 0.18, y + 0.055, lit)
        left += width + rng.choice((0, 0.01))
    pen.block(0, 0.7, 1, 1, (186, 182, 178))
    pen.block(0, 0.7, 1, 0.73, (214, 210, 204))
    pen.block(0, 0.9, 1, 1, (150, 148, 152))
    for step in range(5):
        pen.block(0.05 + 0.22 * step, 0.945, 0.15 + 0.22 * step, 0.96, (226, 222, 210))


def pitch(pen: Pen, light: str, rng: random.Random) -> None:
    """Paint a sports ground with full stands."""
    _sky(pen, light, rng)
    pen.polygon([(0, 0.36), (1, 0.3), (1, 0.68), (0, 0.68)], (122, 116, 136))
    for row in range(5):
        y = 0.4 + 0.05 * row
        for step in range(26):
            if rng.random() < 0.7:
                x = (step + 0.5 * (row % 2)) / 26
                color = rng.choice(((214, 130, 120), (226, 206, 160), (150, 176, 206), (206, 206, 206)))
                pen.ellipse(x, y, x + 0.022, y + 0.034, shade(color, 0.9))
    pen.block(0, 0.64, 1, 0.69, (232, 232, 226))
    pen.block(rng.uniform(0, 0.5), 0.645, rng.uniform(0.55, 1), 0.685, rng.choice(((70, 110, 170), (206, 110, 90))))
    for stripe in range(8):
        pen.polygon(
            [(stripe / 8, 0.69), ((stripe + 1) / 8, 0.69), ((stripe + 1) / 4 - 0.5, 1), (stripe / 4 - 0.5, 1)],
            (118, 176, 92) if stripe % 2 else (106, 164, 84),
        )
    pen.block(0, 0.82, 1, 0.832, (226, 236, 216))


def stage(pen: Pen, light: str, rng: random.Random) -> None:
    """Paint curtains, a spotlight and boards."""
    cloth = rng.choice(((150, 62, 82), (96, 72, 140), (60, 100, 126)))
    pen.block(0, 0, 1, 1, shade(cloth, 0.7))
    for step in range(10):
        pen.block(step / 10, 0, step / 10 + 0.055, 0.72, shade(cloth, 0.84))
    x = rng.uniform(0.4, 0.6)
    beam = blend(shade(cloth, 0.84), (255, 236, 190), 0.35)
    pen.polygon([(x - 0.05, 0), (x + 0.05, 0), (x + 0.4, 0.76), (x - 0.4, 0.76)], beam)
    for side in (0, 0.88):
        pen.polygon([(side, 0), (side + 0.12, 0), (side + (0.07 if side == 0 else 0.12), 0.74), (side, 0.74)], cloth)
    pen.block(0, 0, 1, 0.08, shade(cloth, 1.1))
    for step in range(12):
        pen.ellipse(step / 12, 0.03, (step + 1) / 12, 0.13, shade(cloth, 1.1))
    pen.block(0, 0.72, 1, 1, (178, 128, 88))
    pen.ellipse(x - 0.42, 0.74, x + 0.42, 0.98, (216, 170, 120) if light != "night" else (200, 152, 106))
    for y in (0.78, 0.86, 0.94):
        pen.block(0, y, 1, y + 0.006, (154, 108, 74))


def coast(pen: Pen, light: str, rng: random.Random) -> None:
    """Paint a beach, the sea and hills beyond."""
    _sky(pen, light, rng)
    for _ in range(3):
        x, top = rng.uniform(-0.1, 0.9), rng.uniform(0.36, 0.46)
        pen.polygon([(x - 0.26, 0.57), (x, top), (x + 0.28, 0.57)], rng.choice(((132, 162, 150), (150, 172, 172))))
    pen.block(0, 0.56, 1, 0.76, (86, 158, 190))
    for _ in range(9):
        x, y = rng.random(), rng.uniform(0.58, 0.7)
        pen.block(x, y, x + rng.uniform(0.04, 0.12), y + 0.007, (156, 204, 222))
    pen.polygon([(0, 0.72), (0.3, 0.7), (0.7, 0.73), (1, 0.7), (1, 1), (0, 1)], (250, 246, 236))
    pen.polygon([(0, 0.735), (0.3, 0.715), (0.7, 0.745), (1, 0.715), (1, 1), (0, 1)], (238, 214, 164))
    for _ in range(12):
        x, y = rng.random(), rng.uniform(0.8, 0.98)
        pen.ellipse(x, y, x + 0.012, y + 0.008, (214, 186, 136))


def park(pen: Pen, light: str, rng: random.Random) -> None:
    """Paint a meadow with hedges and a path."""
    _sky(pen, light, rng)
    for step in range(7):
        x, top = step / 6 - 0.12, rng.uniform(0.44, 0.54)
        pen.ellipse(x, top, x + 0.24, 0.84, rng.choice(((134, 176, 128), (122, 164, 120), (146, 184, 130))))
    pen.block(0, 0.67, 1, 1, (148, 192, 106))
    bend = rng.uniform(0.2, 0.8)
    pen.polygon([(0.46, 0.67), (0.54, 0.67), (bend + 0.22, 1), (bend - 0.22, 1)], (228, 212, 174))
    for _ in range(14):
        x, y = rng.random(), rng.uniform(0.72, 0.98)
        pen.ellipse(x, y, x + 0.012, y + 0.016, rng.choice((WHITE, (244, 206, 96), (232, 150, 160))))


def room(pen: Pen, light: str, rng: random.Random) -> None:
    """Paint a living room with a window, a picture and a rug."""
    wall = rng.choice(((232, 212, 186), (196, 214, 206), (222, 200, 204), (204, 210, 226)))
    pen.block(0, 0, 1, 0.7, wall)
    for step in range(9):
        pen.block(step / 8 - 0.02, 0, step / 8 + 0.02, 0.68, shade(wall, 0.97))
    pen.block(0, 0.67, 1, 0.71, WHITE)
    pen.block(0, 0.71, 1, 1, (196, 150, 108))
    for y in (0.79, 0.89):
        pen.block(0, y, 1, y + 0.005, (172, 126, 88))
    pen.ellipse(0.1, 0.76, 0.9, 1.0, rng.choice(((206, 120, 104), (112, 146, 160), (150, 130, 170))))
    pen.ellipse(0.15, 0.785, 0.85, 0.975, (236, 222, 196))
    x = rng.uniform(0.04, 0.2) if rng.random() < 0.5 else rng.uniform(0.62, 0.76)
    top, bottom = _SKIES[light]
    pen.block(x - 0.015, 0.08, x + 0.215, 0.45, WHITE)
    pen.block(x, 0.1, x + 0.2, 0.43, blend(top, bottom, 0.4))
    pen.block(x + 0.092, 0.1, x + 0.108, 0.43, WHITE)
    other = 0.66 if x < 0.4 else 0.16
    pen.block(other, 0.14, other + 0.16, 0.34, (140, 104, 76))
    pen.block(other + 0.015, 0.165, other + 0.145, 0.315, (240, 236, 224))


def hall(pen: Pen, light: str, rng: random.Random) -> None:
    """Paint an office hall with tall windows and lamps."""
    wall = rng.choice(((214, 220, 226), (226, 220, 208), (206, 216, 212)))
    pen.block(0, 0, 1, 0.72, wall)
    top, bottom = _SKIES[light]
    for step in range(4):
        x = 0.04 + 0.245 * step
        pen.block(x, 0.14, x + 0.19, 0.6, WHITE)
        pen.block(x + 0.012, 0.16, x + 0.178, 0.58, blend(top, bottom, 0.6))
        pen.block(x + 0.012, 0.46, x + 0.178, 0.58, blend((150, 176, 170), bottom, 0.4))
    for step in range(3):
        x = 0.2 + 0.3 * step + rng.uniform(-0.03, 0.03)
        pen.block(x - 0.003, 0, x + 0.003, 0.05, (110, 110, 116))
        pen.dome(x - 0.05, 0.04, x + 0.05, 0.1, GOLD)
    pen.block(0, 0.69, 1, 0.72, shade(wall, 0.85))
    pen.block(0, 0.72, 1, 1, (176, 180, 190))
    for step in range(-3, 9):
        pen.polygon(
            [(step / 6, 1), (step / 6 + 0.008, 1), (step / 12 + 0.255, 0.72), (step / 12 + 0.25, 0.72)],
            shade(wall, 0.9),
        )


BACKDROPS: dict[str, Callable[[Pen, str, random.Random], None]] = {
    paint.__name__: paint for paint in (street, pitch, stage, coast, park, room, hall)
}
INDOORS = ("stage", "room", "hall")
