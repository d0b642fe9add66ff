"""Blocks from vision transformers: the patches of the last layer, whatever stands before them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from skimage import data
from transformers import AutoImageProcessor, AutoModel, CLIPModel, SiglipModel, SwinConfig, SwinModel

from dgf.pipeline.encoders import EncoderSpec, PhotoEncoder, build_photo_encoder, describe_photo_encoder, find_encoder
from dgf.pipeline.errors import UserError
from support.detecting import extract
from support.hf_models import vision
from support.hub_server import Repository, serve_hub

PHOTOS = [data.coffee(), data.astronaut()]


def spec_of(folder: Path, weights: str = "default") -> EncoderSpec:
    return EncoderSpec(f"transformers:{folder}", weights)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vision(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def encoder(vit: Path) -> PhotoEncoder:
    return build_photo_encoder(spec_of(vit), "cpu")


@pytest.mark.parametrize(
    ("kind", "before"), [("clip", 1), ("siglip", 0), ("dinov2", 1), ("dinov2_with_registers", 4), ("vit", 1)]
)
def test_blocks_are_the_patches_of_the_last_layer(tmp_path: Path, kind: str, before: int) -> None:
    folder = vision(tmp_path, kind)
    built = build_photo_encoder(spec_of(folder), "cpu")
    found = extract(built, PHOTOS)
    assert built.block_shape == (16, 16) and found.blocks.shape == (2, 16, 16) and found.fc7 is None
    pixels = AutoImageProcessor.from_pretrained(folder, backend="pil")(images=PHOTOS, return_tensors="pt")
    whole = {"clip": CLIPModel, "siglip": SiglipModel}.get(kind, AutoModel).from_pretrained(folder).eval()
    with torch.inference_mode():
        states = getattr(whole, "vision_model", whole)(**pixels).last_hidden_state
    assert states.shape == (2, before + 16, 16)
    np.testing.assert_allclose(found.blocks, states[:, before:], atol=1e-5)


def test_a_block_is_the_place_of_the_grid_that_it_stands_for(encoder: PhotoEncoder) -> None:
    dark = np.zeros((64, 64, 3), np.uint8)
    lit = dark.copy()
    lit[32:48, 16:32] = 255  # row 2, column 1 of four
    one, other = extract(encoder, [dark, lit]).blocks
    assert np.abs(one - other).sum(axis=1).argmax() == 4 * 2 + 1


def test_a_batch_gives_what_single_photos_give(encoder: PhotoEncoder) -> None:
    together = extract(encoder, PHOTOS).blocks
    for row, photo in enumerate(PHOTOS):
        np.testing.assert_allclose(extract(encoder, [photo]).blocks[0], together[row], atol=1e-5)


@pytest.mark.parametrize("kind", ["vit", "clip"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 200, 3), (1, 30000, 3), (30000, 1, 3)])
def test_thin_photos_are_photos(tmp_path: Path, kind: str, shape: tuple[int, int, int]) -> None:
    built = build_photo_encoder(spec_of(vision(tmp_path, kind)), "cpu")
    ready = built.prepare(np.full(shape, 200, np.uint8))
    assert ready.shape == (3, 32, 32) and ready.dtype == np.float32 and np.ptp(ready[0]) < 1e-3


def test_a_thin_photo_is_cut_to_its_middle_where_nothing_else_is_kept(tmp_path: Path) -> None:
    photo, shown = (np.arange(1000) % 251).astype(np.uint8)[None, :, None].repeat(3, 2), []
    for kind in ("clip", "vit"):
        built = build_photo_encoder(spec_of(vision(tmp_path / kind, kind)), "cpu")
        built._processor = lambda images, **_: shown.append(images) or {"pixel_values": [0]}  # type: ignore[attr-defined]
        built.prepare(photo)
    assert [one.shape for one in shown] == [(1, 8, 3), photo.shape]
    assert np.array_equal(shown[0], photo[:, 496:504])


def test_bfloat16_is_near_float32_and_is_not_it(vit: Path, encoder: PhotoEncoder) -> None:
    spec = EncoderSpec(f"transformers:{vit}", "default", precision="bfloat16")
    half, whole = extract(build_photo_encoder(spec, "cpu"), PHOTOS), extract(encoder, PHOTOS)
    np.testing.assert_allclose(half.blocks, whole.blocks, atol=0.1)
    assert not np.array_equal(half.blocks, whole.blocks)


def test_a_description_is_of_the_files_wherever_they_lie(vit: Path, tmp_path: Path) -> None:
    said = describe_photo_encoder(spec_of(vit))
    assert said["model"] == "transformers:vit" and str(said["weights"]).startswith("sha256:")
    copy = Path(shutil.copytree(vit, tmp_path / "copy"))
    assert describe_photo_encoder(spec_of(copy)) == said
    assert describe_photo_encoder(EncoderSpec("vit", str(copy))) == said  # the weights of a name, in a folder
    about = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps({**about, "do_normalize": False}))
    other = describe_photo_encoder(spec_of(copy))
    assert other != said and other["weights"] == said["weights"]
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x11")
    assert describe_photo_encoder(spec_of(copy))["weights"] != said["weights"]


def test_a_description_is_of_the_processor_that_is_used(vit: Path, encoder: PhotoEncoder, tmp_path: Path) -> None:
    about = json.loads((vit / "preprocessor_config.json").read_text())
    nested = json.dumps({"image_processor": {**about, "image_mean": [0, 0, 0]}})
    said = []
    for name in ("beside", "alone"):
        copy = Path(shutil.copytree(vit, tmp_path / name))
        (copy / "processor_config.json").write_text(nested)
        if name == "alone":
            (copy / "preprocessor_config.json").unlink()
        assert (
            np.abs(build_photo_encoder(spec_of(copy), "cpu").prepare(PHOTOS[0]) - encoder.prepare(PHOTOS[0])).min()
            > 0.9
        )
        said.append(describe_photo_encoder(spec_of(copy))["settings"])
    assert len({*said, describe_photo_encoder(spec_of(vit))["settings"]}) == 3


def test_a_description_is_of_the_weights_that_are_loaded(vit: Path, encoder: PhotoEncoder, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(vit, tmp_path / "copy"))
    state = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").rename(copy / "other.safetensors")
    about = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**about, "transformers_weights": "other.safetensors"}))
    with pytest.raises(UserError, match="has no weights"):
        describe_photo_encoder(spec_of(copy))
    said = []
    for scale in (1, 2):
        torch.save({name: value * scale for name, value in state.items()}, copy / "pytorch_model.bin")
        said.append(describe_photo_encoder(spec_of(copy))["weights"])
        same = np.allclose(
            extract(build_photo_encoder(spec_of(copy), "cpu"), PHOTOS).blocks, extract(encoder, PHOTOS).blocks
        )
        assert same == (scale == 1)
    assert said[0] != said[1]


def test_weights_of_several_files_are_those_that_their_index_names(vit: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(vit, tmp_path / "copy"))
    state = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(state)}
    for part in set(names.values()):
        save_file({name: state[name] for name in state if names[name] == part}, copy / part, {"format": "pt"})
    index = copy / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    said = describe_photo_encoder(spec_of(copy))
    assert build_photo_encoder(spec_of(copy), "cpu").block_shape == (16, 16)
    (copy / "stray.safetensors").write_bytes(b"of another model")
    assert describe_photo_encoder(spec_of(copy)) == said
    part = (copy / "part-1.safetensors").read_bytes()
    (copy / "part-1.safetensors").write_bytes(part[:-1] + b"\x11")
    assert describe_photo_encoder(spec_of(copy)) != said
    (copy / "part-1.safetensors").unlink()
    with pytest.raises(UserError, match="has no weights"):
        describe_photo_encoder(spec_of(copy))
    for bad in ("{", "[]", '{"weight_map": {"a": "../elsewhere.safetensors"}}', '{"weight_map": {"a": 3}}'):
        index.write_text(bad)
        with pytest.raises(UserError, match=r"model\.safetensors\.index\.json cannot be read"):
            describe_photo_encoder(spec_of(copy))


def test_random_weights_are_of_the_seed_and_need_no_files_but_sizes(vit: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((vit / "config.json").read_bytes())
    one, again, other = (build_photo_encoder(spec_of(tmp_path, f"random:{seed}"), "cpu") for seed in (1, 1, 2))
    blocks = extract(one, PHOTOS).blocks
    assert one.block_shape == (16, 16) and np.array_equal(blocks, extract(again, PHOTOS).blocks)
    assert not np.allclose(blocks, extract(other, PHOTOS).blocks, atol=1e-2)
    # With no processor the whole photo is squeezed into the square.
    left = np.zeros((100, 400, 3), np.uint8)
    left[:, :40] = 255
    assert np.ptp(one.prepare(left)[0]) > 1.5
    assert describe_photo_encoder(spec_of(tmp_path, "random:1"))["weights"] == "random:1"


def test_a_short_name_with_random_weights_is_the_real_network() -> None:
    built = build_photo_encoder(EncoderSpec("clip", "random"), "cpu")
    assert built.block_shape == (49, 768)
    assert describe_photo_encoder(EncoderSpec("clip", "random"))["model"] == "transformers:clip"
    assert extract(built, PHOTOS[:1]).blocks.shape == (1, 49, 768)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (
            EncoderSpec("resnext"),
            r"--encoder resnext: no such encoder\n.*vgg16, clip, siglip, dinov2, vit, transformers",
        ),
        (EncoderSpec("transformers:"), "no such encoder"),
        (EncoderSpec("clip", "random", fc7=True), "--encoder clip: has no fc7.*\n.*--fc7"),
        (EncoderSpec("transformers:./nowhere", "default"), r"\./nowhere: no such folder"),
        (EncoderSpec("transformers:a/b/c", "default"), "a/b/c: no such folder"),
        (EncoderSpec("dinov2", "gone/away/too"), "gone/away/too: no such folder"),
        (EncoderSpec("dinov2", "random:x"), "the seed is not a whole number"),
    ],
)
def test_what_is_not_there_is_named(spec: EncoderSpec, fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        find_encoder(spec).describe()


def test_a_checkpoint_with_a_part_missing_is_refused(vit: Path, tmp_path: Path) -> None:
    for name, said in (
        ("preprocessor_config.json", "no preprocessor_config.json"),
        ("model.safetensors", "no weights"),
    ):
        copy = Path(shutil.copytree(vit, tmp_path / name))
        (copy / name).unlink()
        with pytest.raises(UserError, match=said):
            describe_photo_encoder(spec_of(copy))
    (copy / "config.json").write_text("{")
    shutil.copy(vit / "model.safetensors", copy)
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        describe_photo_encoder(spec_of(copy))
    with pytest.raises(UserError, match="cannot be loaded as a vision transformer"):
        build_photo_encoder(spec_of(copy), "cpu")


def test_weights_that_do_not_fill_the_network_are_refused(vit: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(vit, tmp_path / "copy"))
    about = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**about, "num_hidden_layers": 3}))
    with pytest.raises(UserError, match=r"weights of the model are missing.*layers?\.2\."):
        build_photo_encoder(spec_of(copy), "cpu")


@pytest.mark.parametrize("change", [{"num_hidden_layers": 10**8}, {"hidden_size": 65536, "intermediate_size": 10**6}])
def test_a_network_far_larger_than_its_weights_takes_no_memory(
    vit: Path, tmp_path: Path, change: dict[str, int]
) -> None:
    copy = Path(shutil.copytree(vit, tmp_path / "copy"))
    about = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**about, **change}))
    with pytest.raises(UserError, match=r"config\.json: its network would have [\d,inf]+ weights"):
        build_photo_encoder(spec_of(copy), "cpu")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"do_resize": False}, "photos in several shapes"),
        ({"size": {"height": 9999, "width": 9999}}, "photos of 9999 pixels"),
        ({"size": {"height": 64, "width": 64}}, "cannot be loaded as a vision transformer"),
    ],
)
def test_a_processor_that_does_not_suit_is_refused(
    vit: Path, tmp_path: Path, change: dict[str, object], fault: str
) -> None:
    copy = Path(shutil.copytree(vit, tmp_path / "copy"))
    about = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps({**about, **change}))
    with pytest.raises(UserError, match=fault):
        build_photo_encoder(spec_of(copy), "cpu")


def test_a_network_without_a_grid_of_patches_is_refused(vit: Path, tmp_path: Path) -> None:
    swin = SwinConfig(image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 1], window_size=2)
    SwinModel(swin).save_pretrained(tmp_path)
    shutil.copy(vit / "preprocessor_config.json", tmp_path)
    with pytest.raises(UserError, match=r"swin: its last layer is \(64, 16\), which is no grid of 256 patches"):
        build_photo_encoder(spec_of(tmp_path), "cpu")


def test_a_name_of_the_hub_is_fetched_once(vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = EncoderSpec("transformers:some/vit", "default")
    with serve_hub(tmp_path / "cache", monkeypatch) as hub:
        with pytest.raises(UserError, match=r"(?s)some/vit is not here and cannot be fetched.*hf download some/vit"):
            describe_photo_encoder(spec)
        files = {path.name: path.read_bytes() for path in vit.iterdir()}
        hub.repositories["some/vit"] = Repository(files={**files, "other.bin": b"not wanted"})
        fetched = describe_photo_encoder(spec)
        hub.repositories.clear()
        assert describe_photo_encoder(spec) == fetched == describe_photo_encoder(spec_of(vit))
    assert not list((tmp_path / "cache").rglob("other.bin"))
    assert extract(build_photo_encoder(spec, "cpu"), PHOTOS).blocks.shape == (2, 16, 16)
