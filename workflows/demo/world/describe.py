"""A sentence in English about what a photo shows, from which a captioner learns."""

import random
import re
from collections import Counter

from dgf.workflows.demo.painting import WORLD_CLASSES
from dgf.workflows.demo.world.scene import Scene, Thing

NOUNS = {kind: ("an " if kind[0] in "aeiou" else "a ") + kind for kind in WORLD_CLASSES}
"""Kind -> how a description calls one of it."""

_PLURALS = {"person": "people", "child": "children", "bus": "buses"}
_PLACES = {
    "street": "in the street",
    "pitch": "on a pitch",
    "stage": "on a stage",
    "coast": "by the sea",
    "park": "in a park",
    "room": "in a living room",
    "hall": "in a hall",
}
_LIGHTS = {
    "day": "",
    "overcast": " on a gray day",
    "golden": " in golden light",
    "dusk": " at dusk",
    "night": " at night",
}
_PHRASINGS = (
    "{two} {place}{light}{more}",
    "here are {two} {place}{light}{more}",
    "a photo of {two} {place}{light}{more}",
    "{two}{more} {place}{light}",
    "we see {two} {place}{light}{more}",
)
_SMALL = 0.004
"""Share of the photo below which nobody mentions a thing."""


def largest_things(scene: Scene) -> list[Thing]:
    """List the things of a scene, the one that most is visible of first."""
    return sorted(scene.things, key=lambda thing: -thing.area)


def describe(scene: Scene) -> str:
    """Describe a scene in a sentence that names its two largest things first; the same one for the same scene."""
    rng = random.Random(scene.look)
    things = largest_things(scene)
    two = _name_two(things[:2])
    smallest = _SMALL * scene.size[0] * scene.size[1]
    others = [NOUNS[thing.kind] for thing in things[2:4] if thing.area >= smallest]
    more = f"{rng.choice((', with', ' near', ' and also'))} {' and '.join(others)}" if others else ""
    phrasing = rng.choice(_PHRASINGS)
    return phrasing.format(two=two, place=_PLACES[scene.backdrop], light=_LIGHTS[scene.light], more=more)


def named_things(description: str) -> Counter[str]:
    """Count what a description names, kind by kind."""
    named: Counter[str] = Counter()
    for kind in WORLD_CLASSES:
        named[kind] += len(re.findall(rf"\b{kind}\b", description))
        named[kind] += 2 * len(re.findall(rf"\btwo {_plural(kind)}\b", description))
    return +named


def _plural(kind: str) -> str:
    return _PLURALS.get(kind, f"{kind}s")


def _name_two(things: list[Thing]) -> str:
    kinds = Counter(thing.kind for thing in things)
    if len(kinds) < len(things):
        kind = things[0].kind
        both = f"two {_plural(kind)}"
        if kind != "player":
            return both
        return f"{both} in {'the same' if things[0].colors[2:] == things[1].colors[2:] else 'different'} jerseys"
    return " and ".join(NOUNS[kind] for kind in kinds)
