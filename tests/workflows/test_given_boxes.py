"""`--boxes FILE`: objects at boxes of the user's, from the photos to what a report says of them."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

import dgf as api
from dgf.pipeline.detectors import DetectorSpec, build_detector, read_boxes
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import read_seen
from dgf.pipeline.files import read_record
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.jobs.given import GivenObjects
from dgf.pipeline.photos import decode
from dgf.pipeline.posts import read_dataset
from dgf.pipeline.shards import Photo, ShardFolder, check_schema, read_layout, read_text
from dgf.workflows.audit.signals.of_photos import shard_signals
from dgf.workflows.config import resolve_config
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import ExtractSettings
from dgf.workflows.train import TrainSettings, train
from support.command import dgf
from support.narrow_job import narrow_settings, shard_digests
from support.posts_of import DETECTOR, posts_of
from support.small_world import TINY, write_posts
from support.tiny_job import paint


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def written(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(out: Path) -> dict[str, dict[str, Any]]:
    """Every array of every photo."""
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted(out.glob("*.h5")):
        with h5py.File(path) as file:
            columns = {name: file[name][:] for name in read_layout(file).columns()}
            for row, image_id in enumerate(read_text(file, "image_id")):
                rows[image_id] = {name: column[row] for name, column in columns.items()}
    return rows


ROWS: list[dict[str, Any]] = [
    {"image_id": "photo-0000.jpg", "boxes": [[0, 0, 20, 20], [5, 5, 30, 38]], "labels": ["a red car", "class 3"]},
    {"image_id": "photo-0001.jpg", "boxes": [[0, 0, 9, 9], [1, 1, 8, 8], [2, 2, 9, 9]], "scores": [0.1, 0.9, 0.5]},
    {"image_id": "photo-0002.jpg", "boxes": [[0, 0, 10 * n + 10, 30] for n in range(5)]},
    {"image_id": "photo-0003.jpg", "boxes": []},
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> ExtractSettings:
    """Nine photos with the objects that the detector finds."""
    root = tmp_path_factory.mktemp("boxes")
    settings = narrow_settings(posts_of(root / "photos", paint(root / "photos", 9)), root / "found", root)
    extract_photos(settings)
    return settings


@pytest.fixture(scope="module")
def given(found: ExtractSettings) -> ExtractSettings:
    """The same photos with objects at given boxes."""
    root = found.out.parent
    settings = replace(found, out=root / "given", boxes=written(root / "boxes.jsonl", ROWS))
    assert extract_photos(settings).rows == 9
    return settings


def test_objects_are_at_the_boxes_and_all_else_is_as_ever(found: ExtractSettings, given: ExtractSettings) -> None:
    one, other = read(found.out), read(given.out)
    for photo in one:
        for name in one[photo]:
            if not name.startswith("objects/"):
                assert np.array_equal(one[photo][name], other[photo][name]), name
    counts = {photo: int(row["objects/count"]) for photo, row in other.items() if row["objects/count"]}
    assert counts == {"photo-0000.jpg": 2, "photo-0001.jpg": 3, "photo-0002.jpg": 3}  # K is 3
    scored = other["photo-0001.jpg"]
    assert scored["objects/boxes"].tolist() == [[1, 1, 8, 8], [2, 2, 9, 9], [0, 0, 9, 9]]
    np.testing.assert_allclose(scored["objects/scores"], [0.9, 0.5, 0.1], rtol=1e-6)
    assert scored["objects/classes"].tolist() == [-1, -1, -1] and other["photo-0000.jpg"]["objects/scores"][1] == 1
    assert not other["photo-0003.jpg"]["objects/features"].any()


def test_features_are_those_that_the_detector_pools_there(given: ExtractSettings) -> None:
    detector = build_detector(DetectorSpec(DETECTOR, "random", regions=8), "cpu")
    plan = ShardFolder.open(given.out, "features").plan
    rows = {row["image_id"]: row["boxes"] for row in ROWS}
    batches = [batch for shard in plan.shards for batch in shard]
    [batch] = [batch for batch in batches if "photo-0000.jpg" in {photo.image_id for photo in batch}]
    ready = []
    for photo in batch:
        boxes = np.array(rows.get(photo.image_id, []), np.float32).reshape(-1, 4)
        ready.append(replace(detector.prepare(decode((given.data.parent / photo.image_id).read_bytes())), boxes=boxes))
    place = [photo.image_id for photo in batch].index("photo-0000.jpg")
    wanted = detector.detect_prepared(ready)[place].given
    assert wanted is not None
    np.testing.assert_allclose(read(given.out)["photo-0000.jpg"]["objects/features"][:2], wanted, atol=2e-3)


def test_no_more_boxes_are_pooled_than_are_kept(given: ExtractSettings) -> None:
    assert given.boxes is not None
    objects = GivenObjects.of(read_boxes(given.boxes), 2, ("cat", "class 3"))
    assert len(objects.find(Photo("photo-0002.jpg", "", (100, 100), 0)).boxes) == 2
    assert objects.class_names == ("cat", "class 3", "a red car")


def test_labels_are_classes_behind_the_detectors(given: ExtractSettings) -> None:
    seen = read_seen(given.out)
    assert seen["photo-0000.jpg"].names == ("a red car", "class 3") and seen["photo-0001.jpg"].names == ("", "", "")
    path = sorted(given.out.glob("*.h5"))[0]
    with h5py.File(path) as file:
        check_schema(file, "features")
        names = read_layout(file).class_names
        assert names[-1] == "a red car" and names.count("class 3") == 1 and len(names) == 81
        assert read_text(file, "image_id")


def test_a_folder_keeps_to_its_file(given: ExtractSettings, tmp_path: Path) -> None:
    settings = read_record(given.out / "settings.json")
    assert settings["objects_at"].startswith("given boxes") and len(settings["boxes"]["sha256"]) == 64
    command = ShardFolder.open(given.out).command
    assert command["boxes"] == str(given.boxes) and FeatureSpec.of_command(command).boxes == str(given.boxes)
    assert extract_photos(given).computed == 0
    moved = Path(shutil.copy(str(given.boxes), tmp_path / "moved.jsonl"))
    assert extract_photos(replace(given, boxes=moved)).computed == 0
    other = written(tmp_path / "other.jsonl", ROWS[1:])
    with pytest.raises(UserError, match=r"(?s)boxes\.sha256 was .*--overwrite"):
        extract_photos(replace(given, boxes=other))
    with pytest.raises(UserError, match=r"(?s)boxes was .*is null.*--overwrite"):
        extract_photos(replace(given, boxes=None))


def test_a_run_that_was_cut_ends_in_the_same_bytes(given: ExtractSettings, tmp_path: Path) -> None:
    before = shard_digests(given.out)
    copy = replace(given, out=Path(shutil.copytree(given.out, tmp_path / "copy")))
    for path in copy.out.glob("shard-00001.*"):
        path.unlink()
    assert 0 < extract_photos(copy).computed < 9 and shard_digests(copy.out) == before


def test_what_goes_without_the_other_is_counted(given: ExtractSettings, tmp_path: Path) -> None:
    words = ["--weights", "random", "--vgg-weights", given.vgg_weights, "--top-k", 3, "--regions", 8, "--shard-size", 4]
    boxes = written(tmp_path / "boxes.jsonl", [*ROWS, {"image_id": "gone.jpg", "boxes": []}])
    out = tmp_path / "f"
    done = dgf(
        "extract-features", given.data, "--out", out, "--detector", DETECTOR, "--device", "cpu", *words,
        "--boxes", boxes,
    )  # fmt: skip
    assert done.code == 0 and "has no line of 5 of the 9 photos: they have no objects" in done.err, done.said
    assert "1 lines of" in done.err and "are of none of these photos" in done.err
    shown = dgf("inspect", out)
    assert "objects_at   given boxes" in shown.out and "sha256=" in shown.out


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([*ROWS, {"image_id": "photo-0004.jpg", "boxes": [[500, 0, 510, 9]]}], r"boxes\.jsonl:5: the box .* outside"),
        ([{"image_id": "train/photo-0000.jpg", "boxes": []}], r"none of the photos: train/photo-0000\.jpg is not"),
        ([{"image_id": "photo-0000.jpg"}], r"boxes\.jsonl:1: boxes must be a list"),
    ],
)
def test_a_file_that_does_not_suit_leaves_nothing_behind(
    given: ExtractSettings, tmp_path: Path, rows: list[dict[str, Any]], fault: str
) -> None:
    boxes = written(tmp_path / "boxes.jsonl", rows)
    with pytest.raises(UserError, match=fault):
        extract_photos(replace(given, out=tmp_path / "features", boxes=boxes))
    assert not (tmp_path / "features").exists()


@pytest.fixture(scope="module")
def run(found: ExtractSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on posts whose photos have two boxes where there is a relation, else one."""
    root = tmp_path_factory.mktemp("run")
    posts = write_posts(root / "posts")
    photos = sorted(path.name for path in posts.glob("*.png"))
    rows = [{"image_id": name, "boxes": [[0, 0, 4, 4], [2, 2, 8, 6]][: 1 + n % 2]} for n, name in enumerate(photos)]
    boxes = written(root / "boxes.jsonl", rows)
    extract_photos(replace(found, data=posts, out=root / "features", boxes=boxes))
    data = {"path": str(posts), "features": str(root / "features")}
    train(TrainSettings(resolve_config("demo", None, [*TINY, "optim.epochs=1"], data), root / "run", "cpu"))
    return root


