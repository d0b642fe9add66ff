from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from skimage import data

from dgf.pipeline.detectors import DetectorSpec, build_detector, input_size
from dgf.pipeline.detectors.torchvision_rcnn import TorchvisionDetector, freeze_norms, tame_random_torchvision
from dgf.pipeline.errors import UserError
from support.detecting import check_given, detect

MOBILE = "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn"
SMALL = DetectorSpec(MOBILE, "random:3", regions=20, min_size=128, max_size=224)


@pytest.fixture(scope="module")
def detector() -> TorchvisionDetector:
    built = build_detector(SMALL, "cpu")
    assert isinstance(built, TorchvisionDetector)
    return built


def test_boxes_and_features(detector: TorchvisionDetector) -> None:
    photos = [data.coffee(), data.astronaut()]
    assert detector.class_names[0] == "person"
    for photo, found in zip(photos, detect(detector, photos), strict=True):
        assert found.features.shape == (20, detector.feature_dim)
        assert (np.diff(found.scores) <= 0).all() and (found.boxes[:, 2:] > found.boxes[:, :2]).all()
        assert (found.boxes[:, 2:] <= (photo.shape[1], photo.shape[0])).all()


def test_a_batch_gives_what_single_photos_give(detector: TorchvisionDetector) -> None:
    photos = [data.coffee(), data.coffee()[::-1].copy()]
    for photo, found in zip(photos, detect(detector, photos), strict=True):
        (alone,) = detect(detector, [photo])
        np.testing.assert_allclose(alone.boxes, found.boxes, atol=0.05)
        np.testing.assert_allclose(alone.features, found.features, atol=1e-3)


def test_given_boxes_have_the_features_that_found_ones_have(detector: TorchvisionDetector) -> None:
    check_given(detector, [data.coffee(), data.astronaut(), data.coffee()], atol=1e-3)


@pytest.mark.parametrize("model", ["fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_resnet50_fpn"])
def test_boxes_and_scores_are_torchvisions_own(model: str) -> None:
    spec = DetectorSpec(f"torchvision:{model}", "random:3", regions=20, min_size=96, max_size=160)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = torchvision.models.get_model(
            model,
            weights=None,
            weights_backbone=None,
            min_size=96,
            max_size=160,
            box_score_thresh=0.0,
            box_detections_per_img=20,
            rpn_score_thresh=0.0,
        )
    tame_random_torchvision(network)
    freeze_norms(network, None)
    photo = data.coffee()
    with torch.inference_mode():
        (theirs,) = network.eval()([torch.from_numpy(photo.copy()).permute(2, 0, 1) / 255])
    (ours,) = detect(build_detector(spec, "cpu"), [photo])
    # Pixels are rounded to whole numbers between resizing and the network, so close rather than equal.
    np.testing.assert_allclose(ours.scores, theirs["scores"].numpy(), rtol=0.02)
    matched = torchvision.ops.box_iou(torch.from_numpy(ours.boxes), theirs["boxes"]).max(1).values
    assert (matched > 0.9).float().mean() > 0.85


@pytest.mark.parametrize("shape", [(301, 487), (480, 640), (77, 900), (1, 900)])
def test_photos_are_resized_as_torchvision_does(detector: TorchvisionDetector, shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    if min(shape) > 1:
        transform = torchvision.models.detection.transform.GeneralizedRCNNTransform(128, 224, [0.0] * 3, [1.0] * 3)
        batch, _ = transform([torch.from_numpy(photo).permute(2, 0, 1).float()])
        assert batch.image_sizes[0] == input_size(SMALL).resized(*shape)
        height, width = batch.image_sizes[0]
        theirs = batch.tensors[0, :, :height, :width].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(detector.prepare(photo).pixels, theirs, atol=0.75)
    (found,) = detect(detector, [photo])
    assert np.isfinite(found.features).all()


def test_published_weights_are_never_fetched_when_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match="HF_HUB_OFFLINE") as error:
        build_detector(DetectorSpec("torchvision:fasterrcnn_resnet50_fpn", "default"), "cpu")
    assert "https://download.pytorch.org/models/fasterrcnn_resnet50_fpn_coco-258fb6c6.pth" in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"other\.pth: these weights are of another network"):
        build_detector(DetectorSpec(MOBILE, str(tmp_path / "other.pth")), "cpu")
