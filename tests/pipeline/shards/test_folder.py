import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import file_digest
from dgf.pipeline.shards import Failure, ShardFolder, ShardStats, fingerprint_of
from dgf.pipeline.shards.marker import read_marker


def folder_of(path: Path, fingerprint: str = "print") -> ShardFolder:
    return ShardFolder(path, "features", fingerprint)


def fill(file: h5py.File) -> None:
    file.create_dataset("values", data=np.arange(5000, dtype=np.float32), track_times=False)


def test_a_committed_shard_is_vouched_for_by_its_marker(tmp_path: Path) -> None:
    stats = ShardStats(3, (Failure("a.jpg", "truncated"),), {"read": 1.5})
    folder = folder_of(tmp_path)
    marker = folder.commit(7, fill, stats)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard-00007.h5", "shard-00007.json"]
    assert folder.committed(7) == marker == read_marker(tmp_path / "shard-00007.json")
    assert marker.sha256 == file_digest(tmp_path / marker.file) and marker.stats.seconds["write"] > 0
    with h5py.File(tmp_path / marker.file) as file:
        assert file["values"][-1] == 4999 and file["values"].id.get_offset() % 64 == 0


@pytest.mark.parametrize("harm", ["other fingerprint", "cut", "gone", "broken marker", "marker of another"])
def test_what_is_not_whole_does_not_count(tmp_path: Path, harm: str) -> None:
    folder_of(tmp_path).commit(0, fill, ShardStats(1))
    shard, marker = tmp_path / "shard-00000.h5", tmp_path / "shard-00000.json"
    if harm == "cut":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif harm == "gone":
        shard.unlink()
    elif harm == "broken marker":
        marker.write_text('{"index": 0')
    elif harm == "marker of another":
        marker.rename(tmp_path / "shard-00001.json")
        shard.rename(tmp_path / "shard-00001.h5")
    index = 1 if harm == "marker of another" else 0
    assert folder_of(tmp_path, "new" if harm == "other fingerprint" else "print").committed(index) is None


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def fail(file: h5py.File) -> None:
        fill(file)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        folder_of(tmp_path).commit(0, fail, ShardStats(1))
    assert list(tmp_path.iterdir()) == []


def test_a_reader_keeps_the_file_that_it_opened_before_a_commit(tmp_path: Path) -> None:
    def refill(file: h5py.File) -> None:
        file.create_dataset("values", data=np.zeros(5000, dtype=np.float32), track_times=False)

    folder_of(tmp_path, "old").commit(0, fill, ShardStats(1))
    old = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(old) == 2
    with contextlib.ExitStack() as stack:
        opened = {path: stack.enter_context(path.open("rb", buffering=0)) for path in old}
        folder_of(tmp_path, "new").commit(0, refill, ShardStats(1))
        assert {path: file.read() for path, file in opened.items()} == old
    assert all(path.read_bytes() != content for path, content in old.items())


