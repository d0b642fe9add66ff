from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from skimage import data

from dgf.pipeline.encoders import EncoderSpec, build_photo_encoder, describe_photo_encoder
from dgf.pipeline.encoders.vgg import VggEncoder, vgg_layers
from dgf.pipeline.errors import UserError
from support.detecting import extract


@pytest.fixture(scope="module")
def vgg() -> VggEncoder:
    return build_photo_encoder(EncoderSpec("vgg16", "random:7", fc7=True), "cpu")


def test_blocks_and_fc7_are_torchvisions(vgg: VggEncoder) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = torchvision.models.vgg16(weights=None).eval()
    photos = [data.coffee(), data.astronaut()]
    found = extract(vgg, photos)
    assert found.blocks.shape == (2, 49, 512) and found.blocks.dtype == np.float32
    assert found.fc7 is not None and found.fc7.shape == (2, 4096) and found.fc7.min() == 0
    pixels = torch.from_numpy(np.stack([vgg.prepare(photo) for photo in photos])).permute(0, 3, 1, 2) / 255
    pixels = torchvision.transforms.functional.normalize(pixels, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.inference_mode():
        grid = network.features(pixels)
        fc7 = network.classifier[:5](network.avgpool(grid).flatten(1))
    np.testing.assert_allclose(found.fc7, fc7, atol=1e-4, rtol=1e-3)
    # Block 7 * row + column is that position of the map.
    np.testing.assert_allclose(found.blocks[1, 7 * 2 + 5], grid[1, :, 2, 5], atol=1e-4, rtol=1e-3)


def test_a_batch_gives_what_single_photos_give(vgg: VggEncoder) -> None:
    photos = [data.coffee(), data.astronaut()]
    together = extract(vgg, photos)
    for row, photo in enumerate(photos):
        np.testing.assert_allclose(extract(vgg, [photo]).blocks[0], together.blocks[row], atol=1e-4)


def test_the_whole_photo_counts(vgg: VggEncoder) -> None:
    photo = np.zeros((100, 400, 3), np.uint8)
    photo[:, :40] = 255  # outside a centre crop
    assert (vgg.prepare(photo)[:, :20] == 255).all()


def test_weights_of_a_file(tmp_path: Path) -> None:
    network = torchvision.models.vgg16(weights=None, init_weights=False)
    state = {name: value.half().float() for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "vgg.safetensors")
    spec = EncoderSpec("vgg16", str(tmp_path / "vgg.safetensors"))
    assert str(describe_photo_encoder(spec)["weights"]).startswith("sha256:")
    built = build_photo_encoder(spec, "cpu")
    torch.testing.assert_close(built._features[0].weight, state["features.0.weight"])  # type: ignore[index]
    assert extract(built, [data.coffee()]).fc7 is None
    (tmp_path / "vgg.safetensors").write_bytes(b"\x08")
    with pytest.raises(UserError, match=r"vgg\.safetensors cannot be read"):
        build_photo_encoder(spec, "cpu")


def test_description() -> None:
    assert describe_photo_encoder(EncoderSpec("vgg16", "random"))["weights"] == "random:0"
    assert describe_photo_encoder(EncoderSpec("vgg16", "random:1")) != describe_photo_encoder(
        EncoderSpec("vgg16", "random:1", fc7=True)
    )


NARROW = (2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6)


def narrow_state(*, classifier: bool = False) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        state = {f"features.{name}": value for name, value in vgg_layers(NARROW).state_dict().items()}
        if classifier:
            sizes = {0: (4096, 49 * NARROW[-1]), 3: (4096, 4096), 6: (1000, 4096)}
            state |= {f"classifier.{place}.weight": torch.randn(size) / 64 for place, size in sizes.items()}
            state |= {f"classifier.{place}.bias": torch.zeros(size[0]) for place, size in sizes.items()}
    return state


def test_a_file_says_how_wide_its_layers_are(tmp_path: Path) -> None:
    state = narrow_state()
    save_file({name: value.half() for name, value in state.items()}, tmp_path / "vgg.safetensors")
    built = build_photo_encoder(EncoderSpec("vgg16", str(tmp_path / "vgg.safetensors")), "cpu")
    assert built.block_shape[1] == 6
    found = extract(built, [data.coffee()])
    assert found.blocks.shape == (1, 49, 6) and found.fc7 is None
    hidden = torch.from_numpy(built.prepare(data.coffee())).permute(2, 0, 1)[None] / 255
    hidden = torchvision.transforms.functional.normalize(hidden, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    weights = iter([value.half().float() for value in state.values()])
    for layers in (2, 2, 3, 3, 3):
        for _ in range(layers):
            hidden = torch.conv2d(hidden, next(weights), next(weights), padding=1).relu()
        hidden = torch.max_pool2d(hidden, 2)
    np.testing.assert_allclose(found.blocks[0], hidden[0].flatten(1).T, atol=1e-5)


def test_fc7_is_there_where_the_file_has_a_classifier(tmp_path: Path) -> None:
    spec = EncoderSpec("vgg16", str(tmp_path / "vgg.safetensors"), fc7=True)
    save_file(narrow_state(classifier=True), tmp_path / "vgg.safetensors")
    fc7 = extract(build_photo_encoder(spec, "cpu"), [data.coffee()]).fc7
    assert fc7 is not None and fc7.shape == (1, 4096)
    save_file(narrow_state(), tmp_path / "vgg.safetensors")
    with pytest.raises(UserError, match=r"vgg\.safetensors.*no classifier.*no fc7"):
        build_photo_encoder(spec, "cpu")


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("features.5.weight", torch.zeros(3, 9, 3, 3), r"features\.5\.weight \(3, 9, 3, 3\) instead of \(3, 2, 3, 3\)"),
        ("features.5.weight", torch.zeros(0, 2, 3, 3), r"features\.5\.weight \(0, 2, 3, 3\) instead of"),
        ("features.5.weight", torch.zeros(7), r"features\.5\.weight \(7,\) instead of"),
        ("features.5.weight", None, r"missing: features\.5\.weight"),
        ("features.28.bias", torch.zeros(5), r"features\.28\.bias \(5,\) instead of \(6,\)"),
        ("features.29.weight", torch.zeros(5), r"left over: features\.29\.weight"),
        ("classifier.0.weight", torch.zeros(5), r"missing: classifier\.0\.bias"),
    ],
)
def test_widths_that_do_not_fit_together_are_refused(
    tmp_path: Path, name: str, value: torch.Tensor | None, fault: str
) -> None:
    state = {key: kept for key, kept in (narrow_state() | {name: value}).items() if kept is not None}
    save_file(state, tmp_path / "vgg.safetensors")
    with pytest.raises(UserError, match=rf"vgg\.safetensors.*{fault}"):
        build_photo_encoder(EncoderSpec("vgg16", str(tmp_path / "vgg.safetensors")), "cpu")
