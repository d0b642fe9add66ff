"""Which detected objects are related, by a scene graph and by their boxes."""

import numpy as np
import pytest

from dgf.pipeline.graphs import SceneGraph, match_objects, near_objects

SIZE = (300, 400)
"""Height and width; the diagonal is 500, so that boxes are near up to a gap of 25."""


def graph_of(boxes: list[list[float]], *relations: tuple[int, int], sides: tuple[int, int] | None = None) -> SceneGraph:
    return SceneGraph(np.array(boxes, float).reshape(-1, 4), np.array(relations, np.int64).reshape(-1, 2), sides)


@pytest.mark.parametrize(
    ("second", "near"),
    [
        ([20, 20, 40, 40], True),  # inside
        ([90, 90, 150, 150], True),  # they overlap
        ([100, 0, 150, 100], True),  # they touch
        ([125, 0, 150, 100], True),  # 25 apart
        ([126, 0, 150, 100], False),
        ([115, 119, 150, 150], True),  # 15 and 19 apart: 24.2
        ([117, 119, 150, 150], False),  # 17 and 19 apart: 25.5
        ([0, 126, 100, 150], False),
    ],
)
def test_boxes_that_overlap_or_are_near_are_related(second: list[float], near: bool) -> None:
    boxes = np.array([[0, 0, 100, 100], second], np.float32)
    assert near_objects(boxes, SIZE) == (((0, 1),) if near else ())
    assert near_objects(boxes[::-1], SIZE) == (((0, 1),) if near else ())


def test_edges_are_in_order_and_each_once() -> None:
    boxes = np.array([[0, 0, 50, 50], [300, 200, 390, 290], [40, 40, 90, 90], [310, 210, 380, 280], [10, 0, 60, 50]])
    assert near_objects(boxes, SIZE) == ((0, 2), (0, 4), (1, 3), (2, 4))
    assert near_objects(boxes[:1], SIZE) == near_objects(boxes[:0], SIZE) == ()


def test_a_box_of_a_graph_is_the_object_it_overlaps_most_if_by_half() -> None:
    objects = np.array([[0, 0, 100, 100], [0, 0, 80, 100], [200, 200, 300, 300]])
    boxes = [[0, 0, 82, 100], [0, 0, 98, 100], [200, 200, 300, 251], [200, 200, 300, 249], [5, 5, 6, 6]]
    related = graph_of(boxes, (1, 0), (0, 2), (2, 1))
    assert match_objects(related, objects, SIZE) == ((0, 1), (0, 2), (1, 2))
    assert match_objects(graph_of(boxes, (3, 0), (4, 1)), objects, SIZE) == (), "by 0.49, and by next to nothing"
    one = graph_of([[0, 0, 98, 100], [0, 0, 97, 100]], (0, 1))
    assert match_objects(one, objects, SIZE) == (), "both boxes are one object"
    assert match_objects(graph_of(boxes), objects, SIZE) == match_objects(related, objects[:0], SIZE) == ()


@pytest.mark.parametrize(("size", "scale"), [((300, 400), 2), ((300, 900), 1000 / 900), ((900, 300), 1000 / 900)])
def test_boxes_of_a_resized_photo_are_scaled_back(size: tuple[int, int], scale: float) -> None:
    """The shorter side becomes 600, unless the longer one would have over 1,000."""
    objects = np.array([[10, 20, 60, 90], [200, 100, 290, 280]])
    shown = graph_of((objects * scale).tolist(), (1, 0), sides=(600, 1000))
    assert match_objects(shown, objects, size) == ((0, 1),)
    away = graph_of((objects * scale + 60 * scale).tolist(), (1, 0), sides=(600, 1000))
    assert match_objects(away, objects, size) == ()
