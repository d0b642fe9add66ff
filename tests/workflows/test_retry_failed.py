"""`dgf extract-features --retry-failed`: what failed is tried again, and what is there stays byte for byte."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.pipeline.errors import UserError
from dgf.pipeline.features import FeatureStore
from dgf.pipeline.shards import Plan, ShardFolder, find_failed
from dgf.workflows import extract as workflow
from dgf.workflows.caption import caption_photos
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import CaptionSettings, ExtractSettings
from support.narrow_job import narrow_settings, shard_digests
from support.posts_of import posts_of
from support.tiny_job import paint

CUT, NO_PHOTO, MISSING, TWIN = "photo-0001.jpg", "photo-0002.jpg", "photo-0000.jpg", "twin.jpg"


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> ExtractSettings:
    """A run in which a photo was cut short, one was none, and one was not there; `whole` has all of them.

    The photo that is cut has a twin with the same bytes.
    """
    root = tmp_path_factory.mktemp("failed")
    names = paint(root / "whole", 9)
    shutil.copytree(root / "whole", root / "photos")
    broken = root / "photos"
    for name in (CUT, TWIN):
        (broken / name).write_bytes((root / "whole" / CUT).read_bytes()[:-30])
    (broken / NO_PHOTO).write_text("no photo")
    (broken / MISSING).unlink()
    settings = narrow_settings(posts_of(broken, [*names, TWIN]), root / "features", root)
    summary = extract_photos(replace(settings, missing_images="skip"))
    assert (summary.rows, summary.tried) == (6, None)
    assert {failure.image_id for failure in summary.failures} == {CUT, NO_PHOTO} and summary.missing == (MISSING,)
    return replace(settings, missing_images="skip")


@pytest.fixture
def copy(failed: ExtractSettings, tmp_path: Path) -> ExtractSettings:
    """The same, in folders that a test may change."""
    shutil.copytree(failed.data.parent.parent, tmp_path / "job")
    root = tmp_path / "job"
    return replace(failed, data=root / "photos" / failed.data.name, out=root / "features")


def repair(settings: ExtractSettings, *names: str) -> None:
    photos = settings.data.parent
    for name in names:
        shutil.copy(photos.parent / "whole" / name, photos / name)


def test_a_photo_that_a_second_retry_finds_whole_gets_its_caption(copy: ExtractSettings, tmp_path: Path) -> None:
    names = sorted(path.name for path in copy.data.parent.glob("*.jpg"))
    told = tmp_path / "told.jsonl"
    told.write_text("".join(json.dumps({"image_id": name, "caption": f"of {name}"}) + "\n" for name in names))
    settings = CaptionSettings(copy.data, copy.out, tmp_path / "captions", captions=told, device="cpu", threads=1)
    extract_photos(replace(copy, retry_failed=True))  # nothing has changed yet
    assert caption_photos(settings).photos == 6
    repair(copy, CUT)
    assert extract_photos(replace(copy, retry_failed=True)).recovered == 1
    again = caption_photos(settings)
    assert (again.photos, again.computed) == (7, 1)


def test_another_run_that_plans_photos_meanwhile_is_noticed(
    copy: ExtractSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry ends between another run's plan and its hold on the folder."""
    plan_photos = workflow.make_plan

    def slowly(*given: Any, **more: Any) -> Plan:
        made = plan_photos(*given, **more)
        monkeypatch.setattr(workflow, "make_plan", plan_photos)
        repair(copy, CUT)
        extract_photos(replace(copy, retry_failed=True))
        return made

    monkeypatch.setattr(workflow, "make_plan", slowly)
    with pytest.raises(UserError, match="another run planned photos here meanwhile"):
        extract_photos(copy)
    assert len(FeatureStore.open(copy.out)) == 7


def test_what_failed_gets_features_and_the_rest_stays_byte_for_byte(copy: ExtractSettings, tmp_path: Path) -> None:
    before, settings = shard_digests(copy.out), (copy.out / "settings.json").read_bytes()
    repair(copy, CUT, NO_PHOTO, MISSING)
    with pytest.raises(UserError, match=r"(?s)photos\.count was 7, is \d+.*--retry-failed"):
        extract_photos(copy)
    summary = extract_photos(replace(copy, retry_failed=True))
    assert (summary.tried, summary.recovered, summary.rows, summary.computed) == (4, 3, 9, 3)
    assert [failure.image_id for failure in summary.failures] == [TWIN] and summary.missing == ()
    after = shard_digests(copy.out)
    assert before.items() <= after.items() and len(after) == len(before) + 2
    assert (copy.out / "settings.json").read_bytes() == settings

    # The numbers are those of the photos as they are now, and a plain run finds nothing to do.
    whole = extract_photos(replace(copy, out=tmp_path / "fresh"))
    assert (whole.rows, whole.computed) == (9, 9)
    found, fresh = FeatureStore.open(copy.out), FeatureStore.open(tmp_path / "fresh")
    for name in sorted(fresh.image_ids):
        one, other = (store.gather([store.image_ids.index(name)]) for store in (found, fresh))
        np.testing.assert_allclose(one.blocks.float().numpy(), other.blocks.float().numpy(), atol=1e-3)
        assert one.objects[0].any()
    again = extract_photos(copy)
    assert (again.tried, again.computed, again.rows) == (None, 0, 9)
    assert [failure.image_id for failure in again.failures] == [TWIN] and shard_digests(copy.out) == after


