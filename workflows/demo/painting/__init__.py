"""How everything in a drawn photo looks: backdrops, and every kind of thing in a box of its own."""

from dgf.workflows.demo.painting.backdrops import BACKDROPS, INDOORS, LIGHTS
from dgf.workflows.demo.painting.catalog import CLUB_COLORS, CLUTTER, KINDS, WORLD_CLASSES, color_thing
from dgf.workflows.demo.painting.pen import Color, Pen

__all__ = [
    "BACKDROPS",
    "CLUB_COLORS",
    "CLUTTER",
    "INDOORS",
    "KINDS",
    "LIGHTS",
    "WORLD_CLASSES",
    "Color",
    "Pen",
    "color_thing",
]
