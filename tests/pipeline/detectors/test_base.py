import pytest

from dgf.pipeline.detectors import DetectorSpec, InputSize, build_detector, describe_detector, input_size
from dgf.pipeline.detectors.boxes import best_boxes
from dgf.pipeline.errors import UserError


def test_shorter_edge_is_reached_unless_the_longer_passes_its_limit() -> None:
    size = InputSize(800, 1333, divisor=32)
    assert size.resized(600, 800) == (800, 1067)
    assert size.resized(100, 1000) == (133, 1333)
    assert size.padded([(600, 800), (100, 1000)]) == (800, 1344)


@pytest.mark.parametrize("photo", [(1, 1), (1, 20_000), (20_000, 1)])
def test_no_photo_is_resized_to_nothing(photo: tuple[int, int]) -> None:
    assert min(InputSize(800, 1333).resized(*photo)) >= 1
    assert max(InputSize(800, 1333).resized(*photo)) <= 1333


@pytest.mark.parametrize(
    "spec",
    ["yolo", "torchvision:retinanet_resnet50_fpn", "detectron2:COCO-Detection/none.yaml", "detectron2:../up.yaml"],
)
def test_unknown_detector_is_named_with_what_there_is(spec: str) -> None:
    for action in (input_size, describe_detector, lambda spec: build_detector(spec, "cpu")):
        with pytest.raises(UserError, match=spec.replace(".", r"\.")) as error:
            action(DetectorSpec(spec))
        assert error.value.hint


def test_a_mask_r_cnn_becomes_a_faster_r_cnn_and_another_network_is_refused() -> None:
    pytest.importorskip("detectron2")
    described = describe_detector(DetectorSpec("detectron2:COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x.yaml"))
    assert described["weights"] == "random:0"
    with pytest.raises(UserError, match="not a Faster R-CNN"):
        describe_detector(DetectorSpec("detectron2:COCO-Detection/fast_rcnn_R_50_FPN_1x.yaml"))


@pytest.mark.parametrize("change", [{"regions": 0}, {"regions": 101}, {"min_size": 4}])
def test_sizes_out_of_range_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(UserError):
        DetectorSpec("visual-genome", **change)  # type: ignore[arg-type]


def test_description_changes_with_whatever_changes_the_output() -> None:
    base = DetectorSpec("torchvision:fasterrcnn_resnet50_fpn", "random:1")
    others = [
        DetectorSpec("torchvision:fasterrcnn_resnet50_fpn_v2", "random:1"),
        DetectorSpec("torchvision:fasterrcnn_resnet50_fpn", "random:2"),
        DetectorSpec("torchvision:fasterrcnn_resnet50_fpn", "random:1", regions=10),
        DetectorSpec("torchvision:fasterrcnn_resnet50_fpn", "random:1", min_size=400),
    ]
    described = [str(describe_detector(spec)) for spec in (base, *others)]
    assert len(set(described)) == len(described)
    assert describe_detector(base) == describe_detector(DetectorSpec(base.spec, base.weights))


def test_few_candidates_keep_what_all_would_keep() -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    corner = torch.rand((60, 5, 2), generator=generator) * 80
    boxes = torch.cat([corner, corner + 5 + torch.rand((60, 5, 2), generator=generator) * 40], -1)
    scores = torch.rand((60, 5), generator=generator)
    for once in (False, True):
        few, every = (
            best_boxes(boxes, scores, size=(100, 90), regions=25, nms=0.5, once=once, candidates=candidates)
            for candidates in (30, 300)
        )
        assert len(few.boxes) == 25
        for one, other in zip(few, every, strict=True):
            assert torch.equal(one, other)
        assert (few.scores.diff() <= 0).all()
        assert few.boxes[:, 0::2].max() <= 90
        assert not once or len(set(few.rows.tolist())) == 25


def test_empty_and_broken_boxes_are_never_kept() -> None:
    import torch

    boxes = torch.tensor([[[0.0, 0, 9, 9]], [[200.0, 0, 250, 9]], [[0.0, 0, float("nan"), 9]]])
    kept = best_boxes(boxes, torch.tensor([[0.1], [0.9], [0.8]]), size=(100, 100), regions=3, nms=0.5)
    assert kept.rows.tolist() == [0]
    none = best_boxes(boxes[1:], torch.tensor([[0.9], [0.8]]), size=(100, 100), regions=3, nms=0.5)
    assert none.boxes.shape == (0, 4)
