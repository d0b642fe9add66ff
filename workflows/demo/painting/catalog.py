"""Every kind of thing that a photo can show: who paints it, how large it is, in which colors it comes."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dgf.workflows.demo.painting.animals import bicycle, bird, cat, dog, horse
from dgf.workflows.demo.painting.large import airplane, banner, billboard, bus, car, flag, house, office, tree
from dgf.workflows.demo.painting.pen import GOLD, WHITE, Color, Pen
from dgf.workflows.demo.painting.people import CLOTHES, HAIRS, SKINS, TROUSERS, child, crowd, person, player
from dgf.workflows.demo.painting.small import (
    ball,
    balloon,
    book,
    cake,
    country,
    crest,
    heart,
    microphone,
    pram,
    suitcase,
    television,
    trophy,
)

Painter = Callable[[Pen, Sequence[Color], random.Random], None]
Palette = tuple[tuple[Color, ...], ...]

CLUB_COLORS: Palette = (
    *(((206, 62, 50), WHITE), ((40, 84, 160), WHITE), ((44, 128, 92), GOLD), ((112, 66, 146), GOLD)),
    *(((240, 190, 60), (44, 44, 54)), ((52, 170, 190), (236, 240, 240))),
)
_BRIGHT: Palette = (
    *(((214, 76, 60),), ((62, 116, 180),), ((72, 150, 110),), ((236, 180, 64),), ((150, 96, 170),)),
    ((230, 128, 70),),
)
_WALLS: Palette = (
    ((238, 220, 190), (176, 84, 64)),
    ((214, 226, 222), (74, 104, 134)),
    ((246, 232, 168), (130, 82, 66)),
    ((226, 190, 180), (104, 70, 86)),
)
_TOWERS: Palette = (((196, 202, 210), (60, 80, 110)), ((214, 200, 184), (120, 70, 60)), ((170, 190, 196), (50, 90, 90)))
_FLAGS: Palette = (
    ((44, 104, 168), WHITE, (206, 62, 50)),
    ((60, 140, 90), WHITE, (236, 180, 64)),
    ((240, 190, 60), (206, 62, 50), (112, 66, 146)),
    ((52, 170, 190), WHITE, (40, 84, 160)),
)
_CLOTHS: Palette = (((220, 84, 70), WHITE), ((50, 120, 160), GOLD), ((120, 80, 150), GOLD), ((60, 140, 110), WHITE))
_FURS: Palette = (((176, 118, 72), (206, 62, 50)), ((96, 78, 70), (62, 116, 180)), ((226, 194, 144), (72, 150, 110)))
_CATS: Palette = (((226, 142, 70), (250, 226, 196)), ((98, 96, 104), (226, 226, 226)), ((62, 58, 64), WHITE))
_LANDS: Palette = (
    ((150, 190, 110), (232, 200, 120), (206, 62, 50)),
    ((236, 206, 140), (196, 140, 110), (40, 84, 160)),
    ((190, 170, 200), (150, 190, 110), (206, 62, 50)),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing.

    Args:
        paint: Paints one into a box.
        height: Of the box, in shares of a photo's shorter side, where the thing is near.
        aspect: Width of the box by its height.
        palette: The colors that it comes in; of people, the colors of skin and so on are drawn one by one.
        layer: `ground` stands on the ground and throws a shadow, `sky` hangs above it.
        outdoors: Whether it is out of place in a room.
    """

    paint: Painter
    height: float
    aspect: float
    palette: Palette = ()
    layer: Literal["ground", "sky"] = "ground"
    outdoors: bool = False


