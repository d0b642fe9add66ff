import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("detectron2")

from skimage import data

from dgf.pipeline.detectors import Detector, DetectorSpec, build_detector, describe_detector, visual_genome
from dgf.pipeline.errors import UserError
from dgf.pipeline.weights import fill_network
from support.detecting import check_given, detect

SMALL = DetectorSpec("visual-genome", "random:2", regions=20, min_size=64, max_size=96)


def published() -> dict[str, tuple[int, ...]]:
    """Names and shapes in `faster_rcnn_from_caffe_attr.pkl`, the port's weights with attribute head."""

    def conv(name: str, out: int, into: int, size: int) -> dict[str, tuple[int, ...]]:
        norm = {f"{name}.norm.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")}
        return {f"{name}.weight": (out, into, size, size), **norm}

    def stage(name: str, blocks: int, into: int, inner: int) -> dict[str, tuple[int, ...]]:
        entries: dict[str, tuple[int, ...]] = {}
        for block in range(blocks):
            if block == 0:
                entries |= conv(f"{name}.0.shortcut", inner * 4, into, 1)
            entries |= conv(f"{name}.{block}.conv1", inner, into if block == 0 else inner * 4, 1)
            entries |= conv(f"{name}.{block}.conv2", inner, inner, 3)
            entries |= conv(f"{name}.{block}.conv3", inner * 4, inner, 1)
        return entries

    def layer(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}

    rpn, box = "proposal_generator.rpn_head", "roi_heads.box_predictor"
    return {
        **conv("backbone.stem.conv1", 64, 3, 7),
        **stage("backbone.res2", 3, 64, 64),
        **stage("backbone.res3", 4, 256, 128),
        **stage("backbone.res4", 23, 512, 256),
        **stage("roi_heads.res5", 3, 1024, 512),
        **layer(f"{rpn}.conv", 512, 1024, 3, 3),
        **layer(f"{rpn}.objectness_logits", 12, 512, 1, 1),
        **layer(f"{rpn}.anchor_deltas", 48, 512, 1, 1),
        **layer(f"{box}.cls_score", 1601, 2048),
        **layer(f"{box}.bbox_pred", 6400, 2048),
        f"{box}.cls_embedding.weight": (1601, 256),
        **layer(f"{box}.fc_attr", 512, 2304),
        **layer(f"{box}.attr_score", 401, 512),
    }


@pytest.fixture(scope="module")
def empty_network() -> torch.nn.Module:
    config = visual_genome.visual_genome_config(SMALL)
    config.MODEL.DEVICE = "meta"
    with torch.device("meta"):
        return visual_genome.build_caffe_network(config, 0, SMALL)


def with_few_proposals(detector: Detector) -> Detector:
    """300 proposals through res5 take a CPU half a minute."""
    detector._network.proposal_generator.post_nms_topk[False] = 15  # type: ignore[attr-defined]
    return detector


@pytest.fixture(scope="module")
def detector() -> Detector:
    return with_few_proposals(build_detector(SMALL, "cpu"))


def test_names_and_shapes_are_those_published(empty_network: torch.nn.Module) -> None:
    own = {name: tuple(value.shape) for name, value in empty_network.state_dict().items()}
    attributes = [name for name in published() if name.split(".")[2] in ("cls_embedding", "fc_attr", "attr_score")]
    assert len(attributes) == 5
    assert own == {name: shape for name, shape in published().items() if name not in attributes}
    assert len(own) == 530


def test_published_weights_fit_with_and_without_attributes(empty_network: torch.nn.Module) -> None:
    state = {name: torch.empty(shape, device="meta") for name, shape in published().items()}
    path = Path("faster_rcnn_from_caffe_attr.pkl")
    fill_network(empty_network, state, path, ignore=visual_genome._ATTRIBUTES)
    plain = {name: state[name] for name in empty_network.state_dict()}
    fill_network(empty_network, plain, path, ignore=visual_genome._ATTRIBUTES)
    state["backbone.res4.22.conv3.weights"] = state.pop("backbone.res4.22.conv3.weight")
    with pytest.raises(UserError, match=r"missing: backbone\.res4\.22\.conv3\.weight; left over: .*conv3\.weights"):
        fill_network(empty_network, state, path, ignore=visual_genome._ATTRIBUTES)