def test_figures_say_whose_boxes_they_rest_on(run: Path) -> None:
    assert dgf("eval", run / "run", "--device", "cpu").code == 0
    report = json.loads((run / "run" / "eval-test" / "report.json").read_text())
    assert f"objects are at the boxes of {run / 'boxes.jsonl'} (sha256 " in json.dumps(report, ensure_ascii=False)
    assert "no label reaches a prediction" not in json.dumps(report)


def test_an_audit_sees_how_many_boxes_were_given(run: Path) -> None:
    dataset = read_dataset(run / "posts")
    [counts] = [one for one in shard_signals(run / "features", dataset) if one.name == "features: how many objects"]
    photos = sorted(path.name for path in (run / "posts").glob("*.png"))
    wanted = {post.id: 1 + photos.index(post.image_ids[0]) % 2 for post in dataset.posts}
    assert {post: int(str(value)) for post, value in counts.values.items()} == wanted


def test_boxes_of_a_run_that_have_changed_are_refused(run: Path) -> None:
    boxes, posts = run / "boxes.jsonl", run / "posts" / "test.jsonl"
    before = boxes.read_bytes()
    boxes.write_bytes(before.replace(b"[0, 0, 4, 4]", b"[0, 0, 5, 4]"))
    try:
        done = dgf("predict", run / "run", posts, "--device", "cpu")
        assert done.code == 1 and f"{boxes} has changed since the run was trained" in done.err, done.said
    finally:
        boxes.write_bytes(before)


def test_new_posts_need_boxes_of_their_own(run: Path, tmp_path: Path) -> None:
    own = dgf("predict", run / "run", run / "posts" / "test.jsonl", "--device", "cpu")  # those it was trained on
    assert own.code == 0, own.said
    posts = Path(shutil.copytree(run / "posts", tmp_path / "posts")) / "test.jsonl"
    without = dgf("predict", run / "run", posts, "--device", "cpu")
    assert without.code == 1 and "Give --boxes of these posts' photos" in without.err
    another = written(tmp_path / "boxes.jsonl", [*map(json.loads, (run / "boxes.jsonl").open()), ROWS[0]])
    done = dgf("predict", run / "run", posts, "--device", "cpu", "--boxes", another)
    assert done.code == 0 and done.out == own.out, done.said
    with pytest.raises(UserError, match="a photo alone has none"):
        api.load(run / "run", device="cpu").predict("Ada met Bo", head="Ada", tail="Bo", image=run / "posts/test-0.png")
