"""`dgf caption` from feature shards to caption shards: complete, resumable, the same whoever computes them."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from dgf.pipeline.captioners.oscar import ENDED
from dgf.pipeline.errors import UserError
from dgf.pipeline.features.store import FeatureStore
from dgf.pipeline.shards.commit import ShardStats, claim, commit, write_manifest
from dgf.pipeline.shards.plan import Photo, Plan
from dgf.pipeline.shards.schema import SCHEMA, Layout, check_schema, read_text, write_features
from dgf.workflows.caption import caption
from dgf.workflows.settings import CaptionSettings
from support import ENVIRONMENT
from support.hf_models import vit_gpt2
from support.oscar_examples import CLASSES, save, small

LAYOUT = Layout(objects=2, regions=5, dim=8, fc7=False, class_names=CLASSES)
PHOTOS, SHARD = 40, 5
DGF = [sys.executable, "-c", "from dgf.cli.main import main; main()"]


def make_features(folder: Path, layout: Layout = LAYOUT, photos: int = PHOTOS, shard: int = SHARD) -> Path:
    """A finished folder of features; photo 3 has no regions, photo 4 an alias."""
    rng = np.random.default_rng(0)
    images = [
        Photo(f"{number:02d}.png", f"{number:064x}", (20, 30), 9, ("copy.png",) if number == 4 else ())
        for number in range(photos)
    ]
    plan = Plan(tuple((tuple(images[start : start + shard]),) for start in range(0, photos, shard)))
    with claim(folder, {"kind": "features", "schema": SCHEMA, "noise": layout.dim}) as fingerprint:
        plan.save(folder)
        markers = []
        for index, batches in enumerate(plan.shards):
            ids = [photo.image_id for batch in batches for photo in batch]
            arrays: dict[str, Any] = {
                name: np.zeros((len(ids), *shape), dtype) for name, (dtype, shape) in layout.columns().items()
            }
            arrays["image_sha256"][:] = [list(bytes.fromhex(p.sha256)) for batch in batches for p in batch]
            arrays["regions/features"][:] = rng.standard_normal(arrays["regions/features"].shape)
            arrays["regions/tags"][:] = rng.integers(0, len(CLASSES), arrays["regions/tags"].shape)
            arrays["regions/count"][:] = [0 if image_id == "03.png" else 1 + int(image_id[:2]) % 5 for image_id in ids]

            def write(file: h5py.File, ids: list[str] = ids, arrays: dict[str, Any] = arrays) -> None:
                write_features(file, layout, ids, arrays, fingerprint, {})

            markers.append(commit(folder, index, fingerprint, write, ShardStats(len(ids))))
        write_manifest(folder, "features", markers, {"failures": []})
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts, photos, features and a small Oscar."""
    root = tmp_path_factory.mktemp("world")
    posts = []
    for number in range(PHOTOS):
        Image.new("RGB", (30, 20), (number * 6, 255 - number * 6, 90)).save(root / f"{number:02d}.png")
        mentions = {"head": {"span": [0, 1]}, "tail": {"span": [2, 3]}, "relation": "None"}
        posts.append({"tokens": ["Ann", "met", "Bob"], "image": f"{number:02d}.png", **mentions})
    (root / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    make_features(root / "features")
    save(small(), root / "oscar")
    return root


def settings(world: Path, out: Path, **more: Any) -> CaptionSettings:
    given: dict[str, Any] = {"oscar": str(world / "oscar"), "batch_size": 3, "threads": 1, "device": "cpu", **more}
    return CaptionSettings(world / "posts.jsonl", world / "features", out, **given)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("shard-*.h5"))}