def test_layers_are_caffes(empty_network: torch.nn.Module) -> None:
    config = visual_genome.visual_genome_config(SMALL)
    assert config.INPUT.FORMAT == "BGR" and config.MODEL.ROI_BOX_HEAD.POOLER_TYPE == "ROIPool"
    res5 = empty_network.roi_heads.res5  # type: ignore[union-attr]
    assert res5[0].conv1.stride == res5[0].shortcut.stride == (1, 1)  # type: ignore[index, union-attr]
    assert {(block.conv2.dilation, block.conv2.padding) for block in res5} == {((2, 2), (2, 2))}  # type: ignore[union-attr]
    res3 = empty_network.backbone.res3  # type: ignore[union-attr]
    assert res3[0].conv1.stride == (2, 2) and res3[0].conv2.stride == (1, 1)  # type: ignore[index, union-attr]
    stem = empty_network.backbone.stem  # type: ignore[union-attr]
    # After the convolution 32 and 33: detectron2's own pooling gives 16 and 17, one that rounds down 15 and 16.
    assert stem(torch.empty(1, 3, 64, 66, device="meta")).shape[2:] == (16, 16)  # type: ignore[operator]


def test_regions_are_2048_wide_with_boxes(detector: Detector) -> None:
    photos = [data.coffee(), data.astronaut()]
    for photo, found in zip(photos, detect(detector, photos), strict=True):
        count = len(found.boxes)
        assert 1 <= count <= 20 and found.features.shape == (count, 2048)
        assert (np.diff(found.scores) <= 0).all() and (found.classes < 1600).all()
        assert (found.boxes[:, 2:] <= (photo.shape[1], photo.shape[0])).all()
        assert len({box.tobytes() for box in found.boxes}) == count
    assert detector.class_names[1599] == "class 1599"


def test_given_boxes_have_the_features_that_found_ones_have(detector: Detector) -> None:
    check_given(detector, [data.coffee(), data.astronaut()], atol=1e-3)


def test_unsure_boxes_are_kept_up_to_ten_and_sure_ones_to_the_limit(detector: Detector) -> None:
    predictor = detector._network.roi_heads.box_predictor  # type: ignore[attr-defined]
    settings = detector._best.keywords  # type: ignore[attr-defined]
    before = predictor.cls_score.bias.clone()
    (unsure,) = detect(detector, [data.coffee()])
    assert len(unsure.boxes) == 10 and unsure.scores.max() < 0.2
    try:
        predictor.cls_score.bias[5], settings["nms"] = 50.0, 0.95
        (sure,) = detect(detector, [data.coffee()])
    finally:
        predictor.cls_score.bias.copy_(before)
        settings["nms"] = 0.3
    assert len(sure.boxes) > 10 and (sure.classes == 5).all() and sure.scores.min() > 0.2


def test_class_names_lie_beside_the_weights(tmp_path: Path) -> None:
    weights = tmp_path / "faster_rcnn_from_caffe.pkl"
    weights.write_bytes(b"")
    with pytest.raises(UserError, match=r"objects_vocab\.txt") as error:
        describe_detector(DetectorSpec("visual-genome", str(weights)))
    assert "beside the weights" in str(error.value)
    vocabulary = tmp_path / "objects_vocab.txt"
    vocabulary.write_text("\n".join(f"Thing{index},other name" for index in range(1599)))
    with pytest.raises(UserError, match="1599 class names instead of 1600"):
        describe_detector(DetectorSpec("visual-genome", str(weights)))
    vocabulary.write_text("\n".join(f"Thing{index},other name" for index in range(1600)) + "\n")
    first = describe_detector(DetectorSpec("visual-genome", str(weights)))
    assert visual_genome.read_class_names(weights)[7] == "thing7"
    vocabulary.write_text("\n".join(f"Thing{index + 1}" for index in range(1600)))
    assert describe_detector(DetectorSpec("visual-genome", str(weights)))["classes"] != first["classes"]


@pytest.mark.slow
def test_a_file_as_published_gives_what_its_weights_say(tmp_path: Path, detector: Detector) -> None:
    config = visual_genome.visual_genome_config(SMALL)
    network = visual_genome.build_caffe_network(config, 2, SMALL)
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    extra = {name: np.zeros(shape, np.float32) for name, shape in published().items() if name not in state}
    file = tmp_path / "faster_rcnn_from_caffe_attr.pkl"
    with file.open("wb") as target:
        pickle.dump({"model": state | extra, "__author__": "someone"}, target, protocol=3)
    (tmp_path / "objects_vocab.txt").write_text("\n".join(f"name {index}" for index in range(1600)))
    spec = DetectorSpec("visual-genome", str(file), regions=20, min_size=64, max_size=96)
    loaded = with_few_proposals(build_detector(spec, "cpu"))
    (ours,), (theirs,) = detect(loaded, [data.coffee()]), detect(detector, [data.coffee()])
    np.testing.assert_array_equal(ours.features, theirs.features)
    assert loaded.class_names[3] == "name 3"
