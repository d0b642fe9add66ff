"""The demo's detector: how it is trained, and what the weights in the repository find."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("detectron2")

from dgf.pipeline.detectors import Detections, DetectorSpec, build_detector
from dgf.workflows.demo.painting import CLUB_COLORS
from dgf.workflows.demo.parts import detector as training
from dgf.workflows.demo.parts.average_precision import detect_held_out, score_detections
from dgf.workflows.demo.parts.photos import drawn_photos
from dgf.workflows.demo.world import WORLD_CLASSES, Scene

PEOPLE = ("person", "player", "child", "crowd")
COMMITTED = DetectorSpec(
    f"detectron2:{training.DETECTOR_FOLDER / 'config.yaml'}", str(training.DETECTOR_FOLDER / "model.safetensors")
)


@pytest.fixture(scope="module")
def held_out() -> tuple[list[Scene], list[Detections]]:
    return detect_held_out(build_detector(COMMITTED, "cpu"), 40)


def test_it_finds_the_things_of_scenes_it_never_saw(held_out: tuple[list[Scene], list[Detections]]) -> None:
    scores = score_detections(*held_out)
    assert scores.ap50 >= 0.7
    assert scores.recall_of_all >= 0.9


def test_it_tells_kinds_of_people_apart(held_out: tuple[list[Scene], list[Detections]]) -> None:
    confusions = score_detections(*held_out).confusions
    people = {pair: count for pair, count in confusions.items() if pair[0] in PEOPLE}
    right = sum(count for (kind, told), count in people.items() if kind == told)
    assert right >= 0.9 * sum(people.values()) > 30


def test_the_features_of_a_region_tell_clubs_apart(held_out: tuple[list[Scene], list[Detections]]) -> None:
    features, clubs = [], []
    for scene, found in zip(*held_out, strict=True):
        for thing in scene.things:
            near = np.abs(found.boxes - np.array(thing.box, np.float32)).max(1) if len(found.boxes) else np.ones(1)
            if training.club_of(thing) >= 0 and near.min() < 20:
                features.append(found.features[near.argmin()])
                clubs.append(training.club_of(thing))
    table, wanted = np.array(features), np.array(clubs)
    assert len(wanted) > 15 and set(clubs) <= set(range(len(CLUB_COLORS)))
    table = table / np.linalg.norm(table, axis=1, keepdims=True)
    near = table @ table.T - 2 * np.eye(len(table))
    assert (wanted[near.argmax(1)] == wanted).mean() >= 0.7  # of the nearest other region; chance is a sixth


def test_it_names_the_kinds_of_the_world() -> None:
    assert build_detector(COMMITTED, "cpu").class_names == WORLD_CLASSES


def test_it_is_small_and_half_precision() -> None:
    assert (training.DETECTOR_FOLDER / "model.safetensors").stat().st_size < 4_500_000


def test_things_keep_their_place_when_a_photo_is_resized() -> None:
    _, size = training.build_for_training(training.DETECTOR_FOLDER / "config.yaml")
    photo = next(drawn_photos(3))
    wanted = training.to_input(photo, size)
    shown = [thing for thing in photo.scene.things if thing.visible >= training.LEAST_VISIBLE]
    height, width = wanted["image"].shape[1:]
    assert min(height, width) == 192
    relative = wanted["instances"].gt_boxes.tensor / torch.tensor([width, height] * 2)
    own = torch.tensor([thing.box for thing in shown]) / torch.tensor([*photo.scene.size] * 2)
    torch.testing.assert_close(relative, own, atol=1e-4, rtol=0)
    assert [WORLD_CLASSES[number] for number in wanted["instances"].gt_classes] == [thing.kind for thing in shown]


def test_a_few_steps_of_training_leave_weights_that_load(tmp_path: Path) -> None:
    lines: list[str] = []
    training.train_detector(tmp_path, lines.append, steps=2, batch=2)
    assert len(lines) == 1 and "step 2 of 2" in lines[0] and "clubs" in lines[0]
    built = build_detector(
        DetectorSpec(f"detectron2:{tmp_path / 'config.yaml'}", str(tmp_path / "model.safetensors"), regions=5), "cpu"
    )
    photo = next(islice(drawn_photos(3), 1))
    (found,) = built.detect_prepared([built.prepare(photo.pixels)])
    assert found.features.shape[1] == built.feature_dim == 256 and np.isfinite(found.features).all()
