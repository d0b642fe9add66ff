import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.torch import save_file

from dgf.cli.main import cli
from dgf.pipeline.detectors import DetectorSpec, build_detector
from dgf.pipeline.encoders import EncoderSpec, build_photo_encoder
from dgf.pipeline.encoders.resnet import ResNetSpec, build_resnet
from dgf.pipeline.encoders.vgg import vgg_layers
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.files import file_digest, read_record
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.photos import decode
from dgf.pipeline.shards import Plan, ShardFolder, check_schema, read_layout, read_text
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import ExtractSettings
from support.detecting import detect, extract
from support.posts_of import DETECTOR, posts_of
from support.tiny_job import paint


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    root = tmp_path_factory.mktemp("photos")
    names = paint(root, 9)
    return root, names


@pytest.fixture(scope="module")
def done(photos: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> ExtractSettings:
    """A finished run, in this process."""
    root, names = photos
    settings = ExtractSettings(
        data=posts_of(root, names),
        out=tmp_path_factory.mktemp("runs") / "features",
        detector=DETECTOR,
        weights="random",
        vgg_weights="random",
        top_k=3,
        regions=8,
        device="cpu",
        shard_size=4,
        threads=1,
    )
    summary = extract_photos(settings)
    assert (summary.rows, summary.computed, summary.photos, summary.posts) == (9, 9, 9, 9)
    return settings


@pytest.fixture
def copy(done: ExtractSettings, tmp_path: Path) -> ExtractSettings:
    """The finished run and its data in folders that a test may change."""
    shutil.copytree(done.data.parent, tmp_path / "photos")
    shutil.copytree(done.out, tmp_path / "features")
    return replace(done, data=tmp_path / "photos" / done.data.name, out=tmp_path / "features")


def hashes(out: Path) -> dict[str, str]:
    return {path.name: file_digest(path) for path in sorted(out.glob("*.h5"))}


def state(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in sorted(out.glob("shard-*"))}


def test_the_shards_hold_what_the_real_networks_say(done: ExtractSettings) -> None:
    detector = build_detector(DetectorSpec(DETECTOR, "random", regions=8), "cpu")
    vgg = build_photo_encoder(EncoderSpec("vgg16", "random"), "cpu")
    plan = Plan.load(done.out)
    for index, shard in enumerate(plan.shards):
        with h5py.File(done.out / f"shard-{index:05d}.h5") as file:
            check_schema(file, "features")
            assert json.loads(file.attrs["class_names"]) == list(detector.class_names)
            row = 0
            for batch in shard:
                pixels = [decode((done.data.parent / photo.image_id).read_bytes()) for photo in batch]
                blocks = extract(vgg, pixels).blocks
                for position, found in enumerate(detect(detector, pixels)):
                    count = min(3, len(found.scores))
                    assert file["objects/count"][row] == count and file["regions/count"][row] == len(found.scores)
                    np.testing.assert_allclose(file["objects/features"][row, :count], found.features[:count], rtol=2e-3)
                    np.testing.assert_allclose(file["objects/boxes"][row, :count], found.boxes[:count], atol=1e-2)
                    np.testing.assert_allclose(file["image/blocks"][row], blocks[position], rtol=2e-3, atol=1e-4)
                    row += 1


def test_a_second_run_computes_nothing(copy: ExtractSettings) -> None:
    before = state(copy.out)
    summary = extract_photos(copy)
    assert (summary.computed, summary.rows) == (0, 9) and state(copy.out) == before


def test_twice_as_many_posts_over_the_same_photos_cost_nothing(copy: ExtractSettings) -> None:
    root = copy.data.parent
    names = sorted(path.name for path in root.glob("*.jpg"))
    for name in names:
        shutil.copy(root / name, root / f"again-{name}")
    doubled = [*names, *names, *(f"again-{name}" for name in names)]
    random.Random(1).shuffle(doubled)
    posts_of(root, doubled)
    before = state(copy.out)
    summary = extract_photos(copy)
    assert (summary.posts, summary.named, summary.photos, summary.computed) == (27, 18, 9, 0)
    assert state(copy.out) == before


def test_the_threads_a_folder_was_begun_with_are_kept(copy: ExtractSettings) -> None:
    assert extract_photos(replace(copy, threads=None)).computed == 0
    with pytest.raises(UserError, match="threads was 1, is 2"):
        extract_photos(replace(copy, threads=2))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch_size": 2}, "batches.size was 4, is 2"),
        ({"weights": "random:1"}, "detector.weights"),
        ({"top_k": 2}, "objects"),
    ],
)
def test_other_settings_are_refused_and_named(copy: ExtractSettings, change: dict[str, object], named: str) -> None:
    before = state(copy.out)
    with pytest.raises(UserError, match=rf"(?s){named}.*--overwrite"):
        extract_photos(replace(copy, **change))
    assert state(copy.out) == before


