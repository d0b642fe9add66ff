from typing import Any

import numpy as np
import pytest

from dgf.pipeline.features import SeenObjects
from dgf.workflows.demo.attributed import (
    area_under_curve,
    image_id_of,
    judge_attributions,
    shows_what_matters,
)

HOUSE = {"kind": "house", "box": (0, 0, 100, 100), "matters": True}
CAT = {"kind": "cat", "box": (120, 60, 160, 100), "matters": False}


def post(number: int, role: str, decided_by: str = "photo") -> dict[str, Any]:
    return {
        "id": f"test:{number}",
        "photo": f"{number}.jpg",
        "photo_role": role,
        "decided_by": decided_by,
        "exception": False,
        "things": [HOUSE, CAT],
    }


def answered(photo: float, *objects: float) -> dict[str, Any]:
    return {"attributions": {"effects": {"photo": photo, "objects": list(objects)}}}


def test_the_area_under_the_curve_counts_pairs_and_ties_half() -> None:
    assert area_under_curve([3, 2], [1, 0]) == 1
    assert area_under_curve([1], [0, 1, 2]) == pytest.approx(0.5)
    assert area_under_curve([0, 4], [1, 2]) == pytest.approx(0.5)


def test_a_box_shows_the_thing_that_it_overlaps_most() -> None:
    assert shows_what_matters((10, 5, 95, 100), [HOUSE, CAT])
    assert not shows_what_matters((118, 58, 160, 104), [HOUSE, CAT])
    assert not shows_what_matters((90, 90, 200, 200), [HOUSE])  # it shows hardly a hundredth of it
    assert not shows_what_matters((0, 0, 10, 10), [])


def test_effects_are_held_against_what_decides() -> None:
    known = [post(1, "helpful"), post(2, "helpful"), post(3, "irrelevant", "text"), post(4, "misleading", "text")]
    boxes = np.array([[0, 0, 98, 98], [120, 60, 160, 100]], np.float32)
    objects = {image_id_of(line): SeenObjects(boxes, ("house", "cat"), (100, 100)) for line in known}
    answers = {
        "test:1": answered(2.0, 1.5, 0.1),
        "test:2": answered(0.5, 0.0, 0.4),
        "test:3": answered(1.0, 0.5, 0.5),
        "test:4": answered(-9.0, 0, 0),
    }
    judged = judge_attributions(known, answers, objects)
    assert judged.told_apart == pytest.approx(0.5)  # 2.0 is above 1.0, 0.5 is not; misleading photos are no part of it
    assert judged.found == pytest.approx(0.5)  # of the two that the photo decides


def test_objects_that_pad_a_row_are_no_candidates() -> None:
    [line] = known = [post(1, "helpful")]
    objects = {image_id_of(line): SeenObjects(np.array([[0, 0, 100, 100]], np.float32), ("house",), (100, 100))}
    assert judge_attributions(known, {"test:1": answered(1.0, -0.2, 0.0, 0.0)}, objects).found == 1


def test_posts_without_effects_say_nothing() -> None:
    judged = judge_attributions([post(1, "helpful")], {"test:1": {"relation": "None"}}, {})
    assert (judged.told_apart, judged.found) == (None, None)
