from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from skimage import data
from torchvision.models.feature_extraction import create_feature_extractor

from dgf.pipeline.encoders.resnet import (
    Croppable,
    PyramidExtractor,
    ResNetSpec,
    build_resnet,
    cut_boxes,
    describe_resnet,
    fit_middle,
    pool_stages,
)
from dgf.pipeline.errors import UserError

TRANSFORMS = torchvision.transforms.Compose(
    [torchvision.transforms.Resize(256), torchvision.transforms.CenterCrop(224)]
)
BOXES = np.array([[10, 20, 200.5, 180], [0, 0, 300, 300], [5, 5, 25, 200], [50, 50, 90, 90]], np.float32)
NONE = BOXES[:0]


@pytest.fixture(scope="module")
def network() -> torchvision.models.ResNet:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return torchvision.models.resnet50(weights=None).eval()


@pytest.fixture(scope="module")
def resnet() -> PyramidExtractor:
    return build_resnet(ResNetSpec("random:7"), "cpu")


def extract(resnet: PyramidExtractor, *shown: tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]) -> torch.Tensor:
    return torch.from_numpy(
        resnet.extract_prepared([resnet.prepare(photo) for photo, _ in shown], [b for _, b in shown])
    )


def plain(network: torchvision.models.ResNet, picture: npt.NDArray[np.uint8] | None) -> torch.Tensor:
    """One picture as the public code reads it, with torchvision's own parts; None for an all-zero one."""
    pixels = torch.zeros(3, 224, 224)
    if picture is not None:
        scaled = torchvision.transforms.functional.to_tensor(TRANSFORMS(Image.fromarray(picture)))
        pixels = torchvision.transforms.functional.normalize(scaled, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    stages = create_feature_extractor(network, [f"layer{stage}" for stage in range(1, 5)])
    with torch.inference_mode():
        maps = stages(pixels[None]).values()
        pooled = [torch.nn.AvgPool2d(side := found.shape[-1] // 2, side)(found) for found in maps]
        return torch.cat(pooled, 1).flatten()


def assert_same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_stages_are_pooled_as_the_public_code_pools_them(shared_dir: Path) -> None:
    with np.load(shared_dir / "golden" / "baselines" / "hvpnet_pooling.npz") as file:
        stages = [torch.from_numpy(file[f"input/stage{stage}"]) for stage in range(1, 5)]
        np.testing.assert_allclose(pool_stages(stages), file["output/concat_flat"], rtol=1e-5, atol=1e-6)


def test_a_photo_and_its_best_three_crops_are_each_as_computed_alone(
    resnet: PyramidExtractor, network: torchvision.models.ResNet
) -> None:
    photo = data.coffee()
    [found] = extract(resnet, (photo, BOXES))
    assert found.shape == (4, 15360) and found.dtype == torch.float32
    crops = [photo[20:180, 10:201], photo[:300, :300], photo[5:200, 5:25]]
    for one, picture in zip(found, [photo, *crops], strict=True):
        assert_same(one, plain(network, picture))


def test_what_a_photo_lacks_is_what_the_network_makes_of_zeros(
    resnet: PyramidExtractor, network: torchvision.models.ResNet
) -> None:
    photo, other = data.coffee(), data.astronaut()
    found = extract(resnet, (photo, BOXES[:1]), (other, NONE), (photo, BOXES[:2]))
    nothing = plain(network, None)
    for row, real in enumerate((2, 1, 3)):
        assert not torch.allclose(found[row, real - 1], nothing, atol=1e-2)
        for one in found[row, real:]:
            assert_same(one, nothing)
    assert_same(found[1, 0], plain(network, other))
    assert_same(found[2, 2], plain(network, photo[:300, :300]))


@pytest.mark.parametrize("size", [(256, 256), (300, 500), (700, 400), (40, 31), (1, 1), (9, 400)])
def test_the_middle_is_that_of_torchvisions_resize_and_crop(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = np.array(TRANSFORMS(Image.fromarray(picture)))
    assert np.abs(fit_middle(picture).astype(int) - expected).max() <= 1


def test_a_thin_picture_takes_no_memory() -> None:
    assert fit_middle(np.zeros((1, 65_000, 3), np.uint8)).shape == (224, 224, 3)  # 12 GB if resized as a whole


def test_crops_hold_at_least_a_pixel_and_lie_inside_the_photo() -> None:
    photo = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    ready = Croppable(photo, photo, 1.0)
    boxes = np.array([[1.5, 2, 3.2, 4], [-3, -1, 99, 99], [8, 6, 8, 6], [2, 3, 2, 3]], np.float32)
    cut = cut_boxes(ready, boxes)
    for found, expected in zip(cut, [photo[2:4, 1:4], photo, photo[5:6, 7:8], photo[3:4, 2:3]], strict=True):
        assert np.array_equal(found, expected)


def test_crops_of_a_large_photo_are_cut_from_a_smaller_copy(resnet: PyramidExtractor) -> None:
    photo = np.zeros((1000, 4096, 3), np.uint8)
    photo[:, 2048:] = 255
    ready = resnet.prepare(photo)
    assert ready.pixels.shape == (500, 2048, 3) and ready.scale == 0.5
    assert np.array_equal(ready.whole, fit_middle(photo))
    [crop] = cut_boxes(ready, np.array([[2060, 0, 4096, 1000]], np.float32))
    assert crop.shape == (500, 1018, 3) and crop.min() == 255


@pytest.mark.parametrize("with_classifier", [True, False])
def test_weights_of_a_file_are_used_with_or_without_a_classifier(
    network: torchvision.models.ResNet, tmp_path: Path, with_classifier: bool
) -> None:
    state = {name: value for name, value in network.state_dict().items() if with_classifier or "fc." not in name}
    save_file(state, tmp_path / "resnet.safetensors")
    built = build_resnet(ResNetSpec(str(tmp_path / "resnet.safetensors")), "cpu")
    assert_same(extract(built, (data.coffee(), NONE))[0, 0], plain(network, data.coffee()))


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    save_file(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / "resnet18.safetensors")
    with pytest.raises(UserError, match=r"resnet18\.safetensors: these weights are of another network: missing"):
        build_resnet(ResNetSpec(str(tmp_path / "resnet18.safetensors")), "cpu")
    with pytest.raises(UserError, match=r"weights 'gone\.pth' of ResNet-50: no such file"):
        describe_resnet(ResNetSpec("gone.pth"))


def test_the_description_tells_weights_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert describe_resnet(ResNetSpec("random")) == describe_resnet(ResNetSpec("random:0"))
    assert describe_resnet(ResNetSpec("random:1"))["weights"] == "random:1"
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name, file in (("default", "resnet50-0676ba61"), ("IMAGENET1K_V2", "resnet50-11ad3fa6")):
        with pytest.raises(UserError, match=rf"weights of ResNet-50: {file}\.pth is not here, and HF_HUB_OFFLINE"):
            describe_resnet(ResNetSpec(name))


@pytest.mark.parametrize("seed", [1, 7])
def test_random_weights_are_those_of_their_seed_and_leave_the_generator_alone(seed: int) -> None:
    torch.manual_seed(3)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    found = extract(build_resnet(ResNetSpec(f"random:{seed}"), "cpu"), (data.coffee(), NONE))
    assert torch.equal(torch.rand(1), drawn)
    again = extract(build_resnet(ResNetSpec("random:7"), "cpu"), (data.coffee(), NONE))
    assert torch.equal(found, again) == (seed == 7)
