import math
from typing import Any

import numpy as np
import pytest

from dgf.pipeline.features import SeenObjects
from dgf.pipeline.posts import Mention, Post
from dgf.workflows.scoring.report.pictures import Pictures
from dgf.workflows.scoring.report.post_data import post_data
from dgf.workflows.scoring.report.shown import ShownPost

WORDS = ("Ada", "met", "Bob")
POST = Post("test:1", WORDS, Mention("Ada", 0, 1), Mention("Bob", 2, 3), ("a.jpg",), "/per/per/peer")
OBJECTS = SeenObjects(np.array([[10, 20, 60, 120], [0, 0, 100, 200]], np.float32), ("cat", "dog"), (200, 100))
ANSWER = {"relation": "None", "probability": 0.7, "best": {"None": 0.7, "/per/per/peer": 0.3}}


def row_of(attributions: dict[str, Any], objects: SeenObjects | None = OBJECTS) -> dict[str, Any]:
    shown = ShownPost(POST, {**ANSWER, "attributions": attributions}, "a.jpg", objects)
    (row,) = post_data([shown], Pictures(("...",), {"a.jpg": 0}))["posts"]
    return dict(row)


def test_a_post_is_told_by_numbers_of_its_names() -> None:
    data = post_data([ShownPost(POST, ANSWER, "a.jpg", OBJECTS)], Pictures(("...",), {"a.jpg": 0}))
    assert data["relations"] == ["/per/per/peer", "None"] and data["classes"] == ["cat", "dog"]
    (row,) = data["posts"]
    assert (row["gold"], row["predicted"], row["best"]) == (0, 1, [[1, 0.7], [0, 0.3]])
    assert (row["words"], row["head"], row["tail"], row["picture"]) == (WORDS, [0, 1], [2, 3], 0)
    assert "unread" not in row and "group" not in row


def test_boxes_are_in_thousandths_of_the_photo() -> None:
    assert [box[:5] for box in row_of({})["boxes"]] == [[100, 100, 500, 500, 0], [0, 0, 1000, 1000, 1]]
    assert [box[5:] for box in row_of({})["boxes"]] == [[0, None], [0, None]]


@pytest.mark.parametrize(
    ("effects", "strengths"),
    [
        ([0.2, 0.8, 0.0], [25, 100]),
        ([-0.4, 0.5, 9.0], [0, 100]),  # the third has no object
        ([0.01, 0.02, 0.0], [0, 0]),  # next to nothing
        ([-1.0, -0.2, 0.0], [0, 0]),
    ],
)
def test_measured_effects_are_the_strength_of_objects(effects: list[float], strengths: list[int]) -> None:
    looked = {"head": [0.9, 0.1, 0.0], "tail": [0.9, 0.1, 0.0]}
    row = row_of({"alpha": looked, "effects": {"objects": effects, "photo": 1.234, "caption": -0.5}})
    assert [box[5] for box in row["boxes"]] == strengths
    assert [box[6] for box in row["boxes"]] == effects[:2]
    assert row["measured"] and row["effects"] == {"photo": 1.23, "caption": -0.5}


def test_what_is_no_number_is_left_out() -> None:
    row = row_of({"effects": {"objects": [math.nan, 0.5, 0.0], "photo": math.inf, "caption": 0.1}})
    assert [box[5:] for box in row["boxes"]] == [[0, None], [100, 0.5]]
    assert row["effects"] == {"caption": 0.1}


def test_without_effects_it_is_where_the_mentions_looked() -> None:
    row = row_of({"alpha": {"head": [0.2, 0.8, 0.0], "tail": [0.0, 1.0, 0.0]}})
    assert [box[5:] for box in row["boxes"]] == [[11, 0.1], [100, 0.9]]
    assert "measured" not in row and "effects" not in row


def test_a_photo_that_the_model_was_not_shown_says_so() -> None:
    row = row_of({}, objects=None)
    assert row["unread"] and row["picture"] == 0 and "boxes" not in row


def test_boxes_stay_inside_the_photo_whatever_the_detector_said() -> None:
    odd = SeenObjects(np.array([[-10, 150, 50, 900], [60, 20, 40, np.nan]], np.float32), ("cat", "dog"), (200, 100))
    assert [box[:4] for box in row_of({}, odd)["boxes"]] == [[0, 750, 500, 250], [600, 100, 0, 0]]
