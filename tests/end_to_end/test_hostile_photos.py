"""`dgf extract-features` over photos that go wrong in every way we know."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from dgf.cli.main import cli
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.photos import digest
from dgf.pipeline.posts import plain_path
from dgf.pipeline.shards import ShardFolder
from support.hostile_photos import DAMAGED, MISSING, build, encoded, zeroed
from support.posts_of import DETECTOR, posts_of


@pytest.mark.slow
def test_every_photo_has_features_or_a_reason_and_the_run_says_so(tmp_path: Path) -> None:
    root, cases = build(tmp_path / "photos")
    assert len(cases) >= 40
    posts = posts_of(root, [case.image_id for case in cases])
    out = tmp_path / "features"
    options = ["--detector", DETECTOR, "--weights", "random", "--vgg-weights", "random", "--device", "cpu"]
    run = ["extract-features", str(posts), "--out", str(out), *options, "--on-error", "skip", "--shard-size", "32"]

    refused = CliRunner().invoke(cli, run)
    if any(case.reason == MISSING for case in cases):
        assert refused.exit_code == 1 and "photos that posts name are not there" in refused.stderr
        assert not out.exists()

    done = CliRunner().invoke(cli, [*run, "--missing-images", "skip"])
    assert done.exit_code == 3, done.output
    plan = json.loads((out / "plan.json").read_text())
    rows = {}
    for path in sorted(out.glob("*.h5")):
        with h5py.File(path) as file:
            columns = (file["image_id"].asstr()[:], file["image_sha256"][:], file["image_size"][:])
            rows |= {name: (bytes(sha).hex(), tuple(size)) for name, sha, size in zip(*columns, strict=True)}
            assert np.isfinite(file["objects/features"][:]).all() and np.isfinite(file["image/blocks"][:]).all()
    photo_of = {
        image_id: photo["image_id"]
        for shard in plan["shards"] for batch in shard for photo in batch
        for image_id in (photo["image_id"], *photo["aliases"])
    }  # fmt: skip
    lines = done.stdout.splitlines()
    for case in cases:
        stored = photo_of.get(case.image_id, case.image_id)
        if case.pixels is not None:
            sha256, size = rows[stored]
            assert size == case.pixels.shape[:2], case.image_id
            assert sha256 == digest((root / case.image_id).read_bytes()), case.image_id
        else:
            assert stored not in rows, f"{case.image_id} must not have features"
            said = [line for line in lines if case.reason in line or line.startswith(("missing", "skipped"))]
            names = (case.image_id, plain_path(case.image_id))  # posts have one slash where two were written
            assert any(json.dumps(name)[1:-1] in line or name in line for line in said for name in names), (
                f"{case.image_id} ({case.reason}) is not listed"
            )


def extract(out: Path, posts: Path, *more: str) -> Result:
    options = ["--detector", DETECTOR, "--weights", "random", "--vgg-weights", "random", "--device", "cpu"]
    return CliRunner().invoke(cli, ["extract-features", str(posts), "--out", str(out), *options, *more])


def test_damaged_photos_fail_unless_they_are_to_be_used_and_the_folder_says_which(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    (root / "good.jpg").write_bytes(encoded(noise, "JPEG", quality=90))
    (root / "zeros.jpg").write_bytes(zeroed(encoded(noise, "JPEG", quality=90)))
    posts = posts_of(root, ["good.jpg", "zeros.jpg"])

    # By default it is a failure, and the settings are those of folders from before there was a choice.
    failed = extract(tmp_path / "fail", posts)
    assert failed.exit_code == 3 and DAMAGED in failed.stdout, failed.output
    settings = json.loads((tmp_path / "fail" / "settings.json").read_text())
    assert "damaged" not in json.dumps(settings)
    before = ShardFolder.open(tmp_path / "fail", "features").command
    assert "damaged" not in before and FeatureSpec.of_command(before).damaged == "fail"

    # Used, it has features; that folder is another, and new photos are read in the same way.
    used = extract(tmp_path / "use", posts, "--damaged", "use")
    assert used.exit_code == 0, used.output
    assert FeatureSpec.of_command(ShardFolder.open(tmp_path / "use", "features").command).damaged == "use"
    assert '"damaged": "use"' in (tmp_path / "use" / "settings.json").read_text()
    mixed = extract(tmp_path / "fail", posts, "--damaged", "use")
    assert mixed.exit_code == 1 and "damaged" in mixed.stderr, mixed.output
