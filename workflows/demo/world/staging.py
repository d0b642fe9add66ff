"""What a photo can show, and scenes that show it among clutter that means nothing."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from dgf.workflows.demo.painting import (
    BACKDROPS,
    CLUB_COLORS,
    CLUTTER,
    INDOORS,
    KINDS,
    LIGHTS,
    WORLD_CLASSES,
    Color,
    color_thing,
)
from dgf.workflows.demo.world.scene import Box, Scene, Thing, covered_share, with_visible_shares

_SHAPES = ((4, 3), (3, 4), (3, 2), (1, 1), (16, 9), (4, 5))
_LONGEST = (320, 480)
_COUNTS = (4, 5, 5, 6)  # things in a photo; there are six kinds of clutter for a room
_FRONT, _BACK = 0.95, 0.76  # where things stand, in shares of the height
_TRIES = 14
Club = tuple[Color, ...]

ANYWHERE = tuple(BACKDROPS)
OUTSIDE = tuple(name for name in ANYWHERE if name not in INDOORS)
_TOWN = ("street", "coast", "park")


@dataclass(frozen=True, slots=True)
class Prop:
    """A thing that a photo must show, and about where.

    Args:
        kind: One of `WORLD_CLASSES`.
        x: Of its middle, from the middle of the group, in shares of the photo's shorter side.
        foot: Of its bottom, in shares of the photo's height.
        size: By which its usual size is multiplied.
        club: Things of the same number have the colors of one club.
    """

    kind: str
    x: float
    foot: float = _FRONT
    size: float = 1.0
    club: int = -1


@dataclass(frozen=True, slots=True)
class Show:
    """What a photo shows: its backdrops, and its props from back to front."""

    backdrops: tuple[str, ...]
    props: tuple[Prop, ...]


SHOWS = {
    "teammates": Show(("pitch", "park", "street"), (Prop("player", -0.22, club=0), Prop("player", 0.22, club=0))),
    "rivals": Show(
        ("pitch", "park", "street"),
        (Prop("player", -0.27, club=0), Prop("player", 0.27, club=1), Prop("ball", 0.0, 0.97)),
    ),
    "couple": Show(ANYWHERE, (Prop("heart", 0.0, 0.3), Prop("person", -0.18), Prop("person", 0.18))),
    "birthday": Show(("room", "park", "hall"), (Prop("child", -0.3), Prop("child", 0.3), Prop("cake", 0.0, 0.97))),
    "passers-by": Show(
        ("street", "coast", "park"),
        (Prop("bus", 0.0, 0.8, 1.1), Prop("person", -0.42, size=0.9), Prop("person", 0.42, size=0.9)),
    ),
    "member": Show(ANYWHERE, (Prop("crest", 0.22, 0.66, club=0), Prop("player", -0.2, club=0))),
    "onlooker": Show(ANYWHERE, (Prop("billboard", 0.14, 0.85), Prop("person", -0.34))),
    "home": Show(_TOWN, (Prop("house", 0.14, 0.82), Prop("person", -0.36))),
    "cradle": Show(ANYWHERE, (Prop("person", -0.22, 0.92), Prop("pram", 0.18, 0.95))),
    "traveler": Show(OUTSIDE, (Prop("airplane", 0.1, 0.32), Prop("person", -0.2), Prop("suitcase", 0.12, 0.96))),
    "headquarters": Show(_TOWN, (Prop("office", -0.14, 0.86), Prop("flag", 0.34, 0.93))),
    "twins": Show(ANYWHERE, (Prop("crest", -0.24, 0.64, club=0), Prop("crest", 0.24, 0.64, club=0))),
    "chart": Show(ANYWHERE, (Prop("map", -0.12, 0.76, 1.1), Prop("flag", 0.42, 0.93, 0.9))),
    "winner": Show(ANYWHERE, (Prop("person", -0.2), Prop("trophy", 0.16, 0.9))),
    "spectators": Show(ANYWHERE, (Prop("trophy", 0.1, 0.73, 0.85), Prop("crowd", 0.0, 1.0))),
    "performer": Show(ANYWHERE, (Prop("person", -0.16, 0.93), Prop("microphone", 0.14, 0.95))),
    "festival": Show(ANYWHERE, (Prop("banner", 0.0, 0.76), Prop("crowd", 0.0, 1.0))),
    "viewer": Show(("room", "hall", "stage"), (Prop("television", 0.14, 0.84), Prop("person", -0.34))),
    "clutter": Show(ANYWHERE, ()),
}
"""Everything that a photo can show, by name; `clutter` is nothing of interest."""


def stage_scene(shown: str, rng: random.Random) -> Scene:
    """Arrange a scene that shows what is asked for; how many things there are, size and light do not depend on it."""
    show, frame = SHOWS[shown], _draw_frame(rng)
    backdrop, clubs = rng.choice(show.backdrops), rng.sample(CLUB_COLORS, 2)
    return _arrange(frame, backdrop, _place(show.props, clubs, frame.size, rng), rng)


def random_scene(rng: random.Random) -> Scene:
    """Draw a scene to train detectors and captioners on: one such as posts have, or kinds of any sort side by side."""
    if rng.random() < 0.5:
        return stage_scene(rng.choice(tuple(SHOWS)), rng)
    frame, kinds = _draw_frame(rng), rng.sample(WORLD_CLASSES, rng.randint(1, 3))
    backdrop = rng.choice(OUTSIDE if any(KINDS[kind].outdoors for kind in kinds) else ANYWHERE)
    props = [
        Prop(kind, 0.4 * (index - (len(kinds) - 1) / 2), 0.32 if KINDS[kind].layer == "sky" else rng.uniform(0.8, 0.95))
        for index, kind in enumerate(kinds)
    ]
    return _arrange(frame, backdrop, _place(props, rng.sample(CLUB_COLORS, 2), frame.size, rng), rng)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a photo is like whatever it shows."""

    size: tuple[int, int]
    count: int
    light: str


