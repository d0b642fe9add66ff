"""`--encoder`: blocks of another encoder than VGG16, from the photos to a run's answers."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from dgf.pipeline.encoders import EncoderSpec, build_photo_encoder
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore, FeatureTable
from dgf.pipeline.files import read_record
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.photos import decode
from dgf.pipeline.shards import ShardFolder, check_schema
from dgf.workflows.extract import extract_photos
from dgf.workflows.predict.networks import WeightPlaces, open_networks
from dgf.workflows.settings import ExtractSettings
from dgf.workflows.training.run_folder import RunFolder
from support.command import dgf
from support.detecting import extract
from support.hf_models import vision
from support.seen_world import THREADS, SeenWorld, make_seen_world

DETECTOR = "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn"


@dataclass(frozen=True)
class EncodedWorld:
    """A run whose blocks are those of a checkpoint, and the checkpoint's folder."""

    seen: SeenWorld
    checkpoint: Path


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> EncodedWorld:
    root = tmp_path_factory.mktemp("encoded")
    checkpoint = vision(root / "siglip", "siglip")
    return EncodedWorld(make_seen_world(root, captioned=False, encoder=f"transformers:{checkpoint}"), checkpoint)


def again(world: EncodedWorld, **changes: object) -> ExtractSettings:
    """The settings that the world's features were made with, but for some."""
    usual = {"detector": DETECTOR, "weights": "random", "min_size": 32, "max_size": 64, "top_k": 3, "regions": 5}
    usual |= {"batch_size": 1, "threads": THREADS, "device": "cpu", "encoder": f"transformers:{world.checkpoint}"}
    return ExtractSettings(**{"data": world.seen.posts, "out": world.seen.features, **usual, **changes})


def test_shards_hold_the_patches(world: EncodedWorld) -> None:
    store = FeatureStore.open(world.seen.features)
    assert store.block_shape == (16, 16)
    encoder = build_photo_encoder(EncoderSpec(f"transformers:{world.checkpoint}", "default"), "cpu")
    for row, image_id in enumerate(store.image_ids[:3]):
        alone = extract(encoder, [decode((world.seen.posts / image_id).read_bytes())]).blocks[0]
        np.testing.assert_allclose(store.gather([row]).blocks[0].float().numpy(), alone, atol=2e-3)
    with h5py.File(store.shards[0]) as file:
        check_schema(file, "features")
        assert file.attrs["M"] == file.attrs["C"] == 16 and "transformers" in json.loads(file.attrs["versions"])


def test_the_folder_says_which_encoder_and_keeps_to_it(world: EncodedWorld) -> None:
    settings = read_record(world.seen.features / "settings.json")
    assert "vgg" not in settings and settings["encoder"]["model"] == "transformers:siglip"
    command = ShardFolder.open(world.seen.features).command
    assert command["encoder"] == f"transformers:{world.checkpoint}" and "vgg_weights" not in command
    assert FeatureSpec.of_command(command).settings()["encoder"] == settings["encoder"]
    assert extract_photos(again(world)).computed == 0
    with pytest.raises(UserError, match=r"(?s)encoder\.weights was .*--overwrite"):
        extract_photos(again(world, encoder_weights="random"))
    with pytest.raises(UserError, match=r"(?s)encoder was .*vgg was null.*--overwrite"):
        extract_photos(again(world, encoder="vgg16", vgg_weights="random"))


def test_inspect_tells_of_the_encoder(world: EncodedWorld) -> None:
    shown = dgf("inspect", world.seen.features, "--verify")
    assert shown.code == 0 and "blocks 16, block_dim 16" in shown.out and "model=transformers:siglip" in shown.out


def test_parquet_has_the_patches(world: EncodedWorld, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pip install '.[parquet]' brings pyarrow")
    assert dgf("export", world.seen.features, "--parquet", tmp_path / "f.parquet").code == 0
    store = FeatureStore.open(world.seen.features)
    blocks = np.array(pq.read_table(tmp_path / "f.parquet")["image_blocks"].to_pylist(), np.float32)
    assert np.array_equal(blocks, store.gather(range(len(store))).blocks.float().numpy())


def test_photos_in_memory_are_those_of_shards_bit_for_bit(world: EncodedWorld) -> None:
    store, folder = FeatureStore.open(world.seen.features), RunFolder(world.seen.run)
    networks = open_networks(folder, folder.read_data(), WeightPlaces(), "cpu")
    seen = [networks.see((world.seen.posts / image_id).read_bytes()) for image_id in store.image_ids]
    found = FeatureTable(networks.layout, [photo.arrays for photo in seen]).gather(range(len(seen)))
    expected = store.gather(range(len(seen)))
    for name in ("objects", "object_mask", "blocks"):
        assert bool((getattr(found, name) == getattr(expected, name)).all()), name


def test_a_run_answers_with_its_own_encoder_wherever_that_lies_now(world: EncodedWorld, tmp_path: Path) -> None:
    posts = world.seen.posts / "test.jsonl"
    here = dgf("predict", world.seen.run, posts, "--device", "cpu")
    assert here.code == 0, here.said
    copy = Path(shutil.copytree(world.checkpoint, tmp_path / "elsewhere"))
    there = dgf("predict", world.seen.run, posts, "--device", "cpu", "--encoder-weights", copy)
    assert there.code == 0 and there.out == here.out
    other = dgf("predict", world.seen.run, posts, "--device", "cpu", "--encoder-weights", "random")
    assert other.code == 1 and "give other features now" in other.err


def test_features_of_other_sizes_are_refused_with_both(world: EncodedWorld, tmp_path: Path) -> None:
    extract_photos(again(world, out=tmp_path / "f", encoder=f"transformers:{vision(tmp_path / 'c', 'clip', width=8)}"))
    done = dgf("eval", world.seen.run, "--features", tmp_path / "f", "--device", "cpu")
    assert done.code == 1 and "its image blocks are 16 x 8, the run's were 16 x 16" in done.err, done.said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "vgg16"}, "--vgg-weights is missing"),
        ({"encoder": "vgg16", "vgg_weights": "random", "encoder_weights": "random"}, "--encoder-weights is given"),
        ({"vgg_weights": "random"}, "--vgg-weights is given, and the encoder is transformers"),
        ({"fc7": True}, "--encoder transformers.*has no fc7"),
        ({"encoder": "vgg"}, "--encoder vgg: no such encoder"),
    ],
)
def test_wrong_settings_leave_nothing_behind(
    world: EncodedWorld, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        extract_photos(again(world, out=tmp_path / "features", **changes))
    assert not (tmp_path / "features").exists()


def test_random_weights_are_said(world: EncodedWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    extract_photos(again(world, out=tmp_path / "features", encoder_weights="random:3"))
    assert f"the weights of the encoder transformers:{world.checkpoint} are RANDOM" in caplog.text
    assert ShardFolder.open(tmp_path / "features").command["encoder_weights"] == "random:3"
