"""Blocks from networks of timm, where it is installed: sequences without their first tokens, and maps."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from dgf.pipeline.encoders import EncoderSpec, build_photo_encoder, describe_photo_encoder
from dgf.pipeline.errors import UserError
from support.detecting import extract

PHOTOS = [data.coffee(), data.astronaut()]


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"(?s)--encoder timm:test_vit: timm cannot be imported.*dgf\[timm\]"):
        describe_photo_encoder(EncoderSpec("timm:test_vit"))


@pytest.fixture
def timm() -> Any:
    return pytest.importorskip("timm", reason="pip install '.[timm]' brings timm")


def drawn(timm: Any, name: str, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return timm.create_model(name).eval()


@pytest.mark.parametrize(
    ("name", "shape"), [("test_vit", (100, 64)), ("test_vit2", (100, 64)), ("test_convnext", (25, 64))]
)
def test_blocks_are_the_places_of_the_last_layer(timm: Any, tmp_path: Path, name: str, shape: tuple[int, int]) -> None:
    model = drawn(timm, name, 1)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")  # with its classifier
    built = build_photo_encoder(EncoderSpec(f"timm:{name}", str(tmp_path / "weights.safetensors")), "cpu")
    found = extract(built, PHOTOS).blocks
    assert built.block_shape == shape == found.shape[1:]
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    with torch.inference_mode():
        states = model.forward_features(torch.stack([transform(Image.fromarray(photo)) for photo in PHOTOS]))
    places = states.flatten(2).transpose(1, 2) if states.ndim == 4 else states[:, states.shape[1] - shape[0] :]
    np.testing.assert_allclose(found, places, atol=1e-4)


def test_a_map_with_its_channels_last_is_read_row_by_row(timm: Any) -> None:
    built: Any = build_photo_encoder(EncoderSpec("timm:swin_s3_tiny_224", "random"), "cpu")
    assert built.block_shape == (49, 768)
    with torch.inference_mode():
        states = built._model.forward_features(torch.from_numpy(built.prepare(PHOTOS[0]))[None])
    assert states.shape == (1, 7, 7, 768)
    np.testing.assert_allclose(extract(built, PHOTOS[:1]).blocks[0, 7 * 2 + 5], states[0, 2, 5], atol=1e-4)


@pytest.mark.parametrize("name", ["pit_ti_224", "coat_lite_tiny"])
def test_a_token_of_the_class_is_not_taken_for_a_place(timm: Any, name: str) -> None:
    with pytest.raises(UserError, match="has a token of the class, and timm does not say where"):
        build_photo_encoder(EncoderSpec(f"timm:{name}", "random"), "cpu")


def test_random_weights_are_of_the_seed(timm: Any) -> None:
    one, again, other = (
        extract(build_photo_encoder(EncoderSpec("timm:test_vit", f"random:{seed}"), "cpu"), PHOTOS).blocks
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again) and not np.allclose(one, other, atol=1e-2)
    said = describe_photo_encoder(EncoderSpec("timm:test_vit", "random:1"))
    assert (said["model"], said["weights"]) == ("timm:test_vit", "random:1") and "crop_mode" in str(said)


def test_thin_photos_are_photos(timm: Any) -> None:
    built = build_photo_encoder(EncoderSpec("timm:test_vit", "random"), "cpu")
    for shape in ((1, 1, 3), (3, 500, 3), (30000, 1, 3)):
        assert built.prepare(np.full(shape, 9, np.uint8)).shape == (3, 160, 160)


def test_what_does_not_fit_is_refused(timm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"(?s)--encoder timm:vit_smal: timm has no such network.*vit_small"):
        describe_photo_encoder(EncoderSpec("timm:vit_smal"))
    with pytest.raises(UserError, match="timm has no such network"):
        describe_photo_encoder(EncoderSpec("timm:hf-hub:some/model"))
    with pytest.raises(UserError, match=r"(?s)--encoder timm:test_vit\.wrong_tag: .*There are test_vit\.r160_in1k"):
        describe_photo_encoder(EncoderSpec("timm:test_vit.wrong_tag", "random"))
    with pytest.raises(UserError, match=r"gone\.pth.*no such file"):
        describe_photo_encoder(EncoderSpec("timm:test_vit", "gone.pth"))
    save_file(drawn(timm, "test_convnext", 0).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"other\.safetensors does not give its blocks"):
        build_photo_encoder(EncoderSpec("timm:test_vit", str(tmp_path / "other.safetensors")), "cpu")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"(?s)timm/test_vit.* is not here and cannot be fetched.*--encoder-weights"):
        describe_photo_encoder(EncoderSpec("timm:test_vit", "default"))