def test_overwrite_makes_the_folder_anew(copy: ExtractSettings) -> None:
    summary = extract_photos(replace(copy, shard_size=9, overwrite=True))
    assert summary.computed == 9 and sum(path.suffix == ".h5" for path in copy.out.iterdir()) == len(
        Plan.load(copy.out).shards
    )


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one_process(done: ExtractSettings, tmp_path: Path) -> None:
    extract_photos(replace(done, out=tmp_path / "features", workers=2))
    assert hashes(tmp_path / "features") == hashes(done.out)


def test_missing_and_broken_photos(copy: ExtractSettings) -> None:
    root = copy.data.parent
    names = sorted(path.name for path in root.glob("*.jpg"))
    (root / names[0]).unlink()
    (root / names[1]).write_bytes((root / names[1]).read_bytes()[:-30])
    (root / names[2]).write_text("no photo")
    fresh = replace(copy, out=copy.out.parent / "fresh")
    with pytest.raises(UserError, match=rf"1 photos that posts name are not there: {names[0]}"):
        extract_photos(fresh)
    assert not fresh.out.exists()
    summary = extract_photos(replace(fresh, missing_images="text-only"))
    reasons = {failure.image_id: failure.reason for failure in summary.failures}
    assert summary.rows == 6 and summary.missing == (names[0],) and set(reasons) == {names[1], names[2]}
    manifest = json.loads((fresh.out / "manifest.json").read_text())
    assert manifest["missing"] == [names[0]] and len(manifest["failures"]) == 2 and manifest["rows"] == 6


