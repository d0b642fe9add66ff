from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("detectron2")

from skimage import data

from dgf.pipeline.detectors import DetectorSpec, build_detector, describe_detector, input_size
from dgf.pipeline.detectors import detectron2_config as configs
from dgf.pipeline.detectors.detectron2_rcnn import Detectron2Detector, fold_norms
from dgf.pipeline.errors import UserError
from support.detecting import check_given, detect

R50_FPN = "detectron2:COCO-Detection/faster_rcnn_R_50_FPN_3x.yaml"
SMALL = DetectorSpec(R50_FPN, "random:3", regions=20, min_size=96, max_size=160)


@pytest.fixture(scope="session")
def detector() -> Detectron2Detector:
    built = build_detector(SMALL, "cpu")
    assert isinstance(built, Detectron2Detector)
    return built


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    return [data.coffee(), data.coffee()[:, ::-1].copy(), data.astronaut()]


def test_boxes_come_sorted_within_the_photo_with_names(detector: Detectron2Detector, photos: list[np.ndarray]) -> None:
    assert detector.class_names[:2] == ("person", "bicycle") and len(detector.class_names) == 80
    for photo, found in zip(photos, detect(detector, photos), strict=True):
        assert found.features.shape == (20, detector.feature_dim) == (20, 256)
        assert found.features.dtype == found.boxes.dtype == found.scores.dtype == np.float32
        assert found.classes.dtype == np.int32 and 0 <= found.classes.min() <= found.classes.max() < 80
        assert (np.diff(found.scores) <= 0).all()
        assert (found.boxes[:, 2:] > found.boxes[:, :2]).all() and found.boxes.min() >= 0
        assert (found.boxes[:, 2:] <= (photo.shape[1], photo.shape[0])).all()
        assert found.features.std(axis=0).max() > 1e-3


def test_a_batch_gives_what_single_photos_give(detector: Detectron2Detector, photos: list[np.ndarray]) -> None:
    together = detect(detector, photos[:2])  # one shape, so that padding is the same
    for photo, found in zip(photos, together, strict=False):
        (alone,) = detect(detector, [photo])
        np.testing.assert_allclose(alone.boxes, found.boxes, atol=0.05)
        np.testing.assert_allclose(alone.features, found.features, atol=1e-4)
        np.testing.assert_array_equal(alone.classes, found.classes)


def test_given_boxes_have_the_features_that_found_ones_have(
    detector: Detectron2Detector, photos: list[np.ndarray]
) -> None:
    check_given(detector, photos, atol=1e-3)


def test_given_boxes_go_through_the_last_stage_too_where_regions_do(photos: list[np.ndarray]) -> None:
    c4 = DetectorSpec("detectron2:COCO-Detection/faster_rcnn_R_50_C4_3x.yaml", "random", 4, 64, 96)
    built = build_detector(c4, "cpu")
    assert isinstance(built, Detectron2Detector)
    built._network.proposal_generator.post_nms_topk = {True: 20, False: 20}
    check_given(built, photos[1:], atol=1e-3)


def test_the_same_batch_gives_the_same_bytes(detector: Detectron2Detector, photos: list[np.ndarray]) -> None:
    one, two = detect(detector, photos), detect(detector, photos)
    again = detect(build_detector(SMALL, "cpu"), photos)
    for left, right, rebuilt in zip(one, two, again, strict=True):
        for name in ("features", "boxes", "scores", "classes"):
            assert getattr(left, name).tobytes() == getattr(right, name).tobytes() == getattr(rebuilt, name).tobytes()


def test_boxes_are_in_pixels_of_the_original(detector: Detectron2Detector, photos: list[np.ndarray]) -> None:
    prepared = detector.prepare(photos[0])  # (96, 144, 3) of (400, 600, 3)
    (large,) = detector.detect_prepared([prepared])
    (small,) = detect(detector, [prepared.pixels])
    scale = np.array([600 / 144, 400 / 96] * 2, dtype=np.float32)
    np.testing.assert_allclose(large.boxes, small.boxes * scale, rtol=1e-5)


def test_features_are_those_of_the_boxes(detector: Detectron2Detector, photos: list[np.ndarray]) -> None:
    from detectron2.structures import Boxes

    prepared = detector.prepare(photos[2])
    (found,) = detector.detect_prepared([prepared])
    network = detector._network
    pixels = torch.from_numpy(prepared.pixels[..., ::-1].copy()).permute(2, 0, 1).float()
    with torch.inference_mode():
        images = network.preprocess_image([{"image": pixels}])
        maps = network.backbone(images.tensor)
        scale = torch.tensor([prepared.pixels.shape[1] / 512, prepared.pixels.shape[0] / 512] * 2)
        pooled = network.roi_heads.box_pooler(
            [maps[name] for name in network.roi_heads.box_in_features], [Boxes(torch.from_numpy(found.boxes) * scale)]
        )
    np.testing.assert_allclose(pooled.mean((2, 3)).numpy(), found.features, atol=1e-4)