def _draw_frame(rng: random.Random) -> _Frame:
    across, down = rng.choice(_SHAPES)
    longest = rng.randint(*_LONGEST)
    size = round(longest * across / max(across, down)), round(longest * down / max(across, down))
    return _Frame(size, rng.choice(_COUNTS), rng.choice(LIGHTS))


def _place(props: Sequence[Prop], clubs: Sequence[Club], size: tuple[int, int], rng: random.Random) -> list[Thing]:
    """Place what a photo must show, as a group that stands somewhat off the middle."""
    middle, turned, scale = rng.uniform(0.42, 0.58), rng.random() < 0.5, rng.uniform(0.88, 1.06)
    things = []
    for prop in props:
        x = middle + (-prop.x if turned else prop.x) * min(size) / size[0] + rng.uniform(-0.02, 0.02)
        box = _box(prop.kind, x, prop.foot + rng.uniform(-0.015, 0.015), prop.size * scale, size, rng)
        colors = color_thing(prop.kind, rng, clubs[prop.club] if prop.club >= 0 else None)
        things.append(Thing(prop.kind, box, colors, rng.randrange(2**32), rng.random() < 0.5, matters=True))
    return things


def _arrange(frame: _Frame, backdrop: str, shown: Sequence[Thing], rng: random.Random) -> Scene:
    """Add clutter to what a photo shows, some of it as large where nothing else is."""
    allowed = [kind for kind in CLUTTER if backdrop not in INDOORS or not KINDS[kind].outdoors]
    waiting = rng.sample(allowed, frame.count)
    if rng.random() < 0.5:
        waiting[rng.randrange(2)] = "person"
    things = list(shown)
    for kind in waiting[: frame.count - len(shown)]:
        scale = rng.uniform(0.9, 1.05) if len(things) < 2 else rng.uniform(0.6, 0.85)
        box = _free_box(kind, scale, frame.size, [thing.box for thing in things], rng)
        things.append(Thing(kind, box, color_thing(kind, rng), rng.randrange(2**32), rng.random() < 0.5))
    things.sort(key=lambda thing: (KINDS[thing.kind].layer == "ground", thing.box[3]))
    return Scene(backdrop, frame.light, frame.size, rng.randrange(2**32), with_visible_shares(things))


def _box(kind: str, x: float, foot: float, scale: float, size: tuple[int, int], rng: random.Random) -> Box:
    """Place a thing of a kind with its bottom middle at (x, foot); no two have quite the same proportions."""
    width, height = size
    tall = KINDS[kind].height * scale * min(size) * rng.uniform(0.95, 1.05)
    wide = tall * KINDS[kind].aspect * rng.uniform(0.92, 1.08)
    if wide > 0.96 * width:
        tall, wide = tall * 0.96 * width / wide, 0.96 * width
    left = min(max(x * width - wide / 2, 0.01 * width), 0.99 * width - wide)
    bottom = max(min(foot * height, 0.99 * height), tall + 0.01 * height)
    return round(left, 1), round(bottom - tall, 1), round(left + wide, 1), round(bottom, 1)


def _free_box(kind: str, scale: float, size: tuple[int, int], taken: Sequence[Box], rng: random.Random) -> Box:
    """Find a place where a thing hides little of the others, and they little of it."""
    best, least = None, 9.0
    for _ in range(_TRIES):
        foot = rng.uniform(0.16, 0.5) if KINDS[kind].layer == "sky" else rng.uniform(_BACK, 0.97)
        box = _box(kind, rng.uniform(0.06, 0.94), foot, scale, size, rng)
        hidden = max((covered_share(other, box) for other in taken), default=0.0)
        cost = 6 * hidden + sum(covered_share(box, other) for other in taken)
        if cost < least:
            best, least = box, cost
        if least < 0.1:
            break
    assert best is not None
    return best
