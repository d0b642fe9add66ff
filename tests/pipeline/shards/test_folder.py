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
from dgf.pipeline.files import file_digest, read_record, write_json
from dgf.pipeline.shards import Failure, ShardFolder, ShardStats, fingerprint_of, read_rows, read_text, write_captions
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


CLAIMED = {"kind": "captions", "captioner": {"beams": 5}}


def told(path: Path, shards: int = 3) -> ShardFolder:
    """A finished folder of captions."""
    with ShardFolder.claim(path, CLAIMED) as folder:
        markers = []
        for index in range(shards):

            def fill(file: h5py.File, name: str = f"{index}.jpg") -> None:
                write_captions(file, [name], ["a cat"], np.zeros(1), folder.fingerprint, {})

            markers.append(folder.commit(index, fill, ShardStats(1)))
        folder.write_manifest(markers, {})
    return ShardFolder.open(path)


def flip(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("error", [OSError, RuntimeError, KeyError, ValueError])
def test_an_error_of_whoever_reads_a_shard_stays_what_it_is(tmp_path: Path, error: type[Exception]) -> None:
    folder = told(tmp_path)
    with pytest.raises(error, match="mine"), folder.open_shard(folder.markers()[0]):
        raise error("mine")


def test_a_read_that_fails_is_a_damaged_shard(tmp_path: Path) -> None:
    folder = told(tmp_path)
    with folder.open_shard(folder.markers()[0]) as file:
        assert read_text(file, "caption") == ["a cat"] and read_rows(file, "logprob").tolist() == [0]
        for read in (lambda: read_rows(file, "absent"), lambda: read_text(file, "logprob")):
            with pytest.raises(UserError, match=r"shard-00000\.h5: cannot be read .*\n.*same `dgf caption` again"):
                read()


def test_text_that_is_not_utf8_is_a_damaged_shard(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.attrs["kind"] = "captions"
        file.create_dataset("caption", data=np.array([b"\xff\xfe"], "S2").astype(h5py.string_dtype("utf-8", 2)))
    with h5py.File(path) as file, pytest.raises(UserError, match=r"x\.h5: cannot be read \(UnicodeDecodeError"):
        read_text(file, "caption")


def test_hdf5_does_not_look_at_a_shard_with_another_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = told(tmp_path)
    flip(tmp_path / "shard-00001.h5", 5000)
    monkeypatch.setattr(h5py, "File", None)
    with pytest.raises(UserError, match=r"shard-00001\.h5: has SHA-256"), folder.open_shard(folder.markers()[1]):
        pass


def test_a_shard_is_hashed_once_unless_its_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, hashed = told(tmp_path), []

    def digest(path: Path) -> str:
        hashed.append(path.name)
        return file_digest(path)

    monkeypatch.setattr("dgf.pipeline.shards.check.file_digest", digest)
    markers = folder.markers()
    for _ in range(2):
        folder.verify(markers)
        with folder.open_shard(markers[0]):
            pass
    assert sorted(hashed) == [marker.file for marker in markers]
    flip(tmp_path / "shard-00002.h5")
    with pytest.raises(UserError, match=r"shard-00002\.h5: has SHA-256"):
        folder.verify(markers)


def test_damage_is_found_in_every_form_and_only_there(tmp_path: Path) -> None:
    folder = told(tmp_path, shards=6)
    flip(tmp_path / "shard-00001.h5", 100)
    (tmp_path / "shard-00002.h5").unlink()
    flip(tmp_path / "shard-00003.json", 20)
    (tmp_path / "shard-00004.json").unlink()  # not made yet is no damage
    found = folder.find_damage(range(6))
    assert list(found) == [1, 2, 3] and "SHA-256" in found[1] and "is not there" in found[2] and "marker" in found[3]
    folder.withdraw(1)
    assert folder.committed(1) is None and list(folder.find_damage(range(6))) == [2, 3]


def test_unreadable_settings_are_written_again_where_the_markers_agree(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told(tmp_path)
    whole = (tmp_path / "settings.json").read_bytes()
    for content in (b"{", whole.replace(b"5", b"4", 1), whole.replace(b"checksum", b"chdcksum"), b"\xff"):
        (tmp_path / "settings.json").write_bytes(content)
        if b"chdcksum" not in content:
            with pytest.raises(UserError, match=r"settings\.json cannot be read(?s:.*)dgf caption"):
                ShardFolder.open(tmp_path)
        with (
            pytest.raises(UserError, match="made with other settings"),
            ShardFolder.claim(tmp_path, {**CLAIMED, "captioner": {"beams": 4}}),
        ):
            pass
        caplog.clear()
        with ShardFolder.claim(tmp_path, CLAIMED) as folder:
            assert folder.find_damage(range(3)) == {} and "is written again" in caplog.text
        assert (tmp_path / "settings.json").read_bytes() == whole


def test_the_fingerprint_leaves_the_checksum_out(tmp_path: Path) -> None:
    assert told(tmp_path).fingerprint == fingerprint_of(CLAIMED)
    assert "checksum" in json.loads((tmp_path / "settings.json").read_text())
    write_json(tmp_path / "settings.json", CLAIMED)  # as an older version wrote it
    assert ShardFolder.open(tmp_path).fingerprint == fingerprint_of(CLAIMED) and ShardFolder.open(tmp_path).finished(3)


@pytest.mark.parametrize("content", ['{"editor": "vim"}', "not JSON", '{"kind": ["features"]}', '{"kind": "solver"}'])
def test_settings_of_another_program_are_never_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "settings.json").write_text(content)
    (tmp_path / "plan.json").write_text("how to take over the world")
    for overwrite in (False, True):
        with (
            pytest.raises(UserError, match=r"settings\.json that dgf did not write"),
            ShardFolder.claim(tmp_path, CLAIMED, overwrite=overwrite),
        ):
            pass
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "settings.json": content, "plan.json": "how to take over the world",
    }  # fmt: skip


def test_a_broken_manifest_is_written_again(tmp_path: Path) -> None:
    folder = told(tmp_path)
    whole = (tmp_path / "manifest.json").read_bytes()
    flip(tmp_path / "manifest.json", 40)
    with pytest.raises(UserError, match=r"manifest\.json: cannot be read(?s:.*)dgf caption"):
        _ = folder.manifest
    folder.write_manifest(folder.markers(), {})
    assert (tmp_path / "manifest.json").read_bytes() == whole and read_record(tmp_path / "manifest.json")["rows"] == 3