def test_boxes_and_scores_are_detectron2s_own(photos: list[np.ndarray]) -> None:
    """detectron2's own inference, at a threshold of nothing, is the measure."""
    spec = DetectorSpec(R50_FPN, "random:3", regions=20, min_size=64, max_size=96)
    config = configs.read_detectron2_config(spec)
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST, config.TEST.DETECTIONS_PER_IMAGE = 0.0, 20
    network = configs.build_detectron2_network(config, 3, spec).eval()
    built = build_detector(spec, "cpu")
    prepared = built.prepare(photos[0])
    pixels = torch.from_numpy(prepared.pixels[..., ::-1].copy()).permute(2, 0, 1).float()
    with torch.inference_mode():
        (theirs,) = network([{"image": pixels, "height": 400, "width": 600}])
    (ours,) = built.detect_prepared([prepared])
    np.testing.assert_allclose(ours.scores, theirs["instances"].scores.numpy(), atol=1e-5)
    np.testing.assert_allclose(ours.boxes, theirs["instances"].pred_boxes.tensor.numpy(), atol=0.05)
    np.testing.assert_array_equal(ours.classes, theirs["instances"].pred_classes.numpy())


def test_photos_are_resized_as_detectron2_does(detector: Detectron2Detector) -> None:
    from detectron2.data.transforms import ResizeShortestEdge

    photo = data.astronaut()[:301, :487]
    theirs = ResizeShortestEdge([96, 96], 160).get_transform(photo).apply_image(photo)
    np.testing.assert_array_equal(detector.prepare(photo).pixels, theirs)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 2)])
def test_odd_photos_pass(detector: Detectron2Detector, shape: tuple[int, int]) -> None:
    (found,) = detect(detector, [np.full((*shape, 3), 90, np.uint8)])
    assert found.features.shape == (len(found.boxes), 256) and np.isfinite(found.features).all()


def test_folded_norms_change_nothing_that_shows() -> None:
    config = configs.read_detectron2_config(SMALL)
    network = configs.build_detectron2_network(config, 5, SMALL).eval()
    for name, value in network.state_dict().items():  # norms as training leaves them
        if ".norm.running" in name:
            value.copy_(torch.rand(value.shape) + 0.5)
    image = torch.rand(1, 3, 64, 64) * 100
    with torch.inference_mode():
        before = network.backbone(image)["p3"]
        fold_norms(network)
        assert not any(name.endswith("running_mean") for name in network.backbone.state_dict())
        torch.testing.assert_close(network.backbone(image)["p3"], before, atol=1e-4, rtol=1e-4)


def test_weights_of_a_file_are_used_and_named_in_the_description(tmp_path: Path, photos: list[np.ndarray]) -> None:
    config = configs.read_detectron2_config(SMALL)
    state = configs.build_detectron2_network(config, 3, SMALL).state_dict()
    state["roi_heads.mask_head.mask_fcn1.weight"] = torch.zeros(1)  # of a Mask R-CNN: not run
    torch.save({"model": state}, tmp_path / "model.pth")
    spec = DetectorSpec(R50_FPN, str(tmp_path / "model.pth"), regions=20, min_size=96, max_size=160)
    assert str(describe_detector(spec)["weights"]).startswith("sha256:")
    (ours,), (same,) = (detect(build_detector(each, "cpu"), photos[:1]) for each in (spec, SMALL))
    np.testing.assert_array_equal(ours.boxes, same.boxes)

    del state["backbone.fpn_lateral2.weight"]
    torch.save(state, tmp_path / "model.pth")
    with pytest.raises(UserError, match=r"model\.pth.*missing: backbone\.fpn_lateral2\.weight"):
        build_detector(spec, "cpu")


def test_a_configuration_file_is_read_without_unsafe_yaml(tmp_path: Path) -> None:
    base = Path(configs._config_file(SMALL))
    file = tmp_path / "mine.yaml"
    file.write_text(f"_BASE_: {base}\nINPUT:\n  MIN_SIZE_TEST: 222\n")
    assert input_size(DetectorSpec(f"detectron2:{file}")).min_size == 222
    for text in (
        "MODEL: !!python/object/apply:os.getcwd []\n",
        "_BASE_: https://example.org/base.yaml\n",
        "NOT_A_KEY: 1\n",
        "- a\n- list\n",
        "MODEL: [\n",
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=r"mine\.yaml"):
            input_size(DetectorSpec(f"detectron2:{file}"))


def test_a_configuration_file_may_name_its_classes(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    head = f"_BASE_: {configs._config_file(SMALL)}\nMODEL:\n  ROI_HEADS:\n    NUM_CLASSES: 2\n"
    spec = DetectorSpec(f"detectron2:{file}")
    file.write_text(head)
    unnamed = describe_detector(spec)
    assert configs.detectron2_class_names(configs.read_detectron2_config(spec)) == ("class 0", "class 1")
    file.write_text(head + "    CLASS_NAMES: [crest, trophy]\n")
    assert configs.detectron2_class_names(configs.read_detectron2_config(spec)) == ("crest", "trophy")
    assert describe_detector(spec)["config"] != unnamed["config"]
    for names in ("[crest]", "[crest, 3]"):
        file.write_text(head + f"    CLASS_NAMES: {names}\n")
        with pytest.raises(UserError, match=r"mine\.yaml: MODEL\.ROI_HEADS\.CLASS_NAMES are not 2 words"):
            configs.read_detectron2_config(spec)


def test_a_configuration_without_names_is_described_as_before_there_were_any() -> None:
    from detectron2.config import get_cfg

    read = configs.read_detectron2_config(DetectorSpec(R50_FPN))
    own = get_cfg()
    own.merge_from_file(str(configs._config_file(SMALL)))
    assert sorted(read.MODEL.ROI_HEADS) == sorted(own.MODEL.ROI_HEADS)


def test_missing_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def absent(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("detectron2"):
            raise ImportError("No module named 'detectron2'")
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(UserError, match="make venv"):
        describe_detector(SMALL)