def test_photos_that_fail_each_time_take_one_shard_and_no_more(copy: ExtractSettings) -> None:
    shards = len(Plan.load(copy.out).shards)
    for _ in range(2):
        summary = extract_photos(replace(copy, retry_failed=True))
        assert (summary.tried, summary.recovered, summary.rows) == (4, 0, 6)
        assert {failure.image_id for failure in summary.failures} == {CUT, NO_PHOTO}
        assert len(Plan.load(copy.out).shards) == shards + 1
    repair(copy, CUT)
    shutil.copy(copy.data.parent / CUT, copy.data.parent / TWIN)
    summary = extract_photos(replace(copy, retry_failed=True))
    assert (summary.tried, summary.recovered, summary.rows) == (4, 2, 7)
    assert len(Plan.load(copy.out).shards) == shards + 1
    assert len(FeatureStore.open(copy.out).image_ids) == 7


@pytest.mark.parametrize("retry_failed", [False, True])
def test_a_retry_that_was_cut_ends_in_the_same_bytes(
    copy: ExtractSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retry_failed: bool
) -> None:
    repair(copy, CUT, NO_PHOTO, MISSING)
    shutil.copytree(copy.out, tmp_path / "undisturbed")
    extract_photos(replace(copy, out=tmp_path / "undisturbed", retry_failed=True))

    def interrupted(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "run_shards", interrupted)
        with pytest.raises(KeyboardInterrupt):
            extract_photos(replace(copy, retry_failed=True))
    with pytest.raises(UserError, match="is unfinished"):
        ShardFolder.open(copy.out).finished()
    summary = extract_photos(replace(copy, retry_failed=retry_failed))
    assert (summary.rows, summary.tried) == (9, 4 if retry_failed else None)
    assert shard_digests(copy.out) == shard_digests(tmp_path / "undisturbed")


def test_what_has_features_is_not_tried_again_for_a_name_that_failed(failed: ExtractSettings, tmp_path: Path) -> None:
    named = [(MISSING, "photo-0004.jpg"), ("photo-0005.jpg",), ("new.jpg",), (CUT, "train/other.jpg"), (NO_PHOTO,)]
    assert find_failed(failed.out, named) == {MISSING, CUT, "train/other.jpg", NO_PHOTO}
    assert find_failed(tmp_path / "none", named) == frozenset()


def test_a_photo_that_turns_out_to_be_one_that_is_there_reads_as_that(copy: ExtractSettings) -> None:
    photos, there = copy.data.parent, "photo-0004.jpg"
    row = FeatureStore.open(copy.out).row([there])
    shutil.copy(photos / there, photos / CUT)
    assert extract_photos(replace(copy, retry_failed=True)).recovered == 1
    store = FeatureStore.open(copy.out)
    assert store.row([there]) == store.row([CUT]) == row < len(store) - 1


def test_other_photos_than_those_that_failed_are_refused(copy: ExtractSettings) -> None:
    photos = copy.data.parent
    shutil.copy(photos / "photo-0004.jpg", photos / "photo-0005.jpg")
    before = shard_digests(copy.out)
    with pytest.raises(UserError, match=r"photos\.count was 7, is 6"):
        extract_photos(replace(copy, retry_failed=True))
    assert shard_digests(copy.out) == before


def test_a_photo_that_was_tried_again_and_is_named_no_more_is_told(copy: ExtractSettings) -> None:
    repair(copy, CUT)
    assert extract_photos(replace(copy, retry_failed=True)).recovered == 1
    lines = copy.data.read_text().splitlines(keepends=True)
    copy.data.write_text("".join(line for line in lines if CUT not in line))
    with pytest.raises(UserError, match=f"{CUT} was tried again, and is not among the photos now: no post names it"):
        extract_photos(copy)
    copy.data.write_text("".join(lines))
    shutil.copy(copy.data.parent / "photo-0004.jpg", copy.data.parent / CUT)
    with pytest.raises(UserError, match=f"{CUT} is not the file that it was when it was tried again"):
        extract_photos(copy)


def test_the_command_says_what_came_of_it(copy: ExtractSettings) -> None:
    repair(copy, NO_PHOTO)
    arguments = [
        "extract-features", str(copy.data), "--out", str(copy.out), "--detector", str(copy.detector), "--weights",
        "random", "--vgg-weights", str(copy.vgg_weights), "--top-k", "3", "--regions", "8", "--device", "cpu",
        "--shard-size", "4", "--threads", "1", "--missing-images", "text-only", "--retry-failed",
    ]  # fmt: skip
    run = CliRunner().invoke(cli, arguments)
    assert run.exit_code == 3 and "tried 4 files again: 1 have features now, 3 still have none" in run.stdout
    run = CliRunner().invoke(cli, [*arguments, "--overwrite"])
    assert run.exit_code == 1 and "--retry-failed and --overwrite do not go together" in run.stderr