def test_photos_that_were_added_are_told(copy: ExtractSettings) -> None:
    root = copy.data.parent
    shutil.copy(root / "photo-0000.jpg", root / "new.jpg")
    with (root / "new.jpg").open("ab") as file:
        file.write(b"\0")
    posts_of(root, [path.name for path in root.glob("*.jpg")])
    with pytest.raises(UserError, match=r"photos\.count was 9, is 10"):
        extract_photos(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": None}, "--weights is missing"),
        ({"vgg_weights": None}, "--vgg-weights is missing"),
        ({"pyramid": True}, "--resnet-weights is missing"),
        ({"resnet_weights": "random"}, "--resnet-weights is given, and no pyramids are asked for"),
        ({"pyramid": True, "resnet_weights": "gone.pth"}, "gone.pth"),
        ({"weights": "gone.pth"}, "gone.pth"),
        ({"top_k": 9}, "--top-k 9"),
        ({"device": "cuda:7"}, "cuda:7"),
        ({"data": Path("nowhere")}, "nowhere"),
    ],
)
def test_wrong_settings_leave_nothing_behind(
    done: ExtractSettings, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        extract_photos(replace(done, out=tmp_path / "features", **change))
    assert os.listdir(tmp_path) == []


def test_the_command_prints_a_summary_and_its_exit_code(copy: ExtractSettings) -> None:
    root = copy.data.parent
    arguments = [
        "extract-features", str(copy.data), "--out", str(copy.out), "--detector", DETECTOR, "--weights", "random",
        "--vgg-weights", "random", "--top-k", "3", "--regions", "8", "--device", "cpu", "--shard-size", "4",
    ]  # fmt: skip
    run = CliRunner().invoke(cli, arguments)
    assert run.exit_code == 0 and "9 of 9 distinct photos have features (0 new; 9 files, 9 posts)" in run.stdout
    assert "RANDOM" in run.stderr and "ResNet" not in run.stderr
    (root / "photo-0003.jpg").write_bytes(b"")
    run = CliRunner().invoke(cli, [*arguments, "--overwrite"])
    assert run.exit_code == 3 and "failed   photo-0003.jpg: empty file" in run.stdout
    assert CliRunner().invoke(cli, [*arguments, "--scheduler", "tcp://x:1", "--workers", "2"]).exit_code == 2
    shown = CliRunner().invoke(cli, ["extract-features", "--help"])
    assert shown.exit_code == 0 and "Examples:" in shown.stdout


@pytest.fixture(scope="module")
def with_pyramids(done: ExtractSettings, tmp_path_factory: pytest.TempPathFactory) -> ExtractSettings:
    """The same photos with pyramids too, and with one region each: the third and fourth picture are nothing's."""
    out = tmp_path_factory.mktemp("pyramids") / "features"
    settings = replace(done, out=out, pyramid=True, resnet_weights="random:3", top_k=1, regions=1)
    assert extract_photos(settings).rows == 9
    return settings


def test_pyramids_are_those_of_each_photo_and_its_object_computed_alone(with_pyramids: ExtractSettings) -> None:
    resnet, store = build_resnet(ResNetSpec("random:3"), "cpu"), FeatureStore.open(with_pyramids.out, image="pyramid")
    nothing = None
    for row, image_id in enumerate(store.image_ids):
        pixels = decode((with_pyramids.data.parent / image_id).read_bytes())
        with h5py.File(store.shards[row // 4]) as file:
            place = read_text(file, "image_id").index(image_id)
            boxes, count = file["objects/boxes"][place], int(file["objects/count"][place])
        [alone] = resnet.extract_prepared([resnet.prepare(pixels)], [boxes[:count]])
        found = store.gather([row]).pyramid[0].float().numpy()
        np.testing.assert_allclose(found, alone, rtol=2e-3, atol=2e-3)
        assert count == 1 and not np.allclose(found[1], found[2], atol=1e-2)
        nothing = found[2] if nothing is None else nothing
        assert np.array_equal(found[2], nothing) and np.array_equal(found[3], nothing)


def test_pyramids_leave_everything_else_as_it_is_without_them(
    done: ExtractSettings, with_pyramids: ExtractSettings, tmp_path: Path
) -> None:
    plain = replace(with_pyramids, out=tmp_path / "features", pyramid=False, resnet_weights=None)
    extract_photos(plain)
    for index in range(2):
        names = f"shard-{index:05d}.h5"
        with h5py.File(plain.out / names) as one, h5py.File(with_pyramids.out / names) as other:
            for name in read_layout(one).columns():
                assert np.array_equal(one[name][:], other[name][:]), name
    without, having = (read_record(folder / "settings.json") for folder in (plain.out, with_pyramids.out))
    assert "resnet" not in without and having["resnet"]["weights"] == "random:3"
    assert "resnet_weights" not in ShardFolder.open(plain.out).command
    command = ShardFolder.open(with_pyramids.out).command
    assert command["resnet_weights"] == "random:3"
    assert FeatureSpec.of_command(command).resnet == ResNetSpec("random:3")
    assert FeatureSpec.of_command(ShardFolder.open(done.out).command).resnet is None


def test_a_run_with_pyramids_that_was_cut_ends_in_the_same_bytes(
    with_pyramids: ExtractSettings, tmp_path: Path
) -> None:
    shutil.copytree(with_pyramids.out, tmp_path / "features")
    copy = replace(with_pyramids, out=tmp_path / "features")
    for path in copy.out.glob("shard-00001.*"):
        path.unlink()
    before = hashes(with_pyramids.out)
    assert 0 < extract_photos(copy).computed < 9 and hashes(copy.out) == before
    with pytest.raises(UserError, match=r'(?s)resnet\.weights was "random:3", is "random:4".*--overwrite'):
        extract_photos(replace(copy, resnet_weights="random:4"))
    with pytest.raises(UserError, match=r"(?s)resnet.*--overwrite"):
        extract_photos(replace(copy, pyramid=False, resnet_weights=None))


def test_inspect_tells_of_pyramids(with_pyramids: ExtractSettings) -> None:
    shown = CliRunner().invoke(cli, ["inspect", str(with_pyramids.out), "--verify"])
    assert shown.exit_code == 0 and "pyramid 1" in shown.stdout and "shards are whole" in shown.stdout
    assert "torchvision:resnet50" in shown.stdout and "random:3" in shown.stdout


def test_a_narrow_vgg_leaves_narrow_blocks_in_shards_and_store(photos: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, names = photos
    weights, out = tmp_path / "vgg.safetensors", tmp_path / "features"
    layers = vgg_layers((2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6))
    save_file({f"features.{name}": value for name, value in layers.state_dict().items()}, weights)
    data = posts_of(root, names[:2])
    extract_photos(
        ExtractSettings(
            data, out, detector=DETECTOR, weights="random", vgg_weights=str(weights), top_k=3, regions=8, device="cpu"
        )
    )
    with h5py.File(out / "shard-00000.h5") as file:
        check_schema(file, "features")
        assert file.attrs["C"] == 6
    store = FeatureStore.open(out)
    assert store.block_shape == (49, 6)
    pixels = decode((root / store.image_ids[1]).read_bytes())
    blocks = extract(build_photo_encoder(EncoderSpec("vgg16", str(weights)), "cpu"), [pixels]).blocks
    np.testing.assert_allclose(store.gather([1]).blocks.float().numpy(), blocks, atol=1e-3)
