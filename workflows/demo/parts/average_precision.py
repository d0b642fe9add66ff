"""How well a detector finds the things of held-out photos: COCO's AP50, recall by kind, and what is confused."""

import contextlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torchvision.ops import box_iou

from dgf.pipeline.detectors import Detections, Detector
from dgf.workflows.demo.parts.photos import HELD_OUT, DrawnPhoto, drawn_photos
from dgf.workflows.demo.world import WORLD_CLASSES, Scene

SEEN = 0.3
"""Visible share of a thing that a detector must find; for the others it is neither praised nor blamed."""

_OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class DetectionScores:
    """What a detector reaches.

    Args:
        ap50: Average precision at an overlap of 0.5, the mean over the kinds, 0 to 1.
        recall: Kind -> share of its things among the `objects` best boxes of their photos, by a box of that kind.
        recall_of_all: The same, of all things.
        confusions: (kind, kind said) -> how many things are overlapped by a box, the best of which says so.
    """

    ap50: float
    recall: dict[str, float]
    recall_of_all: float
    confusions: Counter[tuple[str, str]]


def detect_held_out(detector: Detector, photos: int, batch: int = 4) -> tuple[list[Scene], list[Detections]]:
    """Run a detector on the first held-out photos."""
    drawn = list(islice(drawn_photos(HELD_OUT), photos))
    found: list[Detections] = []
    for start in range(0, photos, batch):
        part: list[DrawnPhoto] = drawn[start : start + batch]
        found += detector.detect_prepared([detector.prepare(photo.pixels) for photo in part])
    return [photo.scene for photo in drawn], found


def score_detections(scenes: Sequence[Scene], found: Sequence[Detections], objects: int = 10) -> DetectionScores:
    """Compare what was found in photos with what their scenes show; `objects` boxes of a photo count for the recall."""
    hits: Counter[str] = Counter()
    things: Counter[str] = Counter()
    confusions: Counter[tuple[str, str]] = Counter()
    for scene, photo in zip(scenes, found, strict=True):
        boxes, classes = photo.boxes[:objects], photo.classes[:objects]
        for thing in scene.things:
            if thing.visible < SEEN:
                continue
            things[thing.kind] += 1
            overlaps = box_iou(torch.tensor([thing.box]), torch.from_numpy(boxes))[0].numpy()  # (n,)
            near = np.flatnonzero(overlaps >= _OVERLAP)  # by descending score
            hits[thing.kind] += bool((classes[near] == WORLD_CLASSES.index(thing.kind)).any())
            if len(near):
                confusions[thing.kind, WORLD_CLASSES[classes[near[0]]]] += 1
    recall = {kind: hits[kind] / count for kind, count in sorted(things.items())}
    return DetectionScores(average_precision(scenes, found), recall, hits.total() / things.total(), confusions)


def average_precision(scenes: Sequence[Scene], found: Sequence[Detections]) -> float:
    """AP50 as COCO measures it, over the kinds that the scenes show; things hidden too far are ignored."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    wanted: list[dict[str, object]] = []
    said: list[dict[str, object]] = []
    for image, (scene, photo) in enumerate(zip(scenes, found, strict=True)):
        for thing in scene.things:
            x0, y0, x1, y1 = thing.box
            wanted.append(
                {
                    "id": len(wanted) + 1,
                    "image_id": image,
                    "category_id": WORLD_CLASSES.index(thing.kind),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": int(thing.visible < SEEN),  # which COCO ignores
                }
            )
        for box, score, number in zip(photo.boxes.tolist(), photo.scores.tolist(), photo.classes.tolist(), strict=True):
            bbox = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            said.append({"image_id": image, "category_id": number, "bbox": bbox, "score": score})
    truth.dataset = {
        "info": {},
        "images": [{"id": image} for image in range(len(scenes))],
        "categories": [{"id": number} for number in range(len(WORLD_CLASSES))],
        "annotations": wanted,
    }
    if not said:
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):  # it prints
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(said), "bbox")
        evaluation.params.iouThrs = np.array([_OVERLAP])
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][0, :, :, 0, -1]  # (101, kinds), -1 for a kind that is not there
    return float(precision[precision > -1].mean())
