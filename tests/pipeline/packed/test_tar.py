"""A tar file is looked through without unpacking it, and nothing that its headers claim is believed."""

import io
import os
import struct
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.packed import PackedError, TarIndex, builder, find_packed, open_tar, tar_files
from dgf.pipeline.packed.tar import read_tar_index
from dgf.pipeline.photos import ImageError, read_bytes, resolve_photo
from support.packed import photo_bytes, write_tar


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_read_where_they_lie(tmp_path: Path, form: int) -> None:
    long = f"{'deep/' * 20}1.png"
    members = [("./a.png", b"first"), (long, b"second" * 100), ("empty.json", b"")]
    tar = open_tar(write_tar(tmp_path / "x.tar", members, form=form))
    assert [*tar.members] == ["a.png", long, "empty.json"] and tar.fault is None
    assert [tar.read(name, 1 << 20) for name in tar.members] == [data for _, data in members]
    assert tar.read("a.png", 3) == b"fir"
    with pytest.raises(PackedError, match="no such file"):
        tar.read("b.png", 9)


def test_a_photo_in_a_tar_has_the_path_through_it(tmp_path: Path) -> None:
    photo = photo_bytes()
    write_tar(tmp_path / "x.tar", [("a/1.png", photo), ("l.png", None), ("a/2.png", b""), ("a/1.png", photo)])
    write_tar(tmp_path / "y.tar", [("../1.png", photo), ("/etc/1.png", photo)])
    assert read_bytes(tmp_path, "y.tar/etc/1.png") == photo
    reasons = {
        "x.tar/l.png": "a link, which is not followed",
        "x.tar/a/2.png": "empty file",
        "x.tar/a/1.png": "is there more than once",
        "x.tar/a/3.png": "no such file",
        "x.tar": "",
        "y.tar/../1.png": "leads outside the data folder",
        "z.tar/1.png": "no such file",
    }
    for image_id, reason in reasons.items():
        if reason:
            with pytest.raises(ImageError, match=f"^{reason}$"):
                read_bytes(tmp_path, image_id)
    assert resolve_photo(tmp_path, "x.tar") == tmp_path.resolve() / "x.tar"


def test_a_tar_may_be_a_link_and_a_folder_on_the_way_may_not(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "data", tmp_path / "blobs"
    root.mkdir()
    elsewhere.mkdir()
    write_tar(elsewhere / "0a1b.tar", [("1.png", b"x")])
    (root / "train.tar").symlink_to(elsewhere / "0a1b.tar")
    (root / "out").symlink_to(elsewhere)
    assert read_bytes(root, "train.tar/1.png") == b"x"
    assert find_packed(str(root), ["out", "0a1b.tar", "1.png"]) is None


def test_a_changed_tar_is_looked_through_again(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar", [("1.png", b"one")])
    assert read_bytes(tmp_path, "x.tar/1.png") == b"one"
    write_tar(tmp_path / "x.tar", [("0.png", b"-" * 5000), ("1.png", b"two")])
    assert read_bytes(tmp_path, "x.tar/1.png") == b"two"


@pytest.mark.parametrize(
    ("kept", "left", "fault"),
    [
        (2048, 2, "cut short after 2 members: its end is missing"),
        (1536, 2, "damaged or cut short after 2 members"),
        (1224, 1, "damaged or cut short after 1 members"),
    ],
)
def test_a_tar_that_is_cut_short_says_so_and_has_what_is_left(tmp_path: Path, kept: int, left: int, fault: str) -> None:
    whole = write_tar(tmp_path / "x.tar", [("1.png", b"x" * 500), ("2.png", b"y" * 500)], form=tarfile.USTAR_FORMAT)
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:kept])
    tar = open_tar(tmp_path / "cut.tar")
    assert tar.fault is not None and tar.fault.startswith(fault) and len(tar.members) == left
    assert tar.read("1.png", 999) == b"x" * 500
    if kept < 2048:
        with pytest.raises(PackedError, match=r"truncated|damaged or cut short"):
            tar.read("2.png", 999)