def test_a_file_is_synced_before_its_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, replace = os.fsync, os.replace
    seen: list[tuple[str, int]] = []

    def recorded_fsync(descriptor: int) -> None:
        seen.append(("fsync", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def recorded_replace(source: Path, target: Path) -> None:
        seen.append(("replace", os.stat(source).st_ino))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", recorded_fsync)
        patch.setattr(os, "replace", recorded_replace)
        folder_of(tmp_path).commit(0, fill, ShardStats(1))
    shard, marker, folder = (
        path.stat().st_ino for path in (tmp_path / "shard-00000.h5", tmp_path / "shard-00000.json", tmp_path)
    )
    assert seen == [
        ("fsync", shard),
        ("replace", shard),
        ("fsync", folder),
        ("fsync", marker),
        ("replace", marker),
        ("fsync", folder),
    ]


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import sys, h5py, numpy
        from pathlib import Path
        from dgf.pipeline.shards import ShardFolder, ShardStats
        def fill(file):
            file.create_group("group").create_dataset("x", data=numpy.ones((9, 9)), track_times=False)
            file.attrs["names"] = "n" * 70000
        print(ShardFolder(Path(sys.argv[1]), "features", "print").commit(0, fill, ShardStats(1)).sha256)
        """
    )
    hashes = set()
    for name in "ab":
        (tmp_path / name).mkdir()
        run = subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, text=True, check=True)
        hashes.add(run.stdout)
    assert len(hashes) == 1


def test_the_fingerprint_is_of_the_values_not_of_their_order() -> None:
    assert fingerprint_of({"a": 1, "b": {"c": [2], "d": 3}}) == fingerprint_of({"b": {"d": 3, "c": [2]}, "a": 1})
    assert fingerprint_of({"a": 1}) != fingerprint_of({"a": 2})


def test_other_settings_are_refused_until_overwritten(tmp_path: Path) -> None:
    before = {"kind": "features", "batches": {"size": 4, "shard": 8}}
    with ShardFolder.claim(tmp_path / "f", before) as folder:
        folder.commit(0, fill, ShardStats(1))
    after = {"kind": "features", "batches": {"size": 5, "shard": 8}}
    with (
        pytest.raises(UserError, match=r"batches.size was 4, is 5.*\n.*--overwrite"),
        ShardFolder.claim(tmp_path / "f", after),
    ):
        pass
    assert folder.committed(0) is not None
    with ShardFolder.claim(tmp_path / "f", after, overwrite=True) as folder:
        assert folder.markers() == [] and not list((tmp_path / "f").glob("*.h5"))


def test_a_second_driver_is_refused_and_the_lock_ends_with_the_first(tmp_path: Path) -> None:
    with (
        ShardFolder.claim(tmp_path / "f", {"kind": "features"}),
        pytest.raises(UserError, match="another run"),
        ShardFolder.claim(tmp_path / "f", {"kind": "features"}),
    ):
        pass
    with ShardFolder.claim(tmp_path / "f", {"kind": "features"}):
        pass
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["settings.json"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("text")
    with pytest.raises(UserError, match=r"thesis\.tex"), ShardFolder.claim(tmp_path, {}, overwrite=True):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(UserError, match="is a file"), ShardFolder.claim(tmp_path / "thesis.tex", {}):
        pass


def test_a_run_that_ends_before_its_first_shard_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError), ShardFolder.claim(tmp_path / "f", {"kind": "features"}):
        raise ValueError
    assert not (tmp_path / "f").exists()


def test_remains_of_the_dead_go_and_files_of_the_living_stay(tmp_path: Path) -> None:
    with ShardFolder.claim(tmp_path, {"kind": "features"}) as folder:
        folder.commit(0, fill, ShardStats(1))
    code = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from dgf.pipeline.shards import ShardFolder, ShardStats
        def fill(file):
            print("writing", flush=True)
            time.sleep(60)
        ShardFolder(Path(sys.argv[1]), "features", "print").commit(1, fill, ShardStats(1))
        """
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"writing\n"
        with ShardFolder.claim(tmp_path, {"kind": "features"}):
            assert len(list(tmp_path.glob(".part-*"))) == 1
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    with ShardFolder.claim(tmp_path, {"kind": "features"}) as folder:
        assert list(tmp_path.glob(".part-*")) == []
        assert folder.committed(0) is not None and folder.committed(1) is None


def test_the_manifest_sums_the_markers_up(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    done = [
        folder.commit(index, fill, ShardStats(2, (Failure(f"{index}.jpg", "empty file"),), {"read": 1.0}))
        for index in (1, 0)
    ]
    folder.write_manifest(done, {"missing": ["gone.jpg"]})
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert content["rows"] == 4 and content["seconds"]["read"] == 2.0 and content["missing"] == ["gone.jpg"]
    assert [shard["file"] for shard in content["shards"]] == ["shard-00000.h5", "shard-00001.h5"]
    assert [failure["image_id"] for failure in content["failures"]] == ["0.jpg", "1.jpg"]
