"""`dgf extract-features --part I/N`: runs that share a folder end in what one run makes."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.pipeline.errors import UserError
from dgf.pipeline.jobs.base import JobPart
from dgf.pipeline.jobs.driver import run_shards
from dgf.pipeline.shards import ShardFolder
from dgf.workflows import extract as workflow
from dgf.workflows.extract import extract_photos
from dgf.workflows.settings import ExtractSettings
from support.narrow_job import narrow_settings, shard_digests
from support.posts_of import posts_of
from support.tiny_job import paint


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ExtractSettings:
    """One run of nine photos, one of them broken, in six shards or so."""
    root = tmp_path_factory.mktemp("parts")
    names = paint(root / "photos", 9)
    broken = root / "photos" / names[4]
    broken.write_bytes(broken.read_bytes()[:-30])
    settings = replace(narrow_settings(posts_of(root / "photos", names), root / "whole", root), shard_size=2)
    assert extract_photos(settings).rows == 8 and len(shard_digests(settings.out)) >= 10
    return settings


def manifest(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return {name: value for name, value in content.items() if name not in ("seconds", "checksum")}


def while_under_way(patch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let the next run act when it holds its folder, before its first shard."""

    def act_first(*given: Any, **named: Any) -> Any:
        patch.setattr(workflow, "run_shards", run_shards)
        act()
        return run_shards(*given, **named)

    patch.setattr(workflow, "run_shards", act_first)


def test_parts_at_once_end_in_what_one_run_makes(
    whole: ExtractSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = replace(whole, out=tmp_path / "shared")
    left = []

    def others() -> None:
        for part in ("2/3", "3/3"):
            left.append(extract_photos(replace(shared, part=part)).unfinished)
            assert not (shared.out / "manifest.json").exists()
        # Whoever wants the folder alone, or with other settings, is kept out of it.
        before = shard_digests(shared.out)
        for change in ({}, {"overwrite": True}, {"retry_failed": True}):
            with pytest.raises(UserError, match="is being written by another run"):
                extract_photos(replace(shared, **change))
        with pytest.raises(UserError, match="made with other settings: objects was 3, is 2"):
            extract_photos(replace(shared, part="2/3", top_k=2))
        assert shard_digests(shared.out) == before and (shared.out / "settings.json").exists()

    while_under_way(monkeypatch, others)
    last = extract_photos(replace(shared, part="1/3"))
    assert left[0] > left[1] > 0 == last.unfinished and (last.rows, len(last.failures)) == (8, 1)
    assert shard_digests(shared.out) == shard_digests(whole.out)
    assert manifest(shared.out) == manifest(whole.out) and not (shared.out / ".lock").exists()
    assert (extract_photos(replace(shared, part="3/3")).computed, extract_photos(shared).computed) == (0, 0)


def test_a_part_that_was_cut_goes_on_and_a_whole_run_completes_the_rest(
    whole: ExtractSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, commit, committed = replace(whole, out=tmp_path / "shared"), ShardFolder.commit, itertools.count()

    def commit_once(*given: Any) -> Any:
        if next(committed):
            raise OSError("killed")
        return commit(*given)

    with monkeypatch.context() as patch:
        patch.setattr(ShardFolder, "commit", commit_once)
        with pytest.raises(UserError, match="shards failed"):
            extract_photos(replace(shared, part="1/2"))
    (shared.out / ".part-0123456789ab-shard-00000.h5").write_bytes(b"half")
    done = len(list(shared.out.glob("shard-*.h5")))
    again = extract_photos(replace(shared, part="1/2"))
    assert done == 1 and again.unfinished > 0 and not list(shared.out.glob(".part-*"))
    rest = extract_photos(shared)
    assert 0 < rest.computed < 8 and shard_digests(shared.out) == shard_digests(whole.out)
    assert manifest(shared.out) == manifest(whole.out)


def test_a_part_that_fails_at_once_takes_nothing_from_the_others(
    whole: ExtractSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = replace(whole, out=tmp_path / "shared")

    def fail() -> None:
        raise RuntimeError("no memory")

    def other_fails() -> None:
        while_under_way(monkeypatch, fail)
        with pytest.raises(RuntimeError, match="no memory"):
            extract_photos(replace(shared, part="2/2"))
        assert {path.name for path in shared.out.iterdir()} == {".lock", "settings.json", "plan.json"}

    while_under_way(monkeypatch, other_fails)
    assert extract_photos(replace(shared, part="1/2")).computed > 0

    # Alone, it leaves nothing behind.
    while_under_way(monkeypatch, fail)
    with pytest.raises(RuntimeError, match="no memory"):
        extract_photos(replace(shared, out=tmp_path / "alone", part="1/2"))
    assert not (tmp_path / "alone").exists()


def test_every_shard_is_of_one_part(whole: ExtractSettings) -> None:
    for count in range(1, 6):
        shares = [JobPart(number, count).share(4) for number in range(1, count + 1)]
        assert sorted(index for share in shares for index in share) == [0, 1, 2, 3]
    assert JobPart.parse("3/16") == JobPart(3, 16)
    for text in ("0/4", "5/4", "1", "1/", "-1/4", "a/b", "1/2/3"):
        with pytest.raises(UserError, match=rf"--part {text}: not I/N"):
            JobPart.parse(text)
    for option in ("overwrite", "retry_failed"):
        with pytest.raises(UserError, match=r"--part and --\S+ do not go together"):
            extract_photos(replace(whole, part="1/2", **{option: True}))


def test_the_command_says_what_other_parts_have_to_do(whole: ExtractSettings, tmp_path: Path) -> None:
    arguments = [
        "extract-features", str(whole.data), "--detector", str(whole.detector), "--weights", "random", "--vgg-weights",
        str(whole.vgg_weights), "--top-k", "3", "--regions", "8", "--device", "cpu", "--shard-size", "2",
        "--threads", "1",
    ]  # fmt: skip
    run = CliRunner().invoke(cli, [*arguments, "--out", str(tmp_path / "shared"), "--part", "9/9"])
    shards = len(shard_digests(whole.out)) // 2
    assert f"part 9/9 is done, {shards} shards of other parts are still to be made" in run.stdout
    run = CliRunner().invoke(cli, [*arguments, "--out", str(whole.out), "--part", "1/1"])
    assert run.exit_code == 3 and "part 1/1 is done, nothing of other parts is still to be made" in run.stdout
