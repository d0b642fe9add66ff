"""A small world of people, places and organizations, and photos of it: drawn, seeded, the same on every machine."""

import random
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

from dgf.workflows.demo.drawing import GOLD, PAINTERS, ROSE, WHITE, Color, Pen, shade

WIDTH, HEIGHT = 480, 360
_OVERSAMPLE = 2  # drawn larger and scaled down, which smooths the edges

Backdrop = Literal["street", "pitch", "stage", "coast"]


@dataclass(frozen=True, slots=True)
class Entity:
    """Someone or something that posts are about.

    Args:
        name: As posts write it.
        colors: How it looks: skin, hair and own shirt of a person; field and sign of an organization's emblem;
            the stripes of a place's flag; cloth and sign of an event's banner, or the metal of a prize.
    """

    name: str
    colors: tuple[Color, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """Something in a photo: its kind, its box (x0, y0, x1, y1 in shares of the photo) and its colors."""

    kind: str
    box: tuple[float, float, float, float]
    colors: tuple[Color, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a photo shows: where, at what time of day, and which things, from back to front."""

    backdrop: Backdrop
    light: Literal["day", "dusk", "night"]
    things: tuple[Thing, ...]


PEOPLE = (
    Entity("Ada Lark", ((244, 206, 178), (112, 66, 44), (120, 150, 120))),
    Entity("Bram Okoye", ((122, 80, 58), (36, 30, 32), (150, 128, 160))),
    Entity("Cleo Marsh", ((222, 172, 132), (30, 28, 34), (176, 150, 110))),
    Entity("Dario Voss", ((240, 196, 164), (206, 158, 84), (110, 132, 150))),
    Entity("Edda Quill", ((250, 218, 196), (190, 84, 44), (148, 116, 116))),
    Entity("Femi Sol", ((148, 98, 70), (48, 36, 34), (126, 140, 104))),
)
ORGANIZATIONS = (
    Entity("Harbor Foxes", ((206, 74, 48), WHITE)),
    Entity("Redwood United", ((46, 112, 88), GOLD)),
    Entity("Northgate Rovers", ((52, 92, 162), WHITE)),
    Entity("Lumen Works", ((112, 70, 140), GOLD)),
)
PLACES = (
    Entity("Port Alba", ((44, 104, 158), WHITE, (206, 74, 48))),
    Entity("Silverdale", ((70, 140, 92), WHITE, (70, 140, 92))),
    Entity("Kingsmoor", ((236, 184, 62), (58, 52, 66), (196, 66, 58))),
    Entity("Valdora", ((154, 74, 130), GOLD, (44, 120, 140))),
)
PRIZES = (
    Entity("Golden Lantern", (GOLD,)),
    Entity("Silver Comet", ((188, 196, 206),)),
)
EVENTS = (
    Entity("River Festival", ((44, 120, 150), GOLD)),
    Entity("Winter Games", (WHITE, (52, 92, 162))),
)

_SKIES: dict[str, tuple[Color, Color]] = {
    "day": ((134, 190, 226), (226, 238, 238)),
    "dusk": ((92, 94, 150), (246, 186, 144)),
    "night": ((22, 28, 58), (70, 76, 118)),
}
_TROUSERS: Color = (66, 72, 96)


def standing(who: Entity, x: float, wears: Entity | None = None) -> Thing:
    """Place a person whose middle is at `x`, in own clothes or in the shirt of an organization."""
    skin, hair, own = who.colors
    shirt, trim = wears.colors[:2] if wears else (own, shade(own, 0.8))
    return Thing("person", (x - 0.11, 0.95 - 0.62, x + 0.11, 0.95), (skin, hair, shirt, trim, _TROUSERS))


def at(thing: str, x: float, foot: float, width: float, height: float, colors: tuple[Color, ...]) -> Thing:
    """Place a thing whose bottom middle is at (x, foot)."""
    return Thing(thing, (x - width / 2, foot - height, x + width / 2, foot), colors)


def draw_scene(scene: Scene, seed: int) -> Image.Image:
    """Draw the photo of a scene, (HEIGHT, WIDTH) pixels of RGB; the seed varies what no relation depends on."""
    rng = random.Random(seed)
    width, height = WIDTH * _OVERSAMPLE, HEIGHT * _OVERSAMPLE
    image = _gradient(*_SKIES[scene.light]).resize((width, height), Image.Resampling.BICUBIC)
    canvas = ImageDraw.Draw(image)
    _backdrop(Pen(canvas, 0, 0, width, height), scene, rng)
    for thing in scene.things:
        x0, y0, x1, y1 = thing.box
        PAINTERS[thing.kind](Pen(canvas, x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height), thing.colors)
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _gradient(top: Color, bottom: Color) -> Image.Image:
    """One column from top to bottom; stretched, it is the sky."""
    column = Image.new("RGB", (1, 32))
    for y in range(32):
        share = y / 31
        column.putpixel((0, y), tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)))
    return column


def _backdrop(pen: Pen, scene: Scene, rng: random.Random) -> None:
    dim = {"day": 1.0, "dusk": 0.82, "night": 0.55}[scene.light]
    if scene.light == "night":
        for _ in range(40):
            x, y = rng.random(), rng.random() * 0.45
            pen.ellipse(x, y, x + 0.004, y + 0.006, (236, 232, 206))
    else:
        x = rng.uniform(0.1, 0.8)
        pen.ellipse(x, 0.08, x + 0.09, 0.2, (255, 238, 196))
    if scene.backdrop == "street":
        _skyline(pen, dim, rng)
        pen.block(0, 0.8, 1, 1, shade((176, 170, 160), dim))
        pen.block(0, 0.8, 1, 0.82, shade((204, 198, 188), dim))
    elif scene.backdrop == "pitch":
        pen.block(0, 0.5, 1, 0.68, shade((110, 104, 122), dim))
        for _ in range(260):
            x, y = rng.random(), rng.uniform(0.51, 0.66)
            pen.ellipse(x, y, x + 0.012, y + 0.018, shade(rng.choice((WHITE, GOLD, ROSE, (120, 160, 200))), dim))
        for stripe in range(8):
            green = shade((104, 158, 82), dim * (1.0 if stripe % 2 else 0.92))
            pen.polygon(
                [(stripe / 8, 0.68), ((stripe + 1) / 8, 0.68), ((stripe + 1) / 4 - 0.5, 1), (stripe / 4 - 0.5, 1)],
                green,
            )
    elif scene.backdrop == "stage":
        pen.block(0, 0, 1, 1, shade((88, 54, 84), dim + 0.2))
        for step in range(9):
            x = step / 8 - 0.06
            pen.block(x, 0, x + 0.06, 0.8, shade((126, 58, 82), dim + 0.2))
        pen.polygon([(0.5, 0), (0.2, 0.86), (0.8, 0.86)], shade((182, 128, 128), dim + 0.2))
        pen.block(0, 0.82, 1, 1, shade((150, 106, 72), dim + 0.2))
    else:
        pen.block(0, 0.56, 1, 0.78, shade((72, 142, 172), dim))
        for _ in range(3):
            x = rng.uniform(-0.1, 0.9)
            pen.polygon([(x - 0.2, 0.57), (x, rng.uniform(0.3, 0.42)), (x + 0.24, 0.57)], shade((108, 132, 128), dim))
        pen.polygon([(0, 0.76), (0.5, 0.72), (1, 0.77), (1, 1), (0, 1)], shade((226, 204, 158), dim))


def _skyline(pen: Pen, dim: float, rng: random.Random) -> None:
    left = -0.05
    while left < 1:
        width, top = rng.uniform(0.08, 0.16), rng.uniform(0.28, 0.55)
        tone = shade(rng.choice(((168, 152, 146), (148, 150, 166), (178, 164, 140))), dim)
        pen.block(left, top, left + width, 0.82, tone)
        for row in range(int((0.78 - top) / 0.07)):
            for column in range(2):
                x, y = left + width * (0.2 + 0.4 * column), top + 0.03 + 0.07 * row
                lit = (250, 224, 150) if rng.random() < 0.4 else shade(tone, 0.75)
                pen.block(x, y, x + width * 0.22, y + 0.035, lit)
        left += width + rng.uniform(0, 0.02)