KINDS = {
    "person": Kind(person, 0.62, 0.42),
    "player": Kind(player, 0.62, 0.42),
    "child": Kind(child, 0.46, 0.52),
    "crowd": Kind(crowd, 0.36, 2.5),
    "crest": Kind(crest, 0.4, 0.84, CLUB_COLORS, "sky"),
    "heart": Kind(heart, 0.22, 1.1, (((226, 70, 92),), ((236, 108, 130),)), "sky"),
    "cake": Kind(cake, 0.3, 1.15, (((244, 170, 184), (206, 150, 100)), (WHITE, (130, 84, 62)))),
    "ball": Kind(ball, 0.17, 1.0, (((50, 50, 60),), ((206, 62, 50),))),
    "bus": Kind(bus, 0.46, 1.75, (((226, 92, 66), WHITE), ((240, 190, 70), WHITE), ((70, 140, 160), WHITE))),
    "billboard": Kind(billboard, 0.56, 1.15, _CLOTHS),
    "house": Kind(house, 0.66, 1.08, _WALLS, outdoors=True),
    "office": Kind(office, 0.8, 0.72, _TOWERS, outdoors=True),
    "flag": Kind(flag, 0.62, 0.6, _FLAGS),
    "pram": Kind(pram, 0.4, 1.05, _BRIGHT),
    "airplane": Kind(airplane, 0.24, 2.5, _BRIGHT, "sky", outdoors=True),
    "suitcase": Kind(suitcase, 0.32, 0.8, tuple((*c, (250, 230, 180)) for c in _BRIGHT)),
    "map": Kind(country, 0.54, 1.35, _LANDS),
    "trophy": Kind(trophy, 0.42, 0.78, ((GOLD,), ((196, 204, 214),), ((206, 148, 96),))),
    "microphone": Kind(microphone, 0.58, 0.32, _BRIGHT),
    "banner": Kind(banner, 0.5, 1.9, _CLOTHS),
    "television": Kind(television, 0.46, 1.25, (((90, 150, 90), (150, 206, 230)), ((96, 84, 130), (246, 186, 144)))),
    "dog": Kind(dog, 0.28, 1.15, _FURS),
    "cat": Kind(cat, 0.25, 0.9, _CATS),
    "bird": Kind(bird, 0.15, 1.25, (((110, 130, 170),), ((90, 90, 104),), ((206, 110, 90),)), "sky"),
    "horse": Kind(horse, 0.5, 1.1, (((150, 96, 62), (62, 44, 38)), ((214, 204, 190), (150, 140, 130))), outdoors=True),
    "car": Kind(car, 0.28, 2.1, _BRIGHT, outdoors=True),
    "bicycle": Kind(bicycle, 0.32, 1.5, _BRIGHT),
    "balloon": Kind(balloon, 0.34, 0.52, _BRIGHT, "sky"),
    "tree": Kind(tree, 0.66, 0.74, (((96, 154, 84),), ((130, 160, 70),), ((206, 140, 70),)), outdoors=True),
    "book": Kind(book, 0.2, 1.35, _BRIGHT),
}
WORLD_CLASSES = tuple(KINDS)
"""The classes of a detector of this world, by number."""

CLUTTER = ("dog", "cat", "bird", "horse", "car", "bicycle", "balloon", "tree", "book")
"""Kinds that never tell a relation, nor does a person who comes by."""


def color_thing(kind: str, rng: random.Random, club: tuple[Color, ...] | None = None) -> tuple[Color, ...]:
    """Draw the colors of a thing; a club's colors make a player's jersey and a crest."""
    if kind in ("person", "child", "crowd"):
        lower = rng.choice(TROUSERS if kind == "person" else CLOTHES)
        upper = rng.choice(CLOTHES)
        if kind == "child":
            lower, upper = rng.choice(_BRIGHT)[0], lower
            return rng.choice(SKINS), rng.choice(HAIRS[:5]), lower, upper
        return rng.choice(SKINS), rng.choice(HAIRS), upper, lower
    if kind == "player":
        return rng.choice(SKINS), rng.choice(HAIRS[:5]), *(club or rng.choice(CLUB_COLORS))
    return club or rng.choice(KINDS[kind].palette)
