"""Scenes show what they are asked to show, boxes and visible shares are true, and descriptions say what is there."""

import random
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from dgf.workflows.demo.painting import CLUTTER, WORLD_CLASSES
from dgf.workflows.demo.world import (
    NOUNS,
    Scene,
    Thing,
    describe,
    draw_scene,
    named_things,
    random_scene,
    training_scenes,
)
from dgf.workflows.demo.world.describe import largest_things
from dgf.workflows.demo.world.scene import with_visible_shares
from dgf.workflows.demo.world.staging import SHOWS, stage_scene

RED, BLUE = ((206, 62, 50),), ((62, 116, 180),)


def staged(shown: str, count: int = 30) -> list[Scene]:
    return [stage_scene(shown, random.Random(f"{shown} {index}")) for index in range(count)]


def test_a_visible_share_counts_what_boxes_in_front_leave() -> None:
    boxes = ((0, 0, 100, 100), (50, 0, 150, 100), (0, 50, 100, 100), (300, 300, 310, 310))
    things = [Thing("balloon", box, RED, 0) for box in boxes]
    assert [thing.visible for thing in with_visible_shares(things)] == [0.25, 0.75, 1.0, 1.0]


@pytest.mark.parametrize("shown", SHOWS)
def test_a_scene_shows_its_props_well_and_clutter_beside_them(shown: str) -> None:
    kinds = sorted(prop.kind for prop in SHOWS[shown].props)
    for scene in staged(shown):
        assert sorted(thing.kind for thing in scene.things if thing.matters) == kinds
        assert {thing.kind for thing in scene.things if not thing.matters} <= {*CLUTTER, "person"}
        for x0, y0, x1, y1 in (thing.box for thing in scene.things):
            assert 0 <= x0 < x1 <= scene.size[0] and 0 <= y0 < y1 <= scene.size[1]
        areas = [thing.area / (scene.size[0] * scene.size[1]) for thing in scene.things if thing.matters]
        assert not areas or min(areas) > 0.008
    shares = [thing.visible for scene in staged(shown) for thing in scene.things if thing.matters]
    assert not shares or np.mean(shares) > 0.7


def test_number_size_and_light_are_the_same_whatever_is_shown() -> None:
    for seed in range(20):
        frames = {
            (len(scene.things), scene.size, scene.light)
            for scene in (stage_scene(shown, random.Random(seed)) for shown in SHOWS)
        }
        assert len(frames) == 1


def test_jerseys_tell_teammates_from_rivals() -> None:
    def jerseys(scene: Scene) -> set[object]:
        return {thing.colors[2:] for thing in scene.things if thing.kind == "player"}

    assert {len(jerseys(scene)) for scene in staged("teammates")} == {1}
    assert {len(jerseys(scene)) for scene in staged("rivals")} == {2}


def test_what_is_drawn_is_where_the_box_says() -> None:
    thing = Thing("balloon", (100, 40, 140, 120), RED, 5)
    with_it, other, without = (
        np.asarray(draw_scene(Scene("park", "day", (320, 240), 1, things))).astype(int)
        for things in ((thing,), (Thing("balloon", thing.box, BLUE, 5),), ())
    )
    rows, columns = np.nonzero(np.abs(with_it - without).max(-1) > 8)
    assert with_it.shape == (240, 320, 3)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == pytest.approx((100, 40, 140, 120), abs=3)
    assert np.abs(with_it[62, 120] - RED[0]).max() < 8 and np.abs(other[62, 120] - BLUE[0]).max() < 8


def test_night_is_darker_than_day() -> None:
    day, night = (np.asarray(draw_scene(Scene("room", light, (320, 240), 1, ()))).mean() for light in ("day", "night"))
    assert night < 0.9 * day


def test_a_description_names_the_two_largest_first() -> None:
    for scene in islice(training_scenes(0), 200):
        sentence = describe(scene)
        assert sentence == describe(scene)
        one, two = (thing.kind for thing in largest_things(scene)[:2])
        if one == two:
            assert any(word in sentence for word in ("two people", "two children", "two buses", f"two {one}s"))
        else:
            assert f"{NOUNS[one]} and {NOUNS[two]}" in sentence
    assert len({describe(scene).split()[0] for scene in islice(training_scenes(0), 50)}) > 3


def test_what_a_description_names_is_counted() -> None:
    for scene in islice(training_scenes(0), 200):
        largest = Counter(thing.kind for thing in largest_things(scene)[:2])
        assert not largest - named_things(describe(scene))
        assert not named_things(describe(scene)) - Counter(thing.kind for thing in scene.things)
    assert named_things("two people, with a personal car and a bus") == {"person": 2, "car": 1, "bus": 1}


def test_a_description_tells_jerseys_apart() -> None:
    players = (Thing("player", (10, 10, 60, 130), (*RED, *RED, *RED, *BLUE), 0),)
    same, other = ((*RED, *BLUE), (*BLUE, *RED))
    for shirt, word in ((same, "same"), (other, "different")):
        second = Thing("player", (90, 10, 140, 130), (*BLUE, *RED, *shirt), 0)
        assert word in describe(Scene("pitch", "day", (320, 240), 0, (*players, second)))


def test_training_scenes_repeat_with_their_seed_and_show_every_kind() -> None:
    scenes = list(islice(training_scenes(3), 400))
    assert scenes == list(islice(training_scenes(3), 400))
    assert scenes[0] != next(training_scenes(4))
    seen = Counter(thing.kind for scene in scenes for thing in scene.things)
    assert set(seen) == set(WORLD_CLASSES) and min(seen.values()) >= 10
    assert random_scene(random.Random(1)) == random_scene(random.Random(1))