@pytest.mark.timeout(60)
def test_headers_lead_only_forward_and_are_short(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("1.png")
    entry.size = 4
    good = entry.tobuf(tarfile.GNU_FORMAT) + b"abcd".ljust(512, b"\0")

    def with_size(kind: bytes, size: int) -> bytes:
        header = bytearray(tarfile.TarInfo("2.png").tobuf(tarfile.GNU_FORMAT))
        header[156:157] = kind
        header[124:136] = b"\xff" * 4 + struct.pack(">q", size) if size < 0 else b"%011o\0" % size
        header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:512]))
        return bytes(header)

    for name, second in {
        "back": good + with_size(b"0", -1536),  # to the second header, for ever
        "long": with_size(b"x", 1 << 30),
        "name": with_size(b"L", 20_000) + b"n" * 20_480 + good,
        "beyond": with_size(b"0", 1 << 40 >> 7),
    }.items():
        (tmp_path / f"{name}.tar").write_bytes(good + second + bytes(1024))
        tar = open_tar(tmp_path / f"{name}.tar")
        assert tar.fault is not None and "1.png" in tar.members, name


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=12))
def test_no_damage_raises_anything_but_its_own_errors(at: int, bytes_: bytes) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("a" * 120 + ".json", "b.png"):
            entry = tarfile.TarInfo(name)
            entry.size = 40
            archive.addfile(entry, io.BytesIO(b"x" * 40))
    data = bytearray(stream.getvalue()[:6000])
    data[at : at + len(bytes_)] = bytes_
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"dgf-damaged-{os.getpid()}.tar"
    path.write_bytes(data)
    try:
        tar = open_tar(path)
        for name in tar.members:
            if tar.fault_of(name) is None:
                tar.read(name, 1 << 20)
    except PackedError:
        pass
    finally:
        path.unlink()


def test_what_is_no_tar_is_told(tmp_path: Path) -> None:
    for name, data in {"a.tar": b"", "b.tar": b"\x1f\x8b" + bytes(600), "c.tar": b"<html>" * 200}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(PackedError, match="not a tar file that is read here"):
            open_tar(tmp_path / name)


def test_tar_files_one_behind_the_other_are_told(tmp_path: Path) -> None:
    parts = [write_tar(tmp_path / f"{name}.tar", [(f"{name}.png", b"x")]).read_bytes() for name in "ab"]
    for rest in (parts[1], bytes(5 << 20)):
        (tmp_path / "c.tar").write_bytes(parts[0] + rest)
        tar = open_tar(tmp_path / "c.tar")
        assert [*tar.members] == ["a.png"] and tar.fault is not None and "behind its end" in tar.fault
        assert tar.fault_of("b.png") == tar.fault
    (tmp_path / "c.tar").write_bytes(parts[0] + bytes(10240))
    assert open_tar(tmp_path / "c.tar").fault is None


def test_damage_is_found_once_and_what_may_pass_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def counted(path: Path) -> TarIndex:
        tried.append(path.name)
        if path.name == "busy.tar":
            raise PackedError("cannot be read: Too many open files")
        return read_tar_index(path)

    monkeypatch.setitem(builder._KINDS, ".tar", counted)
    for name in ("busy.tar", "page.tar"):
        (tmp_path / name).write_bytes(b"<html>" * 200)
        for _ in range(3):
            with pytest.raises(PackedError):
                open_tar(tmp_path / name)
    assert tried == ["busy.tar"] * 3 + ["page.tar"]


def test_a_pattern_stands_for_files_that_are_all_there(tmp_path: Path) -> None:
    for number in range(3):
        write_tar(tmp_path / f"s-{number:03d}.tar", [])
    names = [tmp_path / f"s-{number:03d}.tar" for number in range(3)]
    assert tar_files(tmp_path / "s-{000..002}.tar") == tar_files(tmp_path / "s-*.tar") == names
    assert tar_files(tmp_path / "s-{001..002}.tar") == names[1:]
    assert tar_files(names[0]) == names[:1] and tar_files(tmp_path / "other.tar") == []
    for name in ("s-test-000.tar", "s-000-x.tar", "a[1]-000.tar"):
        write_tar(tmp_path / name, [])
    assert tar_files(tmp_path / "s-*.tar") == names, "a star is a number"
    assert tar_files(tmp_path / "a[1]-*.tar") == [tmp_path / "a[1]-000.tar"]
    with pytest.raises(PackedError, match=r"s-003\.tar is not there"):
        tar_files(tmp_path / "s-{000..009}.tar")
    for many in ("{0..99999}{0..99999}", "{0..999999999}"):
        with pytest.raises(PackedError, match="stands for more than 100,000 files"):
            tar_files(tmp_path / f"s-{many}.tar")
