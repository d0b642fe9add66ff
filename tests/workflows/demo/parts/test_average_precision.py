"""The measure of detectors, on detections whose worth is plain."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("pycocotools")

from dgf.pipeline.detectors import Detections
from dgf.workflows.demo.parts.average_precision import SEEN, average_precision, score_detections
from dgf.workflows.demo.world import WORLD_CLASSES, Scene, Thing, training_scenes

SCENES = list(islice(training_scenes(5), 12))


def said(things: Sequence[Thing], shift: float = 0.0, kind: str | None = None) -> Detections:
    boxes = np.array([thing.box for thing in things], np.float32).reshape(-1, 4)
    boxes[:, [0, 2]] += shift * (boxes[:, 2:3] - boxes[:, :1])
    classes = np.array([WORLD_CLASSES.index(kind or thing.kind) for thing in things], np.int32)
    return Detections(
        np.zeros((len(things), 1), np.float32), boxes, np.linspace(0.9, 0.5, len(things), dtype=np.float32), classes
    )


def visible(scene: Scene) -> list[Thing]:
    return [thing for thing in scene.things if thing.visible >= SEEN]


def test_to_find_everything_is_one_and_nothing_is_zero() -> None:
    perfect = score_detections(SCENES, [said(visible(scene)) for scene in SCENES])
    assert perfect.ap50 == perfect.recall_of_all == 1 and set(perfect.recall.values()) == {1.0}
    assert all(kind == told for kind, told in perfect.confusions)
    assert average_precision(SCENES, [said(visible(scene), shift=0.2) for scene in SCENES]) == 1  # IoU 0.67
    assert average_precision(SCENES, [said(visible(scene), shift=0.4) for scene in SCENES]) < 0.05  # 0.43
    nothing = score_detections(SCENES, [said([]) for _ in SCENES])
    assert nothing.ap50 == nothing.recall_of_all == 0


def test_what_is_hidden_is_neither_praised_nor_blamed() -> None:
    hidden = [thing for scene in SCENES for thing in scene.things if thing.visible < SEEN]
    assert hidden
    assert average_precision(SCENES, [said(scene.things) for scene in SCENES]) == 1


def test_a_wrong_kind_is_a_confusion_and_only_the_best_boxes_count_for_the_recall() -> None:
    wrong = score_detections(SCENES, [said(visible(scene), kind="book") for scene in SCENES])
    assert {told for _, told in wrong.confusions} == {"book"}
    assert sum(wrong.recall.values()) == wrong.recall.get("book", 0)
    first = score_detections(SCENES, [said(visible(scene)) for scene in SCENES], objects=1)
    assert first.recall_of_all == pytest.approx(len(SCENES) / sum(len(visible(scene)) for scene in SCENES), abs=0.03)
