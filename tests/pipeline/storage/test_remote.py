"""What fsspec says in words that help. `memory://` is its file system of one process."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dgf.pipeline.errors import UserError
from dgf.pipeline.storage.address import Address
from dgf.pipeline.storage.remote import Remote, is_plain


@pytest.fixture
def remote() -> Iterator[Remote]:
    yield Remote(Address("memory://bucket/data"))
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def test_files_are_written_listed_read_and_removed(remote: Remote, tmp_path: Path) -> None:
    assert remote.list() == {} and remote.look("a") is None and remote.read("a") is None
    remote.write("a", b"12")
    (tmp_path / "b").write_bytes(b"345")
    remote.put("p/b", tmp_path / "b")
    assert {name: about.size for name, about in remote.list().items()} == {"a": 2, "p/b": 3}
    assert remote.read("p/b") == b"345" and remote.look("p") is None
    remote.remove(["a", "gone"])
    assert list(remote.list()) == ["p/b"]


def test_one_alone_creates_a_file(remote: Remote) -> None:
    assert remote.create("claim", b"1")
    assert not remote.create("claim", b"2")
    assert remote.read("claim") == b"1"


def test_a_file_larger_than_wanted_is_cut_one_byte_behind_that(remote: Remote, tmp_path: Path) -> None:
    remote.write("a", b"x" * 100)
    assert remote.fetch("a", tmp_path / "a", limit=10)
    assert (tmp_path / "a").stat().st_size == 11
    assert remote.fetch("a", tmp_path / "a", limit=100)
    assert (tmp_path / "a").stat().st_size == 100
    assert not remote.fetch("b", tmp_path / "b")


def test_names_that_lead_elsewhere_are_not_listed(remote: Remote) -> None:
    filesystem = MemoryFileSystem()
    for name in ("/bucket/data/good.txt", "/bucket/data/../evil.txt", "/bucket/data//x.txt", "/bucket/data2/y.txt"):
        MemoryFileSystem.store[name] = filesystem.open("/bucket/data/good.txt", "wb")
    assert list(remote.list()) == ["good.txt"]


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "a//b", "a/", "a\0", "a\ud800", "x" * 250, ""])
def test_names_that_lead_elsewhere_or_are_none_are_told(name: str) -> None:
    assert not is_plain(name) and is_plain("a/..b/c.txt")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nothing://x/y", "nothing:// is no storage that is known here"),
        ("gs://bucket/x", "the library for gs:// is not installed"),
    ],
)
def test_storage_that_cannot_be_had_is_told(address: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as raised:
        Remote(Address(address)).list()
    assert address in raised.value.message and raised.value.hint


def test_without_s3fs_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UserError, match=r"pip install 'dgf\[s3\]'"):
        Remote(Address("s3://bucket/x")).read("a")


def test_what_a_file_system_raises_is_told_with_the_address(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCredentialsError(Exception):
        """As botocore names it."""

    def refuse(error: Exception) -> None:
        def cat_file(self: MemoryFileSystem, path: str, **_: object) -> bytes:
            raise error

        monkeypatch.setattr(MemoryFileSystem, "cat_file", cat_file)

    refuse(PermissionError("Forbidden"))
    with pytest.raises(UserError, match=r"memory://bucket/data: access is denied \(PermissionError: Forbidden\)"):
        remote.read("a")
    refuse(NoCredentialsError("Unable to locate credentials"))
    with pytest.raises(UserError, match="there are no credentials for it"):
        remote.read("a")
    refuse(TimeoutError("timed out"))
    with pytest.raises(UserError, match="cannot be reached or used") as raised:
        remote.read("a")
    assert "the same command continues" in str(raised.value)


def test_a_full_disk_is_no_fault_of_the_network(remote: Remote) -> None:
    remote.write("a", b"x" * 100)
    with pytest.raises(UserError, match="No space left on device") as raised:
        remote.fetch("a", Path("/dev/full"))
    assert raised.value.hint is not None and "DGF_CACHE" in raised.value.hint and "network" not in raised.value.hint


def test_fsspec_is_imported_when_an_address_is_spoken_to() -> None:
    code = (
        "import sys, dgf.cli.main, dgf.cli.extract_features, dgf.cli.train; import dgf.pipeline.storage.photos; "
        "import dgf.pipeline.shards; print('fsspec' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