@pytest.fixture(scope="module")
def whole(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "captions"
    summary = caption(settings(world, out))
    assert (summary.photos, summary.computed) == (PHOTOS, PHOTOS)
    assert summary.without_regions == ("03.png",)
    assert {failure.reason for failure in summary.failures} <= {ENDED}
    assert summary.captioned == PHOTOS - 1 - len(summary.failures)
    return out


def read(folder: Path) -> dict[str, tuple[str, float]]:
    found = {}
    for path in sorted(folder.glob("shard-*.h5")):
        with h5py.File(path) as file:
            check_schema(file, "captions")
            rows = zip(read_text(file, "image_id"), read_text(file, "caption"), file["logprob"][:], strict=True)
            found.update({image_id: (text, float(log)) for image_id, text, log in rows})
    return found


def test_every_photo_has_its_row_and_the_reader_finds_it(world: Path, whole: Path) -> None:
    rows = read(whole)
    assert list(rows) == [f"{number:02d}.png" for number in range(PHOTOS)]
    text, log = rows["03.png"]
    assert text == "" and np.isnan(log)
    assert len({text for text, _ in rows.values()}) > PHOTOS / 2
    assert all(log < 0 for text, log in rows.values() if text)
    store = FeatureStore.open(world / "features", whole)
    assert store.captions([store.row(["copy.png"])]) == [rows["04.png"][0]]
    manifest = json.loads((whole / "manifest.json").read_text())
    assert {"image_id": "03.png", "reason": "no regions"} in manifest["failures"]


def test_second_run_computes_nothing(world: Path, whole: Path) -> None:
    before = digests(whole)
    assert caption(settings(world, whole)).computed == 0
    assert digests(whole) == before


@pytest.mark.slow
def test_workers_change_nothing(world: Path, whole: Path, tmp_path: Path) -> None:
    caption(settings(world, tmp_path / "captions", workers=2))
    assert digests(tmp_path / "captions") == digests(whole)


def command(world: Path, out: Path, *more: str) -> list[str]:
    given = ["--oscar", str(world / "oscar"), "--batch-size", "3", "--threads", "1", "--device", "cpu"]
    return [
        *DGF,
        "caption",
        str(world / "posts.jsonl"),
        "--features",
        str(world / "features"),
        "--out",
        str(out),
        *given,
        *more,
    ]


@pytest.mark.slow
def test_a_killed_run_ends_in_the_same_shards(world: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "captions"
    for wanted in (1, 3):  # killed twice, wherever it was
        process = subprocess.Popen(
            command(world, out), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while len(list(out.glob("shard-*.json"))) < wanted and process.poll() is None:
                time.sleep(0.001)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = len(list(out.glob("shard-*.json")))
        assert process.returncode == -signal.SIGKILL and wanted <= done < PHOTOS // SHARD
    ended = subprocess.run(command(world, out), env=ENVIRONMENT, capture_output=True, text=True)
    assert ended.returncode in (0, 3), ended.stderr
    assert "photos/s" in ended.stderr and f"of {PHOTOS} photos have a caption" in ended.stdout
    assert f"({PHOTOS} rows new)" not in ended.stdout
    assert digests(out) == digests(whole)
    assert not list(out.glob(".part-*"))


def test_own_captions(world: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    rows = [
        {"image_id": f"{number:02d}.png", "caption": f"photo {number}"}
        for number in range(PHOTOS)
        if number not in (4, 7)
    ]
    rows += [{"image_id": "copy.png", "caption": "by its other name"}, {"image_id": "else.png", "caption": "?"}]
    mine.write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = caption(settings(world, tmp_path / "captions", oscar=None, captions=mine))
    assert (summary.captioned, summary.unused) == (PHOTOS - 1, 1)
    assert [failure.image_id for failure in summary.failures] == ["07.png"]
    found = read(tmp_path / "captions")
    assert found["04.png"][0] == "by its other name" and found["03.png"][0] == "photo 3"

    again = [
        *DGF,
        "caption",
        str(world / "posts.jsonl"),
        "--features",
        str(world / "features"),
        "--captions",
        str(mine),
    ]
    again += ["--out", str(tmp_path / "again")]
    process = subprocess.run(again, env=ENVIRONMENT, capture_output=True, text=True)
    assert process.returncode == 3, process.stderr
    assert "no caption  07.png: not in the file of captions" in process.stdout
    assert "1 captions in the file are of no photo here" in process.stdout


def test_a_model_that_reads_pixels(world: Path, tmp_path: Path) -> None:
    model = vit_gpt2(tmp_path / "model")
    summary = caption(settings(world, tmp_path / "captions", oscar=None, backend="hf", model=model, beams=2))
    assert (summary.captioned, summary.failures, summary.without_regions) == (PHOTOS, (), ())
    assert len({text for text, _ in read(tmp_path / "captions").values()}) > 1


def test_random_weights_are_real_size_and_said_loudly(
    world: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    features = make_features(tmp_path / "features", photos=2, shard=2)
    summary = caption(replace(settings(world, tmp_path / "captions", oscar="random:1", beams=1), features=features))
    assert summary.captioned == 2
    assert "RANDOM" in capfd.readouterr().err


def refused(world: Path, out: Path, **more: Any) -> str:
    with pytest.raises(UserError) as caught:
        caption(settings(world, out, **more))
    assert caught.value.hint
    assert not out.exists()
    return str(caught.value)


def test_what_cannot_be_done_is_said_and_leaves_nothing(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "captions"
    assert "No captioner was given" in refused(world, out, oscar=None)
    assert "config.json is missing" in refused(world, out, oscar=str(tmp_path))
    assert "--backend hf needs a model" in refused(world, out, oscar=None, backend="hf")
    assert "different captioners" in refused(world, out, captions=tmp_path / "mine.jsonl")
    assert "mine.jsonl cannot be read" in refused(world, out, oscar=None, captions=tmp_path / "mine.jsonl")
    (tmp_path / "mine.jsonl").write_text('{"image_id": "x.png", "caption": "y"}\n')
    assert "such as 00.png" in refused(world, out, oscar=None, captions=tmp_path / "mine.jsonl")
    wide = save(small(width=2054), tmp_path / "wide")
    told = refused(world, out, oscar=str(wide))
    assert "2054" in told and "14 (8 and 6)" in told and "visual-genome" in told
    narrow = save(small(), tmp_path / "narrow")
    (narrow / "pytorch_model.bin").write_bytes(b"PK")
    assert "cannot be read as weights" in refused(world, out, oscar=str(narrow))


def test_unfinished_or_foreign_folders_are_refused(world: Path, whole: Path, tmp_path: Path) -> None:
    features = make_features(tmp_path / "features", photos=6, shard=3)
    (features / "shard-00001.json").unlink()
    with pytest.raises(UserError, match=r"is not finished: shard-00001"):
        caption(replace(settings(world, tmp_path / "captions"), features=features))
    with pytest.raises(UserError, match=r"settings.json cannot be read"):
        caption(replace(settings(world, tmp_path / "captions"), features=tmp_path))
    with pytest.raises(UserError, match=r"does not hold features"):
        caption(replace(settings(world, tmp_path / "captions"), features=whole))
    with pytest.raises(UserError, match=r"other settings: captioner.beams was 5, is 2"):
        caption(settings(world, whole, beams=2))


def test_help_shows_an_example() -> None:
    shown = subprocess.run([*DGF, "caption", "--help"], env=ENVIRONMENT, capture_output=True, text=True)
    assert shown.returncode == 0 and "dgf caption MNRE --features features" in shown.stdout
    wrong = subprocess.run([*DGF, "caption", "x"], env=ENVIRONMENT, capture_output=True, text=True)
    assert wrong.returncode == 2
