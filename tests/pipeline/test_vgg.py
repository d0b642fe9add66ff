from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from skimage import data

from dgf.pipeline.errors import UserError
from dgf.pipeline.vgg import BlockExtractor, VggSpec, build_vgg, describe_vgg
from support.detecting import extract


@pytest.fixture(scope="module")
def vgg() -> BlockExtractor:
    return build_vgg(VggSpec("random:7", fc7=True), "cpu")


def test_blocks_and_fc7_are_torchvisions(vgg: BlockExtractor) -> None:
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


def test_a_batch_gives_what_single_photos_give(vgg: BlockExtractor) -> None:
    photos = [data.coffee(), data.astronaut()]
    together = extract(vgg, photos)
    for row, photo in enumerate(photos):
        np.testing.assert_allclose(extract(vgg, [photo]).blocks[0], together.blocks[row], atol=1e-4)


def test_the_whole_photo_counts(vgg: BlockExtractor) -> None:
    photo = np.zeros((100, 400, 3), np.uint8)
    photo[:, :40] = 255  # outside a centre crop
    assert (vgg.prepare(photo)[:, :20] == 255).all()


def test_weights_of_a_file(tmp_path: Path) -> None:
    network = torchvision.models.vgg16(weights=None, init_weights=False)
    state = {name: value.half().float() for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "vgg.safetensors")
    spec = VggSpec(str(tmp_path / "vgg.safetensors"))
    assert str(describe_vgg(spec)["weights"]).startswith("sha256:")
    built = build_vgg(spec, "cpu")
    torch.testing.assert_close(built._features[0].weight, state["features.0.weight"])  # type: ignore[index]
    assert extract(built, [data.coffee()]).fc7 is None
    (tmp_path / "vgg.safetensors").write_bytes(b"\x08")
    with pytest.raises(UserError, match=r"vgg\.safetensors cannot be read"):
        build_vgg(spec, "cpu")


def test_description() -> None:
    assert describe_vgg(VggSpec("random"))["weights"] == "random:0"
    assert describe_vgg(VggSpec("random:1")) != describe_vgg(VggSpec("random:1", fc7=True))
